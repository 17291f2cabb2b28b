"""A CSV, plain or gzipped, into columns of text: read line by line under bounds, never as a whole."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from sys import getsizeof
from typing import Any, cast

from longtake.manifests.sizes import (
    MAX_BLANK_ROWS,
    MAX_CELL_CHARACTERS,
    MAX_TEXT_BYTES,
    check_bytes,
    check_shape,
    stop,
)

_BLOCK_BYTES = 1 << 20
_BATCH_ROWS = 1000
_BATCH_BYTES = 8 << 20
_FEW_VALUES = 5000
_PACKED = {
    b"PK\x03\x04": "this is an Excel workbook or a zip file; save it as CSV (UTF-8)",
    codecs.BOM_UTF16_LE: "this is UTF-16; save it as CSV (UTF-8)",
    codecs.BOM_UTF16_BE: "this is UTF-16; save it as CSV (UTF-8)",
    b"\xfd7zX": "this is packed by xz; unpack it, or pack it by gzip",
    b"BZh": "this is packed by bzip2; unpack it, or pack it by gzip",
    b"\x28\xb5\x2f\xfd": "this is packed by zstd; unpack it, or pack it by gzip",
}


def read_csv(source: str, file: Any, check_names: Any) -> dict[str, list[str]]:
    """Every column's cells; rows without any text and columns with neither name nor text are left out.

    Args:
        source: What messages call it.
        file: A seekable file of bytes, at its begin.
        check_names: Takes source and header, and refuses names that cannot be used.

    Raises:
        UnreadableManifestError: It is no such CSV, or larger than `sizes` allows.
    """
    try:
        with _unpacked(source, file) as data:
            return _columns(source, data, check_names)
    except UnicodeDecodeError:
        with _unpacked(source, file) as data:
            line, byte = _not_utf8(data)
        stop(source, f"line {line}: byte 0x{byte:02x} is not UTF-8; save it as CSV (UTF-8)")


class _Bounded(io.BufferedIOBase):
    """Bytes of another file, as many as a manifest may have."""

    def __init__(self, source: str, file: Any) -> None:
        super().__init__()
        self._source = source
        self._file = file
        self.size = 0

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1, /) -> bytes:
        data = cast(bytes, self._file.read(max(size, _BLOCK_BYTES)))
        self.size += len(data)
        check_bytes(self._source, self.size)
        return data


@contextmanager
def _unpacked(source: str, file: Any) -> Generator[_Bounded]:
    file.seek(0)
    head = file.read(4)
    for mark, words in _PACKED.items():
        if head.startswith(mark):
            stop(source, words)
    file.seek(0)
    if head[:2] == b"\x1f\x8b":
        with gzip.open(file) as inner:
            yield _Bounded(source, inner)
    else:
        yield _Bounded(source, file)


def _lines(source: str, text: io.TextIOWrapper) -> Generator[str]:
    while line := text.readline(MAX_CELL_CHARACTERS + 2):
        if len(line) > MAX_CELL_CHARACTERS + 1:
            stop(source, f"a line has more than {MAX_CELL_CHARACTERS:,} characters")
        yield line


def _columns(source: str, data: _Bounded, check_names: Any) -> dict[str, list[str]]:
    # A limit of the whole process; nothing else here reads CSV.
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    reader = csv.reader(_lines(source, io.TextIOWrapper(cast(Any, data), "utf-8-sig", newline="")), strict=True)
    count = blank = taken = 0
    try:
        header = next((row for row in reader if row), [])
        check_shape(source, 0, len(header))
        columns = _Columns(source, len(header))
        check_names(source, [name for name in header if name.strip()] if any(header) else header)
        batch: list[list[str]] = []
        for row in reader:
            if row and len(row) != len(header):
                _wrong_length(source, f"line {reader.line_num} (row {count + 1})", len(row), len(header))
            if not row or (len(row) > 1 and not "".join(row).strip()):
                if (blank := blank + 1) > MAX_BLANK_ROWS:
                    stop(source, f"it has more than {MAX_BLANK_ROWS:,} blank rows; take them out")
                continue
            batch.append(row)
            count += 1
            if len(batch) == _BATCH_ROWS or data.size - taken > _BATCH_BYTES:
                columns.take(batch, count)
                batch, taken = [], data.size
        columns.take(batch, count)
    except csv.Error as error:
        if "field limit" in str(error):
            stop(source, f"line {reader.line_num}: a cell has more than {MAX_CELL_CHARACTERS:,} characters")
        stop(source, f"line {reader.line_num}: {error}; a quote inside a quoted cell is written twice")
    if not count:
        stop(source, "there is no row below the header")
    return columns.named(header, check_names)


def _wrong_length(source: str, place: str, cells: int, names: int) -> None:
    if cells < names:
        stop(source, f"{place} has {cells} cells, the header has {names}; write a comma for every empty cell")
    stop(source, f"{place} has {cells} cells, the header has {names}; quote cells with commas")


class _Columns:
    """Columns that grow row by row, and what they weigh. A value that comes again is kept once."""

    def __init__(self, source: str, size: int) -> None:
        self._source = source
        self._columns: list[list[str]] = [[] for _ in range(size)]
        self._known: list[dict[str, str] | None] = [{} for _ in range(size)]
        self._bytes = 0

    def take(self, rows: Sequence[Sequence[str]], count: int) -> None:
        check_shape(self._source, count, len(self._columns))
        for place, cells in enumerate(zip(*rows, strict=True)):
            known = self._known[place]
            if known is None:
                self._bytes += sum(map(getsizeof, filter(None, cells)))
                self._columns[place].extend(cells)
                continue
            new = set(cells) - known.keys()
            self._bytes += sum(map(getsizeof, new))
            known.update(zip(new, new, strict=True))
            self._columns[place].extend(map(known.__getitem__, cells))
            if len(known) > _FEW_VALUES:
                self._known[place] = None
        check_bytes(self._source, self._bytes, MAX_TEXT_BYTES)

    def named(self, header: Sequence[str], check_names: Any) -> dict[str, list[str]]:
        kept = [
            (name, cells)
            for name, cells in zip(header, self._columns, strict=True)
            if name.strip() or any(cell.strip() for cell in cells)
        ]
        check_names(self._source, [name for name, _ in kept])
        return dict(kept)


def _not_utf8(data: _Bounded) -> tuple[int, int]:
    """The line and the byte at which a text stops being UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    while True:
        block = data.read1()
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            return line + error.object.count(b"\n", 0, error.start), error.object[error.start]
        line += block.count(b"\n")
