"""Where one stands in a file that is read piece by piece from elsewhere; what it reads is its subclass's business."""

from __future__ import annotations

import io


class SeekableFile(io.RawIOBase):
    """A read-only file of a known size. Subclasses read at `_place` and move it."""

    def __init__(self, size_bytes: int = 0) -> None:
        super().__init__()
        self.size_bytes = size_bytes
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.size_bytes}[whence]
        if start + offset < 0:
            raise ValueError("a place before the file's begin")
        self._place = start + offset
        return self._place
