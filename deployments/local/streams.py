"""Standard output and error of a command: whatever becomes of them, the command goes on with its work.

A reader that leaves, a full disk, a closed descriptor or terminal, other characters than UTF-8: words are lost, no run.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import queue
import select
import sys
import threading
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PATIENCE_SECONDS = 3.0
"""At a command's end, a reader that takes nothing for so long gets no more."""
_MOST_WAITING_BYTES = 8 * 2**20
_READER_GONE = (errno.EPIPE, errno.EIO, errno.EBADF)
"""Nobody wants the words: the pipe's reader ended, the terminal was closed. No fault of ours."""


class Outlet(io.RawIOBase):
    """One descriptor. What cannot be written there is dropped, and `lost` tells why."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.lost: OSError | None = None
        self._descriptor = descriptor
        self._waiting: queue.SimpleQueue[bytes | None] | None = None
        self._waiting_bytes = self._sent_bytes = 0
        self._empty = threading.Event()

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        taken = bytes(data)
        if self._waiting is None:
            self._send(taken)
        elif self._waiting_bytes + len(taken) <= _MOST_WAITING_BYTES:
            self._waiting_bytes += len(taken)
            self._waiting.put(taken)
        return len(taken)

    def begin_aside(self) -> None:
        """From now on a thread writes, so that a reader who reads nothing holds up nobody."""
        self._waiting = queue.SimpleQueue()
        self._empty.clear()
        threading.Thread(target=self._send_all, args=(self._waiting,), name="longtake-words", daemon=True).start()

    def end_aside(self) -> None:
        """Lets the reader have what waits, unless it takes none of it, and writes directly again."""
        if (waiting := self._waiting) is None:
            return
        waiting.put(None)
        seen, since = -1, time.monotonic()
        while not self._empty.wait(0.05) and self.lost is None:
            if self._sent_bytes != seen:
                seen, since = self._sent_bytes, time.monotonic()
            elif time.monotonic() - since > PATIENCE_SECONDS:
                self._drop(OSError(errno.EPIPE, "its reader takes nothing"))
        self._waiting = None

    def _send_all(self, waiting: queue.SimpleQueue[bytes | None]) -> None:
        while (taken := waiting.get()) is not None:
            self._send(taken)
            self._waiting_bytes -= len(taken)
        self._empty.set()

    def _send(self, data: bytes) -> None:
        while data and self.lost is None:
            try:
                sent = os.write(self._descriptor, data)
            except BlockingIOError:  # somebody made the pipe that we share with them a non-blocking one
                select.select([], [self._descriptor], [])
            except OSError as error:
                self._drop(error)
            else:
                self._sent_bytes += sent
                data = data[sent:]

    def _drop(self, error: OSError) -> None:
        self.lost = error
        with contextlib.suppress(OSError):  # libraries and child processes write to the descriptor as well
            os.dup2(_nowhere(), self._descriptor)


def _nowhere() -> int:
    return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)


class Streams:
    """The two outlets of this process; where tests have put something else in their place, none."""

    def __init__(self) -> None:
        self._outlets: dict[str, Outlet] = {}

    def open(self) -> None:
        """Puts tolerant streams in the place of Python's own, once in a process."""
        # A closed descriptor is the next free one: a ledger's record or a socket would become our standard error.
        for descriptor in (0, 1, 2):
            try:
                os.fstat(descriptor)
            except OSError:
                if (found := _nowhere()) != descriptor:
                    os.dup2(found, descriptor)
                    os.close(found)
                os.set_inheritable(descriptor, True)
        for name, descriptor in (("stdout", 1), ("stderr", 2)):
            stream: TextIO | None = getattr(sys, name)
            if stream is not getattr(sys, f"__{name}__"):
                continue
            self._outlets[name] = outlet = Outlet(descriptor)
            ours = io.TextIOWrapper(
                io.BufferedWriter(outlet),
                encoding=stream.encoding if stream else "utf-8",
                errors="backslashreplace",
                line_buffering=True,
            )
            if stream:
                with contextlib.suppress(OSError):
                    stream.flush()
            setattr(sys, name, ours)
            setattr(sys, f"__{name}__", ours)

    @contextlib.contextmanager
    def aside(self) -> Generator[None]:
        """Inside, writing waits for nobody."""
        for outlet in self._outlets.values():
            outlet.begin_aside()
        try:
            yield
        finally:
            for name, outlet in self._outlets.items():
                getattr(sys, name).flush()
                outlet.end_aside()

    def fault(self) -> str | None:
        """Why words for standard output were lost, None where they were not or nobody wanted them."""
        if (outlet := self._outlets.get("stdout")) is None:
            return None
        sys.stdout.flush()
        lost = outlet.lost
        return None if lost is None or lost.errno in _READER_GONE else f"{lost.strerror}"


STREAMS = Streams()


def speak_utf8() -> None:
    """Starts this command again in UTF-8 mode where file names would else be limited to the locale's characters."""
    if sys.getfilesystemencoding().lower().replace("-", "") == "utf8" or not getattr(sys, "orig_argv", None):
        return
    encoding = sys.stdout.encoding if sys.stdout else "ascii"
    environment = {"PYTHONIOENCODING": f"{encoding}:backslashreplace", **os.environ, "PYTHONUTF8": "1"}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606 - the same command
