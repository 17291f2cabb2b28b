"""A folder of this process alone: removed when it ends, and by the next one where it was killed."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator
from functools import cache
from pathlib import Path

from longtake.files.private_folder import private_folder

_TRIES = 20
"""The last process to end removes the folder in which ours is about to be made."""


def process_folder(*names: str) -> Path:
    """A folder that only this user can enter and only this process uses, for files it can do without."""
    folder = _own(os.getpid()).joinpath(*names)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def scratch_folder() -> Generator[Path]:
    """A folder for as long as the block runs; also gone where the process is killed in it."""
    with tempfile.TemporaryDirectory(dir=process_folder(), ignore_cleanup_errors=True) as name:
        yield Path(name)


@cache
def _own(process: int) -> Path:
    for _ in range(_TRIES):
        with contextlib.suppress(FileNotFoundError):
            return _made(process)
    return Path(tempfile.mkdtemp(prefix="longtake-"))  # others remove and make it again and again


def _made(process: int) -> Path:
    parent = private_folder("processes")
    guard = os.open(parent, os.O_RDONLY)
    try:
        # One at a time: what another has just made and not yet locked must not look abandoned.
        fcntl.flock(guard, fcntl.LOCK_EX)
        for folder in parent.iterdir():
            _sweep(folder)
        folder = Path(tempfile.mkdtemp(prefix=f"{process}-", dir=parent))
        # Held open until the process ends, by whatever death.
        fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX)
    finally:
        os.close(guard)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _sweep(folder: Path) -> None:
    """Removes a folder whose process is gone: its lock ended with it, while its number may be another's by now."""
    with contextlib.suppress(OSError):
        held = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(held)
