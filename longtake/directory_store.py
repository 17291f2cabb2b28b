"""An output store in a folder of the local file system: whole files or none, durable before anyone goes on."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from longtake.storage import Store, checked


class DirectoryStore(Store):
    """A folder of the local file system."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        self.url = str(self.root)

    def _path(self, key: str) -> Path:
        return self.root / checked(key)

    def create(self, key: str, data: bytes) -> bool:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _create_whole(path, data)
        except FileExistsError:
            return False
        _sync_folder(path.parent)
        _sync_folder(path.parent.parent)
        return True

    def read(self, key: str) -> bytes | None:
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        return {key: data for key in keys if (data := self.read(key)) is not None}

    def write(self, key: str, data: bytes) -> None:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
        try:
            # Nameless while it is filled, so that a kill leaves nothing behind.
            _create_whole(temporary, data)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def list(self, prefix: str) -> list[str]:
        found: list[str] = []
        folders = [prefix.strip("/")]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(self._path(folder)) as entries:
                    for entry in entries:
                        key = f"{folder}/{entry.name}"
                        (folders if entry.is_dir(follow_symlinks=False) else found).append(key)
            except (FileNotFoundError, NotADirectoryError):
                continue
        return found

    def folders(self, prefix: str = "") -> list[str]:
        folder = self._path(prefix) if prefix else self.root
        try:
            with os.scandir(folder) as entries:
                names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [f"{prefix}/{name}" if prefix else name for name in names]

    def size(self, key: str) -> int | None:
        try:
            return self._path(key).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def open(self, key: str) -> BinaryIO:
        return self._path(key).open("rb")

    def publish(self, local: Path, key: str) -> None:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with local.open("rb") as file:
            os.fsync(file.fileno())
        try:
            local.replace(path)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            near = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
            shutil.copyfile(local, near)
            near.replace(path)
            local.unlink()
        _sync_folder(path.parent)

    def link(self, source: str, key: str) -> None:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
        try:
            try:
                os.link(self._path(source), temporary)
            except FileNotFoundError:
                raise
            except OSError:  # a file system without hard links
                shutil.copyfile(self._path(source), temporary)
            temporary.replace(path)
        finally:
            # replace() of two links to one file leaves both names
            temporary.unlink(missing_ok=True)

    def remove(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def local(self, key: str) -> Path | None:
        return self._path(key)

    def presign(self, key: str, seconds: float) -> str | None:
        del key, seconds
        return None

    def work_folder(self, key: str) -> Path:
        folder = self._path(key).parent
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _create_whole(path: Path, data: bytes) -> None:
    """Creates a file that nobody ever sees half written: it gets its name when its bytes are durable.

    Raises:
        FileExistsError: Something has that name.
    """
    try:
        descriptor = os.open(path.parent, os.O_WRONLY | os.O_TMPFILE, 0o644)
    except (AttributeError, OSError):  # no nameless files on this system or file system
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            _write_durably(file, data)
        return
    with os.fdopen(descriptor, "wb") as file:
        _write_durably(file, data)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            # A folder must be named for Python to follow the link in /proc.
            os.link(f"/proc/self/fd/{file.fileno()}", path.name, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            os.close(folder)


def _write_durably(file: BinaryIO, data: bytes) -> None:
    file.write(data)
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
