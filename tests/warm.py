"""`python -m MODULE` and `python -c CODE` as forks of a process that has imported everything: two seconds of CPU less.

A command begins with `*warm()` in the place of `sys.executable` wherever a test is not about how Python or Prefect
starts. Signals, exit code, streams, folder and environment are the fork's own; a SIGKILL comes milliseconds later.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import random
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.warm_client import HEAD_BYTES

ROOT = Path(__file__).parents[1]
CLIENT = Path(__file__).with_name("warm_client.py")
IMPORTED = (
    "deployments.local.server.join",
    "flows.reconcile_jobs",
    "flows.render_manifest",
    "flows.decide",
    "flows.plan_manifest",
    "longtake_cli.main",
    "longtake_cli.options",
    "longtake_cli.plan",
    "longtake_cli.render",
    "deployments.server_contents",
    "prefect.cli",
    "prefect.engine",
    "prefect.flow_engine",
    "tests.plain_render",
    "tests.e2e.quick_steps",
)
BEFORE_PREFECT = {
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_INTERNAL_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "longtake",
}
"""What our command line puts there before it imports Prefect, which sets up its log as it is imported."""


@functools.cache
def warm() -> tuple[str, ...]:
    """What stands in the place of `sys.executable`; the warm process ends with this one."""
    folder = Path(tempfile.mkdtemp(prefix="lt-warm-"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "LONGTAKE_"))}
    address = folder / "socket"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.warm", str(address)],
        cwd=ROOT,
        env=kept | BEFORE_PREFECT | {"PREFECT_HOME": str(folder / "home")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"listening\n"

    def end() -> None:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    return (sys.executable, "-I", "-S", str(CLIENT), str(address))


class _Order(NamedTuple):
    arguments: list[str]
    folder: str
    environment: dict[str, str]
    descriptors: list[int]


class _Warm:
    """The process that forks; one thread, so that a fork is whole."""

    def __init__(self, address: str) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(address)
        self.listener.listen(64)
        self.wake, self.woken = socket.socketpair()
        for end in (self.wake, self.woken):
            end.setblocking(False)
        self.clients: dict[int, socket.socket] = {}

    def serve(self) -> _Order | None:
        """Returns in every fork with what it is to do, and in this process, with None, when the tests have ended."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.woken.fileno())
        with selectors.DefaultSelector() as ready:
            for one in (self.listener, self.wake, sys.stdin):
                ready.register(one, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    if key.fileobj is sys.stdin:
                        self._kill(*self.clients)
                        return None
                    if key.fileobj is self.wake:
                        self._tell_ends(ready)
                    elif key.fileobj is not self.listener:  # a client that was killed
                        ready.unregister(key.fileobj)
                        self._kill(*(each for each, client in self.clients.items() if client is key.fileobj))
                    elif (order := self._forked(ready)) is not None:
                        return order

    def _forked(self, ready: selectors.BaseSelector) -> _Order | None:
        client, _ = self.listener.accept()
        head, descriptors, _, _ = socket.recv_fds(client, HEAD_BYTES, 3)
        with client.makefile("rb") as reader:
            order = _Order(**json.loads(reader.read(int.from_bytes(head, "big"))), descriptors=descriptors)
        if (process := os.fork()) == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            ready.close()
            for one in (self.listener, self.wake, self.woken, client, *self.clients.values()):
                one.close()
            return order
        for each in descriptors:
            os.close(each)
        self.clients[process] = client
        ready.register(client, selectors.EVENT_READ)
        client.sendall(process.to_bytes(HEAD_BYTES, "big"))
        return None

    def _tell_ends(self, ready: selectors.BaseSelector) -> None:
        self.wake.recv(4096)
        while self.clients:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                return
            client = self.clients.pop(process)
            if client in {key.fileobj for key in ready.get_map().values()}:
                ready.unregister(client)
                client.sendall(status.to_bytes(HEAD_BYTES, "big"))
            client.close()

    def _kill(self, *processes: int) -> None:
        for each in processes:
            os.kill(each, signal.SIGKILL)


def _run(order: _Order) -> None:
    """What `python` does with these arguments."""
    os.setsid()
    for place, descriptor in enumerate(order.descriptors):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.environment)
    random.seed()
    [option, what, *arguments] = order.arguments
    from prefect.context import refresh_global_settings_context

    refresh_global_settings_context()
    sys.path.insert(0, order.folder)
    sys.argv = [option, *arguments]
    if option == "-c":
        exec(what, {"__name__": "__main__"})
    else:
        sys.modules.pop(what, None)
        runpy.run_module(what, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    WARM = _Warm(sys.argv[1])
    print("listening", flush=True)  # who connects from now on is served when all is imported
    for NAME in IMPORTED:
        importlib.import_module(NAME)
    gc.collect()
    gc.freeze()
    if (ORDER := WARM.serve()) is not None:
        _run(ORDER)
