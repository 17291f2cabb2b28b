"""Anyfast bills every asset that is created (`/volc/asset/CreateAsset`): no way of ours to pass a file makes one."""

from __future__ import annotations

from typing import get_args

import pytest
from PIL import Image

from longtake.domain.request import MediaKind
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from longtake.sandbox.vendors import DIALECTS
from longtake.vendors import VENDORS
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts


@pytest.mark.parametrize("kind", get_args(MediaKind))
@pytest.mark.parametrize("adapter", VENDORS.values(), ids=lambda adapter: adapter.name)
def test_no_upload_of_ours_goes_to_an_asset_library(adapter, kind):
    call = adapter.upload(kind)
    assert call is None or "asset" not in call.path


async def test_files_and_chains_at_every_vendor_create_no_asset(tmp_path, write_manifest, monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    without_films(monkeypatch)
    Image.new("RGB", (640, 480), "red").save(tmp_path / "still.png")
    shot = {"duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}
    rows = []
    for vendor in DIALECTS:
        reel = shot | {"reel": vendor, "vendor": vendor}
        rows += [
            reel | {"shot": 1, "prompt": "a picture", "reference_images": "still.png"},
            reel | {"shot": 2, "prompt": "goes on", "continue_from": "clip"},
            reel | {"shot": 3, "prompt": "from its end", "continue_from": "last_frame"},
            reel | {"shot": 4, "prompt": "two frames", "first_frame": "still.png", "last_frame": "still.png"},
        ]
    with Sandbox(SandboxSettings(job_seconds=0.05, jobs_per_key=None)) as sandbox:
        load = sandbox_accounts(sandbox)
        summary = await render_plain(write_manifest(rows), tmp_path / "out", load, check=quick_check, skip_refused=True)
        assert summary.verdicts.get("done", 0) >= 12
        assert sandbox.bill.count("anyfast") == 4
        assert sandbox.bill.count(kind="asset") == 0
        assert sandbox.bill.request_count("anyfast", "upload") == 0
