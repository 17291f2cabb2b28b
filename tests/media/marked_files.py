"""Boxes with marks, put into clips or into files that are nothing but boxes."""

from __future__ import annotations

import json
import struct
from pathlib import Path

FIELDS = {
    "Label": "1",
    "ContentProducer": "001191110000123456789X10000",
    "ProduceID": "clip-7f3a",
    "ReservedCode1": "q0Zk",
    "ContentPropagator": "",
    "PropagateID": "",
    "ReservedCode2": "",
}
"""As GB 45438 writes them."""
C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


def box(kind: bytes, *content: bytes) -> bytes:
    """One box."""
    data = b"".join(content)
    return struct.pack(">I4s", 8 + len(data), kind) + data


def c2pa_box(payload: bytes = b"jumbf" * 40) -> bytes:
    """A box as C2PA's rules for MP4 have it: version and flags, purpose, offset of the merkle box, manifest."""
    return box(b"uuid", C2PA, bytes(4), b"manifest\0", bytes(8), payload)


def aigc_text(fields: dict[str, str] = FIELDS) -> bytes:
    """The fields as JSON."""
    return json.dumps(fields, ensure_ascii=False).encode()


def data_box(text: bytes) -> bytes:
    """The value of an item of a list of metadata."""
    return box(b"data", struct.pack(">II", 1, 0), text)


def handler(kind: bytes) -> bytes:
    """What a list of metadata says of itself."""
    return box(b"hdlr", bytes(8), kind, bytes(13))


def keyed(name: bytes, text: bytes, *, is_plain: bool = False) -> bytes:
    """A list of metadata with named keys; QuickTime's own has no version."""
    keys = box(b"keys", bytes(4), struct.pack(">I", 1), box(b"mdta", name))
    version = b"" if is_plain else bytes(4)
    return box(b"meta", version, handler(b"mdta"), keys, box(b"ilst", box(struct.pack(">I", 1), data_box(text))))


def itunes(kind: bytes, text: bytes) -> bytes:
    """A list of metadata whose items are named by four letters."""
    return box(b"meta", bytes(4), handler(b"mdir"), box(b"ilst", box(kind, data_box(text))))


def freeform(name: bytes, text: bytes) -> bytes:
    """A list of metadata with one item of a name of its own."""
    item = box(b"----", box(b"mean", bytes(4), b"cn.example"), box(b"name", bytes(4), name), data_box(text))
    return box(b"meta", bytes(4), handler(b"mdir"), box(b"ilst", item))


def quicktime(kind: bytes, text: bytes) -> bytes:
    """A text of QuickTime's user data: length, language, words."""
    return box(kind, struct.pack(">HH", len(text), 0x55C4), text)


def xmp(words: str) -> bytes:
    """An XMP packet in its box."""
    packet = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>{words}</rdf:RDF></x:xmpmeta>'
    return box(b"uuid", XMP, packet.encode())


def film_of(*boxes: bytes, user_data: bytes = b"") -> bytes:
    """A file of boxes: what the reader of marks walks over, though nothing of it plays."""
    moov = box(b"moov", box(b"mvhd", bytes(100)), *([box(b"udta", user_data)] if user_data else []))
    return b"".join((box(b"ftyp", b"isom", bytes(4)), moov, box(b"mdat", bytes(64)), *boxes))


def marked(clip: Path, target: Path, *boxes: bytes) -> Path:
    """A clip with boxes behind its last."""
    target.write_bytes(clip.read_bytes() + b"".join(boxes))
    return target
