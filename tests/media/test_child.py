"""Work in a child process: results and errors come back, and nothing a file does reaches the worker."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from longtake.domain.errors import DecoderError, MachineError, MediaError, UnfitClipError, UnreadableClipError
from longtake.media.reading.probe import probe_clip
from longtake.media.stitching.receipt import StitchOptions
from longtake.media.stitching.stitch import stitch_clips
from longtake.media.workers import WorkerPool, in_child
from tests.media.film_reading import assert_film_is_right
from tests.media.nasty_clips import BY_NAME


def add(one: int, other: int = 0) -> int:
    """Prints too: that must not get between the answers."""
    print("noise on stdout")
    return one + other


def big(size: int) -> bytes:
    return bytes(size)


def count(steps: int, progress) -> int:
    for step in range(steps):
        progress(step / steps)
    return steps


def crash() -> None:
    ctypes.string_at(0)


def leave(code: int) -> None:
    os._exit(code)


def kill_yourself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def surroundings() -> tuple[dict[str, str], list[str], str]:
    import token

    return dict(os.environ), sys.path, str(token.__file__)


def full_disk() -> None:
    raise OSError(errno.ENOSPC, "No space left on device", "/somewhere")


def no_library() -> None:
    import no_such_library  # noqa: F401


def hang(note: str) -> None:
    Path(note).write_text(str(os.getpid()))
    while True:
        time.sleep(1)


def hoard() -> int:
    return len(bytearray(5 * 2**30))


def fail(kind: type[Exception], words: str) -> None:
    raise kind(words)


class ForeignError(Exception):
    """An error of some other library."""


def nice_and_parent() -> tuple[int, int]:
    return os.nice(0), os.getppid()


async def test_a_result_comes_back_whatever_is_printed() -> None:
    assert await in_child(add, 2, other=3, deadline_seconds=30) == 5
    assert len(await in_child(big, 20_000_000, deadline_seconds=30)) == 20_000_000


async def test_progress_is_passed_on_in_order() -> None:
    told: list[float] = []
    assert await in_child(count, 4, deadline_seconds=30, progress=told.append) == 4
    assert told == [0, 0.25, 0.5, 0.75]


async def test_the_child_is_ours_and_gives_way() -> None:
    niceness, parent = await in_child(nice_and_parent, deadline_seconds=30)
    assert niceness > os.nice(0)
    assert parent == os.getpid()


async def test_a_child_that_dies_is_our_machines_fault_and_no_clips() -> None:
    with pytest.raises(DecoderError, match="our machine: crash: the decoder crashed, SIGSEGV"):
        await in_child(crash, deadline_seconds=30)
    with pytest.raises(MachineError, match="code 3"):
        await in_child(leave, 3, deadline_seconds=30)
    with pytest.raises(MachineError, match="killed by SIGKILL") as killed:
        await in_child(kill_yourself, deadline_seconds=30)
    # What comes from outside says nothing of the file, however often it happens.
    assert not isinstance(killed.value, DecoderError)


async def test_too_much_memory_is_our_machines_fault_and_no_clips() -> None:
    with pytest.raises(DecoderError, match=r"our machine: .*memory"):
        await in_child(hoard, deadline_seconds=30)


@pytest.mark.parametrize("function", [full_disk, no_library])
async def test_what_the_system_refuses_a_child_is_our_machines_fault(function: Callable[[], None]) -> None:
    with pytest.raises(MachineError, match="our machine: "):
        await in_child(function, deadline_seconds=30)


async def test_a_child_that_cannot_be_started_is_our_machines_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(MachineError, match="our machine: No such file or directory"):
        await in_child(add, 1, deadline_seconds=30)


async def test_a_child_gets_none_of_our_variables_and_nothing_shadows_its_modules(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, nasty: dict[str, Path]
) -> None:
    for name in ("token.py", "av.py", "numpy.py", "longtake.py", "sitecustomize.py"):
        (tmp_path / name).write_text("raise SystemExit('shadowed')")
    monkeypatch.setenv("EVOLINK_API_KEY", "sk-secret")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), *sys.path])
    variables, path, token = await in_child(surroundings, deadline_seconds=30)
    assert "sk-secret" not in str(variables)
    assert not {name for name in variables if name.startswith(("EVOLINK", "PYTHON", "PREFECT", "AWS"))}
    assert not token.startswith(str(tmp_path))
    # What only lies there is still found, as the parent would find it.
    assert str(tmp_path) in path
    assert (await in_child(probe_clip, nasty["plain"], deadline_seconds=30)).frames > 1


@pytest.mark.parametrize("kind", [UnreadableClipError, UnfitClipError, ValueError, KeyError])
async def test_an_error_comes_back_as_itself(kind: type[Exception]) -> None:
    with pytest.raises(kind, match="as told"):
        await in_child(fail, kind, "as told", deadline_seconds=30)


async def test_a_foreign_error_comes_back_in_words() -> None:
    with pytest.raises(MediaError, match="ForeignError: as told"):
        await in_child(fail, ForeignError, "as told", deadline_seconds=30)


async def gone(note: Path) -> bool:
    """Whether the process that left a note ends within a second."""
    child = int(note.read_text())
    for _ in range(100):
        if not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE:
            return True
        await asyncio.sleep(0.01)
    return False


async def test_a_hang_is_ended_at_the_deadline(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="did not finish within 3 s"):
        await in_child(hang, str(tmp_path / "pid"), deadline_seconds=3)
    assert await gone(tmp_path / "pid")


async def noted(note: Path) -> None:
    """Waits for a child to have begun."""
    while not note.exists() or not note.read_text():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_cancelling_ends_the_child_at_once(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    task = asyncio.create_task(in_child(hang, str(note), deadline_seconds=60))
    await noted(note)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone(note)


async def test_no_child_outlives_a_killed_parent(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = (
        "import asyncio, sys; from longtake.media.workers import in_child; from tests.media.test_child import hang\n"
        "asyncio.run(in_child(hang, sys.argv[1], deadline_seconds=60))\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, str(note), cwd=Path(__file__).parents[2])
    try:
        await asyncio.wait_for(noted(note), 30)
    finally:
        parent.send_signal(signal.SIGKILL)
        await parent.wait()
    assert await gone(note)


async def test_a_clip_is_probed_in_a_child(nasty: dict[str, Path], broken: dict[str, Path]) -> None:
    assert await in_child(probe_clip, nasty["plain"], deadline_seconds=30) == probe_clip(nasty["plain"])
    with pytest.raises(UnreadableClipError, match="HTML"):
        await in_child(probe_clip, broken["html"], deadline_seconds=30)


async def test_a_deadline_during_a_stitch_leaves_no_film(nasty: dict[str, Path], tmp_path: Path) -> None:
    options = StitchOptions(size=(1280, 720))
    with pytest.raises(MediaError, match="did not finish"):
        await in_child(stitch_clips, [nasty["plain"]] * 40, tmp_path / "film.mp4", options, deadline_seconds=1.5)
    assert not (tmp_path / "film.mp4").exists()
    receipt = await in_child(stitch_clips, [nasty["plain"]] * 2, tmp_path / "film.mp4", deadline_seconds=60)
    assert_film_is_right(tmp_path / "film.mp4", [BY_NAME["plain"]] * 2, receipt)


async def test_the_event_loop_stays_responsive_while_a_reel_is_encoded_again(
    nasty: dict[str, Path], tmp_path: Path
) -> None:
    """A ticker of 100 ms beside 20 clips that are all scaled and encoded."""
    late: list[float] = []

    async def tick() -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + 0.1
            await asyncio.sleep(0.1)
            late.append(loop.time() - due)

    ticker = asyncio.create_task(tick())
    clips = [nasty["other_size"], nasty["fps_30"]] * 10
    options = StitchOptions(size=(480, 288), fps=24, loudness_lufs=-16)
    shares: list[float] = []
    receipt = await in_child(
        stitch_clips, clips, tmp_path / "film.mp4", options, deadline_seconds=120, progress=shares.append
    )
    ticker.cancel()
    assert receipt.frames_found == 500
    assert len(shares) > 10
    assert len(late) > 5
    assert max(late) < 0.3


def own_number() -> int:
    return os.getpid()


async def test_a_pool_serves_many_calls_with_few_children() -> None:
    workers = WorkerPool(1, calls_each=3)
    try:
        numbers = [await workers.call(own_number, deadline_seconds=30) for _ in range(6)]
        assert numbers[0] == numbers[1] == numbers[2] != numbers[3] == numbers[4] == numbers[5]
        assert os.getpid() not in numbers
    finally:
        await workers.close()


async def test_a_pool_replaces_a_child_that_crashed_hung_or_was_killed_while_it_waited(tmp_path: Path) -> None:
    workers = WorkerPool(1)
    try:
        with pytest.raises(MachineError, match="SIGSEGV"):
            await workers.call(crash, deadline_seconds=30)
        with pytest.raises(MediaError, match="did not finish"):
            await workers.call(hang, str(tmp_path / "pid"), deadline_seconds=2)
        with pytest.raises(ValueError, match="as told"):
            await workers.call(fail, ValueError, "as told", deadline_seconds=30)
        number = await workers.call(own_number, deadline_seconds=30)
        os.kill(number, signal.SIGKILL)
        await asyncio.sleep(0.3)
        assert await workers.call(add, 1, other=1, deadline_seconds=30) == 2
    finally:
        await workers.close()


async def test_cancelling_a_call_of_a_pool_ends_its_child(tmp_path: Path) -> None:
    workers, note = WorkerPool(1), tmp_path / "pid"
    task = asyncio.create_task(workers.call(hang, str(note), deadline_seconds=60))
    await noted(note)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone(note)
    assert await workers.call(add, 1, other=1, deadline_seconds=30) == 2
    await workers.close()
