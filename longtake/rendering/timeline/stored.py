"""The films that stand in an output, each with its receipt and the takes that its timeline needs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from pydantic import ValidationError

from longtake.domain.errors import ConfigurationError
from longtake.files.names import file_name
from longtake.files.published import sidecar_key
from longtake.files.store import Store
from longtake.ledger.ledger import Ledger
from longtake.rendering.timeline.take import Take, by_bytes, take_of


class StoredFilm(NamedTuple):
    """A film of an output: its reel, its key, the JSON beside it, and the takes of its shots."""

    reel: str
    key: str
    receipt: Mapping[str, Any]
    takes: Sequence[Take]


def stored_films(store: Store, wanted: Sequence[str] = ()) -> list[StoredFilm]:
    """The films of an output in order of their names, whole and partial ones; blocking.

    Args:
        store: The output.
        wanted: Names of reels, or patterns with `*`, `?` and `[…]`; empty: all.

    Raises:
        ConfigurationError: There is none, none of that name, or a clip of one is not here any more.
    """
    receipts = _receipts(store)
    reels = {receipt["reel"] for receipt in receipts.values()}
    if not receipts:
        raise ConfigurationError(
            f"{store.url}: no film was made there; `longtake render` makes them, in the folder of its --output"
        )
    if unknown := [name for name in wanted if not any(_is_named(reel, (name,)) for reel in reels)]:
        some = ", ".join(sorted(reels)[:5]) + (", …" if len(reels) > 5 else "")
        raise ConfigurationError(f"{store.url} has no film of {', '.join(unknown)}. It has {some}")
    told = {key: receipt for key, receipt in sorted(receipts.items()) if _is_named(receipt["reel"], wanted)}
    shown = {reel: _shown(store, reel) for reel in {receipt["reel"] for receipt in told.values()}}
    bought = _Bought(store)
    films = [StoredFilm(one["reel"], key, one, bought.added(one, shown[one["reel"]])) for key, one in told.items()]
    if bought.gone:
        raise ConfigurationError(f"{store.url} has no clip any more of {', '.join(bought.gone)}, which a film shows")
    return films


def _is_named(reel: str, wanted: Sequence[str]) -> bool:
    return not wanted or any(reel == name or fnmatchcase(reel, name) for name in wanted)


def _receipts(store: Store) -> dict[str, dict[str, Any]]:
    """By the key of its film, the JSON beside each that stands there."""
    listed = set(store.list("reels"))
    films = {sidecar_key(key): key for key in listed if key.endswith(".mp4") and sidecar_key(key) in listed}
    told = {films[key]: value for key, text in store.read_many(films).items() if (value := _read(text))}
    return {key: receipt for key, receipt in told.items() if receipt.get("clips") and receipt.get("reel")}


def _shown(store: Store, reel: str) -> list[Take]:
    """The takes that people find under `clips/`, each once: a chosen one lies there under its shot's name, too."""
    told = store.read_many(key for key in store.list(f"clips/{file_name(reel)}") if key.endswith(".json"))
    takes: dict[tuple[str, str, str], Take] = {}
    for key, text in sorted(told.items()):  # the shot's own name comes before `….take-2`
        with suppress(KeyError, ValidationError, AttributeError):
            take = take_of(_read(text), key.removesuffix(".json") + ".mp4")
            takes.setdefault((take.shot_id, take.origin.get("identity", ""), take.clip.sha256), take)
    return [*takes.values()]


def _read(text: bytes) -> dict[str, Any]:
    try:
        value: object = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


class _Bought:
    """Clips of the ledger, for films that show what lies under `clips/` no more; read when one is asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._takes: Mapping[tuple[str, str], Take] | None = None
        self.gone: list[str] = []

    def added(self, receipt: Mapping[str, Any], shown: Sequence[Take]) -> list[Take]:
        """The takes that people find, and what else a film is made of."""
        here, takes = by_bytes(shown), [*shown]
        for clip in receipt["clips"]:
            named = str(clip.get("shot_id")), str(clip.get("sha256"))
            if named in here:
                continue
            if (take := self._all().get(named)) is None:
                self.gone.append(named[0])
            else:
                takes.append(take)
        return takes

    def _all(self) -> Mapping[tuple[str, str], Take]:
        if self._takes is None:
            found: list[Take] = []
            for purchase in Ledger(self._store).load().values():
                if purchase.clip is not None:
                    clip, origin = purchase.clip.clip, {"identity": purchase.identity}
                    findings = tuple(purchase.clip.findings)
                    shot_id = purchase.shot_id
                    found.append(Take(shot_id=shot_id, clip=clip, key=clip.key, origin=origin, findings=findings))
            self._takes = by_bytes(found)
        return self._takes
