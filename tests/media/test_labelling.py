"""Films signed with a certificate of the tests' own authority, read back by C2PA's own reader and by ours."""

from __future__ import annotations

import http.server
import pickle
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from longtake.domain.errors import ConfigurationError, MachineError, UnreadableClipError
from longtake.domain.marks import Marks
from longtake.media.labelling.claims import read_claims
from longtake.media.labelling.copying import copy_to_sign
from longtake.media.labelling.identity import SigningIdentity, check_identity
from longtake.media.labelling.library import our_signing
from longtake.media.labelling.signing import Ingredient, rehearse, sign_film
from longtake.media.reading.marks import read_marks
from longtake.media.workers import in_child
from tests.media.certificates import KEYS, Identity, identity, private_pem
from tests.media.marked_files import FIELDS, c2pa_box, marked, xmp
from tests.media.scenes import pan, tone, write_clip
from tests.media.signed_clips import as_the_vendor, manifest_of, signs_as


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    return write_clip(folder / "clip.mp4", pan(12), sound=tone(0.5))


@pytest.fixture(scope="module")
def vendors(clip: Path) -> Path:
    return as_the_vendor(clip, clip.with_name("vendors.mp4"))


@pytest.fixture(scope="module")
def who() -> Identity:
    return identity()


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """An address on loopback, and what it was asked."""
    requests: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(f"{self.command} {self.path}")
            self.send_error(404)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *words: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", requests
    server.shutdown()
    server.server_close()


def packets(film: Path) -> list[tuple[int, int | None, int | None, bytes]]:
    with av.open(str(film)) as opened:
        return [(each.stream_index, each.pts, each.dts, bytes(each)) for each in opened.demux() if each.size]


def pictures(film: Path) -> list[bytes]:
    with av.open(str(film)) as opened:
        return [frame.to_ndarray().tobytes() for frame in opened.decode(video=0)]


def test_a_signed_film_is_valid_for_the_reader_and_trusted_where_its_authority_is(
    clip: Path, vendors: Path, who: Identity, tmp_path: Path
) -> None:
    film = tmp_path / "film.mp4"
    parts = [Ingredient(path=vendors, title="reel/1"), Ingredient(path=clip, title="reel/2", prompt="a cat")]
    signature = sign_film(clip, film, parts, signs_as(who), title="reel.mp4")

    state, manifest = manifest_of(film)
    assert state == "Valid"
    assert manifest_of(film, who.authority)[0] == "Trusted"
    assert manifest["label"] == signature.manifest
    assert manifest["claim_generator_info"][0]["name"] == "Longtake"
    (actions,) = [each["data"]["actions"] for each in manifest["assertions"] if "actions" in each["label"]]
    assert actions[0]["action"] == "c2pa.created"
    assert actions[0]["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    first, second = manifest["ingredients"]
    assert (first["title"], first["relationship"]) == ("reel/1", "componentOf")
    vendors_own = manifest_of(vendors)[1]["label"]
    assert first["active_manifest"] == signature.ingredients[0].manifest == vendors_own
    assert second["description"] == "a cat"
    assert "active_manifest" not in second and "description" not in first
    assert signature.ingredients[1].manifest == ""
    assert (signature.subject, signature.algorithm, signature.state) == ("Longtake Tests", "es256", "Valid")
    assert signature.size_bytes == film.stat().st_size


def test_of_a_film_every_clip_is_told_however_many_there_are(
    clip: Path, vendors: Path, who: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longtake.media.labelling.claims.MOST_INGREDIENTS", 2)
    clips = [Ingredient(path=vendors, title=str(number)) for number in range(4)]
    signature = sign_film(clip, tmp_path / "film.mp4", clips, signs_as(who), title="x")

    assert [(each.title, bool(each.manifest)) for each in signature.ingredients] == [(one.title, True) for one in clips]


def test_signing_moves_no_bit_of_sound_and_pictures(clip: Path, who: Identity, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    sign_film(clip, film, [], signs_as(who), title="x")

    assert packets(film) == packets(clip)
    assert pictures(film) == pictures(clip)


@pytest.mark.parametrize("place", ["media", "index", "claim", "signature", "box"])
def test_one_flipped_byte_and_the_film_does_not_hold(
    clip: Path, vendors: Path, who: Identity, tmp_path: Path, place: str
) -> None:
    film = tmp_path / "film.mp4"
    sign_film(clip, film, [Ingredient(path=vendors, title="1")], signs_as(who), title="x")
    assert read_claims(film).holds
    data = bytearray(film.read_bytes())
    at = {
        "media": data.index(b"mdat") + 50,
        "index": data.index(b"stsz") + 8,
        "claim": data.rindex(b"c2pa.claim") + 120,
        "signature": data.rindex(b"c2pa.signature") + 60,
        "box": data.index(b"uuid") + 5,
    }[place]
    data[at] ^= 1
    film.write_bytes(data)

    claims = read_claims(film)
    assert not claims.holds
    if claims.claim is not None:
        assert claims.claim.state == "Invalid" and claims.claim.failures


def test_a_clip_that_was_cut_is_the_parent_of_what_was_made_of_it(vendors: Path, who: Identity, tmp_path: Path) -> None:
    tail = tmp_path / "tail.mp4"
    sign_film(vendors, tail, [Ingredient(path=vendors, title="1")], signs_as(who), title="x", action="c2pa.edited")

    claim = read_claims(tail).claim
    assert claim is not None and claim.holds
    assert claim.actions == ("c2pa.opened", "c2pa.edited")
    assert claim.source_types == ("trainedAlgorithmicMedia",)
    assert [(each.relationship, bool(each.manifest)) for each in claim.ingredients] == [("parentOf", True)]


def test_clips_whose_manifests_are_broken_or_elsewhere_are_named_and_the_film_is_signed_and_nothing_is_fetched(
    clip: Path, vendors: Path, who: Identity, tmp_path: Path, asked: tuple[str, list[str]]
) -> None:
    address, requests = asked
    junk = marked(clip, tmp_path / "junk.mp4", c2pa_box())
    link = (
        f'<rdf:Description xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="{address}/m?sig=topsecret"/>'
    )
    elsewhere = marked(clip, tmp_path / "elsewhere.mp4", xmp(link))
    changed = tmp_path / "changed.mp4"
    data = bytearray(vendors.read_bytes())
    data[data.index(b"mdat") + 50] ^= 1
    changed.write_bytes(data)
    film = tmp_path / "film.mp4"
    parts = [Ingredient(path=path, title=path.stem) for path in (junk, elsewhere, changed)]
    signature = sign_film(clip, film, parts, signs_as(who), title="x")

    assert manifest_of(film)[0] == "Valid"
    named = {each.title: each for each in signature.ingredients}
    assert all(each.failures for each in named.values())
    assert [bool(each.manifest) for each in signature.ingredients] == [False, False, True]
    assert "topsecret" not in signature.model_dump_json()
    assert read_claims(elsewhere).claim is None
    assert requests == []


@pytest.mark.parametrize("algorithm", KEYS)
def test_every_algorithm_signs_and_another_is_refused_with_the_one_that_fits(algorithm: str) -> None:
    who = identity(algorithm)
    assert rehearse(signs_as(who, algorithm=algorithm)).algorithm == algorithm
    other = "ed25519" if algorithm != "ed25519" else "es256"
    with pytest.raises(ConfigurationError, match=f"algorithm {other} does not fit .*set algorithm to .*{algorithm}"):
        check_identity(signs_as(who, algorithm=other))


def without_frame(who: Identity) -> str:
    return "".join(who.secret_lines)


def _bad(name: str, who: Identity) -> Identity:
    key = load_pem_private_key(who.private_key.encode(), None)
    lone = who.chain[: who.chain.index("-----END CERTIFICATE-----") + 26]
    return {
        "expired": lambda: identity(days=(-90, -1)),
        "not yet": lambda: identity(days=(2, 90)),
        "another key": lambda: replace(who, private_key=identity().private_key),
        "encrypted": lambda: replace(who, private_key=private_pem(key, b"passphrase")),
        "no frame": lambda: replace(who, private_key=without_frame(who)),
        "no chain": lambda: replace(who, chain="none"),
        "out of order": lambda: replace(who, chain=lone + identity(name="Another").chain),
        "no purpose": lambda: identity(purposes=()),
        "for servers": lambda: identity(purposes=("server",)),
        "an authority's": lambda: replace(who, chain=who.authority + who.authority),
        "one byte less": lambda: replace(who, private_key=who.private_key.replace(who.secret_lines[0][20:24], "", 1)),
    }[name]()


BAD = {
    "expired": "has expired, at 2",
    "not yet": "not valid before 2",
    "another key": "does not belong to the first certificate",
    "encrypted": "is encrypted: give it without a passphrase",
    "no frame": "no private key in PEM",
    "no chain": "certificate_chain is no PEM",
    "out of order": "not in order: .*Another.* did not sign",
    "no purpose": "test signature",
    "for servers": "test signature",
    "an authority's": "does not belong",
    "one byte less": "no private key in PEM",
}


@pytest.mark.parametrize("fault", BAD)
def test_what_cannot_sign_is_told_before_in_words_without_the_key(fault: str, who: Identity) -> None:
    given = _bad(fault, who)
    with pytest.raises(ConfigurationError, match=BAD[fault]) as raised:
        rehearse(signs_as(given))
    told = repr(raised.value) + repr(raised.value.__context__) + repr(raised.value.__cause__)
    assert not any(line in told for key in (given, who) for line in key.secret_lines)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_a_pem_whose_lines_were_lost_in_a_field_of_one_line_is_read(who: Identity) -> None:
    flat = replace(who, chain=who.chain.replace("\n", " "), private_key=who.private_key.replace("\n", "\\n"))
    assert rehearse(signs_as(flat)).subject == "Longtake Tests"


def test_an_identity_shows_no_key_however_it_is_printed(who: Identity) -> None:
    given = signs_as(who)
    shown = f"{given!r} {given} {given.model_dump()} {given.model_dump_json()}"
    assert not any(line in shown for line in who.secret_lines)


def test_words_of_the_library_that_hold_a_key_are_not_repeated_in_whichever_form_it_was_given(who: Identity) -> None:
    key = load_pem_private_key(who.private_key.encode(), None)
    sec1 = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    given = signs_as(replace(who, private_key=sec1))
    for line in (*who.secret_lines, *replace(who, private_key=sec1).secret_lines):
        with pytest.raises(MachineError) as raised, our_signing(given):
            raise RuntimeError(f"bad key: {line}")
        assert line not in str(raised.value)


def test_a_certificate_that_ends_soon_is_told_of() -> None:
    assert "renew it" in check_identity(signs_as(identity(days=(-90, 5)))).notice()
    assert check_identity(signs_as(identity())).notice() == ""


def test_a_time_stamp_authority_that_gives_none_is_told_before_and_holds_a_film_afterwards(
    clip: Path, who: Identity, tmp_path: Path, asked: tuple[str, list[str]]
) -> None:
    address, requests = asked
    given = signs_as(who, time_stamp_url=f"{address}/tsa")
    with pytest.raises(ConfigurationError, match=f"time-stamped by {address}/tsa, could not be made"):
        rehearse(given)
    with pytest.raises(MachineError, match="could not be signed"):
        sign_film(clip, tmp_path / "film.mp4", [], given, title="x")
    assert requests == ["POST /tsa"] * 2


@pytest.mark.parametrize("address", ["ftp://x", "http://", "https://name:word@host/", "tsa"])
def test_an_address_that_is_none_is_refused(address: str, who: Identity) -> None:
    with pytest.raises(ValueError, match="an http"):
        signs_as(who, time_stamp_url=address)


@pytest.mark.parametrize("missing", ["c2pa", "cryptography"])
def test_without_the_extra_signing_says_how_to_install_it_and_reading_that_it_cannot_check(
    missing: str, clip: Path, vendors: Path, who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, missing, None)
    with pytest.raises(ConfigurationError, match=r"pip install 'longtake\[label\]'"):
        rehearse(signs_as(who))
    if missing == "c2pa":
        there, not_there = read_claims(vendors), read_claims(clip)
        assert there.marks.c2pa is not None and not there.is_checked and not there.holds
        assert "longtake[label]" in there.unread
        assert not_there.marks.c2pa is None and not not_there.is_checked


async def test_in_a_child_a_film_is_signed_too_and_what_it_cannot_is_raised_here(
    clip: Path, who: Identity, tmp_path: Path
) -> None:
    film = tmp_path / "film.mp4"
    done = await in_child(sign_film, clip, film, (), signs_as(who), title="x", deadline_seconds=60)
    assert done.sha256 and read_claims(film).holds
    with pytest.raises(ConfigurationError, match="expired"):
        await in_child(rehearse, signs_as(identity(days=(-9, -1))), deadline_seconds=60)


def test_files_that_are_no_films_claim_nothing_and_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_bytes(b"not a film at all" * 100)
    claims = read_claims(tmp_path / "text.mp4")
    assert not claims.holds and claims.claim is None
    (tmp_path / "empty.mp4").write_bytes(b"")
    for bad in ("empty.mp4", "absent.mp4"):
        with pytest.raises(UnreadableClipError):
            read_claims(tmp_path / bad)


def test_the_model_refuses_fields_it_does_not_know_nothing_of(who: Identity) -> None:
    with pytest.raises(ValueError, match="algorithm"):
        SigningIdentity.model_validate(
            {"certificate_chain": who.chain, "private_key": who.private_key, "algorithm": "md5"}
        )


@pytest.mark.parametrize("index", ["in front", "behind"])
@pytest.mark.parametrize("manifest", ["none", "in front", "behind"])
def test_a_clip_that_is_copied_to_be_signed_says_its_producer_and_keeps_every_packet(
    index: str, manifest: str, who: Identity, tmp_path: Path
) -> None:
    options = {"movflags": "+faststart"} if index == "in front" else None
    clip = write_clip(tmp_path / "clip.mp4", pan(12), sound=tone(0.5), container_options=options)
    if manifest == "in front":
        clip = as_the_vendor(clip, tmp_path / "vendors.mp4")
    elif manifest == "behind":
        clip = marked(clip, tmp_path / "marked.mp4", c2pa_box())
    copy, film = tmp_path / "copy.mp4", tmp_path / "film.mp4"

    assert copy_to_sign(clip, copy, Marks(aigc=(FIELDS,))) == ""
    sign_film(copy, film, [Ingredient(path=clip, title="1")], signs_as(who), title="x")

    assert packets(clip) == packets(copy) == packets(film)
    assert pictures(film) == pictures(clip)
    assert manifest_of(film)[0] == "Valid"
    assert read_marks(film).aigc == (FIELDS,)
    assert read_marks(copy).c2pa is None
    plain = tmp_path / "plain.mp4"
    assert copy_to_sign(clip, plain, Marks()) == ""
    assert manifest != "none" or plain.read_bytes() == clip.read_bytes()


def test_a_clip_whose_index_tells_its_size_in_64_bits_keeps_every_packet(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", pan(12), container_options={"movflags": "+faststart"})
    data, wide, copy = clip.read_bytes(), tmp_path / "wide.mp4", tmp_path / "copy.mp4"
    start = data.index(b"moov") - 4
    end = start + int.from_bytes(data[start : start + 4], "big")
    index = bytearray(data[start + 8 : end])
    at = index.index(b"stco") + 8
    for place in range(at + 4, at + 4 + 4 * int.from_bytes(index[at : at + 4], "big"), 4):
        moved = int.from_bytes(index[place : place + 4], "big") + 8
        index[place : place + 4] = moved.to_bytes(4, "big")
    head = (1).to_bytes(4, "big") + b"moov" + (len(index) + 16).to_bytes(8, "big")
    wide.write_bytes(data[:start] + head + index + data[end:])
    assert packets(wide) == packets(clip)

    assert copy_to_sign(wide, copy, Marks(aigc=(FIELDS,))) == ""
    assert packets(copy) == packets(clip)
    assert read_marks(copy).aigc == (FIELDS,)


def test_a_clip_of_fragments_is_signed_and_that_its_fields_are_not_written_is_told(
    who: Identity, tmp_path: Path
) -> None:
    options = {"movflags": "frag_keyframe+empty_moov"}
    clip = write_clip(tmp_path / "clip.mp4", pan(12), container_options=options)
    copy, film = tmp_path / "copy.mp4", tmp_path / "film.mp4"
    assert "fragments" in copy_to_sign(clip, copy, Marks(aigc=(FIELDS,)))
    assert copy.read_bytes() == clip.read_bytes()
    sign_film(copy, film, [Ingredient(path=clip, title="1")], signs_as(who), title="x")
    assert packets(film) == packets(clip)
    assert manifest_of(film)[0] == "Valid"
