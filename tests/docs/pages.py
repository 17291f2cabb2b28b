"""Markdown pages as a reader follows them: their fenced blocks, and a terminal in which the blocks are typed.

A block's info string says what it is:

    sh                  typed, and must succeed; with `exits=N` it must end so
    sh background       typed into another terminal, where it stays
    sh no-run           for production only, as the words before it say
    csv NAME, python NAME, …   saved as NAME, which the words before it tell
    text                what the block before it prints: `…` stands for anything, a line of it for any lines
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(?P<info>[^`\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_EXIT = re.compile(r"exits=(\d+)")


@dataclass(frozen=True)
class Block:
    """A fenced block. `before` are the words of the paragraph before it."""

    page: str
    line: int
    language: str
    marks: tuple[str, ...]
    text: str
    before: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def exit_code(self) -> int:
        """What the page says that the command ends with."""
        found = [match for mark in self.marks if (match := _EXIT.fullmatch(mark))]
        return int(found[0][1]) if found else 0


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text("utf-8")
    found: list[Block] = []
    for match in _FENCE.finditer(text):
        language, *marks = match["info"].split() or [""]
        words = [part for part in text[: match.start()].split("\n\n") if part.strip()]
        name = str(page.relative_to(ROOT))
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(name, line, language, tuple(marks), match["text"], words[-1] if words else ""))
    return found


def prints(expected: str, printed: str) -> bool:
    """Whether a page's words are what was printed; runs of blanks count as one, colours for nothing."""
    lines = [_blank(line) for line in expected.splitlines() if line.strip()]
    parts = [
        r"(?:.*\n)*?" if line == "…" else ".*".join(re.escape(part) for part in line.split("…")) + r"\n"
        for line in lines
    ]
    shown = [_blank(line) for line in re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", printed).splitlines()]
    return re.fullmatch("".join(parts), "".join(f"{line}\n" for line in shown if line)) is not None


def _blank(line: str) -> str:
    return re.sub(r"\s+", " ", line).strip()


@dataclass
class Terminal:
    """A shell that keeps its folder and exported variables from one block to the next.

    Args:
        folder: Where it opens.
        environment: With what.
        instead: What stands in for words of the page, such as ports that may be taken here.
    """

    folder: Path
    environment: Mapping[str, str]
    instead: Mapping[str, str] = field(default_factory=dict)
    _others: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def here(self, text: str) -> str:
        """The page's text with what stands in for its words."""
        for words, ours in self.instead.items():
            text = text.replace(words, ours)
        return text

    def save(self, block: Block, name: str) -> None:
        """Saves a block as the file that the page names."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.here(block.text), encoding="utf-8")

    def type(self, block: Block, *, seconds: float = 240) -> str:
        """Types a block; returns what it prints. Fails where it ends other than the page says."""
        state = self.folder / ".terminal"
        keep = f"""trap '{{ export -p; printf "cd %q\\n" "$PWD"; }} > {shlex.quote(str(state))}' EXIT"""
        before = f". {shlex.quote(str(state))}\n" if state.exists() else ""
        done = subprocess.run(
            ["bash", "-c", f"{before}{keep}\nset -e\n{self.here(block.text)}"],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
        printed = done.stdout.decode("utf-8", "replace")
        assert done.returncode == block.exit_code, f"{block} ended with {done.returncode}:\n{block.text}\n{printed}"
        return printed

    def type_elsewhere(self, block: Block, until: str, *, seconds: float = 120) -> None:
        """Types a block into another terminal and waits until it has printed what the page says."""
        log = self.folder / f".terminal-{len(self._others) + 2}"
        with log.open("wb") as printed:
            # In its own session, so that all that it starts can be ended.
            process = subprocess.Popen(
                ["bash", "-c", f"exec {self.here(block.text).strip()}"],
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._others.append(process)
        deadline = time.monotonic() + seconds
        while not prints(self.here(until), log.read_text("utf-8", "replace")):
            assert process.poll() is None and time.monotonic() < deadline, f"{block}:\n{log.read_text('utf-8')}"
            time.sleep(0.1)

    def close(self, *, seconds: float = 60) -> None:
        """Ends what runs in the other terminals and waits until all that was started there has ended."""
        for process in self._others:
            process.terminate()  # Ctrl-C would be ignored wherever these tests run in the background themselves
        deadline = time.monotonic() + seconds
        for process in self._others:
            # The last of a group may still be ending what it has started itself, elsewhere.
            while _has_members(process) and time.monotonic() < deadline:
                time.sleep(0.1)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _has_members(leader: subprocess.Popen[bytes]) -> bool:
    leader.poll()
    try:
        os.killpg(leader.pid, 0)
    except ProcessLookupError:
        return False
    return True
