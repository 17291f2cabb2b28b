"""Several outputs' reports as one page: their reels under one another, their money added up."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from longtake.domain.errors import ConfigurationError
from longtake.domain.text import counted
from longtake.files.open_store import open_store
from longtake.ledger.ledger import Ledger
from longtake.reports.figures import total_of
from longtake.reports.run.page import render_page
from longtake.reports.run.retold import brought_up_to_date
from longtake.reports.run.rewrite import told_before
from longtake.reports.run.view import ReelView, ReportView, ShotView, Totals, VendorTotals

PAGE_OF_ALL = "reports.html"
_COUNTS = ("done", "all", "charged_but_failed")
_MONEY = ("spent_low_usd", "spent_high_usd", "projected_low_usd", "projected_high_usd", "charged_but_failed_usd")

T = TypeVar("T", bound=Totals)


def report_together(outputs: Sequence[str]) -> str:
    """Writes one page over several outputs, into the folder that they have in common.

    Returns:
        Where it lies.

    Raises:
        ConfigurationError: An output has no report, or lies in a bucket: a page opens files beside it alone.
    """
    views: dict[str, ReportView] = {}
    if remote := [output for output in outputs if "://" in output]:
        raise ConfigurationError(f"{', '.join(remote)}: one page over several outputs is made of folders alone")
    folders = [Path(output).expanduser().resolve() for output in outputs]
    common = Path(os.path.commonpath([folder.parent for folder in folders]))
    for output, folder in zip(outputs, folders, strict=True):
        store = open_store(str(folder))
        if (told := told_before(store)) is None:
            raise ConfigurationError(f"{output} has no report that can be read; `longtake render` writes one")
        views[folder.relative_to(common).as_posix()] = brought_up_to_date(told, Ledger(store))
    page = common / PAGE_OF_ALL
    page.write_text(render_page(together(views, str(common))), encoding="utf-8")
    return str(page)


def together(views: Mapping[str, ReportView], place: str) -> ReportView:
    """The reports as one.

    Args:
        views: By folder, relative to where the page will lie.
        place: Where that is.
    """
    vendors: dict[str, list[VendorTotals]] = {}
    for view in views.values():
        for one in view.by_vendor:
            vendors.setdefault(one.vendor, []).append(one)
    return ReportView(
        title=counted(len(views), "output"),
        output=place,
        written_at=time.time(),
        finished=True,  # it is written once, and shows no run that goes on
        totals=Totals.model_validate(_sums([view.totals for view in views.values()])),
        by_vendor=[
            VendorTotals.model_validate(
                {"vendor": name, "queued": sum(o.queued for o in of), "running": sum(o.running for o in of)} | _sums(of)
            )
            for name, of in vendors.items()
        ],
        reels=[_moved(reel, folder) for folder, view in views.items() for reel in view.reels],
        notices=[f"{folder}: {notice}" for folder, view in views.items() for notice in _notices(view)],
    )


def _moved(reel: ReelView, folder: str) -> ReelView:
    """The reel with its files as they lie seen from the page, its name told apart from those of other outputs."""
    name = f"{folder}: {reel.name}"
    shots = [_moved_shot(shot, folder, name) for shot in reel.shots]
    files = {name: _below(folder, getattr(reel, name)) for name in ("film", "timeline", "contact_sheet")}
    return reel.model_copy(update={"name": name, "shots": shots, **files})


def _moved_shot(shot: ShotView, folder: str, reel: str) -> ShotView:
    files = {"clip": _below(folder, shot.clip), "poster": _below(folder, shot.poster)}
    # Decisions are given to one output: its own page takes them.
    return shot.model_copy(update={"reel": reel, "review": "none", "takes": [], **files})


def _notices(view: ReportView) -> list[str]:
    waiting = sum(shot.is_waiting for shot in view.shots)
    words = f"{counted(waiting, 'shot')} {'awaits' if waiting == 1 else 'await'} a decision: open its own report"
    return [*view.notices, *([words] if waiting else [])]


def _below(folder: str, path: str | None) -> str | None:
    return f"{folder}/{path}" if path else path


def _sums(totals: Sequence[Totals]) -> dict[str, float | int | None]:
    """Counts and money added up; a sum with an unknown price in it is unknown."""
    counts: dict[str, float | int | None] = {name: sum(getattr(one, name) for one in totals) for name in _COUNTS}
    return counts | {name: total_of(getattr(one, name) for one in totals) for name in _MONEY}
