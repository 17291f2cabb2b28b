"""An output store in a folder of the local file system: whole files or none, durable before anyone goes on."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from longtake.files.exclusive import copy_apart, create_whole, move_exclusively, part_of, sync_folder, take_room
from longtake.files.store import Store, validate_key


class DirectoryStore(Store):
    """A folder of the local file system."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        self.url = str(self.root)

    def _path(self, key: str) -> Path:
        return self.root / validate_key(key)

    def create(self, key: str, data: bytes) -> bool:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            create_whole(path, [data])
        except FileExistsError:
            return False
        sync_folder(path.parent)
        sync_folder(path.parent.parent)
        return True

    def read(self, key: str) -> bytes | None:
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        return {key: data for key in keys if (data := self.read(key)) is not None}

    def write(self, key: str, data: bytes) -> None:
        self.write_pieces(key, [data])

    def write_pieces(self, key: str, pieces: Iterable[bytes]) -> None:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = part_of(path)
        try:
            # Nameless while it is filled, so that a kill leaves nothing behind.
            create_whole(temporary, pieces)
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
            copy_apart(local, path)
            local.unlink()
        sync_folder(path.parent)

    def link(self, source: str, key: str) -> None:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        copy_apart(self._path(source), path)

    def move(self, source: str, key: str) -> bool:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            move_exclusively(self._path(source), path)
        except FileExistsError:
            return False
        sync_folder(path.parent)
        return True

    def stamp(self, key: str) -> str | None:
        try:
            now = self._path(key).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return f"{now.st_size} {now.st_mtime_ns} {now.st_ctime_ns} {now.st_ino}"

    def ages(self, keys: Iterable[str]) -> dict[str, float]:
        # A file written now shows the clock of whoever keeps the files, which may be another machine.
        probe = part_of(self.root / "clock")
        try:
            create_whole(probe, [])
            now = probe.stat().st_mtime
        except OSError:
            return {}
        finally:
            with contextlib.suppress(OSError):
                probe.unlink(missing_ok=True)
        found: dict[str, float] = {}
        for key in keys:
            with contextlib.suppress(OSError):
                found[key] = now - self._path(key).stat().st_mtime
        return found

    def reserve(self, key: str, size_bytes: int) -> None:
        path = self._path(key)
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_blocks * 512 >= size_bytes:
                return
        path.parent.mkdir(parents=True, exist_ok=True)
        take_room(path, size_bytes)

    def give_room(self, key: str) -> bool:
        try:
            self._path(key).unlink()
        except FileNotFoundError:
            return False
        return True

    def part_links(self, prefix: str) -> int:
        count = 0
        for key in self.list(prefix):
            path = self._path(key)
            with contextlib.suppress(FileNotFoundError):
                if key.endswith(".mp4") and self._is_shared(path):
                    copy_apart(path, path)
                    count += 1
        return count

    def _is_shared(self, path: Path) -> bool:
        """Whether writing into a film changes another of this output; a link to elsewhere is a person's business."""
        if not path.is_symlink():
            return path.stat().st_nlink > 1
        try:
            return path.resolve(strict=True).is_relative_to(self.root.resolve())
        except (OSError, RuntimeError):  # it leads nowhere, or round in a ring
            return False

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
