"""What the gate's pass notes of a clip is what later steps would see themselves; what is not noted they look for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from longtake.domain.errors import UnreadableClipError
from longtake.media.checking import features as module
from longtake.media.checking.drift import measure_drift
from longtake.media.checking.echo import find_echo
from longtake.media.checking.features import features_of, read_features
from longtake.media.checking.inspect import inspect_clip
from longtake.media.cutting.frames import contact_sheet, poster
from longtake.media.feature_folder import FeatureFolder, poster_of
from tests.media import nasty_clips, scenes


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three links of a pan; each begins with the last seven pictures of the one before it."""
    folder = tmp_path_factory.mktemp("chain")
    pan = scenes.pan(140)
    parts = [pan[:50], pan[43:93], scenes.brightened(pan[86:136], 12)]
    extra = {"g": "12", "bf": "2", "sc_threshold": "0"}
    return [scenes.write_clip(folder / f"{place}.mp4", part, crf=20, extra=extra) for place, part in enumerate(parts)]


def noted(clips: list[Path], folder: Path) -> list[Path]:
    notes = [folder / f"{clip.stem}.npz" for clip in clips]
    for clip, note in zip(clips, notes, strict=True):
        inspect_clip(clip, note=note)
    return notes


def test_drift_echo_and_poster_are_the_same_from_the_gates_pass(chain: list[Path], tmp_path: Path) -> None:
    notes = noted(chain, tmp_path)
    alone = measure_drift(chain), [find_echo(*pair) for pair in pairwise(chain)]
    assert [echo.frames for echo in alone[1]] == [7, 7]
    for clip, note in zip(chain, notes, strict=True):
        poster(clip, tmp_path / "alone.jpg")
        assert poster_of(note).read_bytes() == (tmp_path / "alone.jpg").read_bytes()
    gone = [Path(f"/nowhere/{clip.name}") for clip in chain]
    assert measure_drift(gone, notes) == alone[0]
    pairs = zip(chain, chain[1:], notes, notes[1:], strict=False)
    assert [find_echo(one, other, notes=(left, right)) for one, other, left, right in pairs] == alone[1]


def test_clips_of_every_kind_have_the_same_features_and_poster_from_the_gates_pass(
    nasty: dict[str, Path], tmp_path: Path
) -> None:
    for name, clip in nasty.items():
        note = tmp_path / f"{name}.npz"
        findings = inspect_clip(clip, note=note).findings
        assert inspect_clip(clip).findings == findings, name
        poster(clip, tmp_path / "alone.jpg")
        assert poster_of(note).read_bytes() == (tmp_path / "alone.jpg").read_bytes(), name
        kept, seen = read_features(note), features_of(clip)
        assert kept is not None, name
        assert (kept.fps, kept.look) == (seen.fps, seen.look), name
        assert np.array_equal(kept.thumbnails, seen.thumbnails), name
    assert nasty.keys() == nasty_clips.BY_NAME.keys()


def test_of_a_long_clip_both_ends_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = scenes.write_clip(tmp_path / "clip.mp4", scenes.ball(50))
    whole = features_of(clip).thumbnails
    assert len(whole) == 50
    monkeypatch.setattr(module, "REACH", 20)
    ends = features_of(clip).thumbnails
    assert np.array_equal(ends[:20], whole[:20])
    assert np.array_equal(ends[-20:], whole[-20:])


@pytest.fixture
def torn(chain: list[Path], tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    (note,) = noted(chain[:1], tmp_path)
    note.write_bytes(note.read_bytes()[: note.stat().st_size // 2])
    yield chain[0], note


def test_a_torn_note_is_measured_again_and_written_anew(torn: tuple[Path, Path]) -> None:
    clip, note = torn
    assert read_features(note) is None
    assert features_of(clip, note).look == features_of(clip).look
    assert read_features(note) is not None


def test_nothing_is_noted_of_a_clip_that_does_not_decode_to_its_end(chain: list[Path], tmp_path: Path) -> None:
    broken, note = tmp_path / "broken.mp4", tmp_path / "broken.npz"
    data = bytearray(chain[0].read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4000] = bytes(4000)
    broken.write_bytes(data)
    assert not inspect_clip(broken, note=note).passed
    assert not note.exists()
    with pytest.raises(UnreadableClipError):
        measure_drift([broken], [note])


def test_what_goes_wrong_beside_the_gate_is_no_finding_of_the_gate(
    chain: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = inspect_clip(chain[0])
    assert inspect_clip(chain[0], note=tmp_path / "no/such/folder/clip.npz") == wanted
    monkeypatch.setattr(module, "measured", lambda frame: 1 / 0)
    assert inspect_clip(chain[0], note=tmp_path / "clip.npz") == wanted
    assert not (tmp_path / "clip.npz").exists()


def test_a_contact_sheet_of_posters_shows_what_one_of_their_clips_does(chain: list[Path], tmp_path: Path) -> None:
    notes = noted(chain, tmp_path)
    from_clips = contact_sheet(chain, tmp_path / "clips.jpg", labels=["one", "two", "three"])
    from_posters = contact_sheet(
        [poster_of(note) for note in notes], tmp_path / "p.jpg", labels=["one", "two", "three"]
    )
    assert (from_clips.width_px, from_clips.height_px) == (from_posters.width_px, from_posters.height_px)
    both = [np.asarray(Image.open(tmp_path / name), int) for name in ("clips.jpg", "p.jpg")]
    assert np.abs(both[0] - both[1]).mean() < 3


def test_a_folder_of_notes_keeps_its_bound_and_the_latest_stay(tmp_path: Path) -> None:
    folder = FeatureFolder(tmp_path / "notes", most_bytes=250)
    for number in range(4):
        folder.note(f"{number}").write_bytes(bytes(100))
    left = sorted(path.name for path in (tmp_path / "notes").iterdir())
    assert left == ["1.npz", "2.npz", "3.npz"]
    folder.note("4")
    assert sorted(path.name for path in (tmp_path / "notes").iterdir()) == ["2.npz", "3.npz"]
    folder.forget(["2"])
    folder.clear()
    assert not (tmp_path / "notes").exists()
