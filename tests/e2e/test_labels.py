"""Films that are signed as made by AI, from the manifest to the film: what is bought, made, told, and never told."""

from __future__ import annotations

import hashlib
import json
import socket

import av
import pytest

from longtake.accounts.hosting import Hosting
from longtake.domain.errors import ConfigurationError
from longtake.domain.job import Clip
from longtake.files.directory import DirectoryStore
from longtake.media.checking.policy import GatePolicy
from longtake.media.labelling.claims import read_claims
from longtake.media.labelling.identity import Signing, check_identity
from longtake.media.reading.marks import read_marks
from longtake.media.workers import WorkerPool
from longtake.rendering.output.labels import FilmLabel
from longtake.rendering.output.reel_order import ReelOrder
from longtake.rendering.output.reels import make_reel
from longtake.rendering.output.seams import ReelPart
from tests.media.certificates import identity
from tests.media.scenes import pan, tone, write_clip
from tests.media.signed_clips import as_the_vendor, manifest_of, signs_as
from tests.plain_render import render_plain, sandbox_accounts

pytestmark = pytest.mark.usefixtures("_without_posters")

SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}
PAIR = [SHOT | {"reel": "r", "shot": 1, "prompt": "one"}, SHOT | {"reel": "r", "shot": 2, "prompt": "two"}]
LONE = [SHOT | {"reel": "lone", "shot": 1, "prompt": "a lone lighthouse"}]
PRODUCER = "001191110000123456789X10000"


@pytest.fixture(scope="module")
def who():
    return identity()


def signing_of(who, **more) -> Signing:
    given = signs_as(who, **more)
    return Signing(given, check_identity(given))


def told_of(output, name):
    return json.loads((output / f"{name}.json").read_text())


def packets(film):
    with av.open(str(film)) as opened:
        return [(each.stream_index, each.pts, each.dts, bytes(each)) for each in opened.demux() if each.size]


async def test_films_are_signed_whether_joined_or_of_one_clip_and_their_sound_and_pictures_stay(
    tmp_path, sandbox, write_manifest, who
):
    manifest, out, accounts = write_manifest(PAIR + LONE), tmp_path / "out", sandbox_accounts(sandbox)
    signing = signing_of(who, content_producer=PRODUCER)
    await render_plain(manifest, out, accounts)
    plain = {name: packets(out / f"reels/{name}.mp4") for name in ("r", "lone")}
    assert not read_claims(out / "reels/r.mp4").holds

    end = await render_plain(manifest, out, accounts, label=True, signing=signing)
    assert (end.all_done, end.bought_now, sandbox.bill.count()) == (True, 0, 3)
    for name, shots in (("r", ["r/1", "r/2"]), ("lone", ["lone/1"])):
        film = out / f"reels/{name}.mp4"
        state, told = manifest_of(film, who.authority)
        assert state == "Trusted"
        assert [each["title"] for each in told["ingredients"]] == shots
        assert "lighthouse" not in json.dumps(told)
        assert packets(film) == plain[name]
        (fields,) = read_marks(film).aigc
        assert (fields["Label"], fields["ContentProducer"]) == ("1", PRODUCER)
        assert len(fields["ProduceID"]) == 32
        receipt = told_of(out, f"reels/{name}")
        signature = receipt["signature"]
        assert signature["subject"] == "Longtake Tests"
        assert signature["manifest"] == told["label"]
        assert (signature["algorithm"], signature["signed_at"][:2]) == ("es256", "20")
        assert receipt["size_bytes"] == film.stat().st_size
        assert receipt["marks"]["c2pa"]["size_bytes"] > 0
        with av.open(str(film)) as opened:
            assert json.loads(opened.metadata["AIGC"]) == fields

    again = await render_plain(manifest, out, accounts, label=True, signing=signing)
    assert [reel.made_now for reel in again.reels_made] == [False, False]
    unsigned = await render_plain(manifest, out, accounts)
    assert [reel.made_now for reel in unsigned.reels_made] == [True, True]
    assert read_marks(out / "reels/r.mp4").c2pa is None
    text = "".join(path.read_text("utf-8", "replace") for path in out.rglob("*") if path.is_file())
    assert not any(line in text for line in who.secret_lines)


async def test_a_signature_that_fails_is_booked_on_no_clip_and_the_next_run_makes_the_film_and_buys_nothing(
    tmp_path, sandbox, write_manifest, who
):
    manifest, out, accounts = write_manifest(PAIR), tmp_path / "out", sandbox_accounts(sandbox)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    broken = signing_of(who, time_stamp_url=f"http://127.0.0.1:{port}/tsa")
    end = await render_plain(manifest, out, accounts, label=True, signing=broken)
    assert [row.verdict.value for row in end.rows] == ["done", "done"]
    assert "could not be signed" in end.reels_missing["r"]
    assert not end.all_done
    assert not (out / "reels/r.mp4").exists()
    assert not list(out.rglob("*.part"))

    end = await render_plain(manifest, out, accounts, label=True, signing=signing_of(who))
    assert (end.all_done, end.bought_now, sandbox.bill.count()) == (True, 0, 2)
    assert manifest_of(out / "reels/r.mp4")[0] == "Valid"


async def test_without_a_certificate_nothing_is_bought(tmp_path, sandbox, write_manifest):
    with pytest.raises(ConfigurationError, match="no certificate was loaded"):
        await render_plain(write_manifest(PAIR), tmp_path / "out", sandbox_accounts(sandbox), label=True)
    assert sandbox.bill.count() == 0


async def test_marks_that_a_clip_carries_are_in_the_signed_film_and_a_manifest_that_cannot_be_read_is_told(
    tmp_path, sandbox, write_manifest, who
):
    sandbox.settings.marks = "both"
    rows = [*PAIR, LONE[0]]
    out, signing = tmp_path / "out", signing_of(who, content_producer=PRODUCER, include_prompt=True)
    end = await render_plain(
        write_manifest(rows),
        out,
        sandbox_accounts(sandbox),
        label=True,
        signing=signing,
    )
    assert end.all_done
    for name, clips in (("r", 2), ("lone", 1)):
        film = out / f"reels/{name}.mp4"
        assert manifest_of(film)[0] == "Valid"
        marks = read_marks(film)
        assert any(PRODUCER in each and "sandbox-evolink" in each for each in marks.producers)
        receipt = told_of(out, f"reels/{name}")
        assert len(receipt["clips"]) == clips
        for clip in receipt["clips"]:
            assert ["cannot be read" in lost for lost in clip["marks_lost"]] == [True]
    (told,) = manifest_of(out / "reels/lone.mp4")[1]["ingredients"]
    assert told["description"] == "a lone lighthouse"


async def test_a_strict_run_makes_no_signed_film_without_a_manifest_of_its_clips(
    tmp_path, sandbox, write_manifest, who
):
    sandbox.settings.marks = "both"
    manifest, out, accounts = write_manifest([*PAIR, *LONE]), tmp_path / "out", sandbox_accounts(sandbox)
    strict = GatePolicy(marks="strict")
    end = await render_plain(manifest, out, accounts, label=True, signing=signing_of(who), gate=strict)
    assert [row.verdict.value for row in end.rows] == ["done"] * 3
    for reel in ("r", "lone"):
        assert f"{reel}/1: the C2PA manifest, which cannot be read" in end.reels_missing[reel]
    assert not list((out / "reels").glob("*.mp4")) and not list(out.rglob("*.part"))
    assert len(list((out / "clips").rglob("*.mp4"))) == sandbox.bill.count() == 3


async def test_clips_with_manifests_of_their_vendors_are_ingredients_with_them(tmp_path, who):
    store, folder = DirectoryStore(tmp_path / "out"), tmp_path / "clips"
    folder.mkdir()
    parts = []
    for number, seed in ((1, 3), (2, 5)):
        clip = write_clip(folder / f"{number}.plain.mp4", pan(24, seed=seed), sound=tone(1))
        signed = as_the_vendor(clip, folder / f"{number}.mp4")
        key = f"ledger/{number}.mp4"
        store.publish(signed, key)
        path = tmp_path / "out" / key
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        kept = Clip(
            key=key,
            sha256=sha256,
            size_bytes=path.stat().st_size,
            width=1,
            height=1,
            frames=24,
            duration_seconds=1,
            marks=read_marks(path),
        )
        parts.append(ReelPart(shot_id=f"r/{number}", clip=kept))
    label = FilmLabel(fingerprint=check_identity(signs_as(who)).fingerprint)
    workers = WorkerPool(1)
    try:
        for chosen in (parts, parts[:1]):
            order = ReelOrder(
                output=str(tmp_path / "out"),
                reel=f"of-{len(chosen)}",
                parts=tuple(chosen),
                label=label,
                marks="strict",
            )
            made = await make_reel(order, store, workers, None, signs_as(who))
            claims = read_claims(tmp_path / "out" / made.key)
            assert claims.claim is not None and claims.holds
            assert [bool(each.manifest) for each in claims.claim.ingredients] == [True] * len(chosen)
            assert [clip["marks_lost"] for clip in made.receipt["clips"]] == [[]] * len(chosen)
            assert all(each["manifest"] for each in made.receipt["signature"]["ingredients"])
        other = order.model_copy(update={"reel": "other", "label": FilmLabel(fingerprint="0" * 64)})
        with pytest.raises(ConfigurationError, match="was changed"):
            await make_reel(other, store, workers, None, signs_as(who))
        assert not (tmp_path / "out/reels/other.mp4").exists()
    finally:
        await workers.close()


async def test_the_end_of_a_clip_that_the_next_shot_goes_on_from_is_signed_and_names_the_clip(
    tmp_path, sandbox, write_manifest, who, monkeypatch
):
    manifest = write_manifest([PAIR[0], PAIR[1] | {"continue_from": "clip", "reference_tail_seconds": 2.5}])
    link = Hosting.link

    async def kept(hosting, path, *more):
        (tmp_path / "given.mp4").write_bytes(path.read_bytes())
        return await link(hosting, path, *more)

    monkeypatch.setattr(Hosting, "link", kept)
    load = sandbox_accounts(sandbox)
    end = await render_plain(manifest, tmp_path / "out", load, label=True, signing=signing_of(who))
    assert (end.all_done, sandbox.bill.count()) == (True, 2)
    state, told = manifest_of(tmp_path / "given.mp4", who.authority)
    assert state == "Trusted"
    assert [each["relationship"] for each in told["ingredients"]] == ["parentOf"]
    assert "c2pa.edited" in json.dumps(told)
    given = hashlib.sha256((tmp_path / "given.mp4").read_bytes()).hexdigest()
    assert given in sandbox.jobs("evolink")[1].reference_hashes
