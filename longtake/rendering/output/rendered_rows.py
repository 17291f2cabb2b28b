"""The rows of every manifest that was rendered into an output, so that a part of one never takes the rest away.

`manifests/<which>/results.parquet` holds its rows with their results, references without signatures; `retry.parquet`
beside it those that want another run, as they are handed in.
Each manifest has a folder of its own, so that runs over several of them at once never write one file.
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow
import pyarrow.parquet

from longtake.costs.spent import Spent, spent_by_shot
from longtake.domain.verdicts import Verdict
from longtake.files.store import Store
from longtake.ledger.records import Purchase, attempts_in
from longtake.manifests.results.merged import merged

FOLDER = "manifests"
IDENTITY, SHOT = "longtake_identity", "shot_id"
"""Columns of the kept tables: of which purchases a row's result tells (one for each variant, between them a space),
and of which shot a row to hand in is."""
_WRITTEN, _TYPED = b"longtake_written_at", b"longtake_typed"


@dataclass(frozen=True)
class RenderedRows:
    """What is kept of one manifest. `is_typed`: its file had types (Parquet)."""

    results: pyarrow.Table
    retry: pyarrow.Table
    is_typed: bool


def keep(store: Store, source: str, rows: RenderedRows, kept_before: Mapping[str, RenderedRows]) -> None:
    """Keeps what a run told of a manifest, and what was kept of rows that are no longer in it."""
    place = f"{FOLDER}/{hashlib.sha256(source.encode(errors='replace')).hexdigest()[:16]}"
    told = _shots(rows.results)
    before = [kept_before[place]] if place in kept_before else []
    results = merged([rows.results, *(_without(one.results, told) for one in before)])
    retry = merged([rows.retry, *(_without(one.retry, told) for one in before)])
    stands = next(iter(kept_before.items()), None)
    if stands is not None and stands[0] == place and _is_same(stands[1], RenderedRows(results, retry, rows.is_typed)):
        return  # it is the latest, and says all of it
    about = {_WRITTEN: str(time.time()).encode(), _TYPED: b"1" if rows.is_typed else b""}
    store.write(f"{place}/retry.parquet", _bytes(retry, about))
    store.write(f"{place}/results.parquet", _bytes(results, about))


def _is_same(one: RenderedRows, other: RenderedRows) -> bool:
    tables = ((one.results, other.results), (one.retry, other.retry))
    return one.is_typed == other.is_typed and all(before.equals(now) for before, now in tables)


def with_spent(results: pyarrow.Table, purchases: Mapping[str, Purchase]) -> pyarrow.Table:
    """The rows with what their shots cost by now, as `RowResult` has it; also those that an earlier release told."""
    spent = spent_by_shot(purchases)
    told = [spent.get(shot or "", Spent()) for shot in results.column(SHOT).to_pylist()]
    columns: dict[str, Any] = {
        "spent_usd": pyarrow.array([one.known_usd for one in told], pyarrow.float64()),
        "attempts": pyarrow.array([one.purchases for one in told], pyarrow.int64()),
    }
    for name, column in columns.items():
        if name not in results.column_names:
            results = results.append_column(name, column)
        elif results.schema.field(name).type == column.type:  # else it is a manifest's own, by an earlier release
            results = results.set_column(results.column_names.index(name), name, column)
    return results


def kept(
    before: Mapping[str, RenderedRows], told: Collection[str], purchases: Mapping[str, Purchase]
) -> list[RenderedRows]:
    """What is kept of all manifests but for the shots that are told already, each shot once, the latest first.

    Tables without rows are among them, for the types of their columns.
    """
    found: list[RenderedRows] = []
    told = set(told)
    for one in before.values():
        results = with_spent(_brought_up_to_date(_without(one.results, told), purchases), purchases)
        done = {row[SHOT] for row in results.select([SHOT, "verdict"]).to_pylist() if row["verdict"] == Verdict.DONE}
        found.append(RenderedRows(results, _without(one.retry, told | done), one.is_typed))
        told |= _shots(results)
    return found


def read_kept(store: Store) -> dict[str, RenderedRows]:
    """What is kept of each manifest by its folder, the latest first."""
    places = {"/".join(key.split("/")[:2]) for key in store.list(FOLDER)}
    keys = [f"{place}/{name}.parquet" for place in sorted(places) for name in ("results", "retry")]
    files = store.read_many(keys)
    found: list[tuple[float, str, RenderedRows]] = []
    for key in keys[::2]:
        results, retry = _table(files.get(key)), _table(files.get(key.replace("results", "retry")))
        if results is None or SHOT not in results.column_names or "verdict" not in results.column_names:
            continue
        about: dict[bytes, bytes] = results.schema.metadata or {}
        empty = pyarrow.table({SHOT: pyarrow.array([], pyarrow.string())})
        rows = RenderedRows(results, empty if retry is None else retry, bool(about.get(_TYPED)))
        found.append((float(about.get(_WRITTEN, b"0")), key.rpartition("/")[0], rows))
    return {place: rows for _, place, rows in sorted(found, key=lambda one: -one[0])}


def keep_earlier_release(store: Store) -> None:
    """Earlier releases kept nothing but the last results; to be called before those are written anew."""
    results = None if store.folders(FOLDER) else _table(store.read("results.parquet"))
    if results is not None and {SHOT, "verdict"} <= set(results.column_names):
        empty = pyarrow.table({SHOT: pyarrow.array([], pyarrow.string())})
        keep(store, "the results of an earlier release", RenderedRows(results, empty, is_typed=False), {})


def _brought_up_to_date(results: pyarrow.Table, purchases: Mapping[str, Purchase]) -> pyarrow.Table:
    """The rows, done where their clip was downloaded since they were told."""
    if IDENTITY not in results.column_names:
        return results
    rows: list[dict[str, Any]] = results.select([IDENTITY, "verdict"]).to_pylist()
    changes: dict[int, dict[str, object]] = {}
    for place, row in enumerate(rows):
        identities = row[IDENTITY].split() if row[IDENTITY] and row["verdict"] != Verdict.DONE else []
        latest = [bought for identity in identities for bought in attempts_in(identity, purchases)[-1:]]
        at_home = [one.clip for one in latest if one.clip is not None and not one.unreadable]
        if not at_home or len(at_home) < len(identities):  # all variants of a row make it done
            continue
        clip, ended = at_home[0].clip, latest[0].terminal
        changes[place] = {
            "verdict": Verdict.DONE.value,
            "error": None,
            "next_action": "render its manifest again to make the reel",
            "sha256": clip.sha256,
            "width": clip.width,
            "height": clip.height,
            "clip_seconds": round(clip.duration_seconds, 4),
            "finished_at": datetime.fromtimestamp(ended.at, UTC) if ended else None,
        }
    for name in dict.fromkeys(name for change in changes.values() for name in change if name in results.column_names):
        values = results.column(name).to_pylist()
        for place, change in changes.items():
            values[place] = change[name]
        number = results.column_names.index(name)
        results = results.set_column(number, name, pyarrow.array(values, results.schema.field(name).type))
    return results


def _shots(table: pyarrow.Table) -> set[str]:
    return {shot for shot in table.column(SHOT).to_pylist() if shot}


def _without(table: pyarrow.Table, shots: Collection[str]) -> pyarrow.Table:
    keep = [shot not in shots for shot in table.column(SHOT).to_pylist()]
    return table.filter(pyarrow.array(keep, pyarrow.bool_()))


def _table(data: bytes | None) -> pyarrow.Table | None:
    if data is None:
        return None
    try:
        return pyarrow.parquet.read_table(io.BytesIO(data))
    except (pyarrow.ArrowException, OSError):  # torn, or a person's own: results go on without it
        return None


def _bytes(table: pyarrow.Table, about: Mapping[bytes, bytes]) -> bytes:
    data = io.BytesIO()
    pyarrow.parquet.write_table(table.replace_schema_metadata(dict(about)), data, compression="zstd")
    return data.getvalue()
