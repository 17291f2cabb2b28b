"""Cells that cannot be read, explained by what people and programs do to cells: quotes, lists as text, hidden signs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from longtake.manifests.cells import CellError
from longtake.manifests.signs import invisible, is_quoted

_QUOTED = re.compile(r"""(['"])(.+?)\1""")
_LIST = re.compile(r"\s*(array\()?[\[({].*[\])}]\)?\s*", re.DOTALL)
_MEDIA_FILE = re.compile(r"\S.*\.[A-Za-z0-9]{2,4}(\?.*)?")
_STRUCT_KEYS = {"bytes", "path", "src"}
SHOWN_CHARACTERS = 120


def explained(text: str, error: CellError) -> CellError:
    """The error of a cell that holds one value, with what is odd about its text.

    Args:
        text: The cell, stripped.
        error: Why it cannot be read.
    """
    if "invisible" in error.rule or "quotes" in error.rule:
        return error
    if sign := invisible(text):
        return CellError(f"{error.rule}; the cell holds an invisible character, {sign}", "take that character out")
    if is_quoted(text):
        return CellError(f"{error.rule}; the text stands in quotes", "take the quotes out")
    return error


def explained_reference(value: str, error: CellError, resolves: Callable[[str], bool]) -> CellError:
    """The error of a reference, with what it probably is.

    Args:
        value: The reference as written, stripped.
        error: Why it cannot be taken.
        resolves: Whether a reference can be taken.
    """
    if _is_struct(value):
        rule = "this is a picture inside the table, as Hugging Face writes it ({bytes, path}), and no reference"
        return CellError(rule, "write each picture to a file below the manifest, and its path into the column")
    rule, parts = _several(value)
    if not rule and (sign := invisible(value)):
        return CellError(f"the reference holds an invisible character, {sign}", "take that character out")
    if not rule and is_quoted(value):
        rule, parts = "the path stands in quotes", [value[1:-1].strip()]
    for separator in ";," if not rule else "":
        between = [part.strip() for part in value.split(separator)]
        if len(between) > 1 and (all(map(_MEDIA_FILE.fullmatch, between)) or all(map(resolves, between))):
            rule, parts = f"{error.rule}; several values stand between | and not {separator}", between
            break
    return CellError(rule, f"write {_shown(parts)}") if rule else error


def _several(value: str) -> tuple[str, list[str]]:
    """What a cell is that holds several values in a way that is not taken, and these; else no words."""
    if _LIST.fullmatch(value) and (parts := [part for _, part in _QUOTED.findall(value)]):
        return "this is a list written as text", parts
    lines = [line.strip() for line in value.splitlines() if line.strip()]
    return (f"the cell holds {len(lines)} lines", lines) if len(lines) > 1 else ("", [])


def _is_struct(value: str) -> bool:
    if not value.startswith("{"):
        return False
    try:
        found: object = json.loads(value)
    except ValueError:
        return value.startswith(("{'bytes'", "{'path'"))
    return isinstance(found, dict) and not _STRUCT_KEYS.isdisjoint(found)


def _shown(parts: list[str]) -> str:
    text = "|".join(parts)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
