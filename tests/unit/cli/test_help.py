"""The command line without a command."""

from __future__ import annotations

import pytest

from longtake_cli.main import main


def test_without_a_command_it_prints_what_there_is(capsys) -> None:
    assert main([]) == 0
    told = capsys.readouterr().out
    assert told.startswith("usage: longtake")
    for name in ("plan", "render", "status", "prices", "sandbox"):
        assert f"\n    {name}" in told


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        (("plan", "m.csv", "--unheard-of"), "usage: longtake plan "),
        (("prices", "set", "evolink", "m", "1", "--unheard-of"), "usage: longtake prices set "),
        (("--unheard-of",), "usage: longtake [-h]"),
    ],
)
def test_an_unknown_option_is_refused_with_the_usage_of_its_command(words, usage, capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main(list(words))
    assert end.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith(usage)
    assert "unrecognized arguments: --unheard-of" in told
