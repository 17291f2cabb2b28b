"""One cell's text into one value: numbers, yes or no, names. Empty cells never get here."""

from __future__ import annotations

import math
import re
from typing import Literal
from urllib.parse import urlsplit

from longtake.manifests.signs import QUOTES, invisible, is_quoted

NAME_MAX_CHARACTERS = 200
VARIANTS_MAX = 100

_TRUE = frozenset({"true", "yes"})
_FALSE = frozenset({"false", "no"})
# pandas writes whole numbers as 5.0 where one of the column is missing, BigQuery as 5.000000000.
_INTEGER = re.compile(r"(-?[0-9]{1,18})(?:\.0+)?")
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{0,30})?")
_EXPONENT = re.compile(r"(-?[0-9])(?:\.([0-9]*))?[eE]\+?([0-9]{1,2})")
_DECIMAL_COMMA = re.compile(r"-?[0-9]+,[0-9]+")
_VENDOR = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)?")
# Controls, line and paragraph separators, direction overrides, lone surrogates. The joiners of emoji stay allowed.
CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

NOT_CALCULATED = "#NOT CALCULATED"
"""Stands for the value of a workbook's formula that no program has calculated yet."""


class CellError(ValueError):
    """A cell that breaks a rule.

    Args:
        rule: What is wrong.
        fix: What to do about it.
    """

    def __init__(self, rule: str, fix: str) -> None:
        super().__init__(rule, fix)
        self.rule = rule
        self.fix = fix


def formula_error(word: str) -> CellError:
    """What is wrong with a workbook's cell that holds an error such as `#N/A` in place of a value."""
    if word == NOT_CALCULATED:
        rule, fix = "its formula was never calculated", "open the workbook in Excel and save it, or write the value"
        return CellError(rule, fix)
    return CellError("this is a spreadsheet's error and no value", "mend the formula, or write the value")


def parse_text(text: str) -> str:
    """Any text, as it stands."""
    return text


def parse_word(text: str) -> str:
    """A word that a vendor or model knows; hidden signs and quotes are no part of one."""
    if not text.isascii() or text[0] in QUOTES:
        if sign := invisible(text):
            raise CellError(f"the cell holds an invisible character, {sign}", "take that character out")
        if is_quoted(text):
            raise CellError("the text stands in quotes", "take the quotes out")
    return text


def parse_flag(text: str) -> bool:
    """True or false, 1 or 0, yes or no, in any case."""
    word = text.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    if (number := _whole(text)) in (0, 1):
        return number == 1
    raise CellError("this is neither true nor false", "write true or false, or leave it empty")


def parse_integer(text: str) -> int:
    """A whole number, strictly."""
    if (number := _whole(text)) is None:
        if _EXPONENT.fullmatch(text):
            raise CellError("a spreadsheet has shortened this number, and its digits are gone", "write all of them")
        raise CellError("this is not a whole number", "write digits alone, such as 42")
    return number


def _whole(text: str) -> int | None:
    """The whole number that a text is, as people, pandas, BigQuery and decimals (`1.5E+1`) write it.

    `4.00638E+12`, as spreadsheets show a long number, is none: what stood behind its digits is gone.
    """
    if match := _INTEGER.fullmatch(text):
        return int(match[1])
    if (match := _EXPONENT.fullmatch(text)) and (exponent := int(match[3])) <= len(digits := match[2] or ""):
        return None if digits[exponent:].strip("0") else int(match[1] + digits[:exponent])
    return None


def parse_take(text: str) -> int:
    """A whole number from 1."""
    if (take := parse_integer(text)) < 1:
        raise CellError("takes count from 1", "write 1 or more")
    return take


def parse_variants(text: str) -> int:
    """A whole number from 1 to `VARIANTS_MAX`."""
    if not 1 <= (variants := parse_integer(text)) <= VARIANTS_MAX:
        raise CellError(f"a row buys 1 to {VARIANTS_MAX} variants", f"write 1 to {VARIANTS_MAX}, or add rows")
    return variants


def parse_duration(text: str) -> int | Literal["auto"]:
    """Whole seconds, or `auto`."""
    if text.lower() == "auto":
        return "auto"
    if (seconds := _whole(text)) is None or seconds < 1:
        raise CellError("this is neither whole seconds nor auto", "write a number such as 5, without a unit, or auto")
    return seconds


def parse_tail(text: str) -> float:
    """Seconds above 0."""
    if not _SECONDS.fullmatch(text) or not math.isfinite(seconds := float(text)) or seconds <= 0:
        fix = f"write {text.replace(',', '.')}" if _DECIMAL_COMMA.fullmatch(text) else "write seconds such as 4 or 4.5"
        raise CellError("this is not a number of seconds above 0", fix)
    return seconds


def parse_vendor(text: str) -> str:
    """`name`, `name/document`, or several of these with `|` and no blanks between them."""
    vendors = [part.strip() for part in text.split("|")]
    if "" in vendors:
        raise CellError("a vendor's name is missing beside a |", "write evolink|anyfast, or one name without a |")
    for vendor in vendors:
        if not _VENDOR.fullmatch(vendor):
            which = f"{vendor!r}" if len(vendors) > 1 else "this"
            fix = "write a name such as evolink, or evolink/NAME; several with | between them, evolink|anyfast"
            raise CellError(f"{which} is not a vendor's name", fix)
    accounts = [vendor if "/" in vendor else f"{vendor}/default" for vendor in vendors]
    if twice := next((each for number, each in enumerate(accounts) if each in accounts[:number]), None):
        name = twice.removesuffix("/default")
        raise CellError(f"{name} is named twice", "name it once; evolink/a|evolink/b are two accounts of a vendor")
    return "|".join(vendors)


def parse_continuation(text: str) -> Literal["clip", "last_frame"]:
    """`clip` or `last_frame`."""
    if text in ("clip", "last_frame"):
        return text
    raise CellError("a shot continues from clip or from last_frame", "write clip or last_frame, or leave it empty")


def parse_review(text: str) -> Literal["none", "wait"]:
    """`none` or `wait`."""
    if (word := text.lower()) in ("none", "wait"):
        return word
    raise CellError("a shot waits for a decision or it does not", "write wait or none, or leave it empty")


def parse_callback(text: str) -> str:
    """An http(s) address."""
    check_web_address(text)
    return text


def parse_name(text: str) -> str:
    """The name of a reel or shot: any text without control characters."""
    if CONTROL.search(text):
        raise CellError("the name holds a control character", "take it out of the name")
    if len(text) > NAME_MAX_CHARACTERS:
        rule = f"the name has {len(text)} characters, at most {NAME_MAX_CHARACTERS} are taken"
        raise CellError(rule, "shorten the name")
    return text


def check_web_address(url: str) -> None:
    """Refuses what is not an http(s) address of a host, or has a user or a password in it.

    Raises:
        CellError: Says which.
    """
    try:
        parts = urlsplit(url)
        well_formed = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        well_formed = False
    else:
        if parts.username is not None or parts.password is not None:
            raise CellError("the address holds a user or a password", "give an address without them")
    if not well_formed or re.search(r"[\s<>\"\\]", url) or CONTROL.search(url):
        raise CellError("this is not a well-formed http(s) address", "write https://host/path")
