"""Signs that nobody sees or that stand for others, as tables bring them along from spreadsheets and encodings."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

QUOTES = "\"'`“”„‟‘’‚‛«»＂＇"
_JOINERS = frozenset("\u200c\u200d")
_DIRECTIONS = frozenset("\u200e\u200f\u061c")
_BLANK_LETTERS = frozenset("\u3164\u115f\u1160\uffa0\u2800\u180e")
_PLAIN_BLANKS = frozenset(" \u3000")
_OF_FLAGS = range(0xE0020, 0xE0080)
# Letters that one byte of Windows-1252 or Latin-1 makes, and those that UTF-8 writes in two bytes.
_WESTERN = re.compile("[\u0080-\u00ff\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u2122]{2,}")
_CHINESE = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\ue000-\uf8ff\u2000-\u303f\u00a0-\u00ff]{3,}")
_TWO_BYTES = re.compile("[\u0080-\u07ff]{2,}")
_RARE = re.compile("[\u0250-\u02af\u0460-\u0489]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class Caution(NamedTuple):
    """What is probably not meant in a text, and what to do about it."""

    found: str
    rule: str
    fix: str


def invisible(text: str) -> str:
    """The first sign that nobody sees, or that looks like a blank and is none: `U+200B ZERO WIDTH SPACE`; else "".

    What languages and emoji need stays unmentioned: joiners between letters of theirs, marks of direction beside
    letters that run from right to left.
    """
    if text.isascii():
        return ""
    for place, sign in enumerate(text):
        kind = unicodedata.category(sign)
        blank = kind == "Zs" and sign not in _PLAIN_BLANKS
        hidden = kind == "Cf" and not _is_needed(text, place)
        if blank or hidden or sign in _BLANK_LETTERS:
            return f"U+{ord(sign):04X} {unicodedata.name(sign, '')}".strip()
    return ""


def is_quoted(text: str) -> bool:
    """Whether a text stands in quotes of any kind."""
    return len(text) > 2 and text[0] in QUOTES and text[-1] in QUOTES


def _is_needed(text: str, place: int) -> bool:
    sign = text[place]
    if sign in _JOINERS:
        return 0 < place < len(text) - 1 and not text[place - 1].isascii() and not text[place + 1].isascii()
    if sign in _DIRECTIONS:
        return any(unicodedata.bidirectional(other) in ("R", "AL") for other in text)
    return ord(sign) in _OF_FLAGS


def cautions(prompt: str) -> Iterator[Caution]:
    """What a prompt holds that is probably not meant; it is sent as it stands."""
    if control := _CONTROL.search(prompt):
        sign = f"U+{ord(control[0]):04X}"
        yield Caution(sign, f"the prompt holds a control character, {sign}", "take it out")
    if prompt.isascii():
        return
    if "\ufffd" in prompt:
        rule = (
            "the prompt holds U+FFFD, which stands where a letter was lost when the text was read in a wrong encoding"
        )
        yield Caution("\ufffd", rule, "write the letter anew")
    if (garbled := _garbled(prompt)) is not None:
        written, meant = garbled
        rule = f"the prompt holds {written!r}, which is {meant!r} read in a wrong encoding"
        yield Caution(written, rule, "export the table anew as UTF-8, or write the letters anew")


def _garbled(text: str) -> tuple[str, str] | None:
    """Letters that were read in a wrong encoding, and what they were."""
    for pattern, encodings in ((_WESTERN, ("cp1252", "latin-1")), (_CHINESE, ("gb18030",))):
        for run in pattern.finditer(text):
            for encoding in encodings:
                meant = _read_again(run[0], encoding, "utf-8")
                if meant and len(meant) < len(run[0]) and meant.isprintable() and not _may_be_meant(run[0], meant):
                    return run[0], meant
    for run in _TWO_BYTES.finditer(text):
        if _RARE.search(run[0]) or len(set(map(_script, filter(str.isalpha, run[0])))) > 1:
            meant = _read_again(run[0], "utf-8", "gb2312")
            if meant and all("\u4e00" <= letter <= "\u9fff" for letter in meant):
                return run[0], meant
    return None


def _may_be_meant(run: str, meant: str) -> bool:
    """Whether two letters may stand together as they are, such as the end of `„Spaß“`."""
    if len(run) > 2 or run[0] in "ÂÃ":
        return False
    return run[0] not in "ÄÅÐÑÎÏ" or not run[1:].isalnum()


def _read_again(text: str, written_in: str, read_in: str) -> str:
    """The text of the same bytes in another encoding; "" where they are none in it."""
    try:
        data = b"".join(_byte(sign, written_in) for sign in text)
        return data.decode(read_in)
    except UnicodeError:
        return ""


def _byte(sign: str, encoding: str) -> bytes:
    try:
        return sign.encode(encoding)
    except UnicodeEncodeError:
        if encoding == "cp1252" and ord(sign) < 0x100:  # five bytes that Windows-1252 leaves out are read as they are
            return bytes([ord(sign)])
        raise


def _script(letter: str) -> str:
    return unicodedata.name(unicodedata.normalize("NFKC", letter)[0], "").split(" ")[0]
