"""What a film's file claims of how it was made, and whether that holds: its C2PA manifest checked, its marks read.

The bytes are others': to be run in a child process. Nothing is fetched, whatever address a manifest names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from pydantic import BaseModel, ConfigDict

from longtake.domain.errors import ConfigurationError
from longtake.domain.marks import Marks
from longtake.domain.text import one_line
from longtake.media.labelling.library import KIND, context, load_library
from longtake.media.reading.marks import read_marks

State = Literal["Valid", "Trusted", "Invalid"]
MOST_INGREDIENTS, MOST_WORDS = 500, 50
_QUERY = re.compile(r"\?\S+")
_SKIPPED = frozenset({"signingCredential.untrusted"})
"""No fault of a manifest: its authority is not among those that the reader was told to trust."""


class IngredientClaim(BaseModel):
    """What a manifest says of something that the film is made of; `manifest` is the label of its own, "" if none."""

    model_config = ConfigDict(frozen=True)

    title: str
    relationship: str
    manifest: str = ""
    failures: tuple[str, ...] = ()


class Claim(BaseModel):
    """The manifest of a film that is in force.

    Attributes:
        state: Valid: nothing was changed since it was signed. Trusted: and the authority is one that is trusted.
        label: Its name.
        failures: Why it does not hold.
        signer: Whose certificate signed it.
        issuer: The organisation that the certificate names.
        algorithm: What it was signed with.
        time: When, by a time-stamp authority; "" where none was asked.
        generator: The program that wrote it.
        actions: What was done.
        source_types: IPTC's words for how it was made.
        ingredients: What it was made of.
    """

    model_config = ConfigDict(frozen=True)

    state: State
    label: str
    failures: tuple[str, ...] = ()
    signer: str = ""
    issuer: str = ""
    algorithm: str = ""
    time: str = ""
    generator: str = ""
    actions: tuple[str, ...] = ()
    source_types: tuple[str, ...] = ()
    ingredients: tuple[IngredientClaim, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the film is as it was when it was signed."""
        return self.state != "Invalid"


class FileClaims(BaseModel):
    """What a file claims. `claim` is None where it has no manifest that can be read; `unread` says why.

    `is_checked` is False where C2PA's library is not installed: of a manifest is known then that it is there, no more.
    """

    model_config = ConfigDict(frozen=True)

    marks: Marks
    claim: Claim | None = None
    unread: str = ""
    is_checked: bool = True

    @property
    def holds(self) -> bool:
        """Whether it has a manifest, and that holds."""
        return self.claim is not None and self.claim.holds


def read_claims(film: Path, anchors: str = "") -> FileClaims:
    """What a file claims, and whether it holds.

    Args:
        film: The file.
        anchors: PEM of the authorities that are trusted beside those that the library knows.

    Raises:
        UnreadableClipError: No regular file, or empty.
    """
    marks = read_marks(film)
    try:
        load_library()
    except ConfigurationError as error:
        return FileClaims(marks=marks, unread=str(error) if marks.c2pa else "", is_checked=False)
    try:
        with film.open("rb") as file:
            claim = claim_in(file, KIND, anchors)
    except Exception as error:  # of others' bytes
        return FileClaims(marks=marks, unread=unread_words(error))
    missing = "its C2PA manifest is not found where it should be" if claim is None and marks.c2pa else ""
    return FileClaims(marks=marks, claim=claim, unread=missing)


def unread_words(error: Exception) -> str:
    """Why a manifest could not be read; of an address that it names, nothing that may be a signature."""
    return one_line(_QUERY.sub("?…", str(error)), 300) or type(error).__name__


def claim_in(file: BinaryIO, kind: str, anchors: str = "", *, most_ingredients: int = 0) -> Claim | None:
    """The manifest in force of an open file; None where it has none.

    Args:
        file: The file.
        kind: Its media type.
        anchors: As `read_claims` takes them.
        most_ingredients: How many of them are read; 0: as many as a stranger's file may have.

    Raises:
        Exception: Whatever the library says of a manifest that it cannot read.
    """
    reader = load_library().Reader.try_create(kind, file, context=context(anchors))
    if reader is None:
        return None
    with reader:
        told = _mapping(json.loads(reader.json()))
        state = reader.get_validation_state()
    most = most_ingredients or MOST_INGREDIENTS
    label = str(told.get("active_manifest") or "")
    manifest = _mapping(_mapping(told.get("manifests")).get(label))
    results = _mapping(told.get("validation_results"))
    failures = _failures(
        [*_list(_mapping(results.get("activeManifest")).get("failure")), *_list(told.get("validation_status"))]
    )
    signature = _mapping(manifest.get("signature_info"))
    actions = _actions(manifest)
    return Claim(
        state=cast(State, state) if state in ("Valid", "Trusted") else "Invalid",
        label=_word(label),
        failures=failures,
        signer=_word(signature.get("common_name")),
        issuer=_word(signature.get("issuer")),
        algorithm=_word(signature.get("alg")),
        time=_word(signature.get("time")),
        generator=_generator(manifest),
        actions=_words(action.get("action") for action in actions),
        source_types=_words(_last(action.get("digitalSourceType")) for action in actions),
        ingredients=tuple(_ingredient(each) for each in _list(manifest.get("ingredients"))[:most]),
    )


def _ingredient(told: Mapping[str, Any]) -> IngredientClaim:
    results = _mapping(told.get("validation_results"))
    deltas = [_mapping(each.get("validationDeltas")) for each in _list(results.get("ingredientDeltas"))]
    found = [
        failure for part in (_mapping(results.get("activeManifest")), *deltas) for failure in _list(part.get("failure"))
    ]
    return IngredientClaim(
        title=_word(told.get("title")),
        relationship=_word(told.get("relationship")),
        manifest=_word(told.get("active_manifest")),
        failures=_failures(found),
    )


def _failures(told: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    found = [each for each in told if each.get("code") not in _SKIPPED]
    return _words(f"{each.get('code')}: {each.get('explanation') or ''}".rstrip(": ") for each in found)


def _actions(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    assertions = _list(manifest.get("assertions"))
    held = [each for each in assertions if str(each.get("label")).startswith("c2pa.actions")]
    return [action for each in held for action in _list(_mapping(each.get("data")).get("actions"))]


def _generator(manifest: Mapping[str, Any]) -> str:
    info = next(iter(_list(manifest.get("claim_generator_info"))), {})
    named = " ".join(str(info[key]) for key in ("name", "version") if info.get(key))
    return _word(named or manifest.get("claim_generator"))


def _last(address: object) -> object:
    return str(address).rsplit("/", 1)[-1] if address else None


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Mapping[str, Any]]:
    given = cast("Sequence[object]", value) if isinstance(value, list) else ()
    return [_mapping(each) for each in given]


def _words(found: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_word(each) for each in found if each))[:MOST_WORDS]


def _word(value: object) -> str:
    return one_line(str(value or ""), 300)
