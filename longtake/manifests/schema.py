"""The shape of a manifest: its columns, the file as read, and the row as checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from longtake.domain.identity import WrittenRow
from longtake.domain.request import DEFAULT_MODEL, NEUTRAL_MODELS, RATIOS
from longtake.manifests.cells import (
    VARIANTS_MAX,
    parse_callback,
    parse_continuation,
    parse_duration,
    parse_flag,
    parse_integer,
    parse_name,
    parse_review,
    parse_tail,
    parse_take,
    parse_text,
    parse_variants,
    parse_vendor,
    parse_word,
)

if TYPE_CHECKING:
    import pandas
    import pyarrow

Cell = str | list[str]
"""A cell as text; a list where Parquet had one. Empty text or an empty list means "not given"."""
Review = Literal["none", "wait"]
"""Whether a shot waits for a person."""


class Column(NamedTuple):
    """A documented column.

    Args:
        help: What it does.
        takes: What its cells hold.
        empty: What an empty cell means.
        parse: One cell's text, stripped, as a value; raises `CellError`. Prompts and references are read by the row.
        json_schema: What the value may be in JSON, null and empty text left aside.
    """

    help: str
    takes: str = "text"
    empty: str = "not given"
    parse: Callable[[str], Any] = parse_text
    json_schema: Mapping[str, object] = {"type": ["string", "number"]}


_WHOLE = {"type": ["integer", "string"], "pattern": r"^\s*-?[0-9]{1,18}(\.0+)?\s*$"}
_FLAG = {"anyOf": [{"type": "boolean"}, {"enum": [0, 1, "true", "false", "yes", "no", "1", "0"]}]}
_PLACES = "address, path below the manifest, `s3://`, `asset://` or data URI"
_MANY = {"type": ["string", "array"], "items": {"type": "string"}}


def _flag(what: str) -> Column:
    return Column(what, "true or false", "as the vendor does", parse_flag, _FLAG)


def _references(what: str) -> Column:
    return Column(what, f"several, between them `|` (or a list): each an {_PLACES}", json_schema=_MANY)


COLUMNS: dict[str, Column] = {
    "prompt": Column(
        "what the clip shows; `{column}` fills in from the row's other columns, `{{` and `}}` are braces",
        empty="allowed beside references, where the vendor takes that",
    ),
    "reel": Column("the reel that the shot belongs to", "a name", "the row is a reel of its own", parse_name),
    "shot": Column(
        "the shot's name in its reel; shots are joined in natural order, 2 before 10",
        "a name",
        "refused in a row with a reel",
        parse_name,
    ),
    "id": Column("names a row without reel", "a name", "named by what the row asks for", parse_name),
    "vendor": Column(
        "who makes the clip, and with whose credentials",
        "a vendor such as `evolink`, or `evolink/NAME` for the credentials called NAME; several, between them `|` (or "
        "a list): the first that can make the clip and has room",
        "the run's `--vendor`",
        parse_vendor,
        _MANY,
    ),
    "model": Column(
        "the model; `longtake vendors` lists those of each vendor",
        f"{', '.join(f'`{name}`' for name in NEUTRAL_MODELS)} or a vendor's own model",
        f"the run's `--model`, else `{DEFAULT_MODEL}`",
        parse_word,
        {"type": "string"},
    ),
    "duration_seconds": Column(
        "how long the clip is",
        "whole seconds such as `5`, or `auto`",
        "as the vendor does",
        parse_duration,
        {
            "type": ["integer", "string"],
            "minimum": 1,
            "pattern": r"^\s*([0-9]*[1-9][0-9]*(\.0+)?|[Aa][Uu][Tt][Oo])\s*$",
        },
    ),
    "resolution": Column(
        "how many lines the picture has",
        "`480p`, `720p`, `1080p`, as far as the model makes it",
        "the run's `--resolution`, else as the vendor does",
        parse_word,
        {"type": "string"},
    ),
    "ratio": Column(
        "width to height",
        f"{', '.join(f'`{ratio}`' for ratio in RATIOS)} or `adaptive`",
        "as the vendor does",
        parse_word,
        {"type": "string"},
    ),
    "seed": Column("where chance starts from", "a whole number", "by chance", parse_integer, _WHOLE),
    "generate_audio": _flag("whether the clip has sound"),
    "watermark": _flag("whether the vendor marks the picture"),
    "web_search": _flag("whether the model may search the web"),
    "content_filter": _flag("whether the vendor filters what is made"),
    "return_last_frame": _flag("whether the vendor gives the last frame as a picture too"),
    "safety_identifier": Column("a tag for the end user, as the vendor names it"),
    "callback_url": Column(
        "an address that the vendor calls when the job ends; Longtake looks by itself",
        "an http(s) address",
        parse=parse_callback,
        json_schema={"type": "string", "pattern": r"^\s*https?://"},
    ),
    "priority": Column(
        "the job's place in the vendor's queue, the higher the earlier",
        "a whole number, 0 to 9",
        "as the vendor does",
        parse_integer,
        _WHOLE | {"minimum": 0, "maximum": 9},
    ),
    "expires_after_seconds": Column(
        "after so many seconds the vendor gives a job up that has not ended; that costs nothing",
        "a whole number of seconds",
        "as the vendor does",
        parse_integer,
        _WHOLE | {"minimum": 1},
    ),
    "first_frame": Column("one picture to start from", f"an {_PLACES}", json_schema={"type": "string"}),
    "last_frame": Column("one picture to end on", f"an {_PLACES}", json_schema={"type": "string"}),
    "reference_images": _references("pictures to refer to; the prompt calls them image 1, image 2, …"),
    "reference_videos": _references("videos to refer to"),
    "reference_audios": _references("sounds to refer to"),
    "continue_from": Column(
        "goes on from the shot before it: its clip is reference video 1, or its last frame is the first frame",
        "`clip` or `last_frame`",
        "the shot stands alone",
        parse_continuation,
        {"enum": ["clip", "last_frame"]},
    ),
    "reference_tail_seconds": Column(
        "with `continue_from` = `clip`: only so many last seconds of the previous clip go in",
        "seconds such as `4` or `4.5`",
        "as many as the vendor takes",
        parse_tail,
        {"type": ["number", "string"], "exclusiveMinimum": 0, "pattern": r"^\s*[0-9]{1,6}(\.[0-9]*)?\s*$"},
    ),
    "take": Column(
        "raise it to buy the shot again on purpose; what was bought after it in its chain is bought again with "
        "`--replace`, or kept and joined to the new take with `--keep-followers`",
        "a whole number from 1",
        "1",
        parse_take,
        _WHOLE | {"minimum": 1},
    ),
    "variants": Column(
        "how many takes of the shot to buy",
        f"a whole number, 1 to {VARIANTS_MAX}",
        "1",
        parse_variants,
        _WHOLE | {"minimum": 1, "maximum": VARIANTS_MAX},
    ),
    "review": Column(
        "whether a person looks at the shot before anything continues from it and before its reel is made",
        "`none` or `wait`",
        "as the run's `--review` says",
        parse_review,
        {"enum": ["none", "wait"]},
    ),
}
"""Every documented column. Any other column is kept and comes back in the results."""

LONE_SHOT = "1"
"""The shot's name where a row names neither reel nor shot."""


class ManifestRow(NamedTuple):
    """One row as checked.

    `row` counts data rows from 1. `lone`: the row named no reel and is a reel of its own. `written` holds the templated
    prompt and references as absolute path, `s3://`, http(s), `asset://` or data URI. `review` is None where the run
    says.
    """

    row: int
    reel: str
    shot: str
    lone: bool
    written: WrittenRow
    take: int = 1
    variants: int = 1
    review: Review | None = None

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
        import pandas  # noqa: PLC0415 - half a second, which status and report do not need
        import pyarrow  # noqa: PLC0415

        table = self.typed
        if table is None:
            table = pyarrow.table({name: pyarrow.array(cells, pyarrow.string()) for name, cells in self.cells.items()})
        return table.to_pandas(types_mapper=pandas.ArrowDtype)

    @property
    def text(self) -> list[dict[str, Cell]]:
        """Every row's cells as text, by column."""
        return list(self.rows())

    def rows(self) -> Iterator[dict[str, Cell]]:
        """As `text`, one row after the other."""
        names = list(self.cells)
        return (dict(zip(names, row, strict=True)) for row in zip(*self.cells.values(), strict=True))


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
