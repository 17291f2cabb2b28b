"""Decoding processes that outlive a test: real children, started once a session and not once a render."""

from __future__ import annotations

import asyncio
import atexit
import os
import pickle
import resource
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

from longtake.media import workers
from longtake.media.own_memory import allow_growth
from longtake.media.workers import _Child

_START = (workers._BEGIN, sys.executable)
_REAL = _Child
_FORGET_BOUND = pickle.dumps((allow_growth.__module__, f"{allow_growth.__name__}.cache_clear", (), {}, False))
"""A call after which the next one bounds its memory anew."""
MOST_CALLS = 100
"""Then a process is replaced, as `WorkerPool` does."""
_STARTER = ThreadPoolExecutor(1)
"""A decoder dies with the thread that started it, and a test's own threads end with the test."""


class KeptChild(_Child):
    """As the real one, over pipes that belong to no event loop; a process that is fit waits for the next test."""

    waiting: ClassVar[list[tuple[subprocess.Popen[bytes], int]]] = []

    def __init__(self, process: subprocess.Popen[bytes], served: int) -> None:
        self.process = process
        self.calls = served
        self.is_fit = True

    @classmethod
    async def start(cls, memory_bytes: int) -> _Child:
        if memory_bytes != workers.DEFAULT_MEMORY_BYTES or (workers._BEGIN, sys.executable) != _START:
            return await _REAL.start(memory_bytes)
        while cls.waiting:
            process, served = cls.waiting.pop()
            if process.poll() is None and served < MOST_CALLS:
                return cls(process, served)
            stop(process)
        child = cls(await asyncio.get_running_loop().run_in_executor(_STARTER, _started), 0)
        child.send(pickle.dumps((sys.path, memory_bytes, os.getpid())))
        return child

    def send(self, message: bytes) -> None:
        self.process.stdin.write(workers._LENGTH.pack(len(message)) + message)
        self.process.stdin.flush()

    async def _converse(self, call: bytes, progress: Callable[[float], None] | None) -> tuple[bool, Any] | None:
        loop = asyncio.get_running_loop()

        def tell(share: float) -> None:
            if progress:
                loop.call_soon_threadsafe(progress, share)

        return await asyncio.to_thread(self._spoken, call, tell)

    def _spoken(self, call: bytes, tell: Callable[[float], None]) -> tuple[bool, Any] | None:
        try:
            self.send(call)
            while True:
                head = self.process.stdout.read(workers._LENGTH.size)
                if len(head) < workers._LENGTH.size:
                    return None
                kind, value = pickle.loads(self.process.stdout.read(workers._LENGTH.unpack(head)[0]))
                if kind != "progress":
                    return kind == "result", value
                tell(value)
        except (OSError, EOFError, pickle.UnpicklingError):
            return None

    async def end(self) -> str:
        if self.is_fit and self.process.poll() is None and self._is_as_new():
            self.waiting.append((self.process, self.calls))
        else:
            stop(self.process)
        return ""

    def _is_as_new(self) -> bool:
        """Whether the next call finds the memory that it expects; a tighter bound that this one set is taken off."""
        bounded, most = resource.prlimit(self.process.pid, resource.RLIMIT_AS)
        if most != workers.DEFAULT_MEMORY_BYTES or bounded == most:
            return bounded == most == workers.DEFAULT_MEMORY_BYTES
        resource.prlimit(self.process.pid, resource.RLIMIT_AS, (most, most))
        return self._spoken(_FORGET_BOUND, lambda share: None) is not None


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-X", f"utf8={sys.flags.utf8_mode}", "-c", workers._BEGIN, workers._PACKAGE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=workers._environment(),
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and reaps it."""
    process.kill()
    process.wait()


@atexit.register
def _stop_all() -> None:
    while KeptChild.waiting:
        stop(KeptChild.waiting.pop()[0])
