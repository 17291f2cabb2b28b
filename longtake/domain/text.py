"""Text from manifests and vendors made fit to be shown: nothing in it may act, hide or turn its surroundings around."""

from __future__ import annotations

import re

MAX_CHARACTERS = 20_000
_CONTROLS = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}
_TURNING = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_SEPARATORS = {0x85: "\n", 0x2028: "\n", 0x2029: "\n"}
_LINES = (_CONTROLS | dict.fromkeys([*range(0x80, 0xA0), *_TURNING, 0xFEFF, 0xFFFE, 0xFFFF], 0xFFFD) | _SEPARATORS) | {
    0x09: "\t",
    0x0A: "\n",
}
_SURROGATES = re.compile("[\ud800-\udfff]")


def visible(text: str, limit: int = MAX_CHARACTERS) -> str:
    """The text with lines kept and everything else that acts replaced by something to see.

    C0 controls become their pictures (`␛`); C1 controls, bidirectional overrides and isolates, lone surrogates and
    non-characters become `�`. Marks that languages need (joiners, left-to-right marks) stay. What is longer than
    `limit` characters is cut, and says so.
    """
    cut = len(text) - limit
    shown = _SURROGATES.sub("\ufffd", text[:limit].replace("\r\n", "\n")).translate(_LINES)
    return f"{shown}… ({cut:,} more characters)" if cut > 0 else shown


def storable(text: str, limit: int = MAX_CHARACTERS) -> str:
    """The text as it is, but for what no file or reader of files can hold: lone surrogates, NUL, endless length."""
    cut = len(text) - limit
    kept = _SURROGATES.sub("\ufffd", text[:limit]).replace("\0", "\u2400")
    return f"{kept}… ({cut:,} more characters)" if cut > 0 else kept


def one_line(text: str, limit: int = 400) -> str:
    """As `visible`, on a single line."""
    return visible(text, limit).replace("\n", "␊").replace("\t", " ")


def following(number: int) -> str:
    """`1 follows`, `2 follow`."""
    return f"{number:,} {'follows' if number == 1 else 'follow'}"


def awaiting(number: int, follow: int) -> str:
    """`1 shot awaits a decision, 2 follow`."""
    words = f"{counted(number, 'shot')} {'awaits' if number == 1 else 'await'} a decision"
    return f"{words}, {following(follow)}" if follow else words


def counted(number: int, noun: str) -> str:
    """`1 reel`, `2 reels`, `1,000 reels`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
