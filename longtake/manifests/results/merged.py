"""One table of several with like columns: rows under one another, each column in the type that all of them can have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import pyarrow
import pyarrow.compute

from longtake.manifests.formats.arrow_cells import cells_of
from longtake.manifests.schema import joined

Column: TypeAlias = "pyarrow.ChunkedArray[Any]"


def merged(tables: Sequence[pyarrow.Table]) -> pyarrow.Table:
    """The rows of all tables; columns in order of their first appearance, null where a table lacks them.

    Text of a CSV takes the type that another table has for its column, where every cell of it can; an empty table
    lends its types too. Columns that have no type in common become text.
    """
    names = list(dict.fromkeys(name for table in tables for name in table.column_names))
    columns: dict[str, Any] = {name: _merged([_column(table, name) for table in tables]) for name in names}
    return pyarrow.table(columns)


def as_text(column: Column) -> Column:
    """The column as a CSV can hold it: numbers and flags as they are, all else as text."""
    kind: Any = column.type
    types: Any = pyarrow.types
    if types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_string(kind):
        return column
    return _text(column)


def text_as(column: Column, kind: Any) -> Column:
    """Text as a CSV has it in another type; empty text is null.

    Raises:
        pyarrow.ArrowException: A cell cannot be read so.
    """
    types: Any = pyarrow.types
    compute: Any = pyarrow.compute
    column = compute.if_else(compute.equal(column, ""), None, column)
    if types.is_list(kind) or types.is_large_list(kind):
        texts: list[str | None] = column.to_pylist()
        parts = [None if text is None else text.split("|") for text in texts]
        return pyarrow.chunked_array([pyarrow.array(parts, pyarrow.list_(pyarrow.string()))]).cast(kind)
    if types.is_dictionary(kind):
        return compute.cast(column, kind.value_type).dictionary_encode().cast(kind)
    return compute.cast(column, kind)


def _column(table: pyarrow.Table, name: str) -> Column:
    if name in table.column_names:
        return table.column(name)
    return pyarrow.chunked_array([pyarrow.nulls(len(table))])


def _merged(columns: Sequence[Column]) -> Column:
    is_null, is_string = pyarrow.types.is_null, pyarrow.types.is_string
    given = list(dict.fromkeys(column.type for column in columns if not is_null(column.type)))
    typed = [kind for kind in given if not is_string(kind)]
    for kind in typed[:1] or given[:1]:
        try:
            return _under_one_another([_as(column, kind) for column in columns], kind)
        except (pyarrow.ArrowException, TypeError, ValueError):
            break
    text = pyarrow.string()
    return _under_one_another([_text(column) for column in columns], text)


def _as(column: Column, kind: pyarrow.DataType) -> Column:
    if column.type == kind:
        return column
    return text_as(column, kind) if pyarrow.types.is_string(column.type) else column.cast(kind)


def _text(column: Column) -> Column:
    if pyarrow.types.is_string(column.type):
        return column
    texts = [joined(cell) or None for cell in cells_of(column)]
    return pyarrow.chunked_array([pyarrow.array(texts, pyarrow.string())])


def _under_one_another(columns: Sequence[Column], kind: pyarrow.DataType) -> Column:
    chunks: Any = [chunk for column in columns for chunk in column.chunks]
    return pyarrow.chunked_array(chunks or [pyarrow.array([], kind)])
