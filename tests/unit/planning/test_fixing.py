"""References made to fit: copies only, recorded, used again; the originals stay as they are."""

from __future__ import annotations

import hashlib
import io
import wave

import pytest

from longtake.domain.request import Reference, Role
from longtake.files.web.guard import GuardedClient
from longtake.planning.preview import PlanPreview, sent_call
from longtake.planning.references.fix import fix_references
from longtake.planning.references.measure import measure_references
from tests.unit.media_server import media_server, picture, video
from tests.unit.planning.test_plan import made, row


def sound(seconds):
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, 16000, 0, "NONE", ""))
        writer.writeframes(bytes(32000 * seconds))
    return file.getvalue()


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "manifest"
    folder.mkdir()
    for name, data in {"small.png": picture(200, 150), "long.wav": sound(20), "fine.png": picture(640, 480)}.items():
        (folder / name).write_bytes(data)
    return folder


async def planned(rows, folder, **settings):
    """A plan with measured references, its copies, and the plan with them."""
    async with GuardedClient() as media:
        sources = [(each.source, each.role.kind) for row in rows for each in row.written.request.references]
        facts, problems = await measure_references(sources, media=media)
        assert not problems
        before = made(*rows, facts=facts, **settings)
        fixed, problems = await fix_references(before.shots, folder, media=media)
    return before, made(*rows, facts=facts, fixed=fixed, **settings), problems


async def test_what_breaks_a_limit_is_copied_and_changed_and_the_plan_then_accepts_it(files, tmp_path):
    names = {"small.png": Role.REFERENCE_IMAGE, "fine.png": Role.REFERENCE_IMAGE, "long.wav": Role.REFERENCE_AUDIO}
    references = tuple(Reference(role=role, source=str(files / name)) for name, role in names.items())
    hashes = {name: hashlib.sha256((files / name).read_bytes()).hexdigest() for name in names}
    rows = [row(1, references=references), row(2, references=references[:1]), row(3)]
    before, after, problems = await planned(rows, tmp_path / "fixed")
    assert len(before.refusals) == 3
    assert after.refusals == []
    assert not problems
    first, second, third = after.shots
    assert sorted(first.fixes) == [str(files / "long.wav"), str(files / "small.png")]
    assert "scaled from 200×150 to 400×300 px" in first.fixes[str(files / "small.png")]
    copied = [reference.url for reference in first.request.references]
    assert copied[0] == second.request.references[0].url
    assert copied[1] is None
    assert first.request.references[2].facts.duration_seconds <= 15
    assert {name: hashlib.sha256((files / name).read_bytes()).hexdigest() for name in names} == hashes
    # A fix enters the identity of the rows that need it, and of no other.
    assert first.identity != before.shots[0].identity
    assert third.identity == before.shots[2].identity
    assert sent_call(first)["body"]["image_urls"] == [
        "<small.png, made to fit, hosted when it is bought>",
        "<fine.png, hosted when it is bought>",
    ]
    assert set(PlanPreview(after).fixes) == set(first.fixes)


async def test_a_copy_from_an_earlier_run_is_used_again_and_no_rubbish_stays(files, tmp_path):
    rows = [row(1, references=(Reference(role=Role.FIRST_FRAME, source=str(files / "small.png")),))]
    await planned(rows, tmp_path / "fixed")
    (copy,) = (tmp_path / "fixed").glob("*.png")
    made_at = copy.stat().st_mtime_ns
    _, after, _ = await planned(rows, tmp_path / "fixed")
    assert copy.stat().st_mtime_ns == made_at
    assert after.shots[0].request.references[0].url == str(copy)
    assert len(list((tmp_path / "fixed").iterdir())) == 2


async def test_what_cannot_be_made_to_fit_is_told(files, tmp_path):
    (files / "stripe.png").write_bytes(picture(3000, 100))
    rows = [row(1, references=(Reference(role=Role.FIRST_FRAME, source=str(files / "stripe.png")),))]
    _, after, problems = await planned(rows, tmp_path / "fixed")
    assert "width to height is 30.00" in problems[str(files / "stripe.png")]
    assert after.refusals


async def test_a_remote_video_is_fetched_and_trimmed(tmp_path, monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    with media_server() as host:
        host.files = {"/long.mp4": video(640, 640, seconds=16)}
        source = f"{host.url}/long.mp4?X-Amz-Signature=topsecret"
        rows = [row(1, references=(Reference(role=Role.REFERENCE_VIDEO, source=source),))]
        before, after, problems = await planned(rows, tmp_path / "fixed")
    assert not problems
    assert "16 s long" in str(before.refusals)
    assert after.refusals == []
    assert after.shots[0].request.references[0].facts.duration_seconds == 15.0
    assert "topsecret" not in str(after.shots[0].fixes) + str(sent_call(after.shots[0]))
