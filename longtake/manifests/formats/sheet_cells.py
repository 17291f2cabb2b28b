"""What the reader of workbooks does not tell: where a sheet lies, how far it reaches, and which cells hold no value.

A formula that failed (`#N/A`) or was never calculated would come out as an empty cell, which is bought with a default.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any
from xml.parsers import expat

from longtake.manifests.cells import NOT_CALCULATED
from longtake.manifests.sizes import MAX_CELLS, check_bytes, stop

_PLACE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_BLOCK_BYTES = 1 << 18
_MAX_LIST_BYTES = 4 << 20
_SHARED = "xl/sharedStrings.xml"
_SHEET_KIND = "/worksheet"


def sheet_parts(source: str, archive: zipfile.ZipFile) -> dict[str, str]:
    """The visible sheets by name, in their order, and the part of the archive that each lies in.

    Raises:
        UnreadableManifestError: The workbook's own lists are broken or huge.
    """
    targets: dict[str, str] = {}
    sheets: dict[str, str] = {}

    def take_target(name: str, given: dict[str, str]) -> None:
        if _local(name) == "Relationship" and given.get("Type", "").endswith(_SHEET_KIND):
            targets[given.get("Id", "")] = posixpath.normpath(posixpath.join("/xl", given.get("Target", "")))[1:]

    def take_sheet(name: str, given: dict[str, str]) -> None:
        if _local(name) == "sheet" and given.get("state", "visible") == "visible":
            sheets[given.get("name", "")] = next((given[key] for key in given if key.endswith(":id")), "")

    for part, take in (("xl/_rels/workbook.xml.rels", take_target), ("xl/workbook.xml", take_sheet)):
        try:
            if archive.getinfo(part).file_size > _MAX_LIST_BYTES:
                stop(source, f"its {part} has more than {_MAX_LIST_BYTES >> 20} MiB; save the table alone")
            parser = _parser(source)
            parser.StartElementHandler = take
            parser.Parse(archive.read(part), True)
        except (KeyError, expat.ExpatError) as error:
            stop(source, f"this Excel workbook is damaged ({error}); save it anew")
    return {name: targets[key] for name, key in sheets.items() if key in targets}


def shared_lengths(source: str, path: str) -> list[int]:
    """How many characters the texts have that cells name by their number.

    Raises:
        UnreadableManifestError: They are broken or huge.
    """
    lengths: list[int] = []
    parser = _parser(source)

    def start(name: str, _: dict[str, str]) -> None:
        if _local(name) == "si":
            lengths.append(0)

    def text(data: str) -> None:
        if lengths:
            lengths[-1] += len(data)

    parser.StartElementHandler, parser.CharacterDataHandler = start, text
    _feed(source, parser, path, _SHARED, "its shared texts are")
    return lengths


def look_through(source: str, name: str, path: str, part: str, lengths: Sequence[int]) -> dict[tuple[int, int], str]:
    """The cells of a sheet, by row and column from 0, whose formula failed or was never calculated, and how.

    Raises:
        UnreadableManifestError: The sheet is broken, or its cells lie too far apart.
    """
    sheet = _SheetReader(source, lengths)
    _feed(source, sheet.parser, path, part, f"its sheet {name!r} is")
    if (sheet.last_row + 1) * (sheet.last_column + 1) > MAX_CELLS:
        place = f"row {sheet.last_row + 1:,}, column {sheet.last_column + 1:,}"
        rule = f"its sheet {name!r} reaches to {place}, which are more than {MAX_CELLS:,} cells"
        stop(source, f"{rule}; delete the rows and columns beyond the table")
    return sheet.errors


def _feed(source: str, parser: Any, path: str, part: str, what: str) -> None:
    size = 0
    try:
        with zipfile.ZipFile(path) as archive:
            if part == _SHARED and part not in archive.namelist():
                return
            with archive.open(part) as file:
                while block := file.read(_BLOCK_BYTES):
                    size += len(block)
                    check_bytes(source, size)
                    parser.Parse(block, False)
        parser.Parse(b"", True)
    except (KeyError, expat.ExpatError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        stop(source, f"{what} damaged ({error}); save it anew")


class _SheetReader:
    """Handlers of a sheet's cells."""

    def __init__(self, source: str, lengths: Sequence[int]) -> None:
        self.parser = parser = _parser(source)
        self._source, self._lengths, self._characters = source, lengths, 0
        self.errors: dict[tuple[int, int], str] = {}
        self.last_row = self.last_column = 0
        self._place, self._kind = (0, -1), ""
        self._next_row, self._has_formula = 0, False
        self._value: list[str] | None = None
        self._is_full = False
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.buffer_text = True

    def _start(self, name: str, given: dict[str, str]) -> None:
        name = _local(name)
        if name == "c":
            self._place = _place(given.get("r", "")) or (self._place[0], self._place[1] + 1)
            self._kind, self._has_formula, self._is_full = given.get("t", ""), False, False
        elif name == "row":
            row = given.get("r", "")
            self._next_row = int(row) if row.isdecimal() and len(row) < 9 else self._next_row + 1
            self._place = (self._next_row - 1, -1)
        elif name == "f":
            self._has_formula = True
        elif name in ("v", "t"):
            self._value = []
            self.parser.CharacterDataHandler = self._value.append

    def _end(self, name: str) -> None:
        name = _local(name)
        if name in ("v", "t") and self._value is not None:
            self.parser.CharacterDataHandler = None
            text, self._value = "".join(self._value), None
            if text or (name == "v" and self._kind == "str"):
                self._is_full = True
            if name == "v" and self._kind == "e":
                self.errors[self._place] = text
            elif self._kind == "s" and text.isdecimal() and len(text) < 9 and int(text) < len(self._lengths):
                self._characters += self._lengths[int(text)]
                check_bytes(self._source, self._characters)
        elif name == "c":
            if self._has_formula and not self._is_full:
                self.errors[self._place] = NOT_CALCULATED
                self._is_full = True
            if self._is_full:
                self.last_row = max(self.last_row, self._place[0])
                self.last_column = max(self.last_column, self._place[1])


def _place(name: str) -> tuple[int, int] | None:
    """Row and column, from 0, of a cell such as `B3`."""
    match = _PLACE.fullmatch(name)
    if match is None:
        return None
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - 64
    return int(match[2]) - 1, column - 1


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _parser(source: str) -> Any:
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        stop(source, "this Excel workbook declares a document type, which no spreadsheet does; save it anew")

    parser.StartDoctypeDeclHandler = refuse
    return parser
