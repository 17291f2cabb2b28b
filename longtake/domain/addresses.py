"""Addresses: what scheme one has, which parts of it say nothing but who may read it, and how people may see it.

An address is an http(s) link, `s3://bucket/key`, `asset://` and an id of a vendor's, a data URI, or a path.
"""

from __future__ import annotations

import base64
import binascii
from typing import Literal, cast
from urllib.parse import parse_qsl, unquote_to_bytes, urlencode, urlsplit, urlunsplit

Scheme = Literal["http", "https", "s3", "asset", "data", "file"]
WEB: frozenset[Scheme] = frozenset({"http", "https"})
"""Schemes of what is fetched through the guarded client."""
_SCHEMES = frozenset({"http", "https", "s3", "asset", "data"})
_MOST_CHARACTERS = 200
"""Of an address that people see."""

SIGNATURE_PARAMETERS = frozenset(
    {"signature", "expires", "key-pair-id", "policy", "sig", "awsaccesskeyid", "ossaccesskeyid", "security-token"}
    | {"token", "auth_key", "sign", "googleaccessid", "ck", "hdnts", "x-expires", "x-signature"}
)
# Azure's names are short enough to mean anything, so they count beside `sig` only.
AZURE_PARAMETERS = frozenset({"se", "sp", "sv", "sr", "st", "spr", "skoid", "sktid", "skt", "ske", "sks", "skv"})
SIGNATURE_PREFIXES = ("x-amz-", "x-goog-", "x-oss-", "x-tos-", "x-cos-", "q-")


def scheme_of(address: str) -> Scheme:
    """The scheme of a checked address; one without any that we know is a path: `file`."""
    head = address[:6].split(":", 1)[0].lower()  # an address may hold megabytes of data
    return cast("Scheme", head) if head in _SCHEMES and ":" in address[:6] else "file"


def is_s3(address: str) -> bool:
    """Whether it is an object, a prefix or a bucket; written in small letters, as they all are."""
    return address.startswith("s3://")


def bucket_of(address: str) -> str:
    """`s3://bucket` of an address in it."""
    return "/".join(address.split("/")[:3])


def has_scheme(address: str) -> bool:
    """Whether it is no path, whatever else it is."""
    return "://" in address


def unsigned_url(url: str) -> str:
    """The address without user, fragment and the parameters of a signature; what is safe to store and to compare."""
    parts = urlsplit(url)
    # Bytes that are no UTF-8 are kept apart: two addresses that differ in them are two addresses.
    given = parse_qsl(parts.query, keep_blank_values=True, errors="surrogateescape")
    dropped = SIGNATURE_PARAMETERS
    if any(name.lower() == "sig" for name, _ in given):
        dropped |= AZURE_PARAMETERS
    kept = [
        (name, value)
        for name, value in given
        if name.lower() not in dropped and not name.lower().startswith(SIGNATURE_PREFIXES)
    ]
    host = parts.netloc.rpartition("@")[2]
    query = urlencode(kept, errors="surrogateescape")
    return urlunsplit((parts.scheme.lower(), host.lower(), parts.path, query, ""))


def data_uri_bytes(uri: str) -> bytes:
    """The bytes inside a data URI.

    Raises:
        ValueError: It is not a data URI, or its base64 is broken.
    """
    head, comma, body = uri.partition(",")
    if not comma or not head.lower().startswith("data:"):
        raise ValueError("not a data URI")
    if not head.lower().endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise ValueError(f"broken base64 in a data URI: {error}") from None


def shown(address: str) -> str:
    """An address as it may stand in a message, whatever was typed: no signature, no user, no data."""
    scheme = scheme_of(address)
    if scheme == "data":
        return f"{address.split(',', 1)[0][:60]},… ({len(address)} characters)"
    try:
        if scheme in ("s3", "asset"):  # what looks like a query or a fragment is part of a key
            head, mark, rest = address.partition("://")
            place, slash, key = rest.partition("/")
            text = f"{head}{mark}{place.rpartition('@')[2]}{slash}{key}"
        else:
            text = unsigned_url(address) if has_scheme(address) else address
    except ValueError:
        text = address.split("?", 1)[0].rpartition("@")[2]
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 3]}..."
