"""A decoder that fails over one file again and again, or over every file: the file's fault, or our machine's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from longtake.domain.errors import DecoderError, MachineError, MediaError, UnreadableClipError
from longtake.jobs import gate as gate_module
from longtake.jobs.gate import gate
from longtake.ledger.records import Expectation
from longtake.media.feature_folder import FeatureFolder
from longtake.media.workers import WorkerPool

WANTED = Expectation(clip_seconds=97 / 24, width=320, height=240)


def crash_over(clip: Path, *_: object) -> None:
    if clip.name == "cursed.mp4":
        os.abort()
    raise UnreadableClipError("not cursed")


def crash_always(*_: object) -> None:
    os.abort()


def kill_over(clip: Path, *_: object) -> None:
    os.kill(os.getpid(), 9)


def hang_over(clip: Path, *_: object) -> None:
    raise MediaError("did not finish within 120 s and was stopped")


def crash_while_noting(clip: Path, *_: object, note: Path | None = None) -> None:
    if note is not None:
        os.abort()
    raise UnreadableClipError("looked at without a note")


async def looked_at(path: Path) -> None:
    workers = WorkerPool(1)
    try:
        await gate(WANTED, workers)(path, "")
    finally:
        await workers.close()


async def test_a_file_over_which_every_decoder_crashes_is_damaged_only_where_a_sound_one_decodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_module, "inspect_clip", crash_over)
    with pytest.raises(UnreadableClipError, match="over no sound clip"):
        await looked_at(tmp_path / "cursed.mp4")
    monkeypatch.setattr(gate_module, "prove_decoder", crash_always)
    with pytest.raises(DecoderError, match=r"our machine: .*SIGABRT"):
        await looked_at(tmp_path / "cursed.mp4")


@pytest.mark.parametrize(("function", "words"), [(kill_over, "SIGKILL"), (hang_over, "120 s")])
async def test_what_comes_from_outside_is_never_the_files_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: object, words: str
) -> None:
    monkeypatch.setattr(gate_module, "inspect_clip", function)
    with pytest.raises(MachineError, match=f"our machine: .*{words}"):
        await looked_at(tmp_path / "cursed.mp4")


async def test_a_crash_in_what_is_noted_for_later_steps_is_held_against_no_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_module, "inspect_clip", crash_while_noting)
    workers = WorkerPool(1, features=FeatureFolder(tmp_path / "notes"))
    try:
        with pytest.raises(UnreadableClipError, match="without a note"):
            await gate(WANTED, workers)(tmp_path / "clip.mp4", "5" * 64)
        assert (tmp_path / "notes").is_dir()
    finally:
        await workers.close()
    assert not (tmp_path / "notes").exists()
