"""JSON Lines, plain or gzipped: an object a line, its keys the columns; read line by line under bounds."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from sys import getsizeof
from typing import Any, NoReturn, cast

import pyarrow

from longtake.manifests.formats.csv_text import stop_where_not_utf8, text_lines, unpacked
from longtake.manifests.schema import Cell
from longtake.manifests.sizes import MAX_BLANK_ROWS, MAX_CELLS, MAX_TEXT_BYTES, check_bytes, check_shape, stop

MAX_MARKS = 1_000_000
"""Commas, brackets and braces of a line: each may stand for a value of a hundred bytes."""
_PLAIN_FLOAT = 2**53
_SHARED_TEXT_CHARACTERS = 64


def read_json_lines(source: str, file: Any) -> tuple[dict[str, list[Cell]], pyarrow.Table | None]:
    """Every column's cells, and the columns with their types unless all are text.

    Null and a key that is missing are empty cells, `5.0` is `5`, lists stay lists, objects inside are JSON; rows
    without any value are left out.

    Raises:
        UnreadableManifestError: It is no such file, or larger than `sizes` allows.
    """
    try:
        with unpacked(source, file) as data:
            rows = _Rows(source)
            for number, line in enumerate(text_lines(source, data), 1):
                if line.strip():
                    rows.add(number, line)
            return rows.cells(), rows.typed()
    except UnicodeDecodeError:
        stop_where_not_utf8(source, file)


class _Rows:
    """Rows as they are read; what comes again is kept once."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._columns: dict[str, list[Cell]] = {}
        self._kinds: dict[str, set[type]] = {}
        self._known: dict[str, str] = {}
        self._rows = self._blank = self._bytes = self._values = 0

    def add(self, number: int, line: str) -> None:
        """Takes one line."""
        row = self._parsed(number, line)
        if not any(map(_is_given, row.values())):
            self._blank += 1
            if self._blank > MAX_BLANK_ROWS:
                stop(self._source, f"it has more than {MAX_BLANK_ROWS:,} empty rows; take them out")
            return
        for name in row:
            if name not in self._columns:
                self._check_text(number, name, name)
                self._columns[name] = [""] * self._rows
                self._kinds[name] = set()
        self._rows += 1
        check_shape(self._source, self._rows, len(self._columns))
        for name, cells in self._columns.items():
            cells.append(self._cell(number, name, value) if _is_given(value := row.get(name)) else "")
        check_bytes(self._source, self._bytes, MAX_TEXT_BYTES)
        if self._values > MAX_CELLS:
            stop(self._source, f"it has more than {MAX_CELLS:,} values in its cells; split it")

    def cells(self) -> dict[str, list[Cell]]:
        """All columns."""
        if not self._rows:
            stop(self._source, "there is no row")
        return self._columns

    def typed(self) -> pyarrow.Table | None:
        """All columns with their types; None where all are text."""
        if all(kinds <= {str} for kinds in self._kinds.values()):
            return None
        return pyarrow.table({name: _typed(cells, self._kinds[name]) for name, cells in self._columns.items()})

    def _parsed(self, number: int, line: str) -> dict[str, Any]:
        if line.count(",") + line.count("[") + line.count("{") > MAX_MARKS:
            stop(self._source, f"line {number}: it has more than {MAX_MARKS:,} values; split it")

        def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            found = dict(pairs)
            if len(found) < len(pairs):
                names = [name for name, _ in pairs]
                stop(self._source, f"line {number}: {next(n for n in names if names.count(n) > 1)!r} is there twice")
            return found

        def refuse(word: str) -> NoReturn:
            stop(self._source, f"line {number}: {word} is no number of JSON; write null or a number")

        try:
            row: object = json.loads(line, object_pairs_hook=without_repeats, parse_constant=refuse)
        except RecursionError:
            stop(self._source, f"line {number}: it is nested too deep")
        except ValueError as error:
            self._not_an_object(number, line, getattr(error, "msg", str(error)))
        if not isinstance(row, dict):
            self._not_an_object(number, line, f"it holds a {type(row).__name__}")
        row = cast("dict[str, Any]", row)
        if number == 1 and row and all(isinstance(value, dict) for value in row.values()):
            rule = "this is one JSON object with a column under each key, as pandas writes it by default"
            stop(self._source, f"{rule}; write to_json(orient='records', lines=True)")
        return row

    def _not_an_object(self, number: int, line: str, why: str) -> NoReturn:
        if number == 1 and line.strip() in ("{", "["):
            stop(self._source, "this is JSON over several lines; write one object a line (jq -c)")
        stop(self._source, f"line {number}: this is no JSON object ({why}); JSON Lines have one object a line")

    def _cell(self, number: int, name: str, value: Any) -> Cell:
        self._kinds[name].add(type(value))
        if isinstance(value, list):
            values = cast("list[Any]", value)
            self._values += len(values)
            self._bytes += getsizeof(values)
            return [self._text(number, name, one) for one in values if one not in (None, "")]
        return self._text(number, name, value)

    def _text(self, number: int, name: str, value: Any) -> str:
        if isinstance(value, float) and not math.isfinite(value):
            stop(self._source, f"line {number}: {name} holds a number that is too large")
        text = self._check_text(number, name, text_of(value))
        if len(text) <= _SHARED_TEXT_CHARACTERS:
            if (known := self._known.get(text)) is not None:
                return known
            self._known[text] = text
        self._bytes += getsizeof(text)
        return text

    def _check_text(self, number: int, name: str, text: str) -> str:
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError as error:
                half = text[error.start]
                stop(self._source, f"line {number}: {name!a} holds half a letter ({half!a}); write it whole")
        return text


def _is_given(value: object) -> bool:
    return value not in (None, "", [], {})


def text_of(value: Any) -> str:
    """A value as a person would write it in a cell: 5.0 is `5`, true is `true`, what has parts is JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < _PLAIN_FLOAT:
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _typed(cells: Sequence[Cell], kinds: set[type]) -> pyarrow.Array[Any]:
    """A column in the type that all of its values have; as text where they have none in common."""
    texts = ["|".join(cell) if isinstance(cell, list) else cell for cell in cells]
    try:
        if kinds == {bool}:
            return pyarrow.array([text == "true" if text else None for text in texts], pyarrow.bool_())
        if kinds == {int}:
            return pyarrow.array([int(text) if text else None for text in texts], pyarrow.int64())
        if kinds and kinds <= {int, float}:
            return pyarrow.array([float(text) if text else None for text in texts], pyarrow.float64())
        if kinds == {list}:
            lists = [cell or None for cell in cells]
            return pyarrow.array(lists, pyarrow.list_(pyarrow.string()))
    except (OverflowError, pyarrow.ArrowException):  # a whole number beyond 64 bits
        pass
    return pyarrow.array(texts, pyarrow.string())
