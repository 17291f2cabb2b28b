"""Runs a library function in a child process with a deadline and a memory bound.

Whatever a file does to a decoder — crash, hang, eat memory — happens to the child, not to the worker. The child is
started afresh (never forked), runs at a lower priority, and dies with its parent.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import importlib
import os
import pickle
import signal
import struct
import sys
import threading
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO, ParamSpec, TypeVar

import longtake
from longtake.domain.errors import DecoderError, MachineError, MediaError
from longtake.domain.machine import as_ours, death_of_decoder, is_ours, our_machine
from longtake.media.feature_folder import FeatureFolder

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_MEMORY_BYTES = 3 * 2**30
_STDERR_TAIL_BYTES = 2000
_NICENESS = 5
_KEPT_VARIABLES = frozenset(
    {"PATH", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH"}
    | {"DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"}
)
_PACKAGE = str(Path(longtake.__file__ or "").parent)
_BEGIN = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location(
    "longtake", sys.argv[1] + "/__init__.py", submodule_search_locations=[sys.argv[1]]
)
sys.modules["longtake"] = package = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
from longtake.media.workers import serve
serve()
"""
"""Loads this very Longtake, wherever it lies, without its folder in the path: what else is there shadows nothing."""
_LENGTH = struct.Struct(">Q")


async def in_child(
    function: Callable[..., T],
    *args: Any,
    deadline_seconds: float,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
    progress: Callable[[float], None] | None = None,
    **kwargs: Any,
) -> T:
    """Calls `function(*args, **kwargs)` in a child process and returns its result.

    Cancelling kills the child at once.

    Args:
        function: A module-level function; it and its arguments are pickled.
        deadline_seconds: After this the child is killed.
        memory_bytes: Address space the child may use, about 1 GiB of which is libraries and thread stacks.
        progress: If given, the function gets an argument `progress`, and what it tells it is passed on, in this
            process's event loop.

    Raises:
        MachineError: The child could not be started, died or ran out of memory; whose fault that is, is open.
        MediaError: The deadline passed; worth another try.
        Exception: Whatever the function raised, as itself; of foreign libraries, as `MediaError`.
    """
    child = await _Child.start(memory_bytes)
    try:
        return await child.call(function, args, kwargs, deadline_seconds, progress)
    finally:
        await child.end()


class WorkerPool:
    """A few child processes that serve call after call, for files that come by the hundred: a start costs 0.3 s.

    A child that crashed, hung or was cancelled is replaced; so is one that has served long, lest memory creeps.

    Args:
        size: How many work at once.
        calls_each: A child is replaced after so many calls.
        memory_bytes: As for `in_child`.
        features: What one call notes of a clip for later ones; None: nothing. It is cleared with the pool.
    """

    def __init__(
        self,
        size: int,
        *,
        calls_each: int = 100,
        memory_bytes: int = DEFAULT_MEMORY_BYTES,
        features: FeatureFolder | None = None,
    ) -> None:
        self.features = features
        self._turns = asyncio.Semaphore(size)
        self._calls_each = calls_each
        self._memory_bytes = memory_bytes
        self._idle: list[_Child] = []

    async def call(
        self,
        function: Callable[..., T],
        *args: Any,
        deadline_seconds: float,
        progress: Callable[[float], None] | None = None,
        **kwargs: Any,
    ) -> T:
        """As `in_child`, in a child that is kept."""
        async with self._turns:
            child = await self._waiting_child() or await _Child.start(self._memory_bytes)
            try:
                return await child.call(function, args, kwargs, deadline_seconds, progress)
            finally:
                if child.is_fit and child.calls < self._calls_each:
                    self._idle.append(child)
                else:
                    await child.end()

    async def _waiting_child(self) -> _Child | None:
        while self._idle:
            child = self._idle.pop()
            # One that was killed while it waited must not be held against the next file.
            if child.process.returncode is None:
                return child
            await child.end()
        return None

    async def close(self) -> None:
        """Ends every child that waits for work."""
        while self._idle:
            await self._idle.pop().end()
        if self.features is not None:
            await asyncio.to_thread(self.features.clear)


class _Child:
    """The parent's side of one child process. `is_fit` between calls that it answered, well or with an error."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.calls = 0
        self.is_fit = True
        self._stderr = asyncio.create_task(_tail(process))

    @classmethod
    async def start(cls, memory_bytes: int) -> _Child:
        # Isolated: neither the working folder nor PYTHON… variables nor the user's own packages reach it.
        isolated = ("-I", "-X", f"utf8={sys.flags.utf8_mode}", "-c", _BEGIN, _PACKAGE)
        with our_machine():
            process = await asyncio.create_subprocess_exec(
                sys.executable, *isolated, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=_environment()
            )
        child = cls(process)
        with contextlib.suppress(ConnectionError):
            child.send(pickle.dumps((sys.path, memory_bytes, os.getpid())))
        return child

    def send(self, message: bytes) -> None:
        assert self.process.stdin  # noqa: S101 - a pipe
        self.process.stdin.write(_LENGTH.pack(len(message)) + message)

    async def call(
        self,
        function: Callable[..., T],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        deadline_seconds: float,
        progress: Callable[[float], None] | None = None,
    ) -> T:
        name = getattr(function, "__name__", str(function))
        call = pickle.dumps((function.__module__, function.__qualname__, args, kwargs, progress is not None))
        self.calls += 1
        self.is_fit = False
        try:
            async with asyncio.timeout(deadline_seconds):
                outcome = await self._converse(call, progress)
        except TimeoutError:
            raise MediaError(f"{name} did not finish within {deadline_seconds:g} s and was stopped") from None
        if outcome is None:
            last_words = await self.end()
            raise death_of_decoder(name, self.process.returncode or 0, last_words)
        succeeded, value = outcome
        if succeeded:
            self.is_fit = True
            return value
        self.is_fit = not isinstance(value, MachineError)
        raise value

    async def _converse(self, call: bytes, progress: Callable[[float], None] | None) -> tuple[bool, Any] | None:
        """Sends the call, passes progress on, returns (succeeded, value); None if the child ended without an answer."""
        assert self.process.stdin and self.process.stdout  # noqa: S101 - both are pipes
        try:
            self.send(call)
            await self.process.stdin.drain()
            while True:
                (length,) = _LENGTH.unpack(await self.process.stdout.readexactly(_LENGTH.size))
                kind, value = pickle.loads(await self.process.stdout.readexactly(length))  # noqa: S301 - our child's
                if kind != "progress":
                    return kind == "result", value
                if progress:
                    progress(value)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def end(self) -> str:
        """Ends the process; returns its last words."""
        with contextlib.suppress(ProcessLookupError):
            if self.process.returncode is None:
                # Not `process.kill()`: it may reap a child that just crashed, and how it ended would be lost.
                os.kill(self.process.pid, signal.SIGKILL)
        # A cancelled caller still reaps its child: a killed process ends at once.
        await asyncio.shield(self.process.wait())
        return await self._stderr


def _environment() -> dict[str, str]:
    """What a process needs to start at all, and to name files as we do; no key, no setting of ours."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT_VARIABLES}
    # Threads of linear algebra and an allocator's arena for each thread would only reserve memory.
    return {**kept, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


async def _tail(child: Process) -> str:
    assert child.stderr  # noqa: S101 - a pipe
    tail = b""
    while block := await child.stderr.read(65536):
        tail = (tail + block)[-_STDERR_TAIL_BYTES:]
    return tail.decode("utf-8", "replace").strip()


def serve() -> None:
    """The child's side."""
    calls, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not get between the answers.
    os.dup2(2, 1)
    path, memory_bytes, parent = pickle.loads(_receive(calls))  # noqa: S301 - our own parent's
    # After its own, so that nothing there can stand in for a module of Python or of an installed package.
    sys.path += [folder for folder in path if folder not in sys.path]
    _settle(memory_bytes, parent)
    waiting: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_take_calls, args=(calls, waiting), daemon=True).start()
    while True:
        answer = _run(waiting.get(), lambda share: _send(answers, ("progress", share)))
        try:
            _send(answers, answer)
        except MemoryError:
            _send(answers, ("error", _out_of_memory()))


def _settle(memory_bytes: int, parent: int) -> None:
    """Lower priority, the memory bound, and death with the parent, as far as the system has them."""
    with contextlib.suppress(AttributeError, OSError):
        os.nice(_NICENESS)
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - not on every system

        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _take_calls(calls: BinaryIO, waiting: SimpleQueue[bytes]) -> None:
    # Reading ends only when the parent has closed the pipe, by whatever death; a call under way must end then too.
    while True:
        waiting.put(_receive(calls))


def _run(call: bytes, report: Callable[[float], None]) -> tuple[str, Any]:
    try:
        module, name, args, kwargs, wants_progress = pickle.loads(call)  # noqa: S301 - our own parent's
        function: Any = importlib.import_module(module)
        for part in name.split("."):
            function = getattr(function, part)
        if wants_progress:
            kwargs["progress"] = report
        return "result", function(*args, **kwargs)
    except MemoryError:
        return "error", _out_of_memory()
    except Exception as error:
        if is_ours(error):
            return "error", as_ours(error)
        return "error", _portable(error)


def _out_of_memory() -> DecoderError:
    return DecoderError("our machine: decoding needs more memory than there is or than is allowed; run again")


def _portable(error: Exception) -> Exception:
    """The error itself if the parent can rebuild it without loading any codec, else its words."""
    if type(error).__module__.split(".")[0] in ("builtins", "longtake"):
        with contextlib.suppress(Exception):
            return pickle.loads(pickle.dumps(error))  # noqa: S301 - just pickled
    return MediaError(f"{type(error).__name__}: {error}")


def _receive(calls: BinaryIO) -> bytes:
    head = calls.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        os._exit(1)
    return calls.read(_LENGTH.unpack(head)[0])


def _send(answers: BinaryIO, message: tuple[str, Any]) -> None:
    data = pickle.dumps(message)
    answers.write(_LENGTH.pack(len(data)) + data)
    answers.flush()
