"""A vendor on loopback that takes every POST for an order, counts it, and then does what the path's first part says.

Standard library only: it runs in other clients' environments.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FAULTS = {
    "lost": "answer lost",
    "bad_gateway": "502 after accept",
    "slow": "read timeout",
    "throttled": "429 twice",
}
"""Fault → the table's words for it."""
READ_TIMEOUT_SECONDS = 1.5
SLOW_ANSWER_SECONDS = 5.0
REFUSED_FIRST = 2
RETRY_AFTER_SECONDS = 1
DEADLINE_SECONDS = 120.0
"""How long one logical create may take before its count is taken as it stands."""


class FakeVendor(ThreadingHTTPServer):
    """Serves `/FAULT/...` in a thread until its process ends.

    Attributes:
        accepted: Orders taken, by fault; each is one job on the bill, whether or not its answer arrives.
        refused: Orders answered with 429, by fault.
        keyed: Faults under which an idempotency key was seen.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.accepted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.keyed: set[str] = set()
        self.counting = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Silent: a client that hung up is what is tested."""

    def takes(self, fault: str, headers: Any) -> bool:
        """Counts an order; False where it is refused."""
        with self.counting:
            if any(is_idempotency_key(name) for name in headers):
                self.keyed.add(fault)
            if fault == "throttled" and self.refused[fault] < REFUSED_FIRST:
                self.refused[fault] += 1
                return False
            self.accepted[fault] += 1
            return True


def is_idempotency_key(header: str) -> bool:
    """Whether a header's name is one under which vendors take an idempotency key."""
    return "idempot" in header.lower()


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeVendor

    def do_POST(self) -> None:
        self._read_body()
        fault = self.path.split("/")[1]
        if not self.server.takes(fault, self.headers):
            self._send(429, b'{"error": {"message": "Too many requests"}}', {"Retry-After": str(RETRY_AFTER_SECONDS)})
        elif fault == "lost":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault == "bad_gateway":
            self._send(502, b"<html><head><title>502 Bad Gateway</title></head></html>", {"Content-Type": "text/html"})
        else:
            if fault == "slow":
                time.sleep(SLOW_ANSWER_SECONDS)
            self._send(200, json.dumps(self._job()).encode(), {})

    def _read_body(self) -> None:
        if "Content-Length" in self.headers:
            self.rfile.read(int(self.headers["Content-Length"]))
            return
        while size := int(self.rfile.readline(), 16):
            self.rfile.read(size + 2)
        self.rfile.readline()

    def _job(self) -> dict[str, object]:
        """An accepted job in all the clients' words at once."""
        return {
            "id": "job-1",
            "object": "video",
            "model": "seedance",
            "status": "queued",
            "created_at": 1,
            "progress": 0,
            "seconds": "4",
            "size": "1280x720",
            "request_id": "job-1",
            **{f"{name}_url": f"{self.server.url}/jobs/job-1/{name}" for name in ("response", "status", "cancel")},
        }

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json", "Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Silent."""


def run_all(create: Callable[[str, str], object]) -> dict[str, dict[str, object]]:
    """One logical create under every fault at once: fault → what was billed and how it ended.

    Args:
        create: Called with the vendor's address and the fault; returns when the job is accepted, raises otherwise.
    """
    vendor = FakeVendor()
    ends: dict[str, tuple[str, float]] = {}

    def run(fault: str) -> None:
        began = time.monotonic()
        try:
            create(vendor.url, fault)
            end = "job"
        except Exception as error:
            end = type(error).__name__
        ends[fault] = end, time.monotonic() - began

    threads = {fault: threading.Thread(target=run, args=(fault,), daemon=True) for fault in FAULTS}
    give_up_at = time.monotonic() + DEADLINE_SECONDS
    for thread in threads.values():
        thread.start()
    for thread in threads.values():
        thread.join(max(0.0, give_up_at - time.monotonic()))
    cells: dict[str, dict[str, object]] = {}
    for fault in FAULTS:
        end, seconds = ends.get(fault, ("still trying", DEADLINE_SECONDS))
        keyed = fault in vendor.keyed
        cells[fault] = {"billed": vendor.accepted[fault], "end": end, "seconds": seconds, "keyed": keyed}
    return cells
