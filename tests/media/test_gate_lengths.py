"""A clip far from the length or size that was ordered is a bad one by default; small deviations are noted."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from longtake.media.checking.inspect import Expected, inspect_clip
from longtake.media.checking.policy import GatePolicy
from longtake.sandbox.clips.film import render_clip

ORDERED = Expected(duration_seconds=97 / 24, width=320, height=240, fps=Fraction(24))


def clip_of(folder: Path, frames: int, size: tuple[int, int] = (320, 240)) -> Path:
    render_clip(folder / "clip.mp4", width=size[0], height=size[1], frames=frames, job=1)
    return folder / "clip.mp4"


def severities(path: Path, policy: GatePolicy | None = None) -> dict[str, str]:
    found = inspect_clip(path, ORDERED, policy).findings
    return {one.check: one.severity for one in found if one.check in ("duration", "size", "decodable")}


@pytest.mark.parametrize(
    ("frames", "severity"),
    [(97, None), (96, None), (92, None), (90, "warn"), (104, "warn"), (84, "strict"), (48, "strict"), (120, "strict")],
)
def test_a_clip_far_from_its_length_is_bad_and_one_near_it_is_noted(
    tmp_path: Path, frames: int, severity: str | None
) -> None:
    assert severities(clip_of(tmp_path, frames)).get("duration") == severity


@pytest.mark.parametrize(
    ("size", "severity"),
    [((320, 240), None), ((336, 240), "warn"), ((304, 256), "warn"), ((240, 320), "strict"), ((640, 480), "strict")],
)
def test_a_clip_of_another_size_is_bad_and_one_near_it_is_noted(
    tmp_path: Path, size: tuple[int, int], severity: str | None
) -> None:
    assert severities(clip_of(tmp_path, 97, size)).get("size") == severity


def test_half_of_a_fragmented_clip_is_a_bad_one(tmp_path: Path) -> None:
    whole = clip_of(tmp_path, 97)
    parts = tmp_path / "parts.mp4"
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    with av.open(str(whole)) as source, av.open(str(parts), "w", options=options) as sink:
        stream = sink.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                sink.mux(packet)
    data = parts.read_bytes()
    second = data.index(b"moof", data.index(b"moof") + 4) - 4
    parts.write_bytes(data[:second])
    assert severities(parts) == {"duration": "strict"}


def test_a_person_may_still_say_what_the_checks_mean(tmp_path: Path) -> None:
    path = clip_of(tmp_path, 90, (336, 240))
    assert severities(path, GatePolicy(duration="strict", size="strict")) == {"duration": "strict", "size": "strict"}
    path = clip_of(tmp_path, 48, (640, 480))
    assert severities(path, GatePolicy(duration="warn", size="warn")) == {"duration": "warn", "size": "warn"}
    assert severities(path, GatePolicy(duration="off", size="off")) == {}
