"""How much more memory a process may take from now on: for children that open what others wrote."""

from __future__ import annotations

import contextlib
from functools import cache
from pathlib import Path


@cache
def allow_growth(more_bytes: int) -> None:
    """Bounds this process's address space to what it has now and so much more; beyond it `MemoryError` is raised.

    Called again it changes nothing. Where the system does not tell or bound the address space, nothing happens.
    """
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - not on every system

        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = pages * resource.getpagesize() + more_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard < 0 else min(limit, hard), hard))
