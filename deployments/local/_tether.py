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

_PR_SET_CHILD_SUBREAPER = 36
_LAST_WORDS_SECONDS = 28.0
"""A run records the answers of its submits under way, 25 s at most, and writes its results."""


def main() -> int:
    """Runs `sys.argv[1:]` and returns its exit code."""
    # Ctrl-C and a closed terminal reach us too; the end of standard input is what counts. Ignored outright, the command
    # would inherit it: a worker that is told to stop tells itself by SIGINT.
    for name in (signal.SIGINT, signal.SIGHUP):
        signal.signal(name, _nothing)
    if sys.platform == "linux":
        # A worker starts its runs in sessions of their own. Orphaned, they become our children and not init's.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=_watch, args=(child,), daemon=True).start()
    code = child.wait()
    _signal(_below(os.getpid()), signal.SIGKILL)
    return code


def _nothing(*_: object) -> None:
    """A handler, and so not inherited by what we start."""


def _watch(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1024):
        pass
    # A worker waits for its runs, so they are ended first: told so, they still tell the server that they crashed.
    _signal(_below(child.pid), signal.SIGTERM)
    deadline = time.monotonic() + _LAST_WORDS_SECONDS
    while _below(child.pid) and time.monotonic() < deadline:
        time.sleep(0.2)
    child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(1)
    child.kill()


def _signal(process_ids: list[int], name: signal.Signals) -> None:
    for process_id in process_ids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process_id, name)


def _below(root: int) -> list[int]:
    """Every process that `root` started, directly or not."""
    listing = subprocess.run(["ps", "-Ao", "pid=,ppid="], capture_output=True, text=True, check=False).stdout
    pairs = [(int(process_id), int(parent)) for process_id, parent in (line.split() for line in listing.splitlines())]
    found = [root]
    for known in found:
        found += [process_id for process_id, parent in pairs if parent == known]
    return found[1:]


if __name__ == "__main__":
    sys.exit(main())
