"""Output that nobody reads, that cannot be written, that shows no UTF-8: the run goes on, the exit code is right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.local.streams import PATIENCE_SECONDS, Outlet
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.flows.command import CommandLine
from tests.flows.conftest import PrefectServer


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(job_seconds=0.3, media="stub")) as box:
        yield box


@pytest.fixture
def line(sandbox: Sandbox, prefect_server: PrefectServer, tmp_path: Path) -> CommandLine:
    return CommandLine(sandbox, tmp_path, prefect_server.environment(), ("fox", "雪山"))


RENDERS = {
    "a reader that leaves after one line": "{ longtake RENDER 2>&1; echo $? > CODE; } | head -n 1",
    "a reader that never reads": "mkfifo PIPE; sleep 99 < PIPE & longtake RENDER --json > PIPE 2>&1; "
    "echo $? > CODE; kill %1",
    "a full disk": "longtake RENDER > /dev/full 2> /dev/full; echo $? > CODE",
    "closed descriptors": "longtake RENDER <&- >&- 2>&-; echo $? > CODE",
    "a closed standard error": "longtake RENDER 2>&- > OUT; echo $? > CODE",
    "Latin letters only": "PYTHONIOENCODING=latin-1 longtake RENDER > OUT 2>&1; echo $? > CODE",
    "ASCII alone, file names too": "export PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 LC_ALL=C; "
    "longtake RENDER > OUT 2>&1; echo $? > CODE",
}
BOUNDED = ("ASCII alone, file names too",)
"""That a reader may leave is seen beside it, by the exit code; the others run with `make slow`."""


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if kind in BOUNDED else pytest.mark.slow) for kind in RENDERS]
)
def test_a_render_comes_to_its_end_whatever_becomes_of_its_words(line: CommandLine, kind: str) -> None:
    line.python = (sys.executable,)
    code = line.folder / "code"
    words = RENDERS[kind].replace("RENDER", line.render).replace("CODE", str(code))
    ended = line.shell(words.replace("OUT", str(line.folder / "words")).replace("PIPE", f"{line.folder}/pipe"))

    assert code.read_text() == "0\n", ended.stderr[-2000:]
    assert set(line.verdicts().values()) == {"done"}
    assert len(line.billed()) == 2
    assert len(list((line.output / "reels").glob("*.mp4"))) == 2


def test_a_run_whose_reader_left_says_by_its_exit_code_that_rows_are_missing(
    line: CommandLine, sandbox: Sandbox
) -> None:
    line.manifest.write_text(line.manifest.read_text().replace("fox,evolink/default", "fox,anyfast"))
    code = line.folder / "code"
    ended = line.shell(f"{{ longtake {line.render} --limit 1 2>&1; echo $? > {code}; }} | head -n 1")

    assert code.read_text() == "1\n", ended.stdout
    assert sorted(line.verdicts().values()) == ["done", "not_started"]


def test_json_lines_tell_what_is_spent_by_this_run_and_those_before(line: CommandLine) -> None:
    spent: list[list[float | None]] = []
    for _ in range(2):
        ended = line.shell(f"longtake {line.render} --json")
        assert ended.returncode == 0, ended.stderr
        spent.append([json.loads(each)["spent_low_usd"] for each in ended.stdout.splitlines()])

    [first, second] = [[each for each in told if each is not None] for told in spent]
    assert first[-1] == 2 * first[0] > 0
    assert second == [first[-1]] * len(spent[1])
    assert len(line.billed()) == 2


@pytest.mark.parametrize(
    ("command", "onto", "expected"),
    [
        pytest.param("vendors", "| head -n 1", 0, marks=pytest.mark.slow),
        pytest.param("vendors", "> /dev/full", 1, marks=pytest.mark.slow),
        ("vendors", ">&- 2>&-", 0),
        ("plan MANIFEST", "| head -n 1", 0),
        ("plan MANIFEST", "> /dev/full", 1),
    ],
)
def test_commands_whose_words_are_their_work_tell_by_their_code_that_the_words_were_lost(
    line: CommandLine, command: str, onto: str, expected: int
) -> None:
    if ">&-" in onto:
        line.python = (sys.executable,)
    words = command.replace("MANIFEST", str(line.manifest))
    ended = line.shell(f"set -o pipefail; longtake {words} {onto}")

    assert ended.returncode == expected, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ("No space left" in ended.stderr) == (expected == 1)


@pytest.mark.parametrize(
    "encoding",
    ["ascii:strict", *(pytest.param(each, marks=pytest.mark.slow) for each in ("latin-1", "ascii", "cp1252"))],
)
def test_a_plan_is_shown_in_any_encoding(line: CommandLine, encoding: str) -> None:
    line.python = (sys.executable,)
    ended = line.shell(f"longtake plan {line.manifest}", PYTHONIOENCODING=encoding)

    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_record_never_takes_the_place_of_a_closed_standard_error(tmp_path: Path) -> None:
    code = (
        "from deployments.local.streams import STREAMS; STREAMS.open()\n"
        f"import os; file = open({str(tmp_path / 'record')!r}, 'w'); assert file.fileno() > 2, file.fileno()\n"
        "os.write(2, b'a word of a library')"
    )
    subprocess.run(["bash", "-c", '"$0" -c "$1" 2>&- 1>&- 0<&-', sys.executable, code], check=True)

    assert (tmp_path / "record").read_bytes() == b""


def test_a_reader_that_takes_nothing_holds_up_neither_the_work_nor_the_end() -> None:
    reading, writing = os.pipe()
    outlet = Outlet(os.dup(writing))
    outlet.begin_aside()
    for _ in range(200):  # three times what the pipe holds
        outlet.write(b"x" * 1000)
    outlet.end_aside()

    assert outlet.lost is not None
    assert PATIENCE_SECONDS < 10
    os.close(reading)
    os.close(writing)


def test_a_slow_reader_gets_every_word() -> None:
    code = (
        "import sys; from deployments.local.streams import STREAMS; STREAMS.open()\n"
        "with STREAMS.aside():\n    [print(n) for n in range(50_000)]\n"
    )
    words = "import sys, time; time.sleep(1); print(len(sys.stdin.readlines()))"
    piped = '"$0" -c "$1" | "$0" -c "$2"'
    ended = subprocess.run(
        ["bash", "-c", piped, sys.executable, code, words], capture_output=True, text=True, check=True
    )

    assert ended.stdout == "50000\n"
