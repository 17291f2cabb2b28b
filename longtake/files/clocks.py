"""Time that decides about money and locks: no clock that a person can set, and never another machine's beside ours.

On one machine the time since its boot is the same for all; over machines the store's own clock tells how old a file is.
"""

from __future__ import annotations

import os
import time
from functools import cache
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def steady_seconds() -> float:
    """Seconds since the machine's boot, its sleep included where the system counts that; nobody can set it."""
    clock: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def this_process() -> str | None:
    """A mark of this process by which others on this machine know whether it lives; None where the system has none."""
    place, pid = _place(), os.getpid()
    started = _started(pid)
    return f"{place}/{pid}/{started}" if place and started else None


def is_of_this_boot(mark: str | None) -> bool:
    """Whether a mark was made since this machine's boot, so that its steady time is ours."""
    place = _place()
    return bool(mark and place) and str(mark).partition("/")[0] == place.partition("/")[0]


def is_gone(mark: str | None) -> bool:
    """Whether the process of a mark has certainly ended: it was of this machine and is no longer there."""
    place = _place()
    if not mark or not place or not mark.startswith(f"{place}/"):
        return False
    pid, _, started = mark.removeprefix(f"{place}/").partition("/")
    return pid.isdecimal() and _started(int(pid)) != started


@cache
def _place() -> str:
    """This boot of this machine, and the process numbers that hold here: containers have numbers of their own."""
    try:
        return f"{_BOOT.read_text().strip()}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process began, as the system counts; "" where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
