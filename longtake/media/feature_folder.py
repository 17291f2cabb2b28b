"""The folder in which what was noted of clips lies while a run goes: by the hash of a clip's bytes, within a bound."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable
from pathlib import Path

MOST_BYTES = 256 * 2**20
"""So much all notes may take; the oldest go first. A clip of five seconds has 0.7 MB."""


def poster_of(note: Path) -> Path:
    """Where the poster of a clip lies that has this note."""
    return note.with_suffix(".jpg")


class FeatureFolder:
    """Notes of clips. All calls block.

    Args:
        folder: For nothing else; made when first needed, and gone at the end.
        most_bytes: How much they may take together.
    """

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    def note(self, sha256: str) -> Path:
        """Where a clip's note lies or is to be written; room is made for it.

        Raises:
            OSError: The folder cannot be made.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._make_room()
        return self._folder / f"{sha256}.npz"

    def poster(self, sha256: str) -> Path:
        """Where a clip's poster lies, if one was made."""
        return poster_of(self._folder / f"{sha256}.npz")

    def forget(self, hashes: Iterable[str]) -> None:
        """Lets go of clips that are not wanted any more."""
        for sha256 in hashes:
            note = self._folder / f"{sha256}.npz"
            for path in (note, poster_of(note)):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Lets go of all."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _make_room(self) -> None:
        found: list[tuple[float, int, Path]] = []
        for path in self._folder.iterdir():
            with contextlib.suppress(OSError):
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        taken = sum(size_bytes for _, size_bytes, _ in found)
        for _, size_bytes, path in sorted(found):
            if taken <= self._most_bytes:
                break
            with contextlib.suppress(OSError):
                path.unlink()
            taken -= size_bytes
