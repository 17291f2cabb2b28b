"""The process of the local Prefect server: uvicorn on loopback, which leaves when no client is there any more."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import sqlite3
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING

from deployments.local.server.access import guarded, secret_of
from deployments.local.server.join import Places
from deployments.local.server.leases import mend_leases
from flows._prefect_settings import prefect_home
from longtake.settings import settings

if TYPE_CHECKING:
    import uvicorn

LINGER_SECONDS = 3.0
_LAST_WORDS_SECONDS = 4.0

# Leases that survive a restart, and the recorder settings that keep up with thousands of task runs (with the default of
# one row a time the server drops events beyond about 30 task runs a second). Anyone's own setting goes first.
SETTINGS = {
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "250",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "250",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_REPOSSESSOR_LOOP_SECONDS": "5",
    "PREFECT_SERVER_CONCURRENCY_MAXIMUM_CONCURRENCY_SLOT_WAIT_SECONDS": "2",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}


class _Watch:
    """Looks whether a client is left; a thread, because Prefect's start blocks the process for seconds."""

    def __init__(self, places: Places) -> None:
        self.server: uvicorn.Server | None = None
        self._file = places.clients.open("ab")

    def run(self) -> None:
        last_seen = time.monotonic()
        while time.monotonic() - last_seen < LINGER_SECONDS:
            time.sleep(0.5)
            if self._is_somebody_here():
                last_seen = time.monotonic()
            elif time.monotonic() - last_seen < LINGER_SECONDS:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        # The lock stays ours until the end: who comes now waits for it and then starts a new server.
        if self.server is not None:
            self.server.should_exit = True
            time.sleep(_LAST_WORDS_SECONDS)
        os._exit(0)

    def _is_somebody_here(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _listening(places: Places) -> socket.socket:
    """A loopback socket, on the port asked for or the last server's where it is free, so that its clients find us."""
    preferred = (settings().server_port, places.written_address().get("port"))
    for wanted in (*(int(port) for port in preferred if port), 0):
        # asyncio switches Nagle's delay off only where the protocol is named; with it every answer waits 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", wanted))
        except OSError:
            listener.close()
            continue
        listener.listen(2048)
        return listener
    raise OSError("no free port on 127.0.0.1")


def _sole(places: Places) -> int | None:
    """The server's lock, for as long as the process lives; None where another server has it."""
    held = os.open(places.server, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    for _ in range(100):
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # a client may just be looking
            time.sleep(0.02)
        else:
            return held
    return None


def main() -> int:
    """Runs until no client holds the lock."""
    os.umask(0o077)
    places = Places(prefect_home())
    if _sole(places) is None:
        return 3
    listener = _listening(places)
    port = listener.getsockname()[1]
    origin = f"http://127.0.0.1:{port}"
    fresh = places.address.with_suffix(".new")
    fresh.write_text(json.dumps({"api_url": f"{origin}/api", "port": port, "pid": os.getpid()}))
    fresh.replace(places.address)
    os.environ["PREFECT_SERVER_API_AUTH_STRING"] = os.environ["PREFECT_API_AUTH_STRING"] = secret_of(places.secret)
    watch = _Watch(places)
    threading.Thread(target=watch.run, daemon=True).start()
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    with contextlib.suppress(sqlite3.Error):  # a database that is none, or another's: the server will say so
        mend_leases(places.home)
    os.environ["PREFECT_SERVER_API_HOST"], os.environ["PREFECT_SERVER_API_PORT"] = "127.0.0.1", str(port)
    os.environ["PREFECT_UI_API_URL"] = f"{origin}/api"
    os.environ["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] = origin  # no page on the web may read this server

    try:
        _serve(watch, listener)
    except BaseException:
        traceback.print_exc()
    finally:  # after a failed start, threads of Prefect's would keep the process for ever
        sys.stderr.flush()
        os._exit(0 if watch.server is not None and watch.server.started else 1)


def _serve(watch: _Watch, listener: socket.socket) -> None:
    import uvicorn  # noqa: PLC0415 - clients know the address before Prefect is imported here, 2 s
    from prefect.server.api.server import create_app  # noqa: PLC0415

    from deployments.local.server.database import take_turns  # noqa: PLC0415

    take_turns()
    app = guarded(create_app(final=True))
    # Every event of every task run comes over a websocket of this machine, where packing saves nothing.
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2, ws_per_message_deflate=False)
    watch.server = uvicorn.Server(config)
    watch.server.run(sockets=[listener])


if __name__ == "__main__":
    sys.exit(main())
