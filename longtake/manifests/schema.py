"""The shape of a manifest: its columns, the file as read, and the row as checked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import pandas
import pyarrow

from longtake.domain.identity import WrittenRow

Cell = str | list[str]
"""A cell as text; a list where Parquet had one. Empty text or an empty list means "not given"."""

COLUMNS: dict[str, str] = {
    "prompt": "what the clip shows; {column} fills in from the row's other columns, {{ and }} are braces",
    "reel": "the reel that the shot belongs to; empty: the row is a reel of its own",
    "shot": "the shot's name in its reel; shots are joined in natural order (2 before 10)",
    "id": "names a row without reel",
    "vendor": "a vendor such as evolink, or evolink/NAME for the credentials called NAME; empty: the run's",
    "model": "seedance-2.0, seedance-2.0-fast, seedance-2.0-mini or a wire model of the vendor; empty: the run's",
    "duration_seconds": "whole seconds such as 5, or auto",
    "resolution": "480p, 720p, 1080p, as far as the model makes it",
    "ratio": "16:9, 4:3, 1:1, 3:4, 9:16, 21:9 or adaptive",
    "seed": "a whole number",
    "generate_audio": "true or false",
    "watermark": "true or false",
    "web_search": "true or false",
    "content_filter": "true or false",
    "return_last_frame": "true or false",
    "safety_identifier": "a tag for the end user, as the vendor names it",
    "callback_url": "http(s) address that the vendor calls",
    "first_frame": "one picture to start from",
    "last_frame": "one picture to end on",
    "reference_images": "pictures to refer to",
    "reference_videos": "videos to refer to",
    "reference_audios": "sounds to refer to",
    "continue_from": "clip: the previous shot's clip is reference video 1; last_frame: its last frame is first frame",
    "reference_tail_seconds": "with continue_from = clip: only so many last seconds of the previous clip go in",
    "take": "a whole number from 1; raise it to buy the shot again on purpose",
    "variants": "how many takes of the shot to buy, 1 to 100",
}
"""Every documented column with one line of help. Any other column is kept and comes back in the results."""

LONE_SHOT = "1"
"""The shot's name where a row names neither reel nor shot."""


class ManifestRow(NamedTuple):
    """One row as checked.

    `row` counts data rows from 1. `lone`: the row named no reel and is a reel of its own. `written` holds the templated
    prompt and references as absolute path, `s3://`, http(s), `asset://` or data URI.
    """

    row: int
    reel: str
    shot: str
    lone: bool
    written: WrittenRow
    take: int = 1
    variants: int = 1

    @property
    def shot_id(self) -> str:
        """`reel/shot`."""
        return f"{self.reel}/{self.shot}"


@dataclass
class Manifest:
    """A manifest as read.

    Attributes:
        source: The path, glob or `s3://` address it was read from.
        base: Folder or `s3://` prefix that relative references start from, without a slash at its end.
        cells: Every column's cells as text, in the order of rows.
        typed: The columns with their types where the file has them (Parquet); None: all text (CSV).
        undecoded: Numbers of the rows, by column, whose bytes are not UTF-8.
        failed: Numbers of the rows, by column, where a workbook's formula has no value; the cell holds its error.
    """

    source: str
    base: str
    cells: dict[str, list[Cell]]
    typed: pyarrow.Table | None = field(default=None, repr=False)
    undecoded: dict[str, frozenset[int]] = field(default_factory=dict)
    failed: dict[str, frozenset[int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.cells.values()), ()))

    @cached_property
    def frame(self) -> pandas.DataFrame:
        """All rows in order, the columns as given and with their types (Arrow types, so that nothing is lost)."""
        table = self.typed
        if table is None:
            table = pyarrow.table({name: pyarrow.array(cells, pyarrow.string()) for name, cells in self.cells.items()})
        return table.to_pandas(types_mapper=pandas.ArrowDtype)

    @property
    def text(self) -> list[dict[str, Cell]]:
        """Every row's cells as text, by column."""
        names = list(self.cells)
        return [dict(zip(names, row, strict=True)) for row in zip(*self.cells.values(), strict=True)]


def nameless_reel(request_hash: str) -> str:
    """The reel of a row that names neither reel nor id: by what it asks for, so that rows may move."""
    return f"row-{request_hash}"


def joined(cell: Cell, separator: str = "|") -> str:
    """A cell as one text, lists joined."""
    return cell if type(cell) is str else separator.join(cell)


_NUMBER = re.compile(r"0*([0-9]+)")


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Sorts names as people do, 2 before 10, letters without case; the exact text breaks ties."""
    key: list[str | int] = []
    for place, part in enumerate(_NUMBER.split(name.casefold())):
        # A number is compared by its length, then its digits: int() refuses very long ones.
        key += (len(part), part) if place % 2 else (part,)
    return key, name
