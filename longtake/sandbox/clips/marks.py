"""Marks as vendors' clips carry them, made up: a C2PA manifest that nobody signed, the `AIGC` fields of GB 45438."""

from __future__ import annotations

import json
import struct

_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")


def aigc_text(vendor: str, number: int) -> str:
    """The fields as JSON; each vendor is a producer of its own, each clip a product."""
    fields = {
        "Label": "1",
        "ContentProducer": f"sandbox-{vendor}",
        "ProduceID": f"{vendor}-clip-{number}",
        "ReservedCode1": "",
        "ContentPropagator": "",
        "PropagateID": "",
        "ReservedCode2": "",
    }
    return json.dumps(fields)


def c2pa_box(number: int) -> bytes:
    """A box that lies in the file as C2PA's rules have it; what it holds is none that a reader would call valid."""
    words = f"longtake sandbox: no manifest, clip {number}".encode()
    description = struct.pack(">I4s", 8 + len(words), b"jumd") + words
    manifest = struct.pack(">I4s", 8 + len(description), b"jumb") + description
    body = _C2PA + bytes(4) + b"manifest\0" + bytes(8) + manifest
    return struct.pack(">I4s", 8 + len(body), b"uuid") + body
