"""Who a purchase is: the hash under which a shot is bought at most once.

The algorithm carries a version; a change of it needs a new version and leaves old folders readable. Row order, extra
columns, code, release, run and machine are no part of it. Golden tests hold it still.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from longtake._speed import Memo
from longtake.domain.addresses import data_uri_bytes, scheme_of, unsigned_url
from longtake.domain.request import OPTIONS, Reference, Role, ShotRequest, option_values

VERSION = 1

ContentDigest = Callable[[str], str]
"""SHA-256 (hex) of the bytes behind a path or `s3://` address."""

Continuation = Literal["clip", "last_frame"]
"""What of the shot before it a shot goes on from."""


class WrittenRow(NamedTuple):
    """A row as written, after templating: what decides about money, and nothing else.

    `vendor` and `model` are None where the row leaves them to the run; `request.model` is then ignored.
    """

    vendor: str | None = None
    model: str | None = None
    request: ShotRequest = ShotRequest()
    continue_from: Continuation | None = None
    reference_tail_seconds: float | None = None


def source_key(source: str, digest: ContentDigest) -> str:
    """What stands for a reference in an identity: its bytes' hash, or its address where the bytes are not ours."""
    scheme = scheme_of(source)
    if scheme in ("http", "https"):
        return unsigned_url(source)
    if scheme == "asset":
        return source
    if scheme == "data":
        return f"sha256:{hashlib.sha256(data_uri_bytes(source)).hexdigest()}"
    return f"sha256:{digest(source)}"


_PLACE = {role: place for place, role in enumerate(Role)}
_CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
_LATER_ATTEMPT = re.compile(r"(?P<first>\d+-[0-9a-f]+)-(?P<number>\d+)")
# Rows share most of these; True, 1 and 1.0 are three texts.
_text = lru_cache(maxsize=1024, typed=True)(_CANONICAL.encode)


class Identities:
    """Makes identities.

    What is hashed is canonical JSON: names in order, no blanks, what is given and nothing else. It is put together from
    the texts of its parts, since the rows of a manifest differ in little but their prompt.

    Args:
        digest: Hashes the bytes of local and `s3://` references; asked once for each tuple of references.
    """

    def __init__(self, digest: ContentDigest) -> None:
        self._digest = digest
        self._references = Memo(self._references_member)

    def of_request(self, row: WrittenRow) -> str:
        """Twelve hex digits naming a row that has neither reel nor id."""
        return _hash(self._row_text(row))[:12]

    def of_shot(
        self,
        *,
        reel: str,
        shot: str,
        take: int,
        row: WrittenRow,
        variant: int = 0,
        parent: str | None = None,
        made_with: Sequence[str] = (),
    ) -> str:
        """The identity of one take of a shot, before attempts: `1-` and 40 hex digits.

        Args:
            reel: The reel's name as written.
            shot: The shot's name as written.
            take: Which take, from 1.
            row: The row as written, after templating.
            variant: Which of the take's variants, from 0; the first is the take itself.
            parent: Identity of the purchase whose clip this shot continues.
            made_with: Names and versions of the templates and fixes that change what is sent.
        """
        numbered = f'"variant":{variant + 1},' if variant else ""
        made = f'"made_with":{_CANONICAL.encode(sorted(made_with))},' if made_with else ""
        text = (
            f'{{{made}"parent":{_CANONICAL.encode(parent)},"reel":{_CANONICAL.encode(reel)},"row":{self._row_text(row)},'
            f'"shot":{_text(shot)},"take":{take},{numbered}"version":{VERSION}}}'
        )
        return f"{VERSION}-{_hash(text)[:40]}"

    def _row_text(self, row: WrittenRow) -> str:
        request = row.request
        before = _before_prompt(row.continue_from, row.model, *option_values(request))
        references = self._references(request.references) if request.references else ""
        after = f"{_member('reference_tail_seconds', row.reference_tail_seconds)}{references}"
        return f'{{{before}"prompt":{_CANONICAL.encode(request.prompt)}{after}{_member("vendor", row.vendor)}}}'

    def _references_member(self, references: tuple[Reference, ...]) -> str:
        ordered = sorted(references, key=lambda reference: _PLACE[reference.role])
        pairs = [[each.role.value, source_key(each.source, self._digest)] for each in ordered]
        return f',"references":{_CANONICAL.encode(pairs)}'


@lru_cache(maxsize=1024, typed=True)
def _before_prompt(continue_from: str | None, model: str | None, *options: object) -> str:
    given = {name: value for name, value in zip(OPTIONS, options, strict=True) if value is not None}
    named = {"continue_from": continue_from, "model": model}
    form = {name: value for name, value in named.items() if value} | {"options": given}
    return f"{_CANONICAL.encode(form)[1:-1]},"


def _member(name: str, value: str | float | None) -> str:
    return f',"{name}":{_text(value)}' if value else ""


def _hash(text: str) -> str:
    # Half a character is refused later, as a violation of its row; here it must only be told apart.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def attempt_identity(identity: str, attempt: int) -> str:
    """The identity of one purchase: the first attempt's is the shot's own, later ones carry their number."""
    return identity if attempt == 1 else f"{identity}-{attempt}"


def first_attempt(identity: str) -> str:
    """The identity of the first attempt of the shot that a purchase is of."""
    match = _LATER_ATTEMPT.fullmatch(identity)
    return match["first"] if match else identity


def next_attempt(identity: str) -> str:
    """The identity of the purchase that may follow this one."""
    match = _LATER_ATTEMPT.fullmatch(identity)
    return attempt_identity(match["first"], int(match["number"]) + 1) if match else attempt_identity(identity, 2)
