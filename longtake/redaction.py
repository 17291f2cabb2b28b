"""The spellings in which a secret comes back from a vendor: as it is, in JSON, in an address, in base64, backwards."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus


def spellings(secret: str) -> list[str]:
    """Every form of a secret that is looked for, the longest first."""
    forms: set[str] = set()
    for text in (secret, secret[::-1]):
        in_json = json.dumps(text)[1:-1]
        forms |= {text, quote(text, safe=""), quote_plus(text), in_json, in_json.replace("/", "\\/")}
    for shift in range(3):
        forms |= _base64_parts(secret.encode(), shift)
    return sorted(forms, key=len, reverse=True)


def _base64_parts(secret: bytes, shift: int) -> set[str]:
    """The base64 characters that are the secret's alone, where so many bytes stand before it in the last group."""
    first, last = -(-shift * 4 // 3), (shift + len(secret)) * 8 // 6
    coded = base64.b64encode(b"\0" * shift + secret).decode()[first:last]
    return {coded, coded.replace("+", "-").replace("/", "_")}
