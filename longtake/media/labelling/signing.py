"""Signing a film: a C2PA manifest that says AI made it, its clips as ingredients with their own manifests.

Sound and pictures stay bit for bit: the manifest is a box of its own, and what lies behind it moves. To be run in a
child process, since clips' manifests are others' bytes.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import av
from pydantic import BaseModel, ConfigDict

import longtake
from longtake.domain.errors import ConfigurationError, MachineError
from longtake.domain.text import one_line
from longtake.media.labelling.claims import claim_in, unread_words
from longtake.media.labelling.identity import Signer, SigningIdentity, check_identity
from longtake.media.labelling.library import KIND, context, load_library, our_signing, signer

MADE_BY_AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's word for what a trained model made."""
LONGEST_TITLE, LONGEST_PROMPT = 200, 20_000


class Ingredient(BaseModel):
    """A clip of a film: its file, what it is called there, and its prompt where that is to be told."""

    model_config = ConfigDict(frozen=True)

    path: Path
    title: str
    prompt: str = ""


class SignedIngredient(BaseModel):
    """A clip in a signed film: the label of its own manifest, "" where it has none.

    `failures` says why that manifest does not hold, or why it could not be taken in.
    """

    model_config = ConfigDict(frozen=True)

    title: str
    manifest: str = ""
    failures: tuple[str, ...] = ()


class Signature(BaseModel):
    """What signed a film, and the file as it is since; `signed_at` is our clock's time, in UTC.

    `state` is the reader's word: Valid, or Trusted where it knows the authority.
    """

    model_config = ConfigDict(frozen=True)

    subject: str
    issuer: str
    fingerprint: str
    algorithm: str
    signed_at: str
    time_stamp: str
    manifest: str
    state: str
    sha256: str
    size_bytes: int
    ingredients: tuple[SignedIngredient, ...]


def rehearse(identity: SigningIdentity) -> Signer:
    """Signs a picture of one pixel, so that what cannot sign is known before anything is bought.

    Raises:
        ConfigurationError: The extra is missing, or the identity cannot sign by C2PA's rules.
    """
    load_library()
    who = check_identity(identity)
    signed = io.BytesIO()
    try:
        with our_signing(identity):
            builder = _builder(identity, "rehearsal", "c2pa.created", ())
            builder.sign(signer(identity), "image/png", io.BytesIO(_one_pixel()), signed)
            signed.seek(0)
            claim = claim_in(signed, "image/png")
    except MachineError as error:
        asked = f", time-stamped by {identity.time_stamp_url}" if identity.time_stamp_url else ""
        raise ConfigurationError(f"a test signature{asked}, could not be made: {_said(error)}") from None
    if claim is None or not claim.holds:
        why = "; ".join(claim.failures) if claim else "it cannot be read back"
        raise ConfigurationError(f"what this certificate signs does not hold by C2PA's rules: {why}")
    return who


def sign_film(
    film: Path,
    target: Path,
    clips: Sequence[Ingredient],
    identity: SigningIdentity,
    *,
    title: str,
    action: Literal["c2pa.created", "c2pa.edited"] = "c2pa.created",
) -> Signature:
    """Writes the film to `target` with a manifest in it, and reads it back.

    Args:
        film: An MP4 file.
        target: Replaced if it exists.
        clips: What the film is made of, in order; one alone where `action` is `c2pa.edited`.
        identity: Who signs.
        title: What the film is called in its manifest.
        action: Made of these clips, or one clip changed.

    Raises:
        ConfigurationError: The extra is missing, or the identity cannot sign (any more).
        MachineError: It could not be signed, or the signed film is not what the film was.
    """
    who = check_identity(identity)
    with our_signing(identity):
        builder = _builder(identity, one_line(title, LONGEST_TITLE), action, clips)
        unread = [_add(builder, number, clip, action) for number, clip in enumerate(clips)]
        signed_at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        with film.open("rb") as source, target.open("w+b") as signed:
            builder.sign(signer(identity), KIND, source, signed)
            signed.seek(0)
            claim = claim_in(signed, KIND, most_ingredients=len(clips))
            signed.seek(0)
            sha256 = hashlib.file_digest(signed, "sha256").hexdigest()
    if claim is None or not claim.holds:
        why = "; ".join(claim.failures) if claim else "no manifest is found in it"
        raise MachineError(f"our machine: the signed film does not hold: {why}; run again")
    if _packets(film) != _packets(target):
        raise MachineError("our machine: the signed film has other sound or pictures than the film; run again")
    return Signature(
        subject=who.subject,
        issuer=who.issuer,
        fingerprint=who.fingerprint,
        algorithm=who.algorithm,
        signed_at=signed_at,
        time_stamp=claim.time,
        manifest=claim.label,
        state=claim.state,
        sha256=sha256,
        size_bytes=target.stat().st_size,
        ingredients=tuple(
            SignedIngredient(
                title=told.title, manifest=told.manifest, failures=(*told.failures, *((why,) if why else ()))
            )
            for told, why in zip(claim.ingredients, unread, strict=False)
        ),
    )


def _builder(identity: SigningIdentity, title: str, action: str, clips: Sequence[Ingredient]) -> Any:
    made: dict[str, Any] = {"action": action, "digitalSourceType": MADE_BY_AI}
    parts = {"parameters": {"ingredientIds": [_name(number) for number in range(len(clips))]}}
    actions = [{"action": "c2pa.opened", **parts}, made] if action == "c2pa.edited" else [made]
    if clips and action == "c2pa.created":
        actions.append({"action": "c2pa.placed", **parts})
    manifest = {
        "claim_generator_info": [{"name": "Longtake", "version": longtake.__version__}],
        "title": title,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }
    return load_library().Builder(manifest, context=context(time_stamp_url=identity.time_stamp_url))


def _name(number: int) -> str:
    return f"clip-{number + 1}"


def _add(builder: Any, number: int, clip: Ingredient, action: str) -> str:
    """Adds a clip with its own manifest. One whose manifest cannot be read is named without it; returns why."""
    told: dict[str, Any] = {
        "title": one_line(clip.title, LONGEST_TITLE),
        "format": KIND,
        "label": _name(number),
        "instance_id": _name(number),
        "relationship": "parentOf" if action == "c2pa.edited" else "componentOf",
    }
    if clip.prompt:
        told["description"] = one_line(clip.prompt, LONGEST_PROMPT)
    with clip.path.open("rb") as file:
        try:
            builder.add_ingredient(told, KIND, file)
        except Exception as error:  # others' bytes: whatever is wrong with them, the film is still signed
            # Any picture without a manifest stands in: of a clip without one nothing but what is told here is kept.
            builder.add_ingredient(told, "image/png", io.BytesIO(_one_pixel()))
            return unread_words(error)
    return ""


def _packets(film: Path) -> list[tuple[int, int | None, int | None, str]]:
    """Every packet of every track with its times and its bytes' hash, in the order of the file."""
    with av.open(str(film)) as opened:
        return [
            (packet.stream_index, packet.pts, packet.dts, hashlib.sha256(bytes(packet)).hexdigest())
            for packet in opened.demux()
            if packet.size
        ]


def _one_pixel() -> bytes:
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b""))
    packed = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def _said(error: MachineError) -> str:
    words = str(error).removeprefix("our machine: the film could not be signed: ")
    return words.removesuffix("; mend it, then run again")
