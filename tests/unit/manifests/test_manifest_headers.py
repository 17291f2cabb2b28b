"""A header that is nearly right is refused by name; a column of the user's own that resembles one is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from longtake.manifests.checker import check_manifest
from longtake.manifests.headers import nearly_column
from longtake.manifests.reader import read_manifest
from longtake.manifests.schema import COLUMNS

NEARLY = [
    ("resolution ", "resolution"),
    (" resolution", "resolution"),
    ("resolution\t", "resolution"),
    ("resolution\n", "resolution"),
    ("resolution\u00a0", "resolution"),
    ("\u200bresolution", "resolution"),
    ("res\u00adolution", "resolution"),
    ("\u202eratio\u202c", "ratio"),
    ("\ufeffprompt", "prompt"),
    ("Resolution", "resolution"),
    ("RESOLUTION", "resolution"),
    ("Duration Seconds", "duration_seconds"),
    ("duration-seconds", "duration_seconds"),
    ("duration.seconds", "duration_seconds"),
    ("durationSeconds", "duration_seconds"),
    ("duration__seconds", "duration_seconds"),
    ("_take", "take"),
    ("duration (seconds)", "duration_seconds"),
    ("duration", "duration_seconds"),
    ("Duration (s)", "duration_seconds"),
    ("duration_sec", "duration_seconds"),
    ("clip_duration_seconds", "duration_seconds"),
    ("seconds", "duration_seconds"),
    ("length", "duration_seconds"),
    ("aspect_ratio", "ratio"),
    ("Aspect Ratio", "ratio"),
    ("Prompt", "prompt"),
    ("prompt:", "prompt"),
    ('"prompt"', "prompt"),
    ("'ratio'", "ratio"),
    ("#seed", "seed"),
    ("ｒｅｓｏｌｕｔｉｏｎ", "resolution"),
    ("ﬁrst_frame", "first_frame"),
    ("Résolution", "resolution"),
    ("resoluton", "resolution"),
    ("resolutoin", "resolution"),
    ("ressolutoin", "resolution"),
    ("resolutions", "resolution"),
    ("reels", "reel"),
    ("shots", "shot"),
    ("takes", "take"),
    ("variant", "variants"),
    ("varients", "variants"),
    ("promt", "prompt"),
    ("prompts", "prompt"),
    ("pormpt", "prompt"),
    ("vender", "vendor"),
    ("modle", "model"),
    ("rato", "ratio"),
    ("sede", "seed"),
    ("reel_", "reel"),
    ("ID", "id"),
    ("reference_image", "reference_images"),
    ("reference_vidoes", "reference_videos"),
    ("references_images", "reference_images"),
    ("first-frame", "first_frame"),
    ("firstframe", "first_frame"),
    ("first_frames", "first_frame"),
    ("Generate Audio", "generate_audio"),
    ("continue_form", "continue_from"),
    ("continues_from", "continue_from"),
    ("reference_tail_second", "reference_tail_seconds"),
    ("images", "reference_images"),
    ("resolution (p)", "resolution"),
    ("Ratio [w:h]", "ratio"),
    ("first_frame (URL)", "first_frame"),
]
OWN = [
    *("shots_count", "take_notes", "video_model_name", "reel_name", "shot_name", "shot_type", "shot_id", "prompt_id"),
    *("prompt_version", "negative_prompt", "model_name", "model_version", "vendor_id", "vendor_name", "seed_source"),
    *("mode", "speed", "show", "spot", "slot", "short", "tape", "feed", "real", "host", "radio", "ration", "rating"),
    *("rate", "tag", "tags", "task", "note", "notes", "scene", "title", "sku", "market", "subject", "weight", "date"),
    *("index", "idx", "uid", "pid", "iso", "status", "verdict", "clip", "error", "next_action", "job_id", "sha256"),
    *("width", "height", "clip_seconds", "manifest_take", "manifest_vendor", "price_low_usd", "created_at", "fps"),
    *("product", "provider", "promo", "watermark_text", "callback", "frame", "frames", "first", "last", "audio_mood"),
    *("prompt_2", "prompt_b", "prompt (de)", "take b", "shot2", "seed_1", "resolution_x"),
    *(f"my_{column}" for column in COLUMNS),
    *("Unnamed: 0", "", "名前", "заголовок", "résumé", "x", "ids_of_shots", "continuity", "source", "variance"),
]


def checked(folder: Path, header: str, value: str = "x"):
    quoted = header.replace('"', '""')
    (folder / "m.csv").write_text(f'subject,"{quoted}"\nfox,{value}\n', encoding="utf-8")
    return check_manifest(read_manifest(str(folder / "m.csv")))


@pytest.mark.parametrize(("written", "meant"), NEARLY)
def test_a_header_that_is_nearly_right_refuses_the_whole_manifest(tmp_path: Path, written: str, meant: str) -> None:
    found = [each for each in checked(tmp_path, written).violations if each.value == written]
    assert [(each.row, each.warning, each.column) for each in found] == [(0, False, meant)]
    assert meant in found[0].fix
    assert found[0].rule
    assert checked(tmp_path, written).refused == {1}


@pytest.mark.parametrize("name", OWN)
def test_a_column_of_ones_own_that_resembles_one_is_left_alone(name: str) -> None:
    assert nearly_column(name) is None


def test_no_documented_column_is_nearly_another() -> None:
    assert [column for column in COLUMNS if nearly_column(column)] == []


def test_beside_the_column_itself_only_what_reads_the_same_is_refused() -> None:
    beside = ["duration_seconds", "seed"]
    assert nearly_column("duration", beside) is None
    assert nearly_column("seeds", beside) is None
    assert nearly_column("Seed", beside) is not None
    assert nearly_column("seed ", beside) is not None


@pytest.mark.parametrize("marks", ["\ufeff\ufeff", "\ufeff\u200b", "\u200b", "\ufeff \ufeff"])
def test_marks_before_the_first_header_are_refused_not_ignored(tmp_path: Path, marks: str) -> None:
    (tmp_path / "m.csv").write_text(f"{marks}resolution,prompt\n480p,A fox\n", encoding="utf-8")
    found = check_manifest(read_manifest(str(tmp_path / "m.csv"))).violations
    assert [(each.row, each.column, each.warning) for each in found] == [(0, "resolution", False)]
