"""The tables of an output: results of every row that was rendered into it, and `retry.*`, what to hand in next.

`retry.json` tells which folders and buckets the references of `retry.*` came from, and for whose purchases its rows
stand. Tables as CSV begin with UTF-8's mark: without it Excel takes them for another encoding, and saves them so.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import pyarrow
import pyarrow.parquet

from longtake._speed import give_back_memory
from longtake.domain.addresses import bucket_of, is_s3
from longtake.domain.request import Role
from longtake.files.json_files import write_json
from longtake.files.store import Store
from longtake.ledger.records import Intent, Purchase
from longtake.manifests.formats.arrow_cells import cells_of
from longtake.manifests.results.merged import merged
from longtake.manifests.results.retry_rows import retry_rows, retry_table, rows_csv
from longtake.manifests.results.row_result import RowResult
from longtake.manifests.results.writer import results_arrow, table_files
from longtake.manifests.schema import Manifest, joined
from longtake.planning.bought_before.repairs import shot_key
from longtake.planning.bought_before.retry_origin import (
    ORIGIN,
    RETRY,
    RETRY_TYPED,
    is_retry,
    known_roots,
    origin_references,
    read_origin,
)
from longtake.planning.plan import Shot
from longtake.rendering.output.rendered_rows import IDENTITY, SHOT, RenderedRows, keep, kept, read_kept


def stands_for(
    store: Store, manifest: Manifest, shots: Sequence[Shot], purchases: Mapping[str, Purchase]
) -> dict[str, list[str]]:
    """For whose purchases the shots of a manifest stand, by shot and variant.

    Those of our own `retry.*` as written; of any other manifest, such as a copy of it, those with a raised take.
    """
    told = _told_to_stand_for(read_origin(store))
    return told if is_retry(store, manifest.source) else _raised(told, shots, purchases)


def _raised(
    told: Mapping[str, list[str]], shots: Sequence[Shot], purchases: Mapping[str, Purchase]
) -> dict[str, list[str]]:
    keys = {shot_key(shot): shot.row.take for shot in shots}
    return {
        key: identities
        for key, identities in told.items()
        if key in keys and keys[key] > max((_row_take(one, purchases) for one in identities), default=0)
    }


def _row_take(identity: str, purchases: Mapping[str, Purchase]) -> int:
    bought = purchases.get(identity)
    return bought.intent.row_take or bought.intent.take if bought and bought.intent else 1


def _told_to_stand_for(origin: Mapping[str, Any]) -> dict[str, list[str]]:
    told: object = origin.get("stands_for")
    if not isinstance(told, dict):
        return {}
    lists = {key: value for key, value in cast("dict[str, object]", told).items() if isinstance(value, list)}
    return {key: [str(one) for one in cast("list[object]", value)] for key, value in lists.items()}


def write_results(
    store: Store, manifest: Manifest, rows: Sequence[RowResult], purchases: Mapping[str, Purchase]
) -> None:
    """Writes the results alone: what is to be handed in next is known when a run has ended."""
    results = results_arrow(manifest, rows)
    _write_results(store, results, kept(read_kept(store), {row.shot_id for row in rows}, purchases))


def _write_results(store: Store, results: pyarrow.Table, others: Sequence[RenderedRows]) -> None:
    parquet, table = table_files(_for_people([results, *(one.results for one in others)], IDENTITY))
    store.write("results.parquet", parquet)
    store.write("results.csv", codecs.BOM_UTF8 + table)
    pyarrow.default_memory_pool().release_unused()
    give_back_memory()


def write_tables(
    store: Store,
    manifest: Manifest,
    rows: Sequence[RowResult],
    raise_take: Iterable[int],
    *,
    shots: Sequence[Shot] = (),
    purchases: Mapping[str, Purchase] | None = None,
) -> None:
    """Writes results and retry tables: the manifest at hand first, then all others that were rendered here.

    Args:
        store: The output.
        manifest: The manifest at hand.
        rows: Its rows as they ended.
        raise_take: Rows that only another purchase completes.
        shots: Its shots as planned.
        purchases: The ledger.
    """
    purchases = purchases or {}
    kept_before = read_kept(store)
    others = kept(kept_before, {row.shot_id for row in rows}, purchases)
    results = results_arrow(manifest, rows)
    again = retry_rows(manifest, rows, set(raise_take), _bought_takes(shots, purchases))
    retry = _with_shots(retry_table(manifest, again), again, rows)
    is_typed = manifest.typed is not None
    keep(store, manifest.source, RenderedRows(_with_identities(results, rows, shots), retry, is_typed), kept_before)
    _write_results(store, results, others)
    before = read_origin(store)
    roots = [*known_roots(before), _root(manifest.base)]
    origin: dict[str, object] = {"manifest": manifest.source, "reference_roots": list(dict.fromkeys(roots))}
    origin["references"] = sorted(origin_references(before) | _outside_references(again.values()))
    told = _told_to_stand_for(before)
    stood = told if is_retry(store, manifest.source) else _raised(told, shots, purchases)
    write_json(store, ORIGIN, origin | {"stands_for": _stand_for(told, stood, shots, again)})
    whole = _for_people([retry.drop_columns([SHOT]), *(one.retry for one in others)], SHOT)
    if is_typed or any(one.is_typed for one in others):
        store.write(RETRY_TYPED, _parquet(whole))
    elif not kept_before or any(one.is_typed for one in kept_before.values()):
        store.remove(RETRY_TYPED)
    rest = [row for one in others for row in _texts(one.retry)]
    store.write(RETRY, codecs.BOM_UTF8 + rows_csv(whole.column_names, [*again.values(), *rest]))


def _outside_references(rows: Iterable[Mapping[str, str]]) -> set[str]:
    """Files and objects that rows name by their whole address."""
    cells = {row.get(role.column, "") for row in rows for role in Role}
    return {value for cell in cells for value in cell.split("|") if value.startswith("/") or is_s3(value)}


def _bought_takes(shots: Sequence[Shot], purchases: Mapping[str, Purchase]) -> dict[int, int]:
    """The highest take, as rows count them, that was charged of each row's shot."""
    charged: dict[str, list[Intent]] = {}
    for purchase in purchases.values():
        if purchase.intent and purchase.is_charged:
            charged.setdefault(purchase.intent.shot_id, []).append(purchase.intent)
    return {
        shot.row.row: max(one.row_take or (one.take - 1) // shot.row.variants + 1 for one in charged[shot.shot_id])
        for shot in shots
        if shot.shot_id in charged
    }


def _stand_for(
    told: Mapping[str, list[str]], before: Mapping[str, list[str]], shots: Sequence[Shot], again: Mapping[int, object]
) -> dict[str, list[str]]:
    """As `stands_for` will find it; what was told of rows of other manifests stays told."""
    here = {shot_key(shot) for shot in shots}
    others = {key: identities for key, identities in told.items() if key not in here}
    return others | {
        shot_key(shot): list(dict.fromkeys([*before.get(shot_key(shot), ()), shot.as_written]))
        for shot in shots
        if shot.row.row in again and shot.as_written
    }


def _with_identities(table: pyarrow.Table, rows: Sequence[RowResult], shots: Sequence[Shot]) -> pyarrow.Table:
    by_row: dict[int, list[str]] = {}
    for shot in shots:
        by_row.setdefault(shot.row.row, []).append(shot.identity)
    identities = [" ".join(by_row.get(number, ())) or None for number in range(1, len(table) + 1)]
    return table.append_column(IDENTITY, pyarrow.array(identities, pyarrow.string()))


def _with_shots(table: pyarrow.Table, again: Mapping[int, object], rows: Sequence[RowResult]) -> pyarrow.Table:
    by_row = {row.row: row.shot_id for row in rows}
    if SHOT in table.column_names:  # a manifest's own column of that name is none of ours
        table = table.drop_columns([SHOT])
    return table.append_column(SHOT, pyarrow.array([by_row.get(number) for number in again], pyarrow.string()))


def _for_people(tables: Sequence[pyarrow.Table], without: str) -> pyarrow.Table:
    return merged([table.drop_columns([without]) if without in table.column_names else table for table in tables])


def _texts(retry: pyarrow.Table) -> list[dict[str, str]]:
    names = [name for name in retry.column_names if name != SHOT]
    cells = [[joined(cell) for cell in cells_of(retry.column(name))] for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]


def _parquet(table: pyarrow.Table) -> bytes:
    data = io.BytesIO()
    pyarrow.parquet.write_table(table, data, compression="zstd")
    return data.getvalue()


def _root(base: str) -> str:
    # References of a manifest in a bucket may lie anywhere in that bucket.
    return bucket_of(base) if is_s3(base) else base
