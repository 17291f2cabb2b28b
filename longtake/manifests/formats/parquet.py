"""Parquet files into one table, with the columns that hive folders name. Runs in a child: a small file may unpack to
terabytes, and its page headers say what Arrow allocates.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn
from urllib.parse import unquote

import pyarrow
import pyarrow.compute
import pyarrow.ipc
import pyarrow.parquet

from longtake.manifests.headers import check_repeated
from longtake.manifests.sizes import MAX_CELLS, check_bytes, check_shape, stop
from longtake.media.own_memory import allow_growth

GROWTH_BYTES = 384 * 2**20
"""What the child may take beyond its libraries: the table, the pages that it is read from, and a batch."""
FOOTER_MAX_BYTES = 8 * 2**20
NULL_NAME = "__HIVE_DEFAULT_PARTITION__"
_BATCH_ROWS = 500
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")


class Part(NamedTuple):
    """One Parquet file: what people call it, where it lies on this machine, and what its folders say of it."""

    name: str
    path: str
    folders: tuple[tuple[str, str | None], ...] = ()


def partition(folder: str) -> tuple[str, str | None] | None:
    """Column and text that a folder such as `resolution=480p` stands for (None: null); None for any other folder."""
    name, mark, value = folder.partition("=")
    if not mark or not name:
        return None
    return _decoded(name), None if value == NULL_NAME else _decoded(value)


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def read_parts(source: str, parts: Sequence[Part], target: str) -> None:
    """Reads all files into one table and writes it to `target` as an Arrow stream.

    Raises:
        UnreadableManifestError: Not Parquet, damaged, or larger than `sizes` allows.
    """
    pyarrow.set_memory_pool(pyarrow.system_memory_pool())
    allow_growth(GROWTH_BYTES)
    name = source
    try:
        tables: list[pyarrow.Table] = []
        for name, path, folders in parts:
            check_bytes(source, sum(table.nbytes for table in tables))
            tables.append(_with_folders(name, _read(name, path), folders))
        name = source
        table = _joined(source, tables, parts)
        with pyarrow.OSFile(target, "wb") as file, pyarrow.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table)
    except MemoryError:
        _too_hungry(name)
    except pyarrow.ArrowException as error:
        stop(name, str(error).strip() or type(error).__name__)


def _too_hungry(name: str) -> NoReturn:
    stop(name, f"to read it needs more than {GROWTH_BYTES >> 20} MiB of memory; split it, or write smaller row groups")


def _read(name: str, path: str) -> pyarrow.Table:
    with open(path, "rb") as file:  # noqa: PTH123 - a plain file, as Arrow wants it
        file.seek(-8, 2)
        footer = int.from_bytes(file.read(4), "little")
        if footer > FOOTER_MAX_BYTES:
            stop(name, f"its footer has more than {FOOTER_MAX_BYTES >> 20} MiB; write fewer columns and row groups")
    with pyarrow.parquet.ParquetFile(path, thrift_container_size_limit=200_000, memory_map=False) as parquet:
        check_shape(name, parquet.metadata.num_rows, parquet.metadata.num_columns)
        check_repeated(name, parquet.schema_arrow.names)
        rows = cells = size = 0
        # Looked through before it is kept: no header tells what a dictionary or a run of repeats unpacks to.
        for batch in parquet.iter_batches(_BATCH_ROWS, use_threads=False):
            rows += batch.num_rows
            for column in batch.columns:
                found, weight = _weight(column)
                cells, size = cells + found, size + weight
            check_shape(name, rows, batch.num_columns)
            check_bytes(name, size)
            if cells > MAX_CELLS:
                stop(name, f"it has more than {MAX_CELLS:,} values in its cells; split it")
        return parquet.read(use_threads=False).replace_schema_metadata(None)


def _weight(column: Any) -> tuple[int, int]:
    """How many values a column holds, those inside lists and structures too, and how many bytes."""
    kind, types = column.type, pyarrow.types
    if types.is_dictionary(kind):
        lengths = _weight(column.dictionary)[1] / max(1, len(column.dictionary))
        if types.is_string(kind.value_type) or types.is_binary(kind.value_type):
            sizes = pyarrow.compute.binary_length(column.dictionary).take(column.indices)
            return len(column), pyarrow.compute.sum(sizes).as_py() or 0
        return len(column), int(lengths * len(column))
    if types.is_struct(kind):
        inner = [_weight(part) for part in column.flatten()]
        return sum(cells for cells, _ in inner) + len(column), sum(size for _, size in inner)
    if types.is_map(kind):
        inner = [_weight(column.keys), _weight(column.items)]
        return sum(cells for cells, _ in inner) + len(column), sum(size for _, size in inner)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        cells, size = _weight(column.flatten())
        return cells + len(column), size + 4 * len(column)
    return len(column), column.nbytes


def _with_folders(name: str, table: pyarrow.Table, folders: Sequence[tuple[str, str | None]]) -> pyarrow.Table:
    for column, value in folders:
        if column in table.column_names:
            inside = pyarrow.compute.unique(table.column(column)).to_pylist()
            if all(("" if found is None else str(found)) == (value or "") for found in inside):
                continue
            rule = f"its folder says {column}={value or 'null'}, its own column {column} says otherwise"
            stop(name, f"{rule}; keep one of the two, or rename the column")
        table = table.append_column(column, pyarrow.array([value] * table.num_rows, pyarrow.string()))
    return table


def _joined(source: str, tables: Sequence[pyarrow.Table], parts: Sequence[Part]) -> pyarrow.Table:
    columns = list(dict.fromkeys(name for table in tables for name in table.column_names))
    check_shape(source, sum(table.num_rows for table in tables), len(columns))
    tables = [_without_encodings(table, tables) for table in tables]
    for column in columns:
        _check_types(column, tables, parts)
    table = pyarrow.concat_tables(tables, promote_options="permissive").unify_dictionaries()
    folders = dict.fromkeys(name for part in parts for name, _ in part.folders)
    for name in folders:
        if pyarrow.types.is_string(table.schema.field(name).type):
            table = table.set_column(table.column_names.index(name), name, _numbered(table.column(name)))
    return table


def _without_encodings(table: pyarrow.Table, all_tables: Sequence[pyarrow.Table]) -> pyarrow.Table:
    """The table with text and bytes as such where another one has a column otherwise: they differ in storage alone."""
    for place, name in enumerate(table.column_names):
        kinds = {other.schema.field(name).type for other in all_tables if name in other.column_names}
        kind = plain = table.schema.field(name).type
        if len(kinds) > 1 and pyarrow.types.is_dictionary(kind):
            plain = kind.value_type
        if len(kinds) > 1 and plain in (pyarrow.string_view(), pyarrow.binary_view()):
            plain = pyarrow.string() if plain == pyarrow.string_view() else pyarrow.binary()
        if plain != kind:
            table = table.set_column(place, name, table.column(name).cast(plain))
    return table


def _check_types(column: str, tables: Sequence[pyarrow.Table], parts: Sequence[Part]) -> None:
    """Refuses a column whose types differ from file to file so that no one type holds all."""
    first: tuple[str, Any] | None = None
    for (name, _, _), table in zip(parts, tables, strict=True):
        if column not in table.column_names:
            continue
        kind = table.schema.field(column).type
        if first is None:
            first = (name, kind)
        elif kind != first[1]:
            fields = [pyarrow.schema([(column, each)]) for each in (first[1], kind)]
            try:
                pyarrow.unify_schemas(fields, promote_options="permissive")
            except pyarrow.ArrowException:
                rule = f"the files do not fit together: column {column!r} is {kind} here and {first[1]} in {first[0]}"
                stop(name, f"{rule}; write it with one type in all files")


def _numbered(column: pyarrow.ChunkedArray[Any]) -> pyarrow.ChunkedArray[Any]:
    """A folder's texts as numbers where all are, as Arrow types them; `001` stays what it is, for it names a shot."""
    texts = column.unique().to_pylist()
    are_numbers = any(texts) and all(text is None or _WHOLE.fullmatch(text) for text in texts)
    return column.cast(pyarrow.int64()) if are_numbers else column
