"""What a shell is given to complete the command line."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

COMPLETION = [sys.executable, "-m", "longtake_cli.main", "--print-completion"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_commands_and_the_options_of_a_render(tmp_path):
    told = subprocess.run([*COMPLETION, "bash"], check=True, capture_output=True, text=True).stdout
    script = tmp_path / "longtake.bash"
    script.write_text(told)
    asked = (
        f"source {script}; "
        'ask() { COMP_WORDS=(longtake "$@"); COMP_CWORD=$#; COMPREPLY=(); _shtab_longtake; echo "${COMPREPLY[*]}"; }; '
        "ask ren; ask render --bud; ask reconcile --ad"
    )
    done = subprocess.run(["bash", "-c", asked], check=False, capture_output=True, text=True)
    assert [line.split() for line in done.stdout.splitlines()] == [["render"], ["--budget"], ["--adopt"]], done.stderr


def test_a_shell_that_is_not_known_is_told_with_those_that_are():
    done = subprocess.run([*COMPLETION, "cmd"], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "bash" in done.stderr
    assert "zsh" in done.stderr
