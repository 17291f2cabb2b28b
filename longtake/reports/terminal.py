"""Progress of `longtake render` in a terminal: per vendor what is queued, running and done, money, and time left.

A live table where there is a terminal; elsewhere one line for each step that matters, or JSON lines.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from longtake.reports.figures import duration, money
from longtake.reports.text import one_line

Mode = Literal["auto", "live", "lines", "json", "silent"]
_TOLD = {"bought", "resumed", "done", "ended"}
"""Events that get a line where there is no table; a shot has two at most of its life, buying and ending."""
_MOST_TROUBLES = 4


@dataclass
class _Job:
    """A shot on its way. `bought_at` is None while it waits for a slot."""

    vendor: str
    bought_at: float | None = None


@dataclass
class _Tally:
    """What is known of one vendor. Times are seconds of the display's clock."""

    all: int = 0
    done: int = 0
    ended: int = 0
    queued: int = 0
    running: int = 0
    most_running: int = 0
    low_usd: float | None = None
    high_usd: float | None = None
    took_seconds: list[float] = field(default_factory=list)

    def seconds_left(self, expected_seconds: float | None) -> float | None:
        """From how long jobs took and how many run at once; None before anything is known."""
        left = self.all - self.done - self.ended
        if left <= 0:
            return 0.0
        each = sum(self.took_seconds) / len(self.took_seconds) if self.took_seconds else expected_seconds
        if each is None:
            return None
        # Those that run are taken to be half through.
        return each * max(left - self.running / 2, 0.5) / max(1, min(self.most_running, left))


class Progress:
    """What a run tells while it goes on; a context manager around it.

    Names and messages of manifest and vendors come out as text: no markup, no control character of theirs acts.
    """

    def __init__(
        self,
        shots: Mapping[str, int],
        *,
        mode: Mode = "auto",
        stream: TextIO | None = None,
        expected_seconds: Mapping[str, float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepares the display.

        Args:
            shots: Number of shots of this run by vendor.
            mode: `auto` is a live table on a terminal and lines elsewhere; `json` writes one object a line.
            stream: Where to write; standard error, for `json` standard output.
            expected_seconds: How long a job of a vendor should take, for the time left until some have ended.
            clock: Seconds from any origin.
        """
        self._stream = stream or (sys.stdout if mode == "json" else sys.stderr)
        self._console = Console(file=self._stream, markup=False, highlight=False, emoji=False, soft_wrap=False)
        live = self._console.is_terminal and not self._console.is_dumb_terminal
        self.mode: Mode = ("live" if live else "lines") if mode == "auto" else mode
        self._expected = expected_seconds or {}
        self._clock = clock
        self._begun = clock()
        self._lock = threading.RLock()
        self._tallies = {vendor: _Tally(all=count) for vendor, count in shots.items()}
        self._jobs: dict[str, _Job] = {}
        self._over: set[str] = set()
        self._troubles: list[Text] = []
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self.mode == "live":
            self._live = Live(console=self._console, get_renderable=self.table, refresh_per_second=4)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def event(
        self,
        name: str,
        shot_id: str,
        vendor: str,
        words: str = "",
        *,
        price_usd: tuple[float | None, float | None] | None = None,
    ) -> None:
        """Tells of one step of one shot. Safe from any thread.

        Args:
            name: `queued`, `bought`, `resumed`, `finished`, `done` or `ended`, as `longtake.run` has them.
            shot_id: `reel/shot`.
            vendor: Whose job it is.
            words: What to say about it.
            price_usd: With `bought`: the purchase's price, low and high.
        """
        with self._lock:
            self._count(name, shot_id, vendor)
            if price_usd is not None and name == "bought":
                self.add_spent(vendor, *price_usd)
            if self.mode == "json":
                self._write_json({"event": name, "shot_id": shot_id, "vendor": vendor, "words": words})
            elif self.mode == "lines" and name in _TOLD:
                self._write(self._line(name, shot_id, vendor, words).plain)
            elif self.mode == "live" and name == "ended":
                self._troubles.append(self._line(name, shot_id, vendor, words))

    def note(self, words: str) -> None:
        """Tells something about the run as a whole, above the table."""
        with self._lock:
            if self.mode == "json":
                self._write_json({"event": "note", "words": words})
            elif self.mode == "lines":
                self._write(one_line(words))
            elif self.mode == "live":
                self._console.print(Text(one_line(words)))

    def add_spent(self, vendor: str, low_usd: float | None, high_usd: float | None) -> None:
        """Adds money to a vendor's sum, for instance what earlier runs have spent."""
        with self._lock:
            tally = self._tally(vendor)
            tally.low_usd = _sum(tally.low_usd, low_usd if low_usd is not None else high_usd)
            tally.high_usd = _sum(tally.high_usd, high_usd if high_usd is not None else low_usd)

    @property
    def seconds_left(self) -> float | None:
        """Of the vendor that will be last; None while unknown for any."""
        with self._lock:
            left = [tally.seconds_left(self._expected.get(vendor)) for vendor, tally in self._tallies.items()]
        known = [seconds for seconds in left if seconds is not None]
        return max(known, default=0.0) if len(known) == len(left) else None

    def table(self) -> RenderableType:
        """The table as it stands."""
        with self._lock:
            rows = {vendor: tally for vendor, tally in self._tallies.items()}
            grid = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
            grid.add_column("vendor", overflow="ellipsis", no_wrap=True, max_width=28)
            for name in ("queued", "running", "done", "not done", "spent", "time left"):
                grid.add_column(name, justify="right", no_wrap=True)
            for vendor, tally in rows.items():
                grid.add_row(*self._cells(Text(one_line(vendor) or "none"), tally, self._expected.get(vendor)))
            if len(rows) > 1:
                grid.add_section()
                total = self._total()
                grid.add_row(*self._cells(Text("all"), total, None, self.seconds_left), style="bold")
            over, whole = self._total().done + self._total().ended, self._total().all
            told = Text(f" {over:,} of {whole:,} shots  {duration(self._clock() - self._begun)}", style="dim")
            bar = Table.grid(padding=(0, 1))
            bar.add_row(ProgressBar(total=max(1, whole), completed=over, width=32), told)
            hidden = len(self._troubles) - _MOST_TROUBLES
            more = [Text(f"… and {hidden:,} more that ended without a clip", style="dim")] if hidden > 0 else []
            return Group(*more, *self._troubles[-_MOST_TROUBLES:], Text(), grid, bar)

    def _cells(
        self, name: Text, tally: _Tally, expected_seconds: float | None, left: float | None = None
    ) -> list[RenderableType]:
        left = tally.seconds_left(expected_seconds) if left is None else left
        spent = money(tally.low_usd, tally.high_usd) if tally.high_usd is not None else "–"
        ended = Text(f"{tally.ended:,}", style="red" if tally.ended else "dim")
        counts = [f"{tally.queued:,}", f"{tally.running:,}", f"{tally.done:,}/{tally.all:,}"]
        return [name, *map(Text, counts), ended, Text(spent), Text(duration(left) if left is None or left else "–")]

    def _total(self) -> _Tally:
        total = _Tally()
        for tally in self._tallies.values():
            for name in ("all", "done", "ended", "queued", "running", "most_running"):
                setattr(total, name, getattr(total, name) + getattr(tally, name))
            total.low_usd, total.high_usd = _sum(total.low_usd, tally.low_usd), _sum(total.high_usd, tally.high_usd)
        return total

    def _tally(self, vendor: str) -> _Tally:
        return self._tallies.setdefault(vendor, _Tally())

    def _count(self, name: str, shot_id: str, vendor: str) -> None:
        tally, now = self._tally(vendor), self._clock()
        job = self._jobs.get(shot_id)
        if name == "queued":
            self._leave(shot_id)
            self._jobs[shot_id] = _Job(vendor)
            tally.queued += 1
        elif name in ("bought", "resumed"):
            self._leave(shot_id)
            self._jobs[shot_id] = _Job(vendor, now)
            tally.running += 1
            tally.most_running = max(tally.most_running, tally.running)
        elif name in ("finished", "done", "ended"):
            if name == "finished" and job is not None and job.bought_at is not None:
                tally.took_seconds.append(now - job.bought_at)
            self._leave(shot_id)
            if name != "finished" and shot_id not in self._over:
                self._over.add(shot_id)
                tally.done += name == "done"
                tally.ended += name == "ended"

    def _leave(self, shot_id: str) -> None:
        """Takes a shot out of where it was counted."""
        job = self._jobs.pop(shot_id, None)
        if job is not None:
            tally = self._tally(job.vendor)
            tally.queued -= job.bought_at is None
            tally.running -= job.bought_at is not None

    def _line(self, name: str, shot_id: str, vendor: str, words: str) -> Text:
        shown = {"done": "done", "ended": "not done"}.get(name, name)
        style = {"done": "green", "ended": "red"}.get(name, "")
        said = "" if name == "done" and words == "done" else one_line(words)
        line = Text.assemble((f"{shown:<9}", style), one_line(shot_id, 120), (f" ({one_line(vendor, 60)})", "dim"))
        return line.append(f" {said}" if said else "")

    def _write(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()

    def _write_json(self, told: dict[str, object]) -> None:
        total = self._total()
        told |= {
            "at": round(time.time(), 3),
            "queued": total.queued,
            "running": total.running,
            "done": total.done,
            "not_done": total.ended,
            "all": total.all,
            "spent_low_usd": total.low_usd,
            "spent_high_usd": total.high_usd,
            "seconds_left": self.seconds_left,
        }
        self._write(json.dumps(told))


def _sum(one: float | None, other: float | None) -> float | None:
    return one if other is None else other if one is None else one + other
