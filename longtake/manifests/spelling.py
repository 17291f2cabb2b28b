"""One name, written in more than one way: composed and decomposed letters (macOS), and other case."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path


def spelled_on_disk(path: str) -> str | None:
    """The path of a file as its disk spells it, where only the composition of letters differs; None if there is none.

    Args:
        path: An absolute path, which is not there as written.
    """
    if path.isascii():
        return None
    found = "/"
    for part in Path(path).parts[1:]:
        there = f"{found.rstrip('/')}/{part}"
        if not os.path.lexists(there):
            same = [name for name in _names(found) if _composed(name) == _composed(part)]
            if len(same) != 1:
                return None
            there = f"{found.rstrip('/')}/{same[0]}"
        found = there
    return found


def other_case(path: str) -> str | None:
    """The name of the one file beside it whose name differs in case alone."""
    folder, _, name = path.rpartition("/")
    same = [other for other in _names(folder) if _composed(other).casefold() == _composed(name).casefold()]
    return same[0] if len(same) == 1 else None


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names alone
    except OSError:
        return []


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
