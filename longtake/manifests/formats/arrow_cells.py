"""Typed columns as cells: what a person would write for each value."""

from __future__ import annotations

import json
from typing import Any, cast

import pyarrow
import pyarrow.compute

from longtake.manifests.schema import Cell


def cells_of(column: pyarrow.ChunkedArray[Any]) -> list[Cell]:
    """A typed column's cells as text: nulls and NaN are empty, 5.0 is `5`, lists stay lists, structures are JSON.

    Bytes are UTF-8; those that are not have U+FFFD in their place (`undecoded` tells the rows).
    """
    kind: Any = column.type
    if pyarrow.types.is_dictionary(kind):
        column = pyarrow.compute.cast(column, kind.value_type)
        kind = column.type
    if _is_list(kind):
        texts = cells_of(pyarrow.chunked_array([pyarrow.compute.list_flatten(column.combine_chunks())]))
        lengths: list[int | None] = pyarrow.compute.list_value_length(column).to_pylist()
        cells: list[Cell] = []
        start = 0
        for length in lengths:
            end = start + (length or 0)
            cells.append([text if isinstance(text, str) else json.dumps(text) for text in texts[start:end] if text])
            start = end
        return cells
    if _is_bytes(kind):
        raw = cast("list[bytes | None]", column.to_pylist())
        return ["" if value is None else value.decode("utf-8", "replace") for value in raw]
    if pyarrow.types.is_floating(kind):
        column = pyarrow.compute.if_else(pyarrow.compute.is_nan(column), None, column)
    try:
        column = pyarrow.compute.cast(column, pyarrow.string())
    except pyarrow.ArrowException:
        values = cast("list[object]", column.to_pylist())
        return ["" if value is None else json.dumps(value, ensure_ascii=False, default=str) for value in values]
    return [text or "" for text in cast("list[str | None]", column.to_pylist())]


def undecoded(column: pyarrow.ChunkedArray[Any]) -> frozenset[int]:
    """The numbers of the rows whose bytes are no UTF-8, in a column of bytes or of lists of them."""
    kind: Any = column.type
    if not _is_bytes(getattr(kind, "value_type", kind)):
        return frozenset()
    values = cast("list[bytes | list[bytes | None] | None]", column.to_pylist())
    return frozenset(
        row
        for row, value in enumerate(values, 1)
        for part in (value if isinstance(value, list) else [value])
        if part is not None and not _is_text(part)
    )


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_bytes(kind: Any) -> bool:
    types: Any = pyarrow.types
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind))


def _is_list(kind: Any) -> bool:
    types: Any = pyarrow.types
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))
