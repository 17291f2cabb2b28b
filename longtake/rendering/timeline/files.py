"""The timelines of an output's films as files, beside the films or where a person wants them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from longtake.domain.errors import ConfigurationError, LongtakeError, StorageError
from longtake.files.published import keep_aside
from longtake.files.store import Store
from longtake.rendering.timeline.build import timeline_text
from longtake.rendering.timeline.export import Exported, Form, exported
from longtake.rendering.timeline.keep import renew_timeline, timeline_key
from longtake.rendering.timeline.stored import StoredFilm


class Written(NamedTuple):
    """Where a timeline was written, what its format does not hold of it, and what else is to be told."""

    place: str
    lost: tuple[str, ...] = ()
    told: str = ""


def write_timelines(store: Store, films: Sequence[StoredFilm], form: Form, target: Path | None) -> list[Written]:
    """Writes the timelines of films, all or none; blocking.

    Args:
        store: Where the films stand.
        films: Those wanted.
        form: The format.
        target: A folder, or a file for the only film; None: beside the films.

    Raises:
        ConfigurationError: The format cannot hold one of them.
        StorageError: One of them could not be written.
    """
    if target is not None and len(films) > 1 and is_one_file(target, form):
        raise ConfigurationError(f"{target} is one file for {len(films)} films: name a folder, or one --reel")
    if target is None and form == "otio":
        return [_kept(store, film) for film in films]
    made = _converted(store, films, form)
    written: list[Written] = []
    for film, one in zip(films, made, strict=True):
        name = film.key.rpartition("/")[2].removesuffix(".mp4") + f".{form}"
        if target is None:
            told = _put_beside(store, f"reels/{name}", one.text.encode())
            written.append(Written(f"{store.url.rstrip('/')}/reels/{name}", one.lost, told))
        else:
            written.append(Written(_put(target if is_one_file(target, form) else target / name, one.text), one.lost))
    return written


def is_one_file(target: Path, form: Form) -> bool:
    """Whether a path is meant as the file itself, and not as a folder for files."""
    return target.suffix == f".{form}" and not target.is_dir()


def _kept(store: Store, film: StoredFilm) -> Written:
    kept, _ = renew_timeline(store, film.reel, film.key, film.receipt, film.takes)
    if kept.sha256 is None:
        raise StorageError(f"{film.key}: its timeline could not be written")
    return Written(f"{store.url.rstrip('/')}/{timeline_key(film.key)}", told=kept.told)


def _converted(store: Store, films: Sequence[StoredFilm], form: Form) -> list[Exported]:
    """Every film in the format; all that stands against it is told at once."""
    if form == "fcpxml" and store.local("reels") is None:
        raise ConfigurationError(
            f"{store.url}: FCPXML names files of this machine; copy the output here (`aws s3 sync {store.url} FOLDER`) "
            "and take the copy, or take --format otio, whose addresses hold wherever the output lies"
        )
    made: list[Exported] = []
    against: list[str] = []
    for film in films:
        try:
            text = timeline_text(film.reel, film.key, film.receipt, film.takes, lambda key: _whole_address(store, key))
            made.append(exported(text, form))
        except LongtakeError as error:
            against.append(str(error))
        except (LookupError, ValueError, TypeError, ArithmeticError) as error:
            against.append(
                f"{film.key}: the JSON beside it does not tell of the film ({type(error).__name__}: {error})"
            )
    if against:
        raise ConfigurationError("\n".join(["nothing was written:", *against]))
    return made


def _whole_address(store: Store, key: str) -> str:
    path = store.local(key)
    return path.absolute().as_uri() if path is not None else f"{store.url.rstrip('/')}/{quote(key)}"


def _put_beside(store: Store, key: str, data: bytes) -> str:
    """Writes a file beside a film; one of other bytes, which a person may have worked on, is put aside, and told."""
    stands = store.read(key)
    if stands == data:
        return ""
    aside = keep_aside(store, key, f".{key.rpartition('.')[2]}") if stands is not None else None
    store.write(key, data)
    return f"{key} held other bytes; they are kept as {aside}" if aside else ""


def _put(path: Path, text: str) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror or error}") from error
    return str(path)
