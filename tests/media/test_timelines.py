"""The timeline of every kind of film, read by OpenTimelineIO: its ranges name the very pictures that the film shows."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from longtake.domain.job import Clip
from longtake.media.reading.probe import probe_clip
from longtake.media.stitching.receipt import StitchOptions
from longtake.media.stitching.stitch import stitch_clips
from longtake.rendering.timeline.build import timeline_text
from longtake.rendering.timeline.take import Take
from tests.media import nasty_clips
from tests.media.film_reading import code_of, read_film
from tests.media.nasty_clips import BY_NAME, Recipe

NTSC = Recipe("ntsc", 33, fps=Fraction(24000, 1001), frames=26)
SLOW = Recipe("slow", 34, fps=Fraction(10), frames=12)
RECIPES = BY_NAME | {"ntsc": NTSC, "slow": SLOW}

FILMS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "copied": (("plain", "sound_short", "sound_long"), {}),
    "one clip": (("plain",), {"fps": "24"}),
    "encoded again": (("plain", "other_size", "other_crf"), {}),
    "crossfades": (("plain", "silent", "plain"), {"crossfade_seconds": 0.25}),
    "crossfades longer than the clips": (("plain", "plain", "plain"), {"crossfade_seconds": 2}),
    "trimmed": (("plain", "many_keyframes"), {"trims": ((0, 2), (7, 3))}),
    "trimmed, with crossfades": (("plain", "fps_30"), {"trims": ((0, 2), (7, 3)), "crossfade_seconds": 0.2}),
    "rates mixed": (("plain", "fps_25", "fps_30", "fps_29_97"), {}),
    "rates mixed and trimmed": (("plain", "fps_30", "fps_25"), {"trims": ((0, 0), (5, 1), (3, 0))}),
    "23.976": (("ntsc", "ntsc", "plain"), {}),
    "29.97": (("fps_29_97", "plain", "fps_29_97"), {}),
    "to 30": (("plain", "fps_30"), {"fps": "30"}),
    "to another rate than any": (("slow", "plain", "fps_25"), {"fps": "29/2"}),
    "varying rate": (("varying_rate", "plain", "plain"), {"trims": ((4, 2), (0, 0), (0, 0))}),
    "only a varying rate": (("varying_rate", "varying_rate"), {}),
    "starts late, turned, hevc": (("plain", "start_at_1s", "turned", "hevc"), {}),
}


@pytest.fixture(scope="session")
def more(nasty: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return nasty | nasty_clips.make_all(tmp_path_factory.mktemp("more"), (NTSC, SLOW))


def take(shot_id: str, path: Path, sha256: str) -> Take:
    facts = probe_clip(path)
    clip = Clip(
        key=path.name, sha256=sha256, size_bytes=facts.size_bytes, width=facts.width, height=facts.height,
        frames=facts.frames, duration_seconds=float(facts.duration_seconds), fps=str(facts.fps),
        has_audio=facts.has_audio,
    )  # fmt: skip
    return Take(shot_id=shot_id, clip=clip, key=path.name)


def due_at(recipe: Recipe, seconds: float, fps: Fraction) -> int:
    """The picture that a player of this rate shows of a clip at a time."""
    rate = (recipe.frames - 1) / recipe.picture_times()[-1] if recipe.times else recipe.fps
    early = min(1 / (4 * fps), 1 / (2 * rate))
    shown = [n for n, time in enumerate(recipe.picture_times()) if time <= Fraction(seconds) + early]
    return shown[-1]


@pytest.mark.parametrize("film", FILMS)
def test_the_ranges_of_a_timeline_name_the_pictures_of_the_film(
    more: dict[str, Path], tmp_path: Path, film: str
) -> None:
    assert_timeline_is_right(more, tmp_path, *FILMS[film])


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_the_timeline_of_any_clip_beside_another_names_its_pictures(
    more: dict[str, Path], tmp_path: Path, name: str
) -> None:
    for names, wishes in (
        (("plain", name, name), {}),
        ((name, "plain"), {"trims": ((3, 2), (0, 1)), "crossfade_seconds": 0.1}),
    ):
        assert_timeline_is_right(more, tmp_path, names, wishes)


def assert_timeline_is_right(
    more: dict[str, Path], tmp_path: Path, names: tuple[str, ...], wishes: dict[str, Any]
) -> None:
    """Stitches a film, and holds what OpenTimelineIO reads of its timeline against the pictures of film and clips."""
    made = stitch_clips([more[name] for name in names], tmp_path / "film.mp4", StitchOptions(**wishes))
    receipt = made.model_dump(mode="json") | {"frames": made.frames_found}
    told: Any = made.clips
    takes = [take(f"r/{n}", more[name], clip.sha256) for n, (name, clip) in enumerate(zip(names, told, strict=True))]
    for clip, one in zip(receipt["clips"], takes, strict=True):
        clip["shot_id"] = one.shot_id
    timeline: Any = otio.adapters.read_from_string(timeline_text("r", "reels/r.mp4", receipt, takes), "otio_json")
    fps, seen = made.format.fps, read_film(tmp_path / "film.mp4").lumas
    video, sound = timeline.video_tracks()[0], timeline.audio_tracks()[0]
    assert video.duration() == sound.duration() == otio.opentime.RationalTime(len(seen), float(fps))
    clips = list(video.find_clips())
    assert sum(clip.duration().value for clip in clips) == len(seen) == made.frames_found
    for number, (clip, name) in enumerate(zip(clips, names, strict=True)):
        recipe, source = RECIPES[name], clip.source_range
        assert clip.media_reference.target_url == f"../{more[name].name}"
        end = source.end_time_exclusive() + handle_of(video, clip)
        assert source.start_time.value >= 0
        assert end.to_seconds() <= clip.available_range().end_time_exclusive().to_seconds() + 1e-9
        # At most the clip's last picture stands for a part of one of the film's.
        assert clip.available_range().duration.to_seconds() < float(recipe.seconds + 1 / (2 * fps)) + 1e-6
        blended = made.joins[number - 1].crossfade_frames if number else 0
        begins = round(clip.range_in_parent().start_time.value)
        for place in (blended, int(source.duration.value) - 1):
            if place < blended or place >= source.duration.value:
                continue
            at = source.start_time.to_seconds() + place / float(fps)
            code = code_of(seen[begins + place], recipe, made.format.sample_aspect)
            assert code == (recipe.job, due_at(recipe, at, fps)), (clip.name, place)


def handle_of(video: Any, clip: Any) -> Any:
    after = video.index(clip) + 1
    is_blended = after < len(video) and isinstance(video[after], otio.schema.Transition)
    return video[after].out_offset if is_blended else otio.opentime.RationalTime(0, clip.source_range.duration.rate)
