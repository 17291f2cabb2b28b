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
from typing import Any, BinaryIO, ParamSpec, TypeVar

from longtake.errors import MediaError, UnreadableClipError

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_MEMORY_BYTES = 3 * 2**30
_STDERR_TAIL_BYTES = 2000
_NICENESS = 5
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
        UnreadableClipError: The child crashed or ran out of memory.
        MediaError: The deadline passed; worth another try.
        Exception: Whatever the function raised, as itself; of foreign libraries, as `MediaError`.
    """
    name = getattr(function, "__name__", str(function))
    call = pickle.dumps((function.__module__, function.__qualname__, args, kwargs, progress is not None))
    head = pickle.dumps((sys.path, memory_bytes, os.getpid()))
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "longtake.media.child", stdin=PIPE, stdout=PIPE, stderr=PIPE, env=_environment()
    )
    stderr = asyncio.create_task(_tail(child))
    try:
        async with asyncio.timeout(deadline_seconds):
            outcome = await _converse(child, head, call, progress)
    except TimeoutError:
        raise MediaError(f"{name} did not finish within {deadline_seconds:g} s and was stopped") from None
    finally:
        await _end(child)
        last_words = await stderr
    if outcome is None:
        raise UnreadableClipError(f"{name}: the child process {_how_it_ended(child)}{last_words}")
    succeeded, value = outcome
    if succeeded:
        return value
    raise value


def _environment() -> dict[str, str]:
    # Linear algebra is not what the child is for; its threads would only reserve memory.
    return {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


async def _converse(
    child: Process, head: bytes, call: bytes, progress: Callable[[float], None] | None
) -> tuple[bool, Any] | None:
    """Sends the call, passes progress on, returns (succeeded, value); None if the child ended without an answer."""
    assert child.stdin and child.stdout  # noqa: S101 - both are pipes
    try:
        for message in (head, call):
            child.stdin.write(_LENGTH.pack(len(message)) + message)
        await child.stdin.drain()
        while True:
            (length,) = _LENGTH.unpack(await child.stdout.readexactly(_LENGTH.size))
            kind, value = pickle.loads(await child.stdout.readexactly(length))  # noqa: S301 - our own child's
            if kind != "progress":
                return kind == "result", value
            if progress:
                progress(value)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


async def _end(child: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        if child.returncode is None:
            child.kill()
    # A cancelled caller still reaps its child: a killed process ends at once.
    await asyncio.shield(child.wait())


async def _tail(child: Process) -> str:
    assert child.stderr  # noqa: S101 - a pipe
    tail = b""
    while block := await child.stderr.read(65536):
        tail = (tail + block)[-_STDERR_TAIL_BYTES:]
    text = tail.decode("utf-8", "replace").strip()
    return f": {text}" if text else ""


def _how_it_ended(child: Process) -> str:
    code = child.returncode or 0
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"was killed by {signal.Signals(-code).name}"
    return f"ended with code {code}"


def _main() -> None:
    """The child's side."""
    calls, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not get between the answers.
    os.dup2(2, 1)
    path, memory_bytes, parent = pickle.loads(_receive(calls))  # noqa: S301 - our own parent's
    sys.path[:] = path
    _settle(memory_bytes, parent)
    call = _receive(calls)
    threading.Thread(target=_die_with_parent, args=(calls,), daemon=True).start()
    kind, value = _run(call, lambda share: _send(answers, ("progress", share)))
    try:
        _send(answers, (kind, value))
    except MemoryError:
        _send(answers, ("error", _out_of_memory()))
    # Straight out: tearing down codecs after the answer can only go wrong.
    os._exit(0)


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


def _die_with_parent(calls: BinaryIO) -> None:
    # The parent writes no more, so this returns only when it has closed the pipe, by whatever death.
    calls.read(1)
    os._exit(1)


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
        return "error", _portable(error)


def _out_of_memory() -> UnreadableClipError:
    return UnreadableClipError("decoding needs more memory than is allowed")


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


if __name__ == "__main__":
    _main()
