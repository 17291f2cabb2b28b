"""Texts in a film's file of how it was made, read and written: `AIGC` of GB 45438 as JSON or XMP, IPTC's source type.

The texts are others': every search here takes time in proportion to their length.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple, cast

from longtake.domain.marks import AIGC_FIELDS, LONGEST_JOINED, SOURCE_TYPES, Marks, joined_aigc
from longtake.domain.text import one_line, storable

MOST_FIELDS = 32
KEEPS_NAMES = "use_metadata_tags"
"""Without it FFmpeg writes no metadata of a name that it does not know."""
_MOST_PLACES, _MOST_DEPTH = 16, 4
_RULE = {name.casefold() for name in AIGC_FIELDS}
_SOURCE_TYPE = re.compile(rf"\b(?:{'|'.join(SOURCE_TYPES)})\b", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\bAIGC\s{0,8}=\s{0,8}([\"'])")
_ELEMENT = re.compile(r"\bAIGC\b[^<>]{0,200}>")
_ELSEWHERE = re.compile(r"\bdcterms:provenance\b")
_MADE_BY_AI = re.compile(
    r"\bAI[ -]generated\b|\b(?:made|generated|created) (?:with|by|using) AI\b"
    r"|(?:\bAI|人工智能)\s{0,4}(?:生成|合成)|由\s{0,4}AI\s{0,4}(?:生成|制作)",
    re.IGNORECASE,
)


def metadata_of(clips: Sequence[Marks]) -> dict[str, str]:
    """The metadata with which a film of these clips says how it was made; none where they do not say it."""
    fields = joined_aigc(clips)
    return {"AIGC": json.dumps(fields, ensure_ascii=False)} if fields else {}


class Found(NamedTuple):
    """A set of fields, and those of them that are too long to be kept, in words."""

    fields: dict[str, str]
    too_long: tuple[str, ...]


def fields_in(name: str, text: str) -> Iterator[Found]:
    """The sets of `AIGC` fields in a text that a file holds under a name."""
    is_named = re.split(r"[.:/]", name)[-1].casefold() == "aigc"
    value = _json(text) if "{" in text else None
    found = _sets(value, is_named=is_named, depth=0)
    if not found and not is_named and "AIGC" in text and "<" in text:
        found = [one for part in _xml_values(text) for one in _named_sets(html.unescape(part))]
    if not found and is_named:
        found = _named_sets(text)
    return (_kept(one) for one in found[:_MOST_PLACES])


def source_types_in(text: str) -> list[str]:
    """IPTC's words in a text, spelled as IPTC does."""
    told = {found[0].casefold() for found in islice(_SOURCE_TYPE.finditer(text), _MOST_PLACES)}
    return [name for name in SOURCE_TYPES if name.casefold() in told]


def words_in(name: str, text: str) -> list[str]:
    """What else a text says: that AI made it, or that its manifest lies elsewhere (never where)."""
    found = ["a C2PA manifest kept elsewhere"] if _ELSEWHERE.search(text) else []
    said = _MADE_BY_AI.search(text)
    return found + ([f"{one_line(name, 60)}: {one_line(said[0], 60)}"] if said else [])


def _named_sets(text: str) -> list[Mapping[str, Any]]:
    """What stands under the name AIGC: its fields, or whatever was written there instead."""
    value = _json(text) if "{" in text else None
    words = text.strip("\0 \r\n\t")
    return _sets(value, is_named=True, depth=0) or ([{"AIGC": words}] if words else [])


def _json(text: str) -> Any:
    """The JSON object within a text, None where there is none."""
    try:
        return json.loads(text[text.index("{") : text.rindex("}") + 1], strict=False)
    except (ValueError, RecursionError):
        return None


def _sets(value: Any, *, is_named: bool, depth: int) -> list[Mapping[str, Any]]:
    """The sets of fields in a value: what stands under AIGC, at any depth, or has the rule's own names."""
    if isinstance(value, str) and "{" in value:
        value = _json(value)
    if not isinstance(value, dict) or depth > _MOST_DEPTH:
        return []
    pairs = cast("dict[str, Any]", value)
    found: list[Mapping[str, Any]] = []
    for name, inner in islice(pairs.items(), 1000):
        is_inner = name.casefold() == "aigc"
        if is_inner or isinstance(inner, dict) or (isinstance(inner, str) and "AIGC" in inner):
            found += _sets(inner, is_named=is_inner, depth=depth + 1)
    if found:
        return found
    has_rule_names = len(_RULE & {name.casefold() for name in pairs}) >= 2
    return [pairs] if pairs and (is_named or has_rule_names) else []


def _xml_values(text: str) -> Iterator[str]:
    for match in islice(_ATTRIBUTE.finditer(text), _MOST_PLACES):
        if (end := text.find(match[1], match.end())) >= 0:
            yield text[match.end() : end]
    for match in islice(_ELEMENT.finditer(text), _MOST_PLACES):
        if (end := text.find("</", match.end())) > match.end():
            yield text[match.end() : end]


def _kept(fields: Mapping[str, Any]) -> Found:
    kept: dict[str, str] = {}
    too_long: list[str] = []
    for given, value in islice(fields.items(), MOST_FIELDS):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        name = one_line(given, 100)
        if len(text) > LONGEST_JOINED:
            too_long.append(f"{name}: {len(text):,} characters are more than are kept")
            text = ""
        kept[name] = storable(text, LONGEST_JOINED)
    if len(fields) > MOST_FIELDS:
        too_long.append(f"has {len(fields):,} fields, the first {MOST_FIELDS} are kept")
    return Found(kept, tuple(too_long))
