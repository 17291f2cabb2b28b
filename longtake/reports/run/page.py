"""`report.html`: template, styles, scripts and data in one file that opens from disk and asks nothing of a network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import TypeVar

from jinja2 import DictLoader, Environment, StrictUndefined, Template

from longtake.domain.verdicts import facts_of
from longtake.reports.figures import duration, money, share
from longtake.reports.run.gantt import gantt_svg
from longtake.reports.run.payload import Pictures, ReadPicture, href, payload_pieces
from longtake.reports.run.summary import VerdictCount, concerns, verdict_counts
from longtake.reports.run.timeline import STAGES, Stage, stage_seconds
from longtake.reports.run.view import ReportView, ShotView

STYLES = ("tokens.css", "page.css", "reels.css", "desk/desk.css")
SCRIPTS = (
    "elements.js",
    "figures.js",
    "data.js",
    "player.js",
    "shot.js",
    "reel.js",
    "filters.js",
    "list.js",
    "desk/decisions.js",
    "desk/decisions_file.js",
    "desk/in_step.js",
    "desk/takes.js",
    "desk/review.js",
    "desk/desk.js",
    "keys.js",
    "refresh.js",
    "start.js",
)
T = TypeVar("T")
MOST_UNFINISHED = 500
"""Shots, and films, that a browser without JavaScript lists."""
_ICONS = {
    "good": "M3 8.5l3.2 3.2L13 4.8",
    "busy": "M8 2a6 6 0 1 0 6 6M8 5v3l2 1.5",
    "idle": "M3.5 8h.01M8 8h.01M12.5 8h.01",
    "care": "M8 2.2l6.2 11H1.8zM8 6.5v3.2M8 11.6v.01",
    "bad": "M4 4l8 8M12 4l-8 8",
    "next": "M3 8h9M8.5 4.5L12 8l-3.5 3.5",
    "play": "M4 2.5v11l9-5.5z",
    "pause": "M5 3v10M11 3v10",
    "undo": "M6 3.5L3 6.5l3 3M3 6.5h6.5a3.5 3.5 0 0 1 0 7H7",
    "save": "M8 2.5v7.5M4.8 7.2L8 10.4l3.2-3.2M3 13.5h10",
    "sound": "M2.5 6H5l3.5-3v10L5 10H2.5zM11.5 5.5a3.6 3.6 0 0 1 0 5",
    "film": "M2 3.5h12v9H2zM5 3.5v9M11 3.5v9M2 8h12",
}


_DATA = "\x00data\x00"
"""Stands in the rendered template where the data go."""


def render_page(view: ReportView, inline_pictures: ReadPicture | None = None) -> str:
    """The whole report as one HTML file.

    Films, clips and pictures are linked by paths relative to the output, where the page belongs.

    Args:
        view: What to show.
        inline_pictures: Reads a poster by its relative path, to be put into the page itself (24 MiB at most in all);
            None leaves all pictures linked.

    Returns:
        HTML to be written as UTF-8. Texts of the view stand in it as text only; a content policy in the page forbids
        any script but its own and every request but for files beside it.
    """
    return "".join(page_pieces(view, inline_pictures))


def page_pieces(view: ReportView, inline_pictures: ReadPicture | None = None) -> Iterator[str]:
    """As `render_page`, piece by piece: the data of a large run need not be in memory together."""
    head, _, tail = _around_data(view).rpartition(_DATA)
    yield head
    yield from payload_pieces(view, Pictures(inline_pictures))
    yield tail


def _around_data(view: ReportView) -> str:
    counts = verdict_counts(view)
    unfinished = sum(not shot.facts.is_done for shot in view.shots)
    script, early_script, style = _script(), _asset("theme.js"), _style()
    return _template().render(
        view=view,
        policy=_policy(script, early_script),
        style=style,
        script=script,
        early_script=early_script,
        data=_DATA,
        gantt=gantt_svg(view),
        icons=_ICONS,
        written=datetime.fromtimestamp(view.written_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        films=sum(reel.film is not None for reel in view.reels),
        film_seconds=sum(shot.clip_seconds or 0 for shot in view.shots if _is_in_film(shot)) or None,
        counted="Takes" if any(shot.variant for shot in view.shots) else "Shots",
        counts=counts,
        progress=_progress(counts),
        has_reviews=any(shot.takes for shot in view.shots),
        concerns=concerns(view),
        stages=_stages(view),
        vendors=list(dict.fromkeys(shot.vendor for shot in view.shots)),
        unfinished=_first(shot for shot in view.shots if not shot.facts.is_done),
        linked=_first(reel for reel in view.reels if reel.film and href(reel.film)),
        hidden_unfinished=max(0, unfinished - MOST_UNFINISHED),
        money=money,
        duration=duration,
        href=href,
        label=_label,
    )


def _first(things: Iterable[T]) -> list[T]:
    return list(islice(things, MOST_UNFINISHED))


def _is_in_film(shot: ShotView) -> bool:
    return shot.facts.is_done and shot.is_in_film


def _label(verdict: str) -> str:
    return facts_of(verdict).label


def _asset(name: str) -> str:
    return (files("longtake.reports.run.assets") / name).read_text(encoding="utf-8")


@cache
def _style() -> str:
    return "\n".join(map(_asset, STYLES))


@cache
def _script() -> str:
    parts = "\n".join(map(_asset, SCRIPTS))
    return f'(() => {{\n"use strict";\n{parts}\n}})();'


@cache
def _template() -> Template:
    loader = DictLoader({"report.html": _asset("report.html")})
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    return environment.get_template("report.html")


def _policy(*scripts: str) -> str:
    """Only these scripts run, and nothing is fetched but what lies beside the page."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src 'self' file: data:; "
        "media-src 'self' file:; base-uri 'none'; form-action 'none'"
    )


def _progress(counts: list[VerdictCount]) -> list[dict[str, str | float]]:
    parts = [{"tone": count.tone} for count in counts]
    return [part | place for part, place in zip(parts, _side_by_side([count.count for count in counts]), strict=True)]


def _stages(view: ReportView) -> list[dict[str, str | float]]:
    spent: dict[Stage, float] = {stage: seconds for stage, seconds in stage_seconds(view).items() if seconds}
    whole = sum(spent.values())
    parts = [
        {"name": stage, "label": STAGES[stage], "share": share(seconds, whole), "words": duration(seconds)}
        for stage, seconds in spent.items()
    ]
    return [part | place for part, place in zip(parts, _side_by_side(list(spent.values())), strict=True)]


def _side_by_side(amounts: Sequence[float]) -> list[dict[str, float]]:
    """Where each part of a bar begins and how wide it is, in thousandths of the bar."""
    whole, x = sum(amounts), 0.0
    places: list[dict[str, float]] = []
    for amount in amounts:
        width = 1000 * amount / whole
        places.append({"x": round(x, 2), "width": round(width, 2)})
        x += width
    return places
