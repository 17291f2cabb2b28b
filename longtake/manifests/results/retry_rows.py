"""The rows of a manifest that want another run, as a manifest of their own: `retry.csv`, and with types."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow

from longtake.domain.request import Role
from longtake.domain.verdicts import Verdict
from longtake.manifests.cells import parse_take
from longtake.manifests.formats.arrow_cells import cells_of
from longtake.manifests.references import absolute
from longtake.manifests.results.merged import text_as
from longtake.manifests.results.row_result import RowResult
from longtake.manifests.schema import LONE_SHOT, Cell, Manifest, joined
from longtake.manifests.templates import TemplateError, escaped, fill_in


def retry_csv(manifest: Manifest, results: Sequence[RowResult], raise_take: Collection[int]) -> bytes:
    """The whole reels that want another run, as a manifest of its own.

    A row keeps its identity but for a raised `take`: prompts are written filled in, relative references absolute, and a
    row without reel gets the reel and shot that it was given. A refused row is left as it was written, to be mended.
    References outside the folder of the retry are refused unless `check_manifest` is given the first manifest's `base`
    among its `reference_roots`.

    Args:
        manifest: The manifest as read.
        results: One per row; a reel with a row that is not `done`, or has no result, is written.
        raise_take: Rows that must be bought again: their `take` is one higher.

    Returns:
        CSV, exact and not escaped for spreadsheets; the header alone when nothing wants another run.
    """
    again = list(retry_rows(manifest, results, raise_take).values())
    return rows_csv([*manifest.cells, *(name for row in again for name in row)], again)


def rows_csv(names: Iterable[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    """Rows as the CSV of a manifest."""
    text = io.StringIO(newline="")
    # Every cell is quoted, so that a lone carriage return in a prompt comes back as it was.
    lines = csv.DictWriter(text, list(dict.fromkeys(names)), restval="", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    lines.writeheader()
    lines.writerows(rows)
    return text.getvalue().encode()


def retry_rows(
    manifest: Manifest,
    results: Sequence[RowResult],
    raise_take: Collection[int],
    bought_takes: Mapping[int, int] | None = None,
) -> dict[int, dict[str, str]]:
    """The rows of `retry_csv` as text, by their number in the manifest.

    A raised take is one above the row's own, and above the highest that was bought of it (`bought_takes`, by row).
    """
    bought_takes = bought_takes or {}
    by_row = {result.row: _End(result.verdict, result.shot_id) for result in results}
    wanted = {
        _reel(number, row, by_row.get(number))
        for number, row in enumerate(manifest.rows(), 1)
        if not _is_done(by_row.get(number))
    }
    again: dict[int, dict[str, str]] = {}
    for number, row in enumerate(manifest.rows(), 1):
        if wanted and _reel(number, row, by_row.get(number)) in wanted:
            again[number] = _standing_alone(row, by_row.get(number), manifest.base)
            if number in raise_take:
                own = parse_take(again[number].get("take", "").strip() or "1")
                again[number]["take"] = str(max(own, bought_takes.get(number, 0)) + 1)
    return again


def retry_table(manifest: Manifest, again: Mapping[int, Mapping[str, str]]) -> pyarrow.Table:
    """The rows of `retry_rows` with the types that the manifest has."""
    names = list(dict.fromkeys([*manifest.cells, *(name for row in again.values() for name in row)]))
    places = pyarrow.array([number - 1 for number in again], pyarrow.int64())
    columns: dict[str, Any] = {}
    for name in names:
        text = pyarrow.chunked_array([pyarrow.array([row.get(name, "") for row in again.values()], pyarrow.string())])
        columns[name] = text
        if manifest.typed is None or name not in manifest.typed.column_names:
            continue
        given = manifest.typed.column(name)
        columns[name] = given.take(places)
        if [joined(cell) for cell in cells_of(columns[name])] != text.to_pylist():
            with contextlib.suppress(pyarrow.ArrowException, ValueError):
                text = text_as(text, given.type)
            columns[name] = text
    return pyarrow.table(columns)


class _End(NamedTuple):
    """What decides whether a row wants another run, and as what."""

    verdict: Verdict
    shot_id: str


def _is_done(result: _End | None) -> bool:
    return result is not None and result.verdict.facts.is_done


def _shot(row: Mapping[str, Cell]) -> str:
    return joined(row.get("shot", "")).strip()


def _reel(number: int, row: Mapping[str, Cell], result: _End | None) -> str:
    """The row's reel; for a lone row that has no result a name that no reel has."""
    if reel := joined(row.get("reel", "")).strip():
        return reel
    return result.shot_id.removesuffix(f"/{_shot(row) or LONE_SHOT}") if result else f"\0{number}"


def _standing_alone(row: Mapping[str, Cell], result: _End | None, base: str) -> dict[str, str]:
    """The row's cells as they mean the same in another folder and under other values of reel, shot and take."""
    again = {name: joined(cell) for name, cell in row.items()}
    for role in Role:
        values = [value.strip() for value in again.get(role.column, "").split("|")]
        if any(values):
            again[role.column] = "|".join(absolute(value, base) for value in values if value)
    if result is None or result.verdict is Verdict.REFUSED:
        return again
    prompt = joined(row.get("prompt", ""), ", ")
    with contextlib.suppress(TemplateError):
        again["prompt"] = escaped(fill_in(prompt, row.keys() - {"prompt"}, lambda name: joined(row[name], ", ")))
    if not again.get("reel", "").strip():
        shot = _shot(row) or LONE_SHOT
        again |= {"reel": result.shot_id.removesuffix(f"/{shot}"), "shot": shot}
    return again
