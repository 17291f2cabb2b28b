"""The manifest's references as results may keep them: a signature is a key, and inline data is no table's business."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pandas

from longtake.domain.addresses import data_uri_bytes, scheme_of, unsigned_url
from longtake.domain.request import Role

COLUMNS = [*(role.column for role in Role), "callback_url"]


def without_signatures(frame: pandas.DataFrame) -> pandas.DataFrame:
    """The frame with its columns of references free of signed queries and inline data; all other cells untouched.

    A signed link stands there without the parameters of its signature, a data URI as its type, hash and length.
    """
    changed: dict[str, Any] = {}
    for name in frame.columns.intersection(COLUMNS):
        cells = frame[name].tolist()
        kept = [_cell(cell) for cell in cells]
        if kept != cells:
            changed[name] = pandas.Series(kept, index=frame.index, dtype=frame[name].dtype)
    return frame.assign(**changed) if changed else frame


def _cell(cell: Any) -> Any:
    if isinstance(cell, str):
        return "|".join(_kept(value) for value in cell.split("|"))
    if isinstance(cell, list):
        return [_kept(value) if isinstance(value, str) else value for value in cell]
    return cell


def _kept(value: str) -> str:
    scheme = scheme_of(value.strip())
    try:
        if scheme == "data":
            data = data_uri_bytes(value.strip())
            kind = value.strip().partition(",")[0].partition(";")[0]
            return f"{kind};sha256={hashlib.sha256(data).hexdigest()};bytes={len(data)}"
        if scheme in ("http", "https"):
            plain = unsigned_url(value.strip())
            is_signed = _parameters(plain) != _parameters(value) or "@" in urlsplit(value).netloc
            return plain if is_signed else value
    except ValueError:  # refused rows stand in the results too
        return value.partition(",")[0] if scheme == "data" else value.partition("?")[0]
    return value


def _parameters(url: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(url.strip()).query, keep_blank_values=True, errors="surrogateescape")
