"""Runs a command that ends, with all that it started, when standard input does: when whoever started us is gone."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_LAST_WORDS_SECONDS = 15.0


def main() -> int:
    """Runs `sys.argv[1:]` and returns its exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us too; the end of standard input is what counts
    if sys.platform == "linux":
        # Workers start runs in sessions of their own. Orphaned, they become our children and not init's.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=_watch, args=(child,), daemon=True).start()
    code = child.wait()
    _end_the_rest()
    return code


def _watch(child: subprocess.Popen[bytes]) -> None:
    sys.stdin.buffer.read()
    child.terminate()
    try:
        child.wait(_LAST_WORDS_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


def _end_the_rest() -> None:
    """Ends what the child left behind, as far as the system tells us."""
    for name, patience_seconds in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        deadline = time.monotonic() + patience_seconds
        for process_id in (left := _children()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process_id, name)
        while left and time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, os.WNOHANG)
            time.sleep(0.1)
            left = _children()


def _children() -> list[int]:
    listing = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(process_id) for process_id in listing.read_text().split()] if listing.exists() else []


if __name__ == "__main__":
    sys.exit(main())
