"""Excel workbooks (.xlsx) into columns of text. Runs in a child: a small file may unpack to gigabytes, and one cell far
from the others makes the reader allocate all that lies between them.
"""

from __future__ import annotations

import datetime
import importlib
import importlib.util
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow
import pyarrow.ipc

from longtake.manifests.formats.growing import GrowingColumns
from longtake.manifests.formats.sheet_cells import look_through, shared_lengths, sheet_parts
from longtake.manifests.headers import reads_as
from longtake.manifests.sizes import check_bytes, stop
from longtake.media.own_memory import allow_growth

GROWTH_BYTES = 512 * 2**20
"""What the child may take beyond its libraries."""
LIBRARY = "python_calamine"
_MAX_PARTS = 10_000
_OTHER_PARTS = {
    "xl/workbook.bin": "this is a binary Excel workbook (.xlsb); save it as .xlsx",
    "content.xml": "this is an OpenDocument table; save it as .xlsx or CSV (UTF-8)",
    "Index/Document.iwa": "this is an Apple Numbers table; export it as CSV (UTF-8)",
    "word/document.xml": "this is a Word document; save its table as CSV (UTF-8)",
}
_WHOLE_FLOAT = 10**15


def require_reader(source: str) -> None:
    """Refuses a workbook where nothing is installed that reads it.

    Raises:
        UnreadableManifestError: Names what to install.
    """
    if importlib.util.find_spec(LIBRARY) is None:
        fix = "pip install 'longtake[excel]', or save it as CSV (UTF-8)"
        stop(source, f"this is an Excel workbook, and what reads those is not installed; {fix}")


def read_workbook(source: str, path: str, target: str) -> dict[str, frozenset[int]]:
    """Reads the one sheet that holds the manifest, and writes its columns to `target` as an Arrow stream of text.

    It is the only visible sheet with text; of several, the only one whose header names a documented column.

    Args:
        source: What messages call it.
        path: Where it lies on this machine.
        target: The file to write.

    Returns:
        Numbers of the rows, by column, whose formula has no value; their cells hold the error's word.

    Raises:
        UnreadableManifestError: It is no such workbook, or larger than `sizes` allows.
    """
    allow_growth(GROWTH_BYTES)
    try:
        parts = _parts(source, path)
        lengths = shared_lengths(source, path)
        errors = {name: look_through(source, name, path, part, lengths) for name, part in parts.items()}
        cells, failed = _columns(source, path, errors)
        _write(cells, target)
    except MemoryError:
        fix = "split it, or save it as CSV (UTF-8)"
        stop(source, f"to read it needs more than {GROWTH_BYTES >> 20} MiB of memory; {fix}")
    return failed


def _write(cells: Mapping[str, list[str]], target: str) -> None:
    table = pyarrow.table({name: pyarrow.array(texts, pyarrow.string()) for name, texts in cells.items()})
    with pyarrow.OSFile(target, "wb") as file, pyarrow.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)


def _parts(source: str, path: str) -> dict[str, str]:
    """The visible sheets by name, and where each lies in the file."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = archive.infolist()
            if len(found) > _MAX_PARTS:
                stop(source, f"it has more than {_MAX_PARTS:,} parts; save the table alone")
            names = {part.filename for part in found}
            for name, words in _OTHER_PARTS.items():
                if name in names:
                    stop(source, words)
            if "xl/workbook.xml" not in names:
                stop(source, "this is a zip file; unpack it, or pack it by gzip")
            # What Longtake reads of it; pictures and macros are left aside.
            check_bytes(source, sum(part.file_size for part in found if part.filename.endswith((".xml", ".rels"))))
            return sheet_parts(source, archive)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        stop(
            source,
            f"this is an Excel workbook or a zip file, and it is damaged or has a password ({error}); save it anew",
        )


def _columns(
    source: str, path: str, errors: Mapping[str, Mapping[tuple[int, int], str]]
) -> tuple[dict[str, list[str]], dict[str, frozenset[int]]]:
    library: Any = importlib.import_module(LIBRARY)
    try:
        with library.CalamineWorkbook.from_path(path) as book:
            sheets = {name: _Sheet(book.get_sheet_by_name(name), errors[name]) for name in errors}
            sheet = _only(source, {name: sheet for name, sheet in sheets.items() if sheet.header})
            columns = GrowingColumns(source, sheet.header)
            failed: defaultdict[str, list[int]] = defaultdict(list)
            for cells, places in sheet.rows():
                before = columns.rows
                columns.add(cells)
                for place in places if columns.rows > before else ():
                    failed[sheet.header[place]].append(columns.rows)
            return columns.finished(), {name: frozenset(rows) for name, rows in failed.items()}
    except (library.CalamineError, library.XmlError, library.ZipError, library.PasswordError) as error:
        stop(source, f"this Excel workbook cannot be read ({error}); save it anew, or as CSV (UTF-8)")


def _only(source: str, sheets: Mapping[str, _Sheet]) -> _Sheet:
    if not sheets:
        stop(source, "no visible sheet has a cell with text")
    documented = [name for name, sheet in sheets.items() if any(map(reads_as, sheet.header))]
    if len(documented) > 1:
        rule = f"more than one sheet names columns of a manifest: {', '.join(documented)}"
        stop(source, f"{rule}; keep one, hide the others, or save each in a file of its own")
    return sheets[documented[0]] if documented else next(iter(sheets.values()))


class _Sheet:
    """A sheet's rows as text.

    Attributes:
        header: The first row with any text.
    """

    def __init__(self, sheet: Any, errors: Mapping[tuple[int, int], str]) -> None:
        # The library's rows begin at the sheet's first, their cells at the first column that has any.
        self._given = enumerate(sheet.iter_rows())
        self._errors = errors
        self._left = (sheet.start or (0, 0))[1]
        self.header = next((cells for cells, _ in self.rows() if any(map(str.strip, cells))), [])

    def rows(self) -> Iterator[tuple[list[str], list[int]]]:
        """The rows below those that were given before, and at which places a formula has no value but an error."""
        for number, row in self._given:
            cells = [_text(cell) for cell in row]
            failed = (
                [at for at in range(len(cells)) if (number, at + self._left) in self._errors] if self._errors else []
            )
            for place in failed:
                cells[place] = self._errors[number, place + self._left]
            yield cells, failed


def _text(cell: Any) -> str:
    """A cell as Excel shows it in its plain format: 5.0 is `5`, fractions with 15 digits, dates as ISO 8601."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < _WHOLE_FLOAT:
        return str(int(cell))
    if isinstance(cell, float):
        return f"{cell:.15g}"
    if isinstance(cell, datetime.date | datetime.time):  # a datetime is a date
        return cell.isoformat()
    return str(cell)
