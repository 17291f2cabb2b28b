"""Files of the local file system that appear whole or not at all, and never in the place of another."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterable
from functools import cache
from glob import escape
from pathlib import Path
from typing import BinaryIO

_RENAME_NOREPLACE, _AT_FDCWD, _FICLONE = 1, -100, 0x40049409


def create_whole(path: Path, pieces: Iterable[bytes]) -> None:
    """Creates a file that nobody ever sees half written: it gets its name when its bytes are durable.

    Args:
        path: Its name.
        pieces: Its bytes, taken one after the other.

    Raises:
        FileExistsError: Something has that name.
        OSError: The disk is full, or its file system can name no finished file exclusively.
    """
    try:
        descriptor = os.open(path.parent, os.O_RDWR | os.O_TMPFILE, 0o644)
    except (AttributeError, OSError):  # no nameless files on this system or file system: NFS, SMB, vfat
        _create_under_another_name(path, pieces)
        return
    with os.fdopen(descriptor, "w+b") as file:
        _write_durably(file, pieces)
        try:
            _name(file, path)
        except FileExistsError:
            raise
        except OSError:  # a system without /proc
            file.seek(0)
            _create_under_another_name(path, iter(lambda: file.read(1 << 20), b""))


def _name(file: BinaryIO, path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        # A folder must be named for Python to follow the link in /proc.
        os.link(f"/proc/self/fd/{file.fileno()}", path.name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        os.close(folder)


def _create_under_another_name(path: Path, pieces: Iterable[bytes]) -> None:
    """A file that is torn by a full disk or a kill keeps a name that no reader looks for."""
    temporary = part_of(path)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            _write_durably(file, pieces)
        move_exclusively(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def move_exclusively(source: Path, target: Path) -> None:
    """Gives a file another name that must be free; one step, however many try it at once.

    Raises:
        FileExistsError: Something has that name.
        OSError: The file system knows neither hard links nor an exclusive rename.
    """
    try:
        os.link(source, target, follow_symlinks=False)
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError:  # a file system without hard links
        _rename_exclusively(source, target)
    else:
        source.unlink(missing_ok=True)


def _rename_exclusively(source: Path, target: Path) -> None:
    if (rename := _renameat2()) is None:
        raise OSError(errno.ENOTSUP, "no file can be given a name exclusively", str(target))
    if rename(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))


@cache
def _renameat2() -> ctypes._NamedFuncPointer | None:  # pyright: ignore[reportPrivateUsage]
    try:
        found = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return None
    found.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return found


def copy_apart(source: Path, target: Path) -> None:
    """Makes `target` hold the bytes of `source`, so that writing into one never changes the other.

    Where the file system can, the blocks are shared until one of the two is written; else they are copied.
    """
    _drop_parts_of_the_dead(target)
    taken, temporary = _begin_part(target)
    try:
        with source.open("rb") as given, taken:
            try:
                fcntl.ioctl(taken.fileno(), _FICLONE, given.fileno())
            except OSError:  # ext4 and others
                shutil.copyfileobj(given, taken, 1 << 20)
            taken.flush()
            os.fsync(taken.fileno())
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _begin_part(target: Path) -> tuple[BinaryIO, Path]:
    """A new file beside a target, locked for as long as it is open."""
    while True:
        temporary = part_of(target)
        taken = temporary.open("xb")
        with contextlib.suppress(OSError):  # a file system without locks: nobody drops what he cannot lock
            fcntl.flock(taken, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if temporary.exists():  # before it was locked, another may have taken it for a dead one's
            return taken, temporary
        taken.close()


def _drop_parts_of_the_dead(target: Path) -> None:
    """Removes what copies of a file left that were killed on the way: their locks died with them."""
    for part in target.parent.glob(f".{escape(target.name[:100])}.????????.part"):
        with contextlib.suppress(OSError), part.open("rb") as left:
            fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()


def take_room(path: Path, size_bytes: int) -> None:
    """Makes a file of nothing that has its blocks on disk, or fills one up.

    Raises:
        OSError: There is no room.
    """
    # In its place at once: whoever is killed here, or comes second, leaves nothing but a file to be filled up.
    with path.open("ab") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size_bytes)
            os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise


def part_of(path: Path) -> Path:
    """A name beside a file for what is not finished."""
    return path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex[:8]}.part")


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_durably(file: BinaryIO, pieces: Iterable[bytes]) -> None:
    file.writelines(pieces)
    file.flush()
    os.fsync(file.fileno())
