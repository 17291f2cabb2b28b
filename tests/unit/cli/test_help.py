"""The command line without a command."""

from __future__ import annotations

from longtake_cli.main import main


def test_without_a_command_it_prints_what_there_is(capsys) -> None:
    assert main([]) == 0
    told = capsys.readouterr().out
    assert told.startswith("usage: longtake")
    for name in ("plan", "render", "status", "prices", "sandbox"):
        assert f"\n    {name}" in told
