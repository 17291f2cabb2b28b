"""Which pictures a film copies, which it encodes again, and that both are the right ones."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from longtake.domain.errors import UnfitClipError, UnreadableClipError
from longtake.media.reading.packets import read_packets
from longtake.media.reading.parameter_sets import join_lengths, read_parameter_sets
from longtake.media.reading.probe import open_clip, probe_clip
from longtake.media.stitching.receipt import StitchOptions
from longtake.media.stitching.stitch import stitch_clips
from tests.media.film_reading import assert_film_is_right, beep_offset_seconds, code_of, read_film
from tests.media.nasty_clips import BEEP_AT_SECONDS, BY_NAME, FRAMES, Recipe, luma_of, make


def packet_hashes(path: Path) -> list[str]:
    """Hash of every video packet in decoding order."""
    with av.open(str(path)) as container:
        return [hashlib.sha256(bytes(packet)).hexdigest() for packet in container.demux(video=0) if packet.size]


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """Likeness of two lumas in dB."""
    error = np.mean(np.square(one.astype(float) - other.astype(float)))
    return 99.0 if error == 0 else float(10 * np.log10(255**2 / error))


def test_copied_packets_are_the_clips_own(nasty: dict[str, Path], tmp_path: Path) -> None:
    clips = [nasty[name] for name in ("plain", "clock_600", "start_at_1s", "fragmented", "quicktime")]
    stitch_clips(clips, tmp_path / "film.mp4")
    assert packet_hashes(tmp_path / "film.mp4") == [digest for clip in clips for digest in packet_hashes(clip)]


def test_only_what_differs_is_encoded_again_and_looks_the_same(nasty: dict[str, Path], tmp_path: Path) -> None:
    receipt = stitch_clips([nasty[name] for name in ("plain", "hevc", "clock_600")], tmp_path / "film.mp4")
    assert [clip.action for clip in receipt.clips] == ["copied", "re-encoded", "copied"]
    hashes = packet_hashes(tmp_path / "film.mp4")
    assert hashes[:FRAMES] == packet_hashes(nasty["plain"])
    assert hashes[-FRAMES:] == packet_hashes(nasty["clock_600"])
    source = read_film(nasty["hevc"]).lumas
    for was, became in zip(source, read_film(tmp_path / "film.mp4").lumas[FRAMES : 2 * FRAMES], strict=True):
        assert psnr(was, became) > 38


def test_a_clip_that_differs_only_in_crf_is_joined_right(nasty: dict[str, Path], tmp_path: Path) -> None:
    names = ["plain", "other_crf", "plain", "other_crf", "silent"]
    receipt = stitch_clips([nasty[name] for name in names], tmp_path / "film.mp4")
    assert [clip.action[:2] for clip in receipt.clips] == ["co", "re", "co", "re", "co"]
    assert receipt.clips[1].why == "its decoder setup (SPS, PPS) differs"
    assert_film_is_right(tmp_path / "film.mp4", [BY_NAME[name] for name in names], receipt)


def test_the_crf_difference_is_garbage_when_it_is_copied_blindly(nasty: dict[str, Path], tmp_path: Path) -> None:
    """Without this the test above proves nothing."""
    blind = tmp_path / "blind.mp4"
    with av.open(str(blind), "w") as output, av.open(str(nasty["plain"])) as first:
        stream = output.add_stream_from_template(first.streams.video[0])
        offset = 0
        for name in ("plain", "other_crf"):
            with av.open(str(nasty[name])) as source:
                for packet in source.demux(video=0):
                    if packet.size:
                        packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                        packet.stream = stream
                        output.mux(packet)
                offset += FRAMES * 512
    with av.open(str(blind)) as film:
        joined = [frame.to_ndarray(format="gray") for frame in film.decode(video=0)][FRAMES:]
    with av.open(str(nasty["other_crf"])) as clip:
        sources = [frame.to_ndarray(format="gray") for frame in clip.decode(video=0)]
    assert min(map(psnr, sources, joined)) < 30


def test_parameter_sets_between_the_pictures_do_not_spoil_the_next_clip(nasty: dict[str, Path], tmp_path: Path) -> None:
    """A clip that looks like `plain` by its header, and says otherwise in front of its first picture."""
    sly = tmp_path / "sly.mp4"
    with (
        av.open(str(sly), "w") as output,
        av.open(str(nasty["plain"])) as header,
        av.open(str(nasty["other_crf"])) as source,
    ):
        stream = output.add_stream_from_template(header.streams.video[0])
        sets = read_parameter_sets("h264", bytes(source.streams.video[0].codec_context.extradata))
        for packet in source.demux(video=0):
            if packet.size:
                front = join_lengths([*sets.sps, *sets.pps], 4) if packet.is_keyframe else b""
                copy = av.Packet(front + bytes(packet))
                copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
                copy.is_keyframe, copy.stream = packet.is_keyframe, stream
                output.mux(copy)
    assert probe_clip(sly).signature == probe_clip(nasty["plain"]).signature
    receipt = stitch_clips([nasty["plain"], sly, nasty["plain"]], tmp_path / "film.mp4")
    assert receipt.clips[1].why == "its decoder setup changes on the way"
    film = read_film(tmp_path / "film.mp4")
    sources = [*read_film(nasty["plain"]).lumas, *read_film(nasty["other_crf"]).lumas, *read_film(nasty["plain"]).lumas]
    assert all(psnr(was, became) > 38 for was, became in zip(sources, film.lumas, strict=True))


def test_the_most_frequent_format_wins_and_of_equals_the_first(nasty: dict[str, Path], tmp_path: Path) -> None:
    def size(*names: str) -> tuple[int, int]:
        chosen = stitch_clips([nasty[name] for name in names], tmp_path / "film.mp4").format
        return chosen.width, chosen.height

    assert size("other_size", "plain", "silent") == (320, 192)
    assert size("other_size", "plain") == (480, 288)
    assert size("plain", "other_size") == (320, 192)
    assert size("other_size", "plain", "other_crf") == (320, 192)


@pytest.mark.parametrize("fit", ["pad", "crop", "scale"])
def test_a_given_size_and_rate_are_kept_and_a_ratio_is_fitted_as_told(
    nasty: dict[str, Path], tmp_path: Path, fit: str
) -> None:
    options = StitchOptions(size=(256, 256), fps=Fraction(30), fit=fit)
    receipt = stitch_clips([nasty["plain"], nasty["portrait"]], tmp_path / "film.mp4", options)
    assert (receipt.format.width, receipt.format.height, receipt.format.fps) == (256, 256, 30)
    assert {clip.action for clip in receipt.clips} == {"re-encoded"}
    film = read_film(tmp_path / "film.mp4")
    assert len(film.lumas) == 62 == receipt.frames_found
    wide, tall = film.lumas[0], film.lumas[31]
    bars = (wide[:40].max() < 24, wide[-40:].max() < 24, tall[:, :40].max() < 24, tall[:, -40:].max() < 24)
    assert bars == ((True,) * 4 if fit == "pad" else (False,) * 4)
    if fit == "pad":
        assert code_of(wide, BY_NAME["plain"]) == (1, 0)
        assert code_of(tall, BY_NAME["portrait"]) == (13, 0)
    if fit == "scale":
        assert code_of(wide, Recipe("square", 1, width=256, height=256)) == (1, 0)
    if fit == "crop":
        whole = luma_of(BY_NAME["plain"], 0)
        middle = np.asarray(whole[:, 64:256], float)
        assert psnr(wide[::4, ::4], np.kron(middle, np.ones((4, 4)))[::12, ::12]) > 20


def test_anamorphic_clips_stay_anamorphic_among_themselves(nasty: dict[str, Path], tmp_path: Path) -> None:
    receipt = stitch_clips([nasty["wide_pixels"], nasty["plain"], nasty["wide_pixels"]], tmp_path / "film.mp4")
    assert receipt.format.sample_aspect == Fraction(4, 3)
    assert [clip.action[:2] for clip in receipt.clips] == ["co", "re", "co"]
    assert probe_clip(tmp_path / "film.mp4").sample_aspect == Fraction(4, 3)


def test_a_film_of_hevc_is_copied_and_tagged_for_every_player(nasty: dict[str, Path], tmp_path: Path) -> None:
    receipt = stitch_clips([nasty["hevc"], nasty["hevc"]], tmp_path / "film.mp4")
    assert [clip.action for clip in receipt.clips] == ["copied", "copied"]
    with av.open(str(tmp_path / "film.mp4")) as film:
        assert film.streams.video[0].codec_context.codec_tag == "hvc1"
    assert_film_is_right(tmp_path / "film.mp4", [BY_NAME["hevc"]] * 2, receipt)


@pytest.mark.parametrize(
    ("name", "trim"),
    [
        pytest.param(name, trim, marks=[] if name == "b_frames" or trim == (7, 3) else pytest.mark.slow)
        for name in ("plain", "no_b_frames", "b_frames", "many_keyframes", "fps_25", "turned")
        for trim in ((0, 1), (0, 5), (0, 12), (1, 0), (5, 0), (12, 0), (7, 3), (24, 0))
    ],
)
def test_trims_are_exact_in_picture_and_sound(
    nasty: dict[str, Path], tmp_path: Path, name: str, trim: tuple[int, int]
) -> None:
    names = ["many_keyframes", name, "plain"]
    options = StitchOptions(trims=((0, 0), trim, (0, 0)), fps=24)
    receipt = stitch_clips([nasty[each] for each in names], tmp_path / "film.mp4", options)
    film = assert_film_is_right(tmp_path / "film.mp4", [BY_NAME[each] for each in names], receipt)
    assert (receipt.clips[1].trimmed_head, receipt.clips[1].trimmed_tail) == trim
    beep_at = BEEP_AT_SECONDS - float(BY_NAME[name].picture_times()[trim[0]])
    if beep_at > 0.05:
        due = receipt.clips[1].starts_at_seconds + beep_at
        assert abs(beep_offset_seconds(film.sound, film.rate_hz, due)) < 0.002
    last_beep = receipt.clips[2].starts_at_seconds + BEEP_AT_SECONDS
    assert abs(beep_offset_seconds(film.sound, film.rate_hz, last_beep)) < 0.002


def test_a_trim_copies_what_it_can(nasty: dict[str, Path], tmp_path: Path) -> None:
    def copied(name: str, *trim: int) -> int:
        options = StitchOptions(trims=(trim, (0, 0)))
        return stitch_clips([nasty[name], nasty["plain"]], tmp_path / "film.mp4", options).clips[0].frames_copied

    assert copied("many_keyframes", 6, 0) == FRAMES - 6
    assert copied("many_keyframes", 7, 0) == FRAMES - 12
    assert copied("plain", 7, 0) == 0
    assert FRAMES - 6 <= copied("plain", 0, 3) <= FRAMES - 3
    assert copied("plain", 0, 0) == FRAMES


def test_a_trim_that_leaves_nothing_is_refused(nasty: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UnfitClipError, match="leaves none"):
        stitch_clips([nasty["plain"]], tmp_path / "film.mp4", StitchOptions(trims=((20, 5),)))
    with pytest.raises(UnfitClipError, match="2 trims"):
        stitch_clips([nasty["plain"]], tmp_path / "film.mp4", StitchOptions(trims=((0, 0), (0, 0))))


def test_a_crossfade_shortens_the_film_by_its_length_and_blends(nasty: dict[str, Path], tmp_path: Path) -> None:
    names = ["many_keyframes", "plain", "fps_30"]
    options = StitchOptions(crossfade_seconds=0.25)
    receipt = stitch_clips([nasty[name] for name in names], tmp_path / "film.mp4", options)
    film = read_film(tmp_path / "film.mp4")
    assert [join.crossfade_frames for join in receipt.joins] == [6, 6]
    assert len(film.lumas) == receipt.frames_found == 25 + 25 + 25 - 12
    assert receipt.sound_seconds == pytest.approx(63 / 24, abs=1 / 40000)
    assert receipt.clips[0].frames_copied >= 12
    pure = [code_of(film.lumas[n], BY_NAME["many_keyframes"]) for n in range(19)]
    assert pure == [(28, n) for n in range(19)]
    assert [code_of(film.lumas[19 + n], BY_NAME["plain"]) for n in range(6, 19)] == [(1, n) for n in range(6, 19)]
    ending, coming = read_film(nasty["many_keyframes"]).lumas, read_film(nasty["plain"]).lumas
    for n in range(6):
        share = (n + 1) / 7
        mixed = ending[19 + n] * (1 - share) + coming[n] * share
        assert psnr(film.lumas[19 + n], mixed) > 38


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_turned_clip_stands_upright_in_the_film(nasty: dict[str, Path], tmp_path: Path, turned: int) -> None:
    size = (192, 320) if turned != 180 else (320, 192)
    recipe = Recipe("turned", 33, *size, turned=turned)
    make(recipe, tmp_path / "turned.mp4")
    receipt = stitch_clips([nasty["plain"], tmp_path / "turned.mp4"], tmp_path / "film.mp4")
    assert_film_is_right(tmp_path / "film.mp4", [BY_NAME["plain"], recipe], receipt)


def test_odd_sizes_are_copied_among_themselves_and_rounded_down_beside_others(
    nasty: dict[str, Path], tmp_path: Path
) -> None:
    odd = Recipe("odd", 34, width=321, height=193, pixels="yuv444p")
    make(odd, tmp_path / "odd.mp4")
    alone = stitch_clips([tmp_path / "odd.mp4"] * 2, tmp_path / "film.mp4")
    assert {clip.action for clip in alone.clips} == {"copied"}
    assert_film_is_right(tmp_path / "film.mp4", [odd, odd], alone)
    mixed = stitch_clips([tmp_path / "odd.mp4", nasty["plain"]], tmp_path / "film.mp4")
    assert (mixed.format.width, mixed.format.height, mixed.format.pixel_format) == (320, 192, "yuv420p")


def test_ranges_and_depths_are_converted_not_relabelled(nasty: dict[str, Path], tmp_path: Path) -> None:
    for name in ("full_range", "ten_bit"):
        stitch_clips([nasty["plain"], nasty["plain"], nasty[name]], tmp_path / "film.mp4")
        whole = luma_of(BY_NAME[name], 3).astype(float)
        assert psnr(read_film(tmp_path / "film.mp4").lumas[2 * FRAMES + 3], whole) > 30


def test_damage_in_a_clip_that_is_encoded_again_is_noticed(nasty: dict[str, Path], tmp_path: Path) -> None:
    """One byte in one picture; FFmpeg's decoder finds nearly all of it with one thread, none with slice threads."""
    whole = nasty["other_size"].read_bytes()
    with av.open(str(nasty["other_size"])) as clip:
        places = [(entry.pos, entry.size) for entry in clip.streams.video[0].index_entries]
    noticed = 0
    for position, size in places[::3]:
        hurt = bytearray(whole)
        hurt[position + size * 2 // 3] ^= 0x55
        (tmp_path / "hurt.mp4").write_bytes(hurt)
        try:
            stitch_clips([nasty["plain"], nasty["plain"], tmp_path / "hurt.mp4"], tmp_path / "film.mp4")
        except UnreadableClipError as error:
            assert str(error).startswith("hurt.mp4: ")
            noticed += 1
    assert noticed >= 6


def test_a_copyable_span_ends_only_where_decoding_order_is_closed(nasty: dict[str, Path]) -> None:
    with open_clip(nasty["b_frames"]) as clip:
        table = read_packets(clip, nasty["b_frames"])
    assert sorted(table.order) == list(range(FRAMES))
    for last in range(1, FRAMES + 1):
        start, end = table.copyable_span(0, last)
        assert start == 0
        assert end <= last
        assert sorted(table.order[:end]) == list(range(end))
    assert table.copyable_span(1, FRAMES) == (1, 1)


def test_the_same_clips_make_the_same_pictures(nasty: dict[str, Path], tmp_path: Path) -> None:
    clips = [nasty[name] for name in ("plain", "other_size", "fps_25")]
    for name in ("one.mp4", "two.mp4"):
        stitch_clips(clips, tmp_path / name)
    assert packet_hashes(tmp_path / "one.mp4") == packet_hashes(tmp_path / "two.mp4")
