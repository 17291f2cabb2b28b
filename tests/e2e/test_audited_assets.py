"""JimmyAI's full route takes nothing but audited assets: files, links and chained clips are registered before anything
is bought, and a refused one costs nothing. Judged by the sandbox's bill.
"""

from __future__ import annotations

import base64
import json

import pytest
from PIL import Image
from pydantic import SecretStr

from longtake.accounts import assets
from longtake.sandbox.faults import Fault
from longtake.vendors import VENDORS
from tests.e2e.conftest import frame_codes
from tests.e2e.quick_steps import quick_check
from tests.plain_render import render_plain, sandbox_accounts
from tests.sandbox.conftest import MediaShop

SHOT = {"vendor": "jimmyai", "model": "sd2_mx_video_720p", "duration_seconds": 4, "ratio": "16:9"}


@pytest.fixture
def quick(quick_sandbox):
    return quick_sandbox


def still(path, colour="red"):
    Image.new("RGB", (640, 480), colour).save(path)


def opened_shop(folder) -> MediaShop:
    folder.mkdir()
    return MediaShop(folder)


def urls_of(sandbox, job) -> list[str]:
    body = next(entry.body for entry in sandbox.bill.entries if entry.job_id == job.job_id)
    words = json.dumps(body)
    return [part.split('"')[0] for part in words.split("asset://")[1:]] if "http" not in words else [words]


async def test_a_chain_of_three_from_a_local_first_frame_becomes_a_reel(tmp_path, sandbox, write_manifest):
    still(tmp_path / "first.png")
    rows = [
        SHOT | {"reel": "r", "shot": 1, "prompt": "begins", "first_frame": "first.png"},
        SHOT | {"reel": "r", "shot": 2, "prompt": "goes on", "continue_from": "clip"},
        SHOT | {"reel": "r", "shot": 3, "prompt": "from its end", "continue_from": "last_frame"},
    ]
    end = await render_plain(write_manifest(rows), tmp_path / "out", sandbox_accounts(sandbox))
    assert end.verdicts == {"done": 3}, [row.error for row in end.rows]
    jobs = sandbox.jobs("jimmyai")
    assert [[each.kind for each in job.references] for job in jobs] == [["image"], ["video"], ["image"]]
    assert all(len(urls_of(sandbox, job)) == 1 and "http" not in urls_of(sandbox, job)[0] for job in jobs)
    codes = frame_codes(tmp_path / "out/reels/r.mp4")
    assert codes == [(job.number, frame) for job in jobs for frame in range(97)]


@pytest.mark.parametrize("kind", ["failed", "failed_item"])
async def test_a_reference_that_fails_the_audit_is_refused_by_row_and_column_and_nothing_is_bought(
    tmp_path, quick, write_manifest, kind
):
    still(tmp_path / "good.png")
    still(tmp_path / "bad.png", "blue")
    quick.faults.add(Fault(kind=kind, step="audit", prompt="bad.png", times=None))
    rows = [
        SHOT | {"reel": "r", "shot": 1, "prompt": "begins", "first_frame": "good.png"},
        SHOT | {"reel": "r", "shot": 2, "prompt": "another", "reference_images": "good.png|bad.png"},
        SHOT | {"reel": "s", "shot": 1, "prompt": "alone", "first_frame": "good.png"},
    ]
    load = sandbox_accounts(quick)
    end = await render_plain(write_manifest(rows), tmp_path / "out", load, check=quick_check)
    first, second, third = end.rows
    assert (second.verdict, quick.bill.count()) == ("refused", 1)
    for words in ("row 2 (r/2)", "reference_images", "bad.png", "give another file"):
        assert words in second.error, second.error
    assert first.verdict == "blocked"
    assert "r/2" in first.error
    assert third.verdict == "done"
    still(tmp_path / "bad.png", "green")
    quick.faults.clear()
    end = await render_plain(write_manifest(rows), tmp_path / "out", load, check=quick_check)
    assert end.verdicts == {"done": 3}
    assert quick.bill.count() == 3


async def test_a_chained_clip_that_fails_the_audit_buys_nothing_more(tmp_path, quick, write_manifest):
    quick.faults.add(Fault(kind="failed", step="audit", prompt=".mp4", times=None))
    rows = [SHOT | {"reel": "r", "shot": n, "prompt": "p", "continue_from": c} for n, c in ((1, ""), (2, "clip"))]
    end = await render_plain(write_manifest(rows), tmp_path / "out", sandbox_accounts(quick), check=quick_check)
    assert [row.verdict for row in end.rows] == ["done", "refused"]
    assert quick.bill.count() == 1
    assert "continue_from" in end.rows[1].error
    assert "row 2 (r/2)" in end.rows[1].error


async def test_links_and_inline_pictures_are_registered_and_an_asset_of_one_s_own_goes_as_it_is(
    tmp_path, quick, write_manifest
):
    shop = opened_shop(tmp_path / "shop")
    try:
        inline = "data:image/png;base64," + base64.b64encode(shop.image_bytes(640, 480)).decode()
        rows = [
            SHOT | {"reel": "a", "shot": 1, "prompt": "p", "reference_images": shop.image(640, 480)},
            SHOT | {"reel": "b", "shot": 1, "prompt": "p", "reference_images": inline},
            SHOT | {"reel": "c", "shot": 1, "prompt": "p", "reference_images": "asset://asset-sandbox-mine"},
            SHOT | {"reel": "d", "shot": 1, "prompt": "p", "reference_videos": shop.video(960, 960, frames=60)},
        ]
        end = await render_plain(write_manifest(rows), tmp_path / "out", sandbox_accounts(quick), check=quick_check)
        assert end.verdicts == {"done": 4}, [row.error for row in end.rows]
    finally:
        shop.close()
    assert all("http" not in url for job in quick.jobs("jimmyai") for url in urls_of(quick, job))
    assert ["asset-sandbox-mine"] in [urls_of(quick, job) for job in quick.jobs("jimmyai")]


async def test_an_asset_is_remembered_and_asked_for_before_it_is_used_again(tmp_path, quick, write_manifest):
    still(tmp_path / "a.png")
    row = SHOT | {"reel": "r", "shot": 1, "prompt": "p", "first_frame": "a.png"}
    load = sandbox_accounts(quick)

    async def render(**more):
        await render_plain(write_manifest([row | more]), tmp_path / "out", load, check=quick_check)

    await render()
    uploads, asked = (quick.bill.request_count("jimmyai", step) for step in ("upload", "account"))
    await render(prompt="quite another", shot=2)
    assert quick.bill.request_count("jimmyai", "upload") == uploads
    assert quick.bill.request_count("jimmyai", "account") > asked
    for record in (tmp_path / "out" / assets.FOLDER).iterdir():
        told = json.loads(record.read_text())
        record.write_text(json.dumps(told | {"asset_id": "asset-long-forgotten"}))
    await render(prompt="a third", shot=3)
    assert quick.bill.request_count("jimmyai", "upload") > uploads
    assert quick.bill.count() == 3


async def test_an_audit_without_end_holds_the_row_and_buys_nothing(tmp_path, quick, write_manifest, monkeypatch):
    monkeypatch.setattr(assets, "LONGEST_AUDIT_SECONDS", 0.5)
    still(tmp_path / "a.png")
    quick.faults.add(Fault(kind="stuck", step="audit"))
    row = SHOT | {"reel": "r", "shot": 1, "prompt": "p", "first_frame": "a.png"}
    end = await render_plain(write_manifest([row]), tmp_path / "out", sandbox_accounts(quick), check=quick_check)
    assert (end.verdicts, quick.bill.count()) == ({"held": 1}, 0)
    assert "has not ended" in end.rows[0].error


async def test_an_asset_of_one_s_own_that_was_refused_is_told_before_anything_is_bought(
    tmp_path, quick, write_manifest
):
    refused = quick._assets.add("jimmyai", "face", "image", b"", refusal="a face")
    at_work = quick._assets.add("jimmyai", "still", "image", b"")
    rows = [
        SHOT | {"reel": "r", "shot": 1, "prompt": "p", "reference_images": f"asset://{refused.asset_id}"},
        SHOT | {"reel": "s", "shot": 1, "prompt": "p", "reference_images": f"asset://{at_work.asset_id}"},
    ]
    end = await render_plain(write_manifest(rows), tmp_path / "out", sandbox_accounts(quick), check=quick_check)
    assert [row.verdict for row in end.rows] == ["refused", "done"], [row.error for row in end.rows]
    assert "row 1 (r/1), column reference_images" in end.rows[0].error
    assert quick.bill.count() == 1


def test_no_library_that_bills_is_ever_registered_with():
    for name, adapter in VENDORS.items():
        for kind in ("image", "video", "audio"):
            assert (adapter.registration(kind, "https://x") is None) == (name != "jimmyai")


@pytest.mark.slow  # `test_every_mode` has each mode once
async def test_every_name_of_jimmyai_is_done_in_every_mode_of_it(tmp_path, quick, write_manifest):
    still(tmp_path / "a.png")
    shop = opened_shop(tmp_path / "shop")
    sources = {"video": shop.video(960, 960, frames=60), "audio": shop.wav(2.5)}
    modes = {
        "text": {},
        "first_frame": {"first_frame": "a.png"},
        "first_and_last_frame": {"first_frame": "a.png", "last_frame": "a.png"},
        "images": {"reference_images": "a.png"},
        "video": {"reference_videos": sources["video"]},
        "sound": {"reference_images": "a.png", "reference_audios": sources["audio"]},
    }
    rows = []
    for model in VENDORS["jimmyai"].models:
        for name, given in modes.items():
            limits = model.limits
            lacks = {"video": not limits.video.max_count, "sound": not limits.audio.max_count}
            mode = name if name in ("text", "first_frame", "first_and_last_frame") else "reference"
            if mode in limits.modes and not lacks.get(name):
                reel = f"{model.wire}-{name}"
                rows.append({"vendor": "jimmyai", "model": model.wire, "reel": reel, "shot": 1, "prompt": "p", **given})
    try:
        load = sandbox_accounts(quick, max_jobs_in_flight=64)
        end = await render_plain(write_manifest(rows), tmp_path / "out", load, check=quick_check)
    finally:
        shop.close()
    assert len({row["model"] for row in rows}) == 23
    assert end.verdicts == {"done": len(rows)}, {row.error for row in end.rows}
    assert quick.bill.count("jimmyai") == len(rows)


async def test_a_reference_that_one_account_passed_and_the_next_refuses_is_bought_where_it_passed(quick, tmp_path):
    for name, colour in (("a", "red"), ("b", "blue")):
        still(tmp_path / f"{name}.png", colour)
    pool = "jimmyai/a|jimmyai/b"
    lines = [f"r,{shot},shot {shot} end,{pool},sd2_mx_video_720p,4,16:9,{shot}.png" for shot in "ab"]
    manifest = tmp_path / "m.csv"
    manifest.write_text("\n".join(["reel,shot,prompt,vendor,model,duration_seconds,ratio,first_frame", *lines]))
    quick.settings.job_seconds = 0.5  # the first account is at work when the second shot comes
    quick.faults.add(Fault(kind="failed", step="audit", prompt="b.png", nth=2, times=None))
    load = sandbox_accounts(quick, max_jobs_in_flight=1)

    async def with_a_key_each(written):
        account, said = await load(written)
        return account.model_copy(update={"api_key": SecretStr(quick.api_key("jimmyai", account.document))}), said

    end = await render_plain(manifest, tmp_path / "out", with_a_key_each, check=quick_check)
    assert (end.verdicts, len(quick.bill.entries)) == ({"done": 2}, 2)
    assert {row.vendor for row in end.rows} == {"jimmyai/a"}
