"""Taking a secret out of text in whatever spelling it comes back: as it is, coded, escaped, backwards, pulled apart."""

from __future__ import annotations

import base64
import html
import json
import re
from functools import lru_cache
from urllib.parse import quote, quote_plus, unquote

STRUCK = "***"
"""What stands where a secret stood."""
SHORTEST_HIDDEN = 8
"""Shorter secrets are looked for as they are alone: pulled apart they would be found in any text."""
DEEPEST_CODING = 6
"""A text is decoded so often in search of a secret."""

_ESCAPED = re.compile(r"\\u00([0-9a-f]{2})|\\x([0-9a-f]{2})", re.IGNORECASE)
_BETWEEN = re.compile(r"[\W_]+")


def strike(text: str, secret: str) -> str:
    """The text without the secret; all of it goes where the secret is hidden in it beyond the known spellings."""
    text = _pattern(secret).sub(STRUCK, text)
    return STRUCK if _is_hidden(text, secret) else text


def spellings(secret: str) -> list[str]:
    """Every form of a secret that is looked for, the longest first."""
    forms: set[str] = set()
    for text in (secret, secret[::-1]):
        in_json = json.dumps(text)[1:-1]
        forms |= {text, quote(text, safe=""), quote_plus(text), in_json, in_json.replace("/", "\\/")}
        if len(secret) >= SHORTEST_HIDDEN:
            forms |= {text.encode().hex(), base64.b32encode(text.encode()).decode().rstrip("=")}
            for shift in range(3):
                forms |= _base64_parts(text.encode(), shift)
    return sorted(forms, key=len, reverse=True)


@lru_cache(maxsize=64)
def _pattern(secret: str) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, spellings(secret))), re.IGNORECASE)


def _base64_parts(secret: bytes, shift: int) -> set[str]:
    """The base64 characters that are the secret's alone, where so many bytes stand before it in the last group."""
    first, last = -(-shift * 4 // 3), (shift + len(secret)) * 8 // 6
    coded = base64.b64encode(b"\0" * shift + secret).decode()[first:last]
    return {coded, coded.replace("+", "-").replace("/", "_")}


def _is_hidden(text: str, secret: str) -> bool:
    wanted = _letters(secret)
    if len(wanted) < SHORTEST_HIDDEN:
        return False
    for _ in range(DEEPEST_CODING):
        letters = _letters(text)
        if wanted in letters or wanted[::-1] in letters:
            return True
        opened = _ESCAPED.sub(lambda match: chr(int(match[1] or match[2], 16)), unquote(html.unescape(text)))
        if opened == text:
            return False
        text = opened
    return False


def _letters(text: str) -> str:
    """Letters and figures alone, in one case: what is left of a key however it was broken up."""
    return _BETWEEN.sub("", text).lower()
