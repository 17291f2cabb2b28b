"""A CSV, plain or gzipped, into columns of text: read line by line under bounds, never as a whole."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, NoReturn, cast

from longtake.manifests.formats.growing import GrowingColumns
from longtake.manifests.formats.kinds import GZIP, HEAD_BYTES
from longtake.manifests.headers import reads_as
from longtake.manifests.sizes import MAX_CELL_CHARACTERS, check_bytes, stop

_BLOCK_BYTES = 1 << 20
_LOOKED_AT_CHARACTERS = 1 << 16
_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_SEPARATOR_LINE = re.compile(r'"?sep=([^\w\s"]|\t)"?[,;\t|]*[\r\n]*', re.IGNORECASE)
"""Excel writes it above a table and takes it out again."""


def read_csv(source: str, file: Any) -> dict[str, list[str]]:
    """Every column's cells; rows without any text and columns with neither name nor text are left out.

    Cells stand between commas, or between semicolons, tabs or pipes where only those make out a documented column.

    Args:
        source: What messages call it.
        file: A seekable file of bytes.

    Raises:
        UnreadableManifestError: It is no such CSV, or larger than `sizes` allows.
    """
    try:
        with unpacked(source, file) as data:
            return _columns(source, data)
    except UnicodeDecodeError:
        stop_where_not_utf8(source, file)


class BoundedBytes(io.BufferedIOBase):
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
def unpacked(source: str, file: Any) -> Generator[BoundedBytes]:
    """The bytes of a file from its begin, those inside where it is packed by gzip."""
    file.seek(0)
    packed = file.read(2) == GZIP
    file.seek(0)
    if packed:
        with gzip.open(file) as inner:
            yield BoundedBytes(source, inner)
    else:
        yield BoundedBytes(source, file)


def first_bytes(source: str, file: Any) -> bytes:
    """The first bytes of a file, unpacked where it is packed by gzip."""
    with unpacked(source, file) as data:
        return data.read1(HEAD_BYTES)[:HEAD_BYTES]


def text_lines(source: str, data: BoundedBytes) -> Generator[str]:
    """The lines of a text in UTF-8, with their ends, of bounded length."""
    text = io.TextIOWrapper(cast(Any, data), "utf-8-sig", newline="")
    while line := text.readline(MAX_CELL_CHARACTERS + 2):
        if len(line) > MAX_CELL_CHARACTERS + 1:
            stop(source, f"a line has more than {MAX_CELL_CHARACTERS:,} characters")
        yield line


def stop_where_not_utf8(source: str, file: Any) -> NoReturn:
    """Refuses a file that is no UTF-8, by line and byte."""
    with unpacked(source, file) as data:
        line, byte = _not_utf8(data)
    stop(source, f"line {line}: byte 0x{byte:02x} is not UTF-8; save it as CSV (UTF-8)")


def _separated(lines: Iterator[str]) -> tuple[str, int, Iterator[str]]:
    """What separates the cells, how many lines stand above the table, and the table's lines.

    A comma, unless Excel's first line says otherwise, or a documented column is named only where the first line is cut
    at another sign.
    """
    first = next(lines, "")
    if told := _SEPARATOR_LINE.fullmatch(first):
        return told[1], 1, lines
    above = [first]
    while first and not first.strip():
        above.append(first := next(lines, ""))
    named = {separator: _documented(first[:_LOOKED_AT_CHARACTERS], separator) for separator in _SEPARATORS}
    separator = "," if named[","] else max(named, key=lambda one: named[one])
    return separator, 0, chain(above, lines)


def _documented(line: str, separator: str) -> int:
    """How many documented columns a header names, if its names stand between such signs."""
    try:
        names = next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return 0
    return sum(reads_as(name) is not None for name in names)


def _columns(source: str, data: BoundedBytes) -> dict[str, list[str]]:
    # A limit of the whole process; nothing else here reads CSV.
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    separator, above, lines = _separated(text_lines(source, data))
    reader = csv.reader(lines, strict=True, delimiter=separator)
    try:
        header = next((row for row in reader if any(map(str.strip, row))), [])
        size = len(header)
        columns = GrowingColumns(source, header)
        for row in reader:
            if not row:
                columns.skip_blank()
                continue
            if len(row) > size and not any(map(str.strip, row[size:])):
                row = row[:size]  # noqa: PLW2901 - commas behind the last column
            if len(row) != size:
                place = f"line {reader.line_num + above} (row {columns.rows + 1})"
                sign = _SEPARATORS.get(separator, repr(separator))
                _wrong_length(source, place, len(row), size, sign)
            columns.add(row)
    except csv.Error as error:
        line = reader.line_num + above
        if "field limit" in str(error):
            stop(source, f"line {line}: a cell has more than {MAX_CELL_CHARACTERS:,} characters")
        stop(source, f"line {line}: {error}; a quote inside a quoted cell is written twice")
    return columns.finished()


def _wrong_length(source: str, place: str, cells: int, names: int, sign: str) -> None:
    if cells < names:
        stop(source, f"{place} has {cells} cells, the header has {names}; write a {sign} for every empty cell")
    stop(source, f"{place} has {cells} cells, the header has {names}; quote cells with {sign}s")


def _not_utf8(data: BoundedBytes) -> tuple[int, int]:
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
