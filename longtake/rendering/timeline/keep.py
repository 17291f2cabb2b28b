"""The timeline beside a film: written when the film is made or what is told of it changed, else left as it is."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from longtake.files.json_files import write_json
from longtake.files.published import keep_aside, kept_words, sidecar_key
from longtake.files.store import Store
from longtake.rendering.timeline.build import is_sealed, timeline_text
from longtake.rendering.timeline.take import Take

log = logging.getLogger("longtake.rendering.timeline.keep")

TIMELINE = "timeline"
"""The hash of the timeline's bytes, in the JSON beside a film."""
SUFFIX = ".otio"


def timeline_key(film: str) -> str:
    """The timeline beside a film."""
    return film.removesuffix(".mp4") + SUFFIX


class Kept(NamedTuple):
    """A film's timeline as it stands now: the hash of its bytes, None where it could not be written.

    `told`: that one which a person had worked on was put aside, "" where none was.
    """

    sha256: str | None
    told: str = ""


def renew_timeline(
    store: Store, reel: str, film: str, receipt: Mapping[str, Any], takes: Sequence[Take]
) -> tuple[Kept, Mapping[str, Any]]:
    """As `keep_timeline`, beside a film that stands already; its receipt is written anew where it told of another.

    Returns:
        What was kept, and the receipt as it is then.
    """
    before = receipt.get(TIMELINE)
    kept = keep_timeline(store, reel, film, receipt, takes, before=before)
    if kept.sha256 not in (None, before):
        receipt = {**receipt, TIMELINE: kept.sha256}
        write_json(store, sidecar_key(film), receipt)
    return kept, receipt


def keep_timeline(
    store: Store, reel: str, film: str, receipt: Mapping[str, Any], takes: Sequence[Take], *, before: object
) -> Kept:
    """Writes a film's timeline where it does not stand there yet; blocking. Never raises: no film fails for it.

    Args:
        store: Where the film stands.
        reel: The film's name.
        film: The film's key.
        receipt: The JSON beside the film.
        takes: As `timeline_text` takes them.
        before: The hash of the timeline that we wrote there last; one without a seal, by an earlier release, is known
            by it alone.
    """
    told = ""
    try:
        data = timeline_text(reel, film, receipt, takes).encode()
        digest, key = hashlib.sha256(data).hexdigest(), timeline_key(film)
        size_bytes = store.size(key)
        if digest == before and size_bytes == len(data):
            return Kept(digest)
        stands = store.read(key) if size_bytes is not None else None
        is_ours = stands is None or is_sealed(stands) or hashlib.sha256(stands).hexdigest() == before
        if not is_ours and (aside := keep_aside(store, key, SUFFIX)):
            told = kept_words(key, aside)
        store.write(key, data)
    except Exception as error:  # a file for editors is worth no film
        log.warning("%s: no timeline: %s: %s", reel, type(error).__name__, error)
        return Kept(None, told)
    return Kept(digest, told)
