"""Writing the report into an output, and writing it anew from what was told last and what the ledger tells now."""

from __future__ import annotations

import io
from pathlib import Path

from longtake._speed import give_back_memory
from longtake.domain.errors import ConfigurationError
from longtake.files.names import file_name
from longtake.files.open_store import open_store
from longtake.files.store import Store
from longtake.ledger.ledger import Ledger
from longtake.reports.run.page import page_pieces, render_page
from longtake.reports.run.retold import brought_up_to_date, read_view
from longtake.reports.run.reviewing import with_reviews
from longtake.reports.run.view import ReportView
from longtake.reviews.decisions import ReviewLog

PAGE, DATA = "report.html", "report.json"


def write_report(store: Store, view: ReportView) -> None:
    """Writes `report.html` and, for `longtake report`, the same as data."""
    store.write_pieces(DATA, (piece.encode() for piece in view.json_pieces()))
    give_back_memory()
    store.write_pieces(PAGE, (piece.encode() for piece in page_pieces(view)))


def told_before(store: Store) -> ReportView | None:
    """What an output's report told last, None where there is none that can be read."""
    path = store.local(DATA)
    try:
        with path.open("rb") if path is not None else io.BytesIO(store.read(DATA) or b"") as file:
            return read_view(file)
    except (FileNotFoundError, NotADirectoryError):
        return None


def rewrite_report(output: str) -> str:
    """Writes an output's report anew; a remote output's films and pictures are fetched beside it.

    Returns:
        Where the page lies.

    Raises:
        ConfigurationError: The output has no report yet, or none that can be read.
    """
    store = open_store(output)
    data = store.read(DATA)
    if data is None:
        raise ConfigurationError(f"{output} has no report yet; `longtake render` writes one")
    told = read_view(io.BytesIO(data))
    if told is None:
        raise ConfigurationError(
            f"{output}/{DATA} cannot be read; `longtake render` writes it anew and buys nothing twice"
        )
    ledger = Ledger(store)
    view = brought_up_to_date(told, ledger)
    if any(shot.takes for shot in view.shots):
        view = with_reviews(view, ledger.load(), ReviewLog(store).read(), ledger.clock())
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


def _files(view: ReportView) -> list[str]:
    keys = [key for reel in view.reels for key in (reel.film, reel.timeline, reel.contact_sheet)]
    keys += [key for shot in view.shots for one in (shot, *shot.takes) for key in (one.clip, one.poster)]
    return list(dict.fromkeys(key for key in keys if key))
