"""A further kind of output store, for the test that adds one: objects in this process, gone with it."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from longtake.files.private_folder import private_folder
from longtake.files.store import Store, validate_key

_STORES: dict[str, dict[str, tuple[int, bytes]]] = {}
_LOCK = threading.RLock()


class MemoryStore(Store):
    """`memory://NAME`: every object with the number of its writing."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._objects = _STORES.setdefault(url, {})
        self._written = 0

    def create(self, key: str, data: bytes) -> bool:
        with _LOCK:
            if validate_key(key) in self._objects:
                return False
            self.write(key, data)
            return True

    def read(self, key: str) -> bytes | None:
        found = self._objects.get(key)
        return None if found is None else found[1]

    def read_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        return {key: self._objects[key][1] for key in keys if key in self._objects}

    def write(self, key: str, data: bytes) -> None:
        with _LOCK:
            self._written += 1
            self._objects[validate_key(key)] = (self._written, bytes(data))

    def list(self, prefix: str) -> list[str]:
        return [key for key in list(self._objects) if key.startswith(f"{prefix}/" if prefix else "")]

    def folders(self, prefix: str = "") -> list[str]:
        start = f"{prefix}/" if prefix else ""
        below = {key.removeprefix(start) for key in self.list(prefix)}
        return sorted({start + key.split("/")[0] for key in below if "/" in key})

    def size(self, key: str) -> int | None:
        data = self.read(key)
        return None if data is None else len(data)

    def open(self, key: str) -> BinaryIO:
        if (data := self.read(key)) is None:
            raise FileNotFoundError(key)
        return io.BytesIO(data)

    def publish(self, local: Path, key: str) -> None:
        self.write(key, local.read_bytes())
        local.unlink()

    def link(self, source: str, key: str) -> None:
        if (data := self.read(source)) is None:
            raise FileNotFoundError(source)
        self.write(key, data)

    def move(self, source: str, key: str) -> bool:
        with _LOCK:
            if source not in self._objects:
                raise FileNotFoundError(source)
            if key in self._objects:
                return False
            self._objects[validate_key(key)] = self._objects.pop(source)
            return True

    def stamp(self, key: str) -> str | None:
        found = self._objects.get(key)
        return None if found is None else str(found[0])

    def remove(self, key: str) -> None:
        with _LOCK:
            self._objects.pop(key, None)

    def local(self, key: str) -> Path | None:
        return None

    def presign(self, key: str, seconds: float) -> str | None:
        return None

    def work_folder(self, key: str) -> Path:
        return private_folder("work", "memory")
