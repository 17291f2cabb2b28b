"""Clips signed as a vendor signs them, and identities of the library's from the tests' certificates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import c2pa

from longtake.media.labelling.identity import SigningIdentity
from tests.media.certificates import Identity, identity

MADE_BY_AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def as_the_vendor(clip: Path, target: Path, who: Identity | None = None) -> Path:
    """The clip with a manifest of its vendor's, made with the library alone."""
    who = who or identity(name="A Vendor")
    actions = [{"action": "c2pa.created", "digitalSourceType": MADE_BY_AI}]
    manifest = {
        "claim_generator_info": [{"name": "Vendor", "version": "2"}],
        "title": clip.name,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }
    info = c2pa.C2paSignerInfo("es256", who.chain.encode(), who.private_key.encode(), None)
    settings = {"builder": {"thumbnail": {"enabled": False}}}
    builder = c2pa.Builder(manifest, context=c2pa.Context.from_dict(settings))
    with clip.open("rb") as source, target.open("w+b") as signed:
        builder.sign(c2pa.Signer.from_info(info), "video/mp4", source, signed)
    return target


def signs_as(who: Identity, **more: Any) -> SigningIdentity:
    """The library's identity of a certificate of the tests'."""
    return SigningIdentity(certificate_chain=who.chain, private_key=who.private_key, **more)  # pyright: ignore


def manifest_of(film: Path, anchors: str = "") -> tuple[str, dict[str, Any]]:
    """What C2PA's own reader says of a film: its state and its manifest in force, nothing of ours between."""
    settings = {"trust": {"user_anchors": anchors}} if anchors else {}
    with film.open("rb") as file, c2pa.Reader("video/mp4", file, context=c2pa.Context.from_dict(settings)) as reader:
        told = json.loads(reader.json())
        return str(reader.get_validation_state()), told["manifests"][told["active_manifest"]]
