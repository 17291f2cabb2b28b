"""Opening media files from outside: regular files only, one demuxer only, one error for all that can be wrong."""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Generator
from pathlib import Path
from typing import Any, BinaryIO, cast

import av
from av.container import InputContainer
from av.error import FFmpegError

from longtake.domain.errors import UnreadableClipError
from longtake.domain.machine import is_ours

Source = str | Path | BinaryIO
"""A local path, or a seekable file object (so that an object in a store is read by ranges)."""

DAMAGE = (FFmpegError, EOFError, MemoryError, UnicodeDecodeError, ValueError, IndexError, OverflowError, OSError)
"""What PyAV raises on damaged files: its own family, and some of Python's."""

LENIENT: dict[str, Any] = {"metadata_errors": "ignore"} if int(av.__version__.split(".")[0]) < 19 else {}
"""Before PyAV 19, metadata that is no UTF-8 was an error unless told otherwise; since then nobody is asked."""


@contextlib.contextmanager
def reading(source: object) -> Generator[None]:
    """Turns what PyAV raises on damage into `UnreadableClipError`, which names the source."""
    name = Path(source).name if isinstance(source, str | Path) else "clip"
    try:
        yield
    except UnreadableClipError as error:
        message = str(error)
        if message.startswith(f"{name}: "):
            raise
        raise type(error)(f"{name}: {message}") from error
    except DAMAGE as error:
        if is_ours(error):
            raise
        raise UnreadableClipError(f"{name}: damaged ({_words(error)})") from error


def _words(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "or to open it needs more memory than it may take"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


@contextlib.contextmanager
def open_bytes(source: Source) -> Generator[tuple[BinaryIO, int]]:
    """Opens a regular file, or takes a file object as it is; with its size in bytes.

    Raises:
        UnreadableClipError: No regular file, not readable, or empty.
    """
    with contextlib.ExitStack() as stack:
        if isinstance(source, str | Path):
            file = stack.enter_context(_open_regular(Path(source)))
            size_bytes = os.fstat(file.fileno()).st_size
        else:
            file, size_bytes = source, source.seek(0, io.SEEK_END)
        if size_bytes == 0:
            raise UnreadableClipError("the file is empty")
        file.seek(0)
        yield file, size_bytes


def _open_regular(path: Path) -> BinaryIO:
    try:
        # Looked at before it is opened: opening a FIFO waits for its writer for ever.
        if stat.S_ISREG(path.stat().st_mode):
            return path.open("rb")
    except OSError as error:
        if is_ours(error):
            raise
        raise UnreadableClipError(_words(error)) from error
    raise UnreadableClipError("not a regular file")


@contextlib.contextmanager
def demuxing(clip: Path, decoder: str = "none") -> Generator[InputContainer]:
    """Opens a clip again that was probed before, without the cost of starting any decoder but one; wraps `reading`.

    Raises:
        UnreadableClipError: Damaged; also for what PyAV raises inside the block.
    """
    options = {"codec_whitelist": decoder}
    with reading(clip), open_bytes(clip) as (file, _), open_container(clip, file, "mov", options) as container:
        yield container


def open_container(
    source: Source, file: BinaryIO, demuxer: str, options: dict[str, str] | None = None
) -> InputContainer:
    """Opens with one demuxer only: a playlist or an image sequence under this name must not open other files."""
    file.seek(0)
    # An absolute path is never taken for a protocol; abspath keeps ".." as it is behind links.
    target: Any = os.path.abspath(source) if isinstance(source, str | Path) else file  # noqa: PTH100
    return cast(InputContainer, av.open(target, "r", format=demuxer, options=options, **LENIENT))
