"""The manifest's columns as people and programs read of them: a table, a page's part, and a JSON schema of a row."""

from __future__ import annotations

import io
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from longtake.manifests.schema import COLUMNS

MARKS = ("<!-- columns -->", "<!-- /columns -->")
"""Between these the page of the manifest has its table."""
_NARROWEST_TABLE = 110
_NOT_GIVEN = {"enum": [None, ""]}


def row_schema() -> dict[str, Any]:
    """A JSON Schema of one row, as a line of JSON Lines or a CSV's row with its cells as text."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Row of a Longtake manifest",
        "description": "Null, empty text and a missing key mean: not given. Other columns are kept as they are.",
        "type": "object",
        "properties": {
            name: {
                "description": _plain(f"{column.help}. Takes: {column.takes}. Empty: {column.empty}."),
                "anyOf": [dict(column.json_schema), _NOT_GIVEN],
            }
            for name, column in COLUMNS.items()
        },
        "additionalProperties": True,
    }


def columns_markdown() -> str:
    """The table of all columns."""
    lines = ["| column | what it does | takes | empty |", "|---|---|---|---|"]
    for name, column in COLUMNS.items():
        cells = [cell.replace("|", "\\|") for cell in (f"`{name}`", *column[:3])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def page_with_columns(page: str) -> str:
    """The page with what stands between its marks replaced by the table.

    Raises:
        ValueError: The page lacks a mark.
    """
    before, begin, rest = page.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not begin or not end:
        raise ValueError(f"the page lacks {MARKS[0]} or {MARKS[1]}")
    return f"{before}{begin}\n\n{columns_markdown()}\n\n{end}{after}"


def columns_text(width: int) -> str:
    """The columns for a terminal so many letters wide: a table, or one under the other where that is narrow."""
    file = io.StringIO()
    screen = Console(file=file, width=width, no_color=True, markup=False, highlight=False)
    screen.print(_table() if width >= _NARROWEST_TABLE else _records())
    screen.print("Any other column is kept and comes back in the results; prompts may fill it in as {its name}.")
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def _table() -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("column", no_wrap=True)
    for heading in ("what it does", "takes", "empty"):
        table.add_column(heading)
    for name, column in COLUMNS.items():
        table.add_row(name, *map(_plain, column[:3]))
    return table


def _records() -> Group:
    parts: list[RenderableType] = []
    for name, column in COLUMNS.items():
        record = Table.grid(padding=(0, 2, 0, 0))
        record.add_column(no_wrap=True)
        record.add_column(overflow="fold")
        record.add_row("", _plain(column.help))
        record.add_row("takes", _plain(column.takes))
        record.add_row("empty", _plain(column.empty))
        parts += [Text(name, "bold"), Padding(record, (0, 0, 1, 2))]
    return Group(*parts)


def _plain(text: str) -> str:
    return text.replace("`", "")
