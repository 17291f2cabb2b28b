"""From a vendor's bytes to JSON that cannot break anything: unpacked, decoded, finite, writable, without our key.

Nothing here raises, whatever the bytes are. What is no JSON comes back as None beside its text.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable
from typing import Any, cast

UNPACKED_LIMIT_BYTES = 16 * 2**20
LONGEST_NUMBER = 300
"""More digits than this are kept as text: neither a float nor Python's own reading takes them."""

_GZIP = b"\x1f\x8b"
_UNWRITABLE = re.compile("[\ud800-\udfff]")
"""Halves of surrogate pairs, which JSON can say and no file can hold."""


def unpack(data: bytes, coding: str) -> bytes:
    """The bytes without gzip or deflate, as far as they go; as they are where the header lies."""
    for _ in range(2):
        if "gzip" not in coding and "deflate" not in coding and not data.startswith(_GZIP):
            break
        # 47: zlib or gzip by their first bytes; -15: the bare deflate that some servers send.
        unpacked = _inflated(data, 47) or _inflated(data, -15)
        if not unpacked:
            break
        data, coding = unpacked, ""
    return data


def _inflated(data: bytes, window: int) -> bytes:
    unpacker, out = zlib.decompressobj(window), bytearray()
    for start in range(0, len(data), 4096):
        try:
            out += unpacker.decompress(data[start : start + 4096], UNPACKED_LIMIT_BYTES)
        except zlib.error:
            break
        if len(out) > UNPACKED_LIMIT_BYTES:
            break
    return bytes(out)


def text_and_json(data: bytes) -> tuple[str, object]:
    """The text, and the JSON in it or None."""
    text = ""
    for coding in (json.detect_encoding(data), "gb18030"):
        text = text or _decoded(data, coding, "replace")
        parsed = _parsed(_decoded(data, coding, "replace"))
        if parsed is not None:
            break
    else:
        parsed = None
    return _UNWRITABLE.sub("\ufffd", text.replace("\0", "")), parsed


def _decoded(data: bytes, coding: str, errors: str) -> str:
    return data.decode("utf-8-sig" if coding == "utf-8" else coding, errors)


def _parsed(text: str) -> object:
    text = text.strip("\ufeff\u200b\0 \t\r\n")
    try:
        return _READER.decode(text)
    except (ValueError, RecursionError):
        pass
    start = min((place for mark in "{[" if (place := text.find(mark)) >= 0), default=-1)
    if start < 0 or text.startswith("<"):
        return None
    try:
        # A line of a stream, a call around it, something after it: the first JSON in the text is the answer.
        return _READER.raw_decode(text, start)[0]
    except (ValueError, RecursionError):
        return None


def json_in(text: str) -> object:
    """The JSON object or list that a text is as a whole, else None."""
    text = text.strip()
    if not text.startswith(("{", "[", '"{', '"[')):
        return None
    try:
        return _READER.decode(text)
    except (ValueError, RecursionError):
        return None


def _merged(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A name that comes twice keeps its last value that says anything."""
    merged: dict[str, Any] = {}
    for name, value in pairs:
        if name not in merged or value not in (None, "", [], {}):
            merged[name] = value
    return merged


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= LONGEST_NUMBER else digits


def _nothing(constant: str) -> None:
    del constant  # NaN and the infinities, which JSON does not have


_READER = json.JSONDecoder(object_pairs_hook=_merged, parse_int=_whole, parse_constant=_nothing, strict=False)


def cleaned(body: object, strike: Callable[[str], str]) -> object:
    """The JSON with every name and text writable and passed through `strike`; changed in place, however deep."""

    def clean(text: str) -> str:
        return strike(_UNWRITABLE.sub("\ufffd", text.replace("\0", "")))

    box: list[Any] = [body]
    open_nodes: list[list[Any] | dict[str, Any]] = [box]
    while open_nodes:
        node = open_nodes.pop()
        items: list[tuple[Any, Any]] = list(node.items() if isinstance(node, dict) else enumerate(node))
        if isinstance(node, dict):
            node.clear()
        for name, value in items:
            if isinstance(value, dict | list):
                open_nodes.append(cast("dict[str, Any]", value))
            kept = clean(value) if isinstance(value, str) else value
            if isinstance(node, dict):
                node[clean(name)] = kept
            else:
                node[name] = kept
    return box[0]
