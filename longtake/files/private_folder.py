"""Folders of this user alone in the machine's temporary folder, where everybody can lay something in our way."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import stat
import tempfile
import time
from functools import cache
from pathlib import Path

from longtake.files.names import file_name

STALE_SECONDS = 7 * 24 * 3600.0
"""What nobody has touched for so long belongs to no run that goes on."""


def private_folder(*names: str) -> Path:
    """A folder that only this user can enter, the same for all processes of the user.

    Where somebody else laid something in its place, this process gets one that nobody could foresee.
    """
    folder = _own(Path(tempfile.gettempdir()))
    for name in names:
        folder /= file_name(name)
        folder.mkdir(mode=0o700, exist_ok=True)
        _made.setdefault(folder)
    return folder


_made: dict[Path, None] = {}


@atexit.register
def forget_empty() -> None:
    """Removes the folders that this process asked for and nobody needs; what a run left unfinished in them stays."""
    for folder in reversed(_made):
        with contextlib.suppress(OSError):
            folder.rmdir()
    _made.clear()


@cache
def _own(temporary: Path) -> Path:
    folder = temporary / f"longtake-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not _is_ours_alone(folder):
            folder = Path(tempfile.mkdtemp(prefix="longtake-", dir=temporary))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            return folder
        folder.chmod(0o700)  # an earlier release left it readable
    _sweep(folder / file_name("work"))
    return folder


def _is_ours_alone(folder: Path) -> bool:
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def _sweep(folder: Path) -> None:
    """What killed runs left unfinished long ago."""
    before = time.time() - STALE_SECONDS
    if not folder.is_dir():
        return
    for child in folder.iterdir():
        try:
            if max(path.lstat().st_mtime for path in (child, *child.rglob("*"))) < before:
                shutil.rmtree(child, ignore_errors=True)
        except OSError:  # another process sweeps too
            continue
