"""retry.csv in the output: what to hand in next, and the folders and buckets that its references came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from longtake.manifests.schema import Manifest
from longtake.manifests.writer import RowResult, retry_csv
from longtake.outputs import read_json, write_json
from longtake.storage import Store

RETRY = "retry.csv"
ORIGIN = "retry.json"


def origin_roots(store: Store, manifest: Manifest) -> list[str]:
    """Where references of this manifest may come from, beside its own folder: the first manifest's, for a retry.csv.

    Its references were taken from there before. Only the file that we wrote, where we wrote it, is trusted so.
    """
    if not _is_retry(store, manifest.source):
        return []
    known = (read_json(store, ORIGIN) or {}).get("reference_roots")
    return [root for root in known if isinstance(root, str)] if isinstance(known, list) else []


def write_retry(store: Store, manifest: Manifest, rows: Sequence[RowResult], raise_take: Iterable[int]) -> None:
    """Writes retry.csv, and beside it where its references come from."""
    roots = [*origin_roots(store, manifest), _root(manifest.base)]
    write_json(store, ORIGIN, {"manifest": manifest.source, "reference_roots": list(dict.fromkeys(roots))})
    store.write(RETRY, retry_csv(manifest, rows, set(raise_take)))


def _is_retry(store: Store, source: str) -> bool:
    local = store.local(RETRY)
    if local is None:
        return source == f"{store.url}/{RETRY}"
    return "://" not in source and Path(source).expanduser().absolute().resolve() == local.resolve()


def _root(base: str) -> str:
    # References of a manifest in a bucket may lie anywhere in that bucket.
    return "/".join(base.split("/")[:3]) if base.startswith("s3://") else base
