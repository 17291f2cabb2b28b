"""The makers' clips of 4k and 2.5 at 1080p are H.265 with ten bits a sample: they pass the gate and become reels."""

from __future__ import annotations

import av
import pytest

from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.plain_render import render_plain, sandbox_accounts

SIZES = {
    "2.5 at 1080p": ("dreamina-seedance-2-5-260628", "1080p"),
    "2.0 at 4k": ("seedance-2.0", "4k"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SIZES)
async def test_a_ten_bit_clip_ends_done_and_in_a_reel(tmp_path, monkeypatch, write_manifest, name):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    model, resolution = SIZES[name]
    row = {"id": "a", "prompt": "a cat", "vendor": "byteplus", "model": model, "resolution": resolution}
    manifest = write_manifest([row | {"ratio": "1:1", "duration_seconds": 4}])
    with Sandbox(SandboxSettings(job_seconds=0.05, media="stub")) as sandbox:
        end = await render_plain(manifest, tmp_path / "out", sandbox_accounts(sandbox, max_wait_seconds=300))
        assert end.verdicts == {"done": 1}, [row.error for row in end.rows]
        with av.open(sandbox.jobs("byteplus")[0].clip_path) as clip:
            video, sound = clip.streams.video[0], clip.streams.audio[0]
            assert (video.codec_context.name, video.pix_fmt) == ("hevc", "yuv420p10le")
            assert sound.layout.nb_channels == 1
    with av.open(tmp_path / "out" / "reels" / "a.mp4") as reel:
        assert sum(1 for _ in reel.decode(video=0)) == 97
