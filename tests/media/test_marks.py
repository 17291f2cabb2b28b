"""The reader of marks: C2PA, AIGC wherever vendors put it, IPTC's source type; and files that are not honest."""

from __future__ import annotations

import hashlib
import html
import io
import json
import struct
import time
from collections.abc import Callable

import pytest

from longtake.domain.marks import Marks
from longtake.media.reading.marks import MOST_BOXES, read_marks
from tests.media.marked_files import (
    FIELDS,
    aigc_text,
    box,
    c2pa_box,
    film_of,
    freeform,
    handler,
    itunes,
    keyed,
    quicktime,
    xmp,
)


def marks_of(film: bytes) -> Marks:
    return read_marks(io.BytesIO(film))


def test_a_film_without_marks_has_none() -> None:
    assert marks_of(film_of(user_data=itunes(b"\xa9too", b"Lavf62.12.102"))) == Marks()


@pytest.mark.parametrize("place", ["in front", "behind", "in moov", "alone"])
def test_a_c2pa_manifest_is_found_wherever_its_box_lies_and_known_by_its_bytes(place: str) -> None:
    manifest = c2pa_box()
    films = {
        "in front": manifest + film_of(),
        "behind": film_of(box(b"moof"), box(b"mdat"), manifest),
        "in moov": box(b"ftyp", b"isom") + box(b"moov", manifest),
        "alone": manifest,
    }
    c2pa = marks_of(films[place]).c2pa
    assert c2pa is not None
    assert c2pa.size_bytes == len(manifest)
    assert c2pa.sha256 == hashlib.sha256(manifest).hexdigest()


def test_a_c2pa_box_with_a_long_size_is_one_too() -> None:
    body = c2pa_box()[8:]
    found = marks_of(film_of() + struct.pack(">I4sQ", 1, b"uuid", 16 + len(body)) + body).c2pa
    assert found is not None and found.size_bytes == 16 + len(body)


PLACES: dict[str, Callable[[bytes], bytes]] = {
    "QuickTime key": lambda text: film_of(user_data=keyed(b"AIGC", text)),
    "key with a domain": lambda text: film_of(user_data=keyed(b"cn.tc260.aigc", text)),
    "QuickTime list in moov": lambda text: box(b"moov", keyed(b"AIGC", text, is_plain=True)),
    "list of the file": lambda text: film_of(keyed(b"AIGC", text)),
    "list of a track": lambda text: box(b"moov", box(b"trak", box(b"udta", keyed(b"AIGC", text)))),
    "four letters": lambda text: film_of(user_data=itunes(b"AIGC", text)),
    "own name": lambda text: film_of(user_data=freeform(b"AIGC", text)),
    "user data": lambda text: film_of(user_data=box(b"AIGC", text)),
    "box of the file": lambda text: film_of(box(b"AIGC", text)),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "wrapped"])
def test_aigc_fields_are_read_as_they_are_given_from_every_usual_place(place: str, wrapped: bool) -> None:
    text = json.dumps({"AIGC": FIELDS}).encode() if wrapped else aigc_text()
    assert marks_of(PLACES[place](text)) == Marks(aigc=(FIELDS,))


COMMENTS: dict[str, Callable[[bytes], bytes]] = {
    "comment": lambda text: film_of(user_data=itunes(b"\xa9cmt", text)),
    "QuickTime comment": lambda text: film_of(user_data=quicktime(b"\xa9cmt", text)),
    "XML of the file": lambda text: film_of(box(b"meta", bytes(4), handler(b"mp7t"), box(b"xml ", bytes(4), text))),
    "ID3": lambda text: film_of(box(b"meta", bytes(4), handler(b"ID32"), box(b"ID32", bytes(6), b"ID3", text))),
    "description": lambda text: film_of(user_data=keyed(b"com.apple.quicktime.description", text)),
}


@pytest.mark.parametrize("place", COMMENTS)
@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"AIGC": FIELDS}).encode(),
        json.dumps({"data": {"vid": "v1", "AIGC": FIELDS}}).encode(),
        json.dumps({"AIGC": json.dumps(FIELDS)}).encode(),
        b"vid:v02;AIGC=" + aigc_text(),
    ],
    ids=["wrapped", "deeper", "as a string", "behind words"],
)
def test_aigc_fields_in_a_comment_are_found(place: str, text: bytes) -> None:
    assert marks_of(COMMENTS[place](text)).aigc == (FIELDS,)


@pytest.mark.parametrize(
    "words",
    [
        f"<rdf:Description TC260:AIGC='{aigc_text().decode()}'/>",
        f'<rdf:Description TC260:AIGC="{html.escape(aigc_text().decode())}"/>',
        f"<TC260:AIGC>{html.escape(aigc_text().decode())}</TC260:AIGC>",
    ],
    ids=["single quotes", "escaped", "element"],
)
def test_aigc_fields_in_xmp_are_found(words: str) -> None:
    assert marks_of(film_of(xmp(words))) == Marks(aigc=(FIELDS,))


def test_the_same_fields_in_two_places_are_one_set_and_different_ones_are_two() -> None:
    other = FIELDS | {"ProduceID": "another"}
    assert marks_of(film_of(keyed(b"AIGC", aigc_text()), user_data=itunes(b"AIGC", aigc_text()))).aigc == (FIELDS,)
    both = marks_of(film_of(keyed(b"AIGC", aigc_text(other)), user_data=itunes(b"AIGC", aigc_text())))
    assert both.aigc == (FIELDS, other)


@pytest.mark.parametrize("name", ["trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"])
def test_iptcs_source_type_is_named(name: str) -> None:
    link = f"http://cv.iptc.org/newscodes/digitalsourcetype/{name}"
    assert marks_of(film_of(xmp(f'<rdf:Description Iptc4xmpExt:DigitalSourceType="{link}"/>'))).other == (name,)


def test_a_manifest_kept_elsewhere_is_named_and_its_address_is_not() -> None:
    marks = marks_of(film_of(xmp('<rdf:Description dcterms:provenance="https://x.example/m?token=s3cret"/>')))
    assert marks.other == ("a C2PA manifest kept elsewhere",)
    assert "s3cret" not in marks.model_dump_json()


@pytest.mark.parametrize("words", ["AI-generated", "Made with AI", "AI生成"])
def test_words_that_say_so_are_a_mark(words: str) -> None:
    assert marks_of(film_of(user_data=keyed(b"comment", f"Title. {words}.".encode()))).other == (f"comment: {words}",)


def test_what_stands_under_aigc_and_is_no_json_is_kept_as_it_is() -> None:
    assert marks_of(film_of(user_data=keyed(b"AIGC", b"1"))).aigc == ({"AIGC": "1"},)


def test_fields_in_gb18030_and_half_emoji_are_kept_so_that_every_file_can_hold_them() -> None:
    text = json.dumps(FIELDS | {"ContentProducer": "某公司"}, ensure_ascii=False).encode("gb18030")
    assert marks_of(film_of(user_data=keyed(b"AIGC", text))).producers == ("某公司",)
    half = marks_of(film_of(user_data=keyed(b"AIGC", b'{"Label": "1", "ProduceID": "\\ud83d\\u0000"}')))
    half.model_dump_json().encode()
    assert half.aigc[0]["ProduceID"] == "\ufffd\u2400"


HOSTILE = {
    "size 0": film_of() + struct.pack(">I4s", 0, b"uuid"),
    "size 1 without more": film_of() + struct.pack(">I4s", 1, b"uuid"),
    "size 1 of nothing": film_of() + struct.pack(">I4sQ", 1, b"uuid", 3),
    "size 1 of everything": film_of() + struct.pack(">I4sQ", 1, b"uuid", 2**64 - 1),
    "beyond the file": film_of() + struct.pack(">I4s", 2**31, b"uuid") + b"x" * 40,
    "child beyond its parent": film_of(user_data=struct.pack(">I4s", 2**30, b"meta") + b"x" * 40),
    "item beyond its list": film_of(user_data=itunes(b"AIGC", b"")[:-4] + b"\xff\xff\xff\xff"),
    "keys that lie": film_of(user_data=keyed(b"x", b"{}").replace(b"keys\0\0\0\0\0\0\0\1", b"keys" + b"\xff" * 8)),
    "size 7": film_of(user_data=struct.pack(">I4s", 7, b"meta") + b"x" * 40),
    "noise": film_of() + bytes(range(256)) * 8,
    "text that is none": film_of(user_data=keyed(b"\xff\xfe\0", b"\xff\xfe\xd8\0\x80")),
    "empty": box(b"ftyp"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_lies_about_its_sizes_has_no_marks_and_does_no_harm(name: str) -> None:
    found = marks_of(HOSTILE[name])
    assert found.c2pa is None
    assert found.names == () or name == "text that is none"


def test_boxes_in_boxes_end_somewhere() -> None:
    nested = c2pa_box()
    for _ in range(5000):
        nested = box(b"trak", nested)
    assert marks_of(box(b"moov", nested)) == Marks()
    deep = keyed(b"AIGC", aigc_text())
    for _ in range(5000):
        deep = box(b"meta", bytes(4), deep)
    assert marks_of(deep) == Marks()


def test_a_million_boxes_are_not_all_looked_at_and_that_is_said() -> None:
    film = box(b"free") * (MOST_BOXES + 10) + c2pa_box()
    marks = marks_of(film)
    assert marks.c2pa is None
    assert marks.unread == ("more than 100,000 boxes: what comes behind them was not looked at",)


def test_megabytes_of_aigc_are_not_read_and_that_is_said() -> None:
    marks = marks_of(film_of(user_data=keyed(b"AIGC", aigc_text(FIELDS | {"ReservedCode1": "x" * 3_000_000}))))
    assert marks.aigc == ()
    assert marks.unread[0].startswith("AIGC of 3,000,")
    long = marks_of(film_of(user_data=keyed(b"AIGC", aigc_text(FIELDS | {"ReservedCode1": "x" * 300_000}))))
    assert long.aigc == (FIELDS | {"ReservedCode1": ""},)
    assert long.unread == ("AIGC ReservedCode1: 300,000 characters are more than are kept",)


@pytest.mark.parametrize(
    "text",
    [
        b'{"AIGC":' * 100_000,
        b"[" * 500_000 + b"{}",
        b"<AIGC>" * 150_000,
        b"AIGC='" * 150_000,
        b"a" * 1_000_000,
        b'{"Label":' + b"9" * 900_000 + b"}",
        b"AI  " * 250_000,
    ],
    ids=["nested", "lists", "elements", "attributes", "one word", "a number without end", "nearly words"],
)
def test_text_made_to_be_slow_is_read_in_no_time(text: bytes) -> None:
    begun = time.process_time()
    marks_of(film_of(xmp(text.decode()), user_data=keyed(b"AIGC", text) + keyed(b"comment", text)))
    assert time.process_time() - begun < 5
