"""The MP4s themselves: codes, counts, sound, parameter sets."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from longtake.sandbox.clips.film import frame_count, framecode, last_frame_png, last_frames, render_clip
from longtake.sandbox.clips.framecode import FrameCode
from longtake.sandbox.clips.sizes import RATIOS, nearest_ratio, pixels


def codes(path: Path) -> list[FrameCode | None]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [framecode.read(frame.to_ndarray()[: stream.height]) for frame in container.decode(stream)]


@pytest.mark.parametrize(("width", "height"), [(864, 496), (640, 640), (834, 1112), (1470, 630)])
def test_every_frame_tells_its_job_and_its_place(tmp_path: Path, width: int, height: int) -> None:
    path = tmp_path / "clip.mp4"
    render_clip(path, width=width, height=height, frames=frame_count(4), job=8_388_607)
    assert codes(path) == [FrameCode(8_388_607, index) for index in range(97)]


def test_a_clip_is_h264_with_reordered_frames_and_stereo_sound_as_long_as_the_pictures(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    render_clip(path, width=864, height=496, frames=121, job=3)
    with av.open(str(path)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (video.average_rate, video.frames) == (24, 121)
        assert video.codec_context.has_b_frames
        assert (sound.codec_context.name, sound.codec_context.layout.name, sound.rate) == ("aac", "stereo", 44100)
        heard = sum(frame.samples for frame in container.decode(sound))
    assert heard / 44100 == pytest.approx(121 / 24, abs=0.05)


def test_a_silent_clip_has_no_sound_track(tmp_path: Path) -> None:
    render_clip(tmp_path / "clip.mp4", width=864, height=496, frames=97, job=3, audio=False)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert not container.streams.audio


def test_clips_of_one_format_share_their_parameter_sets(tmp_path: Path) -> None:
    sets = set()
    for job, seconds, audio in ((1, 4, True), (2, 9, False), (99, 5, True)):
        path = tmp_path / f"{job}.mp4"
        render_clip(path, width=640, height=640, frames=frame_count(seconds), job=job, audio=audio)
        with av.open(str(path)) as container:
            sets.add(bytes(container.streams.video[0].codec_context.extradata or b""))
    assert len(sets) == 1


def test_the_same_job_makes_the_same_bytes_and_another_job_others(tmp_path: Path) -> None:
    for name, job in (("a", 5), ("b", 5), ("c", 6)):
        render_clip(tmp_path / name, width=640, height=640, frames=97, job=job)
    content = {name: (tmp_path / name).read_bytes() for name in "abc"}
    assert content["a"] == content["b"] != content["c"]


def test_head_frames_come_first_and_the_clip_keeps_its_length(tmp_path: Path) -> None:
    render_clip(tmp_path / "first.mp4", width=864, height=496, frames=97, job=1)
    head = last_frames((tmp_path / "first.mp4").read_bytes(), 3, width=640, height=640)
    render_clip(tmp_path / "second.mp4", width=640, height=640, frames=97, job=2, head_frames=head)
    seen = codes(tmp_path / "second.mp4")
    assert seen[:4] == [FrameCode(1, 94), FrameCode(1, 95), FrameCode(1, 96), FrameCode(2, 3)]
    assert len(seen) == 97


def test_the_last_frame_png_is_the_clips_last_picture_at_its_own_size(tmp_path: Path) -> None:
    render_clip(tmp_path / "clip.mp4", width=560, height=752, frames=97, job=7)
    picture = Image.open(io.BytesIO(last_frame_png(tmp_path / "clip.mp4")))
    assert (picture.format, picture.size) == ("PNG", (560, 752))
    assert framecode.read(np.asarray(picture.convert("L"))) == FrameCode(7, 96)


def test_pixel_table_is_the_documented_one() -> None:
    table = {resolution: [pixels(resolution, ratio) for ratio in RATIOS] for resolution in ("480p", "720p", "1080p")}
    assert table == {
        "480p": [(864, 496), (752, 560), (640, 640), (560, 752), (496, 864), (992, 432)],
        "720p": [(1280, 720), (1112, 834), (960, 960), (834, 1112), (720, 1280), (1470, 630)],
        "1080p": [(1920, 1080), (1664, 1248), (1440, 1440), (1248, 1664), (1080, 1920), (2206, 946)],
    }


@pytest.mark.parametrize("resolution", ["480p", "720p", "1080p", "2k", "4k"])
def test_every_output_size_is_even_and_of_its_ratio(resolution: str) -> None:
    for ratio in RATIOS:
        width, height = pixels(resolution, ratio)
        assert (width % 2, height % 2) == (0, 0)
        assert nearest_ratio(width, height) == ratio
