"""Faults of our own machine: which exceptions tell of one, and what to do about it. None is booked on a clip."""

from __future__ import annotations

import errno
import signal
from collections.abc import Generator
from contextlib import contextmanager

from longtake.domain.errors import DecoderError, LongtakeError, MachineError

_ROOM = "free some room there, then run again"
_ADVICE: dict[int, str] = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: f"the quota is used up; {_ROOM}",
    errno.EFBIG: "the system allows no file of this size (`ulimit -f`); raise it, then run again",
    errno.EROFS: "it is mounted read-only; make it writable, then run again",
    errno.EACCES: "give this user the right to read and write there, then run again",
    errno.EPERM: "give this user the right to read and write there, then run again",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`), then run again",
    errno.ENFILE: "the system has too many files open; end what holds them, then run again",
    errno.ENOMEM: "give it more memory or let less run beside it, then run again",
    errno.EAGAIN: "the system starts no more processes (`ulimit -u`); end some, then run again",
    errno.EIO: "the disk or its cable may be failing; look at the system's log, then run again",
}
MOST_AT_ONCE_BYTES = 256 * 2**20
"""No sound clip takes more memory in one piece."""
_OF_DECODERS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Numbers that a decoding library gives for the machine's fault alone; its EIO or EPERM may tell of a damaged file."""


def is_ours(error: BaseException) -> bool:
    """Whether what was raised while media were read tells of the machine, not of the file."""
    if isinstance(error, LongtakeError):
        return isinstance(error, MachineError)
    if isinstance(error, MemoryError):
        return not _has_room()  # else it is the file that asks for more than any clip needs
    if isinstance(error, ImportError):
        return True
    numbers = _OF_DECODERS if type(error).__module__.startswith("av") else _OF_DECODERS | {errno.EACCES, errno.EIO}
    return isinstance(error, OSError) and error.errno in numbers


def _has_room() -> bool:
    try:
        return bool(bytearray(MOST_AT_ONCE_BYTES))
    except MemoryError:
        return False


def as_ours(error: BaseException) -> MachineError:
    """The same fault in words for a row: what it is and what to do."""
    if isinstance(error, MachineError):
        return error
    if isinstance(error, MemoryError):
        return MachineError(f"our machine: out of memory; {_ADVICE[errno.ENOMEM]}")
    if isinstance(error, ImportError):
        return MachineError(f"our machine: a library does not load ({error}); install Longtake anew, then run again")
    number = getattr(error, "errno", None) or 0
    place = getattr(error, "filename", None)
    words = f"{getattr(error, 'strerror', None) or error or type(error).__name__}" + (f": {place}" if place else "")
    return MachineError(f"our machine: {words}; {_ADVICE.get(number, 'mend it, then run again')}")


@contextmanager
def our_machine() -> Generator[None]:
    """Turns what the system refuses inside the block (disk, memory, files, processes) into `MachineError`.

    Raises:
        MachineError: In place of any `OSError` or `MemoryError`.
    """
    try:
        yield
    except LongtakeError:
        raise
    except (OSError, MemoryError) as error:
        raise as_ours(error) from error


def death_of_decoder(name: str, code: int, last_words: str) -> MachineError:
    """A child process that ended without an answer.

    Args:
        name: What it was doing.
        code: Its exit code; negative for a signal.
        last_words: What it wrote to its standard error.

    Returns:
        `DecoderError` where the file that it read may be the cause, else `MachineError`.
    """
    try:
        word = signal.Signals(-code).name if code < 0 else ""
    except ValueError:
        word = f"signal {-code}"
    tail = f" ({last_words})" if last_words else ""
    if word in _OF_CRASHES:
        return DecoderError(f"our machine: {name}: the decoder crashed, {word}{tail}; run again")
    if word == "SIGKILL":
        advice = "most often the system is out of memory: give it more or let less run beside it, then run again"
        return MachineError(f"our machine: {name}: the decoder was killed by {word}{tail}; {advice}")
    how = f"was ended by {word}" if word else f"ended with code {code}"
    return MachineError(f"our machine: {name}: the decoder {how}{tail}; run again")


_OF_CRASHES = frozenset({"SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGTRAP", "SIGSYS"})
"""Signals that a process brings upon itself; every other one comes from outside."""
