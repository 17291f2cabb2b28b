"""Writing the report into an output, and writing it anew from what was told last and what the ledger tells now."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from longtake.errors import ConfigurationError
from longtake.ledger import Ledger
from longtake.names import file_name
from longtake.reports.page import render_page
from longtake.reports.view import ReportView, ShotView
from longtake.storage import Store, open_store
from longtake.verdicts import Verdict

PAGE, DATA = "report.html", "report.json"


def write_report(store: Store, view: ReportView) -> None:
    """Writes `report.html` and, for `longtake report`, the same as data."""
    store.write(DATA, view.model_dump_json().encode())
    store.write(PAGE, render_page(view).encode())


def told_before(store: Store) -> ReportView | None:
    """What an output's report told last, None where there is none of this release."""
    try:
        return ReportView.model_validate_json(store.read(DATA) or b"")
    except ValidationError:
        return None


def rewrite_report(output: str) -> str:
    """Writes an output's report anew; a remote output's films and pictures are fetched beside it.

    Returns:
        Where the page lies.

    Raises:
        ConfigurationError: The output has no report yet.
    """
    store = open_store(output)
    data = store.read(DATA)
    if data is None:
        raise ConfigurationError(f"{output} has no report yet; `longtake render` writes one")
    view = _brought_up_to_date(ReportView.model_validate_json(data), Ledger(store))
    write_report(store, view)
    if (local := store.local(PAGE)) is not None:
        return str(local)
    folder = Path(f"report-{file_name(output.rsplit('/', 1)[-1])}").absolute()
    for key in _files(view):
        if (content := store.read(key)) is not None:
            target = folder / key
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    page = folder / PAGE
    page.write_bytes(render_page(view).encode())
    return str(page)


def _brought_up_to_date(view: ReportView, ledger: Ledger) -> ReportView:
    """Shots whose clip came home since, through `longtake reconcile`, are done."""
    here = {purchase.accepted.job.job_id for purchase in ledger.load().values() if purchase.clip and purchase.accepted}

    def updated(shot: ShotView) -> ShotView:
        if shot.job_id not in here or shot.verdict == Verdict.DONE.value:
            return shot
        news = {"verdict": Verdict.DONE.value, "evidence": "", "next_action": "run again to make the reel"}
        return shot.model_copy(update=news)

    reels = [reel.model_copy(update={"shots": [updated(shot) for shot in reel.shots]}) for reel in view.reels]
    done = sum(shot.verdict == Verdict.DONE.value for reel in reels for shot in reel.shots)
    return view.model_copy(update={"reels": reels, "totals": view.totals.model_copy(update={"done": done})})


def _files(view: ReportView) -> list[str]:
    keys = [key for reel in view.reels for key in (reel.film, reel.contact_sheet)]
    keys += [key for shot in view.shots for key in (shot.clip, shot.poster)]
    return [key for key in keys if key]
