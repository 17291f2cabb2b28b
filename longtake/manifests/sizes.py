"""How large a manifest may be once it is unpacked; what is larger is refused by name before it fills the memory."""

from __future__ import annotations

from typing import NoReturn

from longtake.domain.errors import UnreadableManifestError

MAX_BYTES = 128 * 2**20
"""A manifest's data, unpacked; of Parquet also the files together as they lie there."""
MAX_ROWS = 100_000
MAX_BLANK_ROWS = 2_000_000
"""A spreadsheet saves up to a million rows of commas; more take minutes and say nothing."""
MAX_COLUMNS = 2_000
MAX_CELLS = 5_000_000
"""Rows times columns, and every value of a list or structure."""
MAX_CELL_CHARACTERS = 2**25
MAX_TEXT_BYTES = 256 * 2**20
"""All distinct cells as they stand in memory, where a short text takes fifty bytes more than in the file."""
MAX_FILES = 10_000


def stop(source: str, reason: str) -> NoReturn:
    """Refuses a manifest.

    Raises:
        UnreadableManifestError: Always.
    """
    raise UnreadableManifestError(f"{source}: {reason}")


def check_shape(source: str, rows: int, columns: int) -> None:
    """Refuses more rows, columns or cells than are taken.

    Raises:
        UnreadableManifestError: Names the bound.
    """
    if columns > MAX_COLUMNS:
        stop(source, f"it has more than {MAX_COLUMNS:,} columns; keep those that are needed")
    if rows > MAX_ROWS:
        stop(source, f"it has more than {MAX_ROWS:,} rows; split it")
    if rows * columns > MAX_CELLS:
        stop(source, f"it has more than {MAX_CELLS:,} cells; split it, or keep only the columns that are needed")


def check_bytes(source: str, size: int, limit: int = MAX_BYTES) -> None:
    """Refuses more unpacked data than is taken.

    Raises:
        UnreadableManifestError: Names the bound.
    """
    if size > limit:
        stop(source, f"unpacked it has more than {limit >> 20} MiB; split it, and name files instead of inline data")
