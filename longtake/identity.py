"""Who a purchase is: the hash under which a shot is bought at most once.

The algorithm carries a version; a change of it needs a new version and leaves old folders readable. Row order, extra
columns, code, release, run and machine are no part of it. Golden tests hold it still.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Literal
from urllib.parse import parse_qsl, unquote_to_bytes, urlencode, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict

from longtake.request import Role, ShotRequest

VERSION = 1

ContentDigest = Callable[[str], str]
"""SHA-256 (hex) of the bytes behind a path or `s3://` address."""

SIGNATURE_PARAMETERS = frozenset(
    {"signature", "expires", "key-pair-id", "policy", "sig", "awsaccesskeyid", "ossaccesskeyid", "security-token"}
    | {"token", "auth_key", "sign", "googleaccessid", "ck", "hdnts", "x-expires", "x-signature"}
)
# Azure's names are short enough to mean anything, so they count beside `sig` only.
AZURE_PARAMETERS = frozenset({"se", "sp", "sv", "sr", "st", "spr", "skoid", "sktid", "skt", "ske", "sks", "skv"})
SIGNATURE_PREFIXES = ("x-amz-", "x-goog-", "x-oss-", "x-tos-", "x-cos-", "q-")


class WrittenRow(BaseModel):
    """A row as written, after templating: what decides about money, and nothing else.

    `vendor` and `model` are None where the row leaves them to the run; `request.model` is then ignored.
    """

    model_config = ConfigDict(frozen=True)

    vendor: str | None = None
    model: str | None = None
    request: ShotRequest = ShotRequest()
    continue_from: Literal["clip", "last_frame"] | None = None
    reference_tail_seconds: float | None = None


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


def source_key(source: str, digest: ContentDigest) -> str:
    """What stands for a reference in an identity: its bytes' hash, or its address where the bytes are not ours."""
    scheme = source.split(":", 1)[0].lower()
    if scheme in ("http", "https"):
        return unsigned_url(source)
    if scheme == "asset":
        return source
    if scheme == "data":
        return f"sha256:{hashlib.sha256(data_uri_bytes(source)).hexdigest()}"
    return f"sha256:{digest(source)}"


_PLACE = {role.value: place for place, role in enumerate(Role)}
_CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def written_form(row: WrittenRow, digest: ContentDigest) -> dict[str, object]:
    """The row as plain JSON values with sorted, only-given fields."""
    references = [[reference.role.value, source_key(reference.source, digest)] for reference in row.request.references]
    references.sort(key=lambda pair: _PLACE[pair[0]])
    form: dict[str, object] = {"prompt": row.request.prompt, "options": row.request.given_options()}
    optional = {
        "vendor": row.vendor,
        "model": row.model,
        "references": references,
        "continue_from": row.continue_from,
        "reference_tail_seconds": row.reference_tail_seconds,
    }
    return form | {name: value for name, value in optional.items() if value}


def _hash(value: object) -> str:
    return hashlib.sha256(_CANONICAL.encode(value).encode()).hexdigest()


def request_hash(row: WrittenRow, digest: ContentDigest) -> str:
    """Twelve hex digits naming a row that has neither reel nor id."""
    return _hash(written_form(row, digest))[:12]


def shot_identity(
    *,
    reel: str,
    shot: str,
    take: int,
    row: WrittenRow,
    digest: ContentDigest,
    parent: str | None = None,
    made_with: Sequence[str] = (),
) -> str:
    """The identity of one take of a shot, before attempts: `1-` and 40 hex digits.

    Args:
        reel: The reel's name as written.
        shot: The shot's name as written.
        take: Which take, from 1.
        row: The row as written, after templating.
        digest: Hashes the bytes of local and `s3://` references.
        parent: Identity of the purchase whose clip this shot continues.
        made_with: Names and versions of the templates and fixes that change what is sent.
    """
    form = written_form(row, digest)
    value: dict[str, object] = {"version": VERSION, "reel": reel, "shot": shot, "take": take}
    value |= {"row": form, "parent": parent}
    if made_with:
        value["made_with"] = sorted(made_with)
    return f"{VERSION}-{_hash(value)[:40]}"


def attempt_identity(identity: str, attempt: int) -> str:
    """The identity of one purchase: the first attempt's is the shot's own, later ones carry their number."""
    return identity if attempt == 1 else f"{identity}-{attempt}"
