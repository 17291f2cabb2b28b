"""Where an output's own `retry.*` came from, as `retry.json` beside it tells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from longtake.domain.addresses import has_scheme
from longtake.files.json_files import read_json
from longtake.files.store import Store
from longtake.manifests.references import KnownReferences
from longtake.manifests.schema import Manifest

RETRY, RETRY_TYPED = "retry.csv", "retry.parquet"
ORIGIN = "retry.json"


def origin_roots(store: Store, manifest: Manifest) -> list[str]:
    """Where references of this manifest may come from, beside its own folder: the first manifests', for a `retry.*`.

    Its references were taken from there before. Only the file that we wrote, where we wrote it, is trusted so.
    """
    return known_roots(read_origin(store)) if is_retry(store, manifest.source) else []


def read_origin(store: Store) -> Mapping[str, Any]:
    """What `retry.json` tells; nothing where there is none."""
    return read_json(store, ORIGIN) or {}


def known_roots(origin: Mapping[str, Any]) -> list[str]:
    """The folders and buckets that the references of an output's `retry.*` came from."""
    known = origin.get("reference_roots")
    return [root for root in cast("list[object]", known) if isinstance(root, str)] if isinstance(known, list) else []


def known_references(store: Store) -> KnownReferences:
    """What a copy of an output's `retry.*` may refer to, wherever the copy lies."""
    origin = read_origin(store)
    return KnownReferences(origin_references(origin), tuple(known_roots(origin)))


def origin_references(origin: Mapping[str, Any]) -> frozenset[str]:
    """The references, each in full, that an output's `retry.*` has named: a copy of it may name just these again."""
    named = origin.get("references")
    return frozenset(map(str, cast("list[object]", named))) if isinstance(named, list) else frozenset()


def is_retry(store: Store, source: str) -> bool:
    """Whether a manifest is the `retry.*` that we wrote, where we wrote it."""
    for name in (RETRY, RETRY_TYPED):
        local = store.local(name)
        if local is None:
            if source == f"{store.url}/{name}":
                return True
        elif not has_scheme(source) and Path(source).expanduser().absolute().resolve() == local.resolve():
            return True
    return False
