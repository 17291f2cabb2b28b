"""Progress of `longtake render` in a terminal: per vendor what is queued, running and done, money, and time left.

A live table where there is a terminal; elsewhere one line for each step that matters, or JSON lines.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Literal, Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from longtake.domain.events import RunEvent
from longtake.domain.text import one_line
from longtake.reports.figures import duration, money
from longtake.reports.progress.tally import Tallies, Tally

Mode = Literal["auto", "live", "lines", "json", "silent"]
_TOLD = {RunEvent.BOUGHT, RunEvent.RESUMED, RunEvent.DONE, RunEvent.ENDED}
"""Events that get a line where there is no table: a shot is taken up once and comes to an end once."""
_SHOWN = {RunEvent.DONE: ("done", "green"), RunEvent.ENDED: ("not done", "red")}
_MOST_TROUBLES = 4


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
        self._clock = clock
        self._begun = clock()
        self._lock = threading.RLock()
        self._tallies = Tallies(shots, expected_seconds)
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
        event: RunEvent,
        shot_id: str,
        vendor: str,
        words: str = "",
        *,
        take: int | None = None,
        price_usd: tuple[float | None, float | None] | None = None,
    ) -> None:
        """Tells of one step of one shot. Safe from any thread.

        Args:
            event: What has come to pass.
            shot_id: `reel/shot`.
            vendor: Whose job it is.
            words: What to say about it.
            take: Which one, where the shot's row asks for several.
            price_usd: With `bought`: the purchase's price, low and high.
        """
        with self._lock:
            shot = shot_id if take is None else f"{shot_id} take {take}"
            self._tallies.count(event, shot, vendor, self._clock())
            if price_usd is not None and event == RunEvent.BOUGHT:
                self.add_spent(vendor, *price_usd)
            if self.mode == "json":
                self._write_json({"event": event, "shot_id": shot_id, "take": take, "vendor": vendor, "words": words})
            elif self.mode == "lines" and event in _TOLD:
                self._write(self._line(event, shot, vendor, words).plain)
            elif self.mode == "live" and event == RunEvent.ENDED:
                self._troubles.append(self._line(event, shot, vendor, words))

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
            self._tallies.of(vendor).spend(low_usd, high_usd)

    @property
    def seconds_left(self) -> float | None:
        """Of the vendor that will be last; None while unknown for any."""
        with self._lock:
            return self._tallies.seconds_left()

    def table(self) -> RenderableType:
        """The table as it stands."""
        with self._lock:
            total, tallies = self._tallies.total(), self._tallies.by_vendor
            grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
            grid.add_column("vendor", overflow="ellipsis", no_wrap=True, max_width=28)
            for name in ("waiting", "running", "done", "not done", "spent", "time left"):
                grid.add_column(name, justify="right", no_wrap=True)
            for vendor, tally in tallies.items():
                name = Text(one_line(vendor) or "none")
                grid.add_row(name, *_cells(tally, self._tallies.seconds_left_of(vendor)))
            if len(tallies) > 1:
                grid.add_row(Text("all"), *_cells(total, self._tallies.seconds_left()), style="bold")
            bar = Table.grid(padding=(0, 1))
            over = total.done + total.ended
            told = f"{over:,} of {total.all:,} shots  {duration(self._clock() - self._begun)}"
            bar.add_row(ProgressBar(total=max(1, total.all), completed=over, width=32), Text(told, style="dim"))
            hidden = len(self._troubles) - _MOST_TROUBLES
            more = [Text(f"… and {hidden:,} more that ended without a clip", style="dim")] if hidden > 0 else []
            return Group(*more, *self._troubles[-_MOST_TROUBLES:], Text(), grid, bar)

    def _line(self, event: RunEvent, shot: str, vendor: str, words: str) -> Text:
        shown, style = _SHOWN.get(event, (event, ""))
        said = "" if event == RunEvent.DONE and words == "done" else one_line(words)
        line = Text(no_wrap=True, overflow="ellipsis").append(f"{shown:<9}", style).append(one_line(shot, 120))
        line.append(f" ({one_line(vendor, 60)})", "dim")
        return line.append(f" {said}" if said else "")

    def _write(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()

    def _write_json(self, told: dict[str, object]) -> None:
        total = self._tallies.total()
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


def _cells(tally: Tally, seconds_left: float | None) -> list[RenderableType]:
    spent = money(tally.low_usd, tally.high_usd) if tally.high_usd is not None else "–"
    left = "–" if seconds_left is None or tally.done + tally.ended >= tally.all else duration(seconds_left)
    return [
        Text(f"{tally.queued:,}"),
        Text(f"{tally.running:,}"),
        Text(f"{tally.done:,}/{tally.all:,}"),
        Text(f"{tally.ended:,}", style="red" if tally.ended else "dim"),
        Text(spent),
        Text(left),
    ]
