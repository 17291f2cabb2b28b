"""What a probe tells of clips, and what it refuses."""

from __future__ import annotations

import io
import os
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from longtake.domain.errors import UnreadableClipError
from longtake.files.open_store import open_store
from longtake.media.cutting.tail import TailLimits, make_fit
from longtake.media.reading.clock import frame_clock
from longtake.media.reading.probe import ClipFacts, probe_clip, probe_media
from tests.e2e.s3_server import s3_server
from tests.media.nasty_clips import BY_NAME, FRAMES, Recipe, make

EXPECTED = {
    "plain": {"container": "mp4", "video_codec": "h264", "frames": FRAMES, "fps": Fraction(24), "audio_rate_hz": 44100},
    "silent": {"has_audio": False, "audio_tracks": 0, "audio_seconds": 0.0},
    "mono_22k": {"audio_rate_hz": 22050, "audio_channels": 1},
    "surround": {"audio_rate_hz": 48000, "audio_channels": 6},
    "hevc": {"video_codec": "hevc"},
    "ten_bit": {"pixel_format": "yuv420p10le"},
    "fps_25": {"fps": Fraction(25), "frames": 26, "duration_seconds": 26 / 25},
    "fps_29_97": {"fps": Fraction(30000, 1001), "constant_rate": True},
    "varying_rate": {"constant_rate": False, "frames": 21, "copy_obstacle": "its rate varies"},
    "portrait": {"width": 192, "height": 320, "display_size": (192, 320)},
    "wide_pixels": {"width": 240, "sample_aspect": Fraction(4, 3), "display_size": (320, 192)},
    "turned": {"rotation_degrees": 90, "display_size": (320, 192), "copy_obstacle": "it is turned for display"},
    "start_at_1s": {"frames": FRAMES, "duration_seconds": FRAMES / 24, "copy_obstacle": ""},
    "clock_600": {"fps": Fraction(24), "constant_rate": True},
    "two_tracks": {"audio_tracks": 2},
    "fragmented": {"frames": FRAMES, "fps": Fraction(24), "first_is_keyframe": True},
    "quicktime": {"container": "mov", "audio_codec": "pcm_s16le"},
    "full_range": {"colour": (2, 5, 1, 6)},
    "baseline_mp3": {"audio_codec": "mp3"},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_probe_tells_what_the_clip_was_made_with(nasty: dict[str, Path], name: str) -> None:
    facts = probe_clip(nasty[name])
    assert {key: getattr(facts, key) for key in EXPECTED[name]} == EXPECTED[name]
    assert facts.size_bytes == nasty[name].stat().st_size
    with nasty[name].open("rb") as file:
        assert probe_clip(file) == facts


def test_facts_survive_json_with_the_rate_as_a_fraction(nasty: dict[str, Path]) -> None:
    facts = probe_clip(nasty["fps_29_97"])
    assert '"fps":"30000/1001"' in facts.model_dump_json()
    assert ClipFacts.model_validate_json(facts.model_dump_json()) == facts


def test_the_signature_differs_exactly_where_packets_cannot_be_joined(nasty: dict[str, Path]) -> None:
    plain = probe_clip(nasty["plain"]).signature
    same = {name for name, path in nasty.items() if probe_clip(path).signature == plain}
    assert same == {
        "plain", "silent", "mono_22k", "surround", "start_at_1s", "clock_600", "sound_short", "sound_long",
        "sound_late", "two_tracks", "fragmented", "quicktime", "many_keyframes",
    }  # fmt: skip


def test_every_broken_file_is_refused_with_a_reason(broken: dict[str, Path]) -> None:
    for path in broken.values():
        with pytest.raises(UnreadableClipError, match=rf"^{path.name}: .{{10,}}"):
            probe_clip(path)
        with path.open("rb") as file, pytest.raises(UnreadableClipError):
            probe_clip(file)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty", "empty"),
        ("html", "HTML"),
        ("json", "JSON"),
        ("playlist", "playlist"),
        ("sound_only", "no video in it, only sound"),
        ("one_picture", "1 picture"),
        ("index_first_cut_50", "cut short"),
        ("index_last_cut_50", "cut short"),
        ("fragmented_cut_90", "cut short"),
        ("matroska", "Matroska"),
        ("type_only", "no index"),
    ],
)
def test_the_reason_names_what_is_wrong(broken: dict[str, Path], name: str, reason: str) -> None:
    with pytest.raises(UnreadableClipError, match=reason):
        probe_clip(broken[name])


def test_a_cut_at_any_byte_is_never_taken_for_a_whole_clip(tmp_path: Path) -> None:
    for options in ({"movflags": "+faststart"}, {}, {"movflags": "frag_keyframe+empty_moov+delay_moov"}):
        whole = tmp_path / "whole.mp4"
        make(Recipe("whole", 1, width=160, height=96, frames=8, container_options=options), whole)
        data = whole.read_bytes()
        for length in range(1, len(data), 13):
            with pytest.raises(UnreadableClipError):
                probe_clip(io.BytesIO(data[:length]))


def test_a_line_end_behind_the_last_box_does_no_harm(nasty: dict[str, Path]) -> None:
    data = nasty["plain"].read_bytes()
    for tail in (b"\n", b"\r\n", b"\0" * 3):
        assert probe_clip(io.BytesIO(data + tail)).frames == FRAMES


class CountingFile(io.BytesIO):
    """Counts what is read, as a store would be asked for it."""

    read_bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.read_bytes += len(data)
        return data


@pytest.mark.parametrize("layout", [{"movflags": "+faststart"}, {}])
def test_a_probe_of_a_remote_clip_reads_only_its_ends(tmp_path: Path, layout: dict[str, str]) -> None:
    path = tmp_path / "large.mp4"
    make(Recipe("large", 1, width=640, height=384, frames=60, grain=12, crf=12, container_options=layout), path)
    file = CountingFile(path.read_bytes())
    assert probe_clip(file) == probe_clip(path)
    assert path.stat().st_size > 3_000_000
    assert file.read_bytes < path.stat().st_size / 4


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.mp4"
    os.mkfifo(fifo)
    loop = tmp_path / "loop.mp4"
    loop.symlink_to(loop)
    for path in (fifo, loop, tmp_path, tmp_path / "missing.mp4"):
        with pytest.raises(UnreadableClipError):
            probe_clip(path)


@pytest.mark.parametrize("name", ["it's", "视频", "a b;rm -rf $HOME", "new\nline", "http:", "-i", "%03d"])
def test_any_file_name_will_do(nasty: dict[str, Path], tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.mp4"
    path.write_bytes(nasty["plain"].read_bytes())
    assert probe_clip(path).frames == FRAMES


def test_a_mirrored_picture_is_refused(nasty: dict[str, Path]) -> None:
    data = bytearray(nasty["plain"].read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    assert struct.unpack_from(">i", data, matrix) == (65536,)
    struct.pack_into(">i", data, matrix, -65536)
    with pytest.raises(UnreadableClipError, match="mirrors"):
        probe_clip(io.BytesIO(bytes(data)))


def test_a_damaged_decoder_setup_is_refused(nasty: dict[str, Path]) -> None:
    data = nasty["plain"].read_bytes()
    at = data.index(b"avcC") + 4
    with pytest.raises(UnreadableClipError):
        probe_clip(io.BytesIO(data[:at] + bytes(20) + data[at + 20 :]))


@pytest.mark.parametrize(
    ("times", "tick", "expected"),
    [
        (range(0, 512 * 30, 512), Fraction(1, 12288), (Fraction(24), True)),
        ([round(n * 1001 / 24) for n in range(200)], Fraction(1, 1001), (Fraction(24), True)),
        ([round(n * 1000 / 23.976024) for n in range(200)], Fraction(1, 1000), (Fraction(24000, 1001), True)),
        ([0, 1, 2, 4, 5], Fraction(1, 24), (Fraction(96, 5), False)),
        ([0, *range(845, 845 + 512 * 120, 512)], Fraction(1, 12288), (Fraction(24), False)),
        ([0, *range(512 * 9, 512 * 129, 512)], Fraction(1, 12288), (Fraction(120 * 24, 128), False)),
    ],
)
def test_the_rate_is_found_through_a_coarse_clock(times, tick: Fraction, expected: tuple[Fraction, bool]) -> None:
    assert frame_clock(list(times), tick) == expected


@pytest.mark.parametrize("movflags", ["frag_keyframe+empty_moov", "frag_every_frame+empty_moov", "+faststart"])
def test_a_film_of_24_a_second_whose_first_picture_stays_longer_is_one_of_24_a_second(
    tmp_path: Path, movflags: str
) -> None:
    path = tmp_path / "late.mp4"
    with av.open(str(path), "w", format="mp4", options={"movflags": movflags}) as output:
        stream: Any = output.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt, stream.options = 320, 320, "yuv420p", {"preset": "ultrafast"}
        stream.time_base = stream.codec_context.time_base = Fraction(1, 12288)
        for number in range(121):
            frame = av.VideoFrame.from_ndarray(np.full((320, 320, 3), number, np.uint8), format="rgb24")
            # As where the sound begins 27 ms before the pictures, and the first of them is stretched to it.
            frame.pts, frame.time_base = number * 512 + (333 if number else 0), Fraction(1, 12288)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    facts = probe_clip(path)
    assert (facts.fps, facts.constant_rate, facts.frames) == (Fraction(24), False, 121)
    assert facts.duration_seconds == pytest.approx(121 / 24 + 333 / 12288, abs=0.002)
    assert probe_media(path).fps == 24
    receipt = make_fit(path, tmp_path / "copy.mp4", TailLimits(min_side_px=400))
    assert receipt.seconds == pytest.approx(facts.duration_seconds, abs=1 / 24)


def test_the_whole_set_is_probed(nasty: dict[str, Path]) -> None:
    assert set(nasty) == set(BY_NAME)
    for name, path in nasty.items():
        assert probe_clip(path).frames == BY_NAME[name].frames


def test_an_object_in_a_store_is_probed_by_ranges(nasty: dict[str, Path], tmp_path: Path, monkeypatch) -> None:
    long_clip = tmp_path / "long.mp4"
    make(Recipe("long", 1, 640, 360, frames=300, crf=4, grain=40), long_clip)
    with s3_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        server.files().mkdir("clips")
        server.files().put_file(str(long_clip), "clips/long.mp4")
        with open_store("s3://clips").open("long.mp4") as file:
            facts = probe_clip(file)
            fetched = file.cache.total_requested_bytes
    assert facts == probe_clip(long_clip)
    assert facts.size_bytes > 20 * 2**20
    assert fetched < facts.size_bytes / 2
