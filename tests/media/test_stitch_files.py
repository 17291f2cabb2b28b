"""How a film comes into being as a file: all at once or not at all, index in front, and a receipt that tells."""

from __future__ import annotations

import hashlib
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from longtake.domain.errors import MediaError, StorageError, UnfitClipError
from longtake.media.reading.boxes import top_level
from longtake.media.stitching import film, stitch
from longtake.media.stitching.receipt import StitchOptions, StitchReceipt
from longtake.media.stitching.stitch import stitch_clips
from tests.media.film_reading import assert_film_is_right
from tests.media.nasty_clips import BY_NAME

LIBRARY = Path(stitch.__file__).parent


def test_the_index_stands_in_front(nasty: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    stitch_clips([nasty["plain"]] * 3, path)
    with path.open("rb") as file:
        kinds = [box.kind for box in top_level(file, path.stat().st_size)]
    assert kinds.index(b"moov") < kinds.index(b"mdat")


def test_the_receipt_tells_everything_and_survives_json(nasty: dict[str, Path], tmp_path: Path) -> None:
    names = ["plain", "other_size", "silent"]
    options = StitchOptions(trims=((0, 0), (2, 3), (0, 0)), loudness_lufs=-16, partial=True, missing=("reel/4",))
    receipt = stitch_clips([nasty[name] for name in names], tmp_path / "reel.partial.mp4", options)
    assert StitchReceipt.model_validate_json(receipt.model_dump_json()) == receipt
    data = (tmp_path / "reel.partial.mp4").read_bytes()
    assert (receipt.sha256, receipt.size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    assert [clip.sha256 for clip in receipt.clips] == [
        hashlib.sha256(nasty[name].read_bytes()).hexdigest() for name in names
    ]
    assert receipt.frames_expected == receipt.frames_found == 25 + 20 + 25
    assert receipt.clips[1].why == "its size is 480×288"
    assert receipt.clips[2].sound == "none: silence"
    assert (receipt.partial, receipt.missing) == (True, ("reel/4",))
    assert receipt.format.chosen == "the most frequent: 2 of 3 clips"
    assert len(receipt.joins) == 2
    assert {"longtake", "pyav", "libavcodec"} <= set(receipt.tools)


def test_progress_rises_to_one(nasty: dict[str, Path], tmp_path: Path) -> None:
    told: list[float] = []
    stitch_clips([nasty["plain"]] * 5, tmp_path / "film.mp4", progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > 4


def test_a_failure_on_the_way_leaves_the_old_film_and_nothing_else(
    nasty: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "film.mp4"
    target.write_bytes(b"the old one")

    def broken(share: float) -> None:
        if share > 0.4:
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        stitch_clips([nasty["plain"]] * 4, target, progress=broken)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
    assert target.read_bytes() == b"the old one"


def test_a_film_with_a_picture_missing_is_never_published(
    nasty: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = film._VideoWriter.packets

    def one_lost(self):
        for number, pair in enumerate(whole(self)):
            if number != 30:
                yield pair

    monkeypatch.setattr(film._VideoWriter, "packets", one_lost)
    with pytest.raises(MediaError, match="49 pictures instead of 50"):
        stitch_clips([nasty["plain"]] * 2, tmp_path / "film.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_before_anything_is_written(
    nasty: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stitch.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(StorageError, match="1000 are free"):
        stitch_clips([nasty["plain"]] * 2, tmp_path / "film.mp4")


def test_a_disk_that_fills_up_is_a_storage_error(nasty: dict[str, Path], tmp_path: Path) -> None:
    """A file-size limit stands for the full disk; it needs a process of its own."""
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from longtake.media.stitching.stitch import stitch_clips\n"
        "from longtake.domain.errors import StorageError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, 90_000))\n"
        "try:\n    stitch_clips([sys.argv[1]] * 12, sys.argv[2])\n"
        "except StorageError as error:\n    print('told:', error)\n"
    )
    arguments = [sys.executable, "-c", code, str(nasty["plain"]), str(tmp_path / "film.mp4")]
    told = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert told.stdout.startswith("told:"), told
    assert list(tmp_path.iterdir()) == []


def test_a_killed_stitch_leaves_no_film_and_the_next_one_sweeps_up(nasty: dict[str, Path], tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from longtake.media.stitching.stitch import stitch_clips\n"
        "stop = lambda share: share > 0.5 and os.kill(os.getpid(), signal.SIGKILL)\n"
        "stitch_clips([sys.argv[1]] * 12, sys.argv[2], progress=stop)\n"
    )
    target = tmp_path / "film.mp4"
    killed = subprocess.run([sys.executable, "-c", code, str(nasty["plain"]), str(target)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
    receipt = stitch_clips([nasty["plain"]] * 2, target)
    assert_film_is_right(target, [BY_NAME["plain"]] * 2, receipt)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


def test_another_process_at_the_same_film_is_left_alone(nasty: dict[str, Path], tmp_path: Path) -> None:
    own = tmp_path / ".film.mp4.elsewhere-1.part"
    own.write_bytes(b"still being written")
    code = "import fcntl, sys; file = open(sys.argv[1]); fcntl.flock(file, fcntl.LOCK_EX)"
    code += "; print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(own)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        writer.stdout.readline()
        stitch_clips([nasty["plain"]] * 2, tmp_path / "film.mp4")
        assert own.read_bytes() == b"still being written"
        writer.communicate()
    stitch_clips([nasty["plain"]] * 2, tmp_path / "film.mp4")
    assert not own.exists()


def test_no_clips_make_no_film(tmp_path: Path) -> None:
    with pytest.raises(UnfitClipError):
        stitch_clips([], tmp_path / "film.mp4")


def test_one_clip_makes_a_film(nasty: dict[str, Path], tmp_path: Path) -> None:
    receipt = stitch_clips([nasty["varying_rate"]], tmp_path / "film.mp4")
    assert_film_is_right(tmp_path / "film.mp4", [BY_NAME["varying_rate"]], receipt)
    assert receipt.joins == ()


@pytest.mark.parametrize("odd", [{"size": (321, 192)}, {"size": (0, 0)}, {"fps": 0}, {"trims": ((-1, 0),)}])
def test_senseless_options_are_refused(odd: dict) -> None:
    with pytest.raises(ValueError, match=r"size|fps|trims"):
        StitchOptions(**odd)


@pytest.mark.parametrize("name", ["it's", "电影", "a [1] *", "new\nline", "http:x"])
def test_any_name_will_do(nasty: dict[str, Path], tmp_path: Path, name: str) -> None:
    clip = tmp_path / "clips" / f"{name}.mp4"
    clip.parent.mkdir()
    clip.write_bytes(nasty["plain"].read_bytes())
    target = tmp_path / "reels" / f"{name}.mp4"
    assert stitch_clips([clip, clip], target).frames_found == 50
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_the_library_never_touches_log_levels_nor_rewinds() -> None:
    """Both were measured: the first deadlocks on damaged files, the second fails on files that start below zero."""
    for path in LIBRARY.glob("*.py"):
        text = path.read_text()
        assert not re.search(r"logging\.set_level", text), path
        assert not re.search(r"(container|opened|clip)\.seek\(0\)", text), path
        assert "av.logging" not in text, path
