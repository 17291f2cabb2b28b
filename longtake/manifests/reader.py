"""Reads a manifest, CSV or Parquet, from disk or `s3://`, without guessing: every cell is text, nothing means "NA"."""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn, cast

import pyarrow
import pyarrow.compute
import pyarrow.parquet

from longtake.errors import UnreadableManifestError
from longtake.identity import ContentDigest
from longtake.manifests.garbage import uncollected
from longtake.manifests.schema import COLUMNS, Cell, Manifest

CSV_MAX_BYTES = 2**31
PARQUET_ENDINGS = (".parquet", ".parq", ".pq")
_GLOB = re.compile(r"[*?\[]")


def read_manifest(source: str) -> Manifest:
    """Reads a manifest.

    Args:
        source: A CSV file (UTF-8, separated by commas, also `.csv.gz`), a Parquet file, or a folder or glob of Parquet
            files (read in the order of their names). A local path or `s3://` (the standard AWS variables apply).

    Raises:
        UnreadableManifestError: There is no such file, or it is not a manifest; the message says why and where.
    """
    if "::" in source or "\0" in source or ("://" in source and not source.startswith("s3://")):
        raise UnreadableManifestError(f"{source!r} is neither a path nor s3://")
    try:
        with uncollected():
            return _read(source)
    except UnreadableManifestError:
        raise
    except FileNotFoundError:
        raise UnreadableManifestError(f"{source}: there is no such file") from None
    except Exception as error:  # whatever a file system, botocore or Arrow says about a file that is not ours
        raise UnreadableManifestError(f"{source}: {str(error).strip() or type(error).__name__}") from error


def _read(source: str) -> Manifest:
    files = _file_system(source)
    path = source if source.startswith("s3://") else str(Path(source).expanduser().absolute())
    if files.isfile(path):
        with files.open(path, "rb") as file:
            head = file.read(4)
            file.seek(0)
            if head == b"PAR1":
                return _from_tables(source, path.rpartition("/")[0], [(path, pyarrow.parquet.ParquetFile(file).read())])
            data = _csv_bytes(source, file, head)
        return _from_csv(source, path.rpartition("/")[0], data)
    if files.isdir(path):
        names = [str(name) for name in files.ls(path, detail=False)]
        names = [name for name in names if name.endswith(PARQUET_ENDINGS) and not _is_hidden(name)]
        if not names:
            rule = "no Parquet file lies directly in this folder; for deeper ones give a glob such as"
            raise UnreadableManifestError(f"{source}: {rule} {source.rstrip('/')}/**/*.parquet")
        base = path.rstrip("/")
    elif _GLOB.search(path):
        names = [str(name) for name in files.glob(path) if not _is_hidden(str(name)) and not files.isdir(name)]
        if not names:
            raise UnreadableManifestError(f"{source}: no file matches")
        base = path[: _first_wild(path)].rpartition("/")[0]
    else:
        raise FileNotFoundError
    tables: list[tuple[str, pyarrow.Table]] = []
    for name in sorted(names):
        with files.open(name, "rb") as file:
            if file.read(4) != b"PAR1":
                raise UnreadableManifestError(f"{name}: this is not Parquet; only Parquet is read as many files")
            file.seek(0)
            tables.append((name, pyarrow.parquet.ParquetFile(file).read()))
    return _from_tables(source, base, tables)


def _file_system(source: str) -> Any:
    if not source.startswith("s3://"):
        from fsspec.implementations.local import LocalFileSystem  # noqa: PLC0415

        return LocalFileSystem()
    variables = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
    return _connected(variables, os.getpid())


@lru_cache(maxsize=4)
def _connected(variables: tuple[tuple[str, str], ...], process: int) -> Any:
    """One S3 client for each set of AWS variables; making one takes longer than asking it."""
    del variables, process
    import s3fs  # noqa: PLC0415  # half a second that local manifests need not pay

    connect: Any = s3fs.S3FileSystem
    return connect(use_listings_cache=False, skip_instance_cache=True, default_block_size=1 << 22)


def _is_hidden(name: str) -> bool:
    return name.rpartition("/")[2].startswith((".", "_"))


def _first_wild(path: str) -> int:
    match = _GLOB.search(path)
    return match.start() if match else len(path)


def _csv_bytes(source: str, file: Any, head: bytes) -> bytes:
    if head[:2] == b"\x1f\x8b":
        with gzip.open(file) as unpacked:
            data = unpacked.read(CSV_MAX_BYTES + 1)
    else:
        data = cast(bytes, file.read(CSV_MAX_BYTES + 1))
    if len(data) > CSV_MAX_BYTES:
        _stop(source, "the CSV has more than 2 GiB; split it, or write Parquet")
    if head[:4] == b"PK\x03\x04":
        _stop(source, "this is an Excel workbook or a zip file; save it as CSV (UTF-8)")
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        _stop(source, "this is UTF-16; save it as CSV (UTF-8)")
    return data


def _stop(source: str, reason: str) -> NoReturn:
    raise UnreadableManifestError(f"{source}: {reason}")


def _from_csv(source: str, base: str, data: bytes) -> Manifest:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        _stop(source, f"line {line}: byte 0x{data[error.start]:02x} is not UTF-8; save it as CSV (UTF-8)")
    del data
    # A data URI is one cell. The limit is the whole process's; it guards against nothing that is open here.
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[list[str]] = []
    try:
        header = next((row for row in reader if row), [])
        _check_names(source, header)
        for row in reader:
            if len(row) == len(header):
                rows.append(row)
            elif row:
                place = f"line {reader.line_num} (row {len(rows) + 1})"
                _stop(source, f"{place} has {len(row)} cells, the header has {len(header)}; quote cells with commas")
    except csv.Error as error:
        _stop(source, f"line {reader.line_num}: {error}; a quote inside a quoted cell is written twice")
    if not rows:
        _stop(source, "there is no row below the header")
    columns = cast("Iterable[list[Cell]]", (list(column) for column in zip(*rows, strict=True)))
    return Manifest(source, base, dict(zip(header, columns, strict=True)))


def _check_names(source: str, names: Sequence[str]) -> None:
    if not names:
        _stop(source, "the file is empty")
    if len(names) == 1:
        for separator, word in ((";", "semicolons"), ("\t", "tabs")):
            if COLUMNS.keys() & names[0].split(separator) and separator in names[0]:
                _stop(source, f"its cells are separated by {word}; save it with commas")
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        _stop(source, f"more than one column is called {', '.join(map(repr, repeated))}")


def _from_tables(source: str, base: str, tables: Sequence[tuple[str, pyarrow.Table]]) -> Manifest:
    for name, table in tables:
        _check_names(name, table.column_names)
    try:
        table = pyarrow.concat_tables([table for _, table in tables], promote_options="permissive")
    except pyarrow.ArrowException as error:
        _stop(source, f"its files do not fit together: {error}")
    if table.num_rows == 0:
        _stop(source, "there is no row")
    table = table.replace_schema_metadata(None)
    return Manifest(source, base, {name: cells_of(table.column(name)) for name in table.column_names}, typed=table)


def cells_of(column: pyarrow.ChunkedArray[Any]) -> list[Cell]:
    """A typed column's cells as text: nulls and NaN are empty, 5.0 is `5`, lists stay lists, structures are JSON."""
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
    if pyarrow.types.is_floating(kind):
        column = pyarrow.compute.if_else(pyarrow.compute.is_nan(column), None, column)
    try:
        column = pyarrow.compute.cast(column, pyarrow.string())
    except pyarrow.ArrowException:
        values = cast("list[object]", column.to_pylist())
        return ["" if value is None else json.dumps(value, ensure_ascii=False, default=str) for value in values]
    return [text or "" for text in cast("list[str | None]", column.to_pylist())]


def _is_list(kind: Any) -> bool:
    types: Any = pyarrow.types
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


_digests: dict[tuple[object, ...], str] = {}


def content_digest(source: str) -> str:
    """SHA-256 (hex) of the bytes behind a local path or `s3://` address, read again only when they have changed.

    Raises:
        OSError: It cannot be read.
    """
    if source.startswith("s3://"):
        return _object_digest(source)
    with Path(source).open("rb") as file:
        found = os.fstat(file.fileno())
        key = (source, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if key not in _digests:
            _digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _digests[key]


def _object_digest(source: str) -> str:
    try:
        files = _file_system(source)
        found = files.info(source)
        key = (source, found.get("ETag"), found.get("size"), str(found.get("LastModified")))
        if key not in _digests:
            with files.open(source, "rb", cache_type="readahead") as file:
                _digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        raise
    except Exception as error:  # botocore's own errors are no OSError
        raise OSError(f"{source}: {error}") from error
    return _digests[key]


class KnownDigests:
    """Digests as they were when each was first asked for, so that one run sees one content of every file."""

    def __init__(self, digest: ContentDigest = content_digest) -> None:
        self._digest = digest
        self._known: dict[str, str] = {}

    def __call__(self, source: str) -> str:
        if source not in self._known:
            self._known[source] = self._digest(source)
        return self._known[source]
