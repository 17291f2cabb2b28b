"""Headers that are nearly a documented column's name: refused, since an ignored one is bought with a default."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

from longtake.manifests.schema import COLUMNS
from longtake.manifests.sizes import stop

_NOT_IN_NAMES = re.compile(r"[\W_]+")
_ORIGINALS = {column.replace("_", ""): column for column in COLUMNS}
# Words that people write for a column, without blanks and dashes.
_DURATION = re.compile(r"((clip|shot|video)?durations?|length)(in)?(s|secs?|seconds?)?|secs?|seconds?")
_OTHER_WORDS = {
    "aspect": "ratio",
    "aspectratio": "ratio",
    "image": "reference_images",
    "images": "reference_images",
    "video": "reference_videos",
    "videos": "reference_videos",
    "audios": "reference_audios",
    "firstimage": "first_frame",
    "lastimage": "last_frame",
    "startframe": "first_frame",
    "endframe": "last_frame",
    "referencepicture": "reference_images",
    "referencepictures": "reference_images",
    "referencesound": "reference_audios",
    "referencesounds": "reference_audios",
}
_WITH_UNIT = re.compile(
    r"[(\[]\s*(p|px|pixels?|w\W?h|s|secs?|seconds?|int|number|str|text|urls?|paths?)\s*[)\]]\s*$", re.I
)
"""What people write behind a column's name to tell what it holds."""
# Words of their own, one letter away from a short column's name.
_OWN_WORDS = frozenset(
    {"real", "feel", "reef", "reed", "peel", "heel", "keel", "hot", "host", "shoot", "show", "shop", "slot", "spot"}
    | {"shut", "short", "stop", "tape", "tale", "cake", "make", "lake", "wake", "sake", "bake", "rake", "stake"}
    | {"taken", "taker", "talk", "tag", "fake", "feed", "need", "weed", "deed", "seek", "seem", "seen", "see", "speed"}
    | {"send", "mode", "modal", "motel", "modem", "ration", "radio", "patio", "varied", "variance"}
)
_SHORTEST_TYPED = 4
_LONG = 10


class NearlyColumn(NamedTuple):
    """The column that a header nearly names; `same`: it differs in blanks, case, marks or width alone."""

    column: str
    same: bool


def check_names(source: str, names: Sequence[str]) -> None:
    """Refuses a header without names, and a name that more than one column has."""
    if not names:
        stop(source, "the file is empty")
    check_repeated(source, names)


def check_repeated(source: str, names: Sequence[str]) -> None:
    """Refuses a name that more than one column has."""
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        stop(source, f"more than one column is called {', '.join(map(repr, repeated))}")


def reads_as(header: str) -> str | None:
    """The documented column whose name a header has, but for blanks, case, marks and width."""
    return header if header in COLUMNS else _ORIGINALS.get(_plain(header))


def nearly_column(header: str, others: Collection[str] = ()) -> NearlyColumn | None:
    """The documented column that a header nearly names; None for one that is exact, or a column of the user's own.

    Args:
        header: The header as written.
        others: All headers of the manifest. Beside the column itself, only what reads the same is nearly it.
    """
    if header in COLUMNS:
        return None
    plain = _plain(header)
    if (column := _ORIGINALS.get(plain)) is not None:
        return NearlyColumn(column, same=True)
    column = "duration_seconds" if _DURATION.fullmatch(plain) else _OTHER_WORDS.get(plain)
    column = column or _ORIGINALS.get(_plain(_WITH_UNIT.sub("", header)))
    if column is None and not _is_numbered(header):
        column = _mistyped(plain)
    return NearlyColumn(column, same=False) if column and column not in others else None


def _plain(header: str) -> str:
    """The header's letters and digits, without width, case, accents and all that cannot be seen."""
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", header).casefold())
    kept = (sign for sign in text if unicodedata.category(sign)[0] not in "CMZ")
    return _NOT_IN_NAMES.sub("", "".join(kept))


def _is_numbered(header: str) -> bool:
    """Whether a digit or a letter of its own tells it from others: `prompt_2`, `take b`."""
    return any(part.isdigit() or len(part) == 1 for part in re.findall(r"\d+|[^\W\d_]+", header.casefold()))


def _mistyped(plain: str) -> str | None:
    if plain in _OWN_WORDS:
        return None
    for name, column in _ORIGINALS.items():
        if plain in (f"{name}s", name.removesuffix("s")):
            return column
        allowed = 0 if len(name) < _SHORTEST_TYPED else 1 if len(name) < _LONG else 2
        if allowed and -allowed <= len(plain) - len(name) <= 1 and _slips(plain, name) <= allowed:
            return column
    return None


def _slips(written: str, meant: str) -> int:
    """How many letters were left out, put in, mistaken or swapped with their neighbour."""
    before: list[int] = []
    row = list(range(len(meant) + 1))
    for place, letter in enumerate(written, 1):
        before, above, row = row, before, [place]
        for column, other in enumerate(meant, 1):
            slips = min(before[column] + 1, row[-1] + 1, before[column - 1] + (letter != other))
            if place > 1 and column > 1 and letter == meant[column - 2] and written[place - 2] == other:
                slips = min(slips, above[column - 2] + 1)
            row.append(slips)
    return row[-1]
