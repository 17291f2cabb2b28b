"""A loopback vendor that gives odd answers: each row of a manifest is a case, told by its prompt; it counts creates."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import unquote

SUCCESS: dict[str, Any] = {
    "powertokens": {"id": "$ID", "status": "succeeded", "video_url": "$CLIP"},
    "anyfast": {"code": "success", "data": {"task_id": "$ID", "status": "SUCCESS", "result_url": "$CLIP"}},
    "evolink": {"id": "$ID", "status": "completed", "results": ["$CLIP"]},
    "jimmyai": {"code": 20000, "data": {"task_id": "$ID", "status": "completed", "result": {"video_url": "$CLIP"}}},
}
FAILED: dict[str, Any] = {
    "powertokens": {"id": "$ID", "status": "failed", "error": {"code": "x", "message": "no"}},
    "anyfast": {"code": "success", "data": {"task_id": "$ID", "status": "FAILURE", "fail_reason": "no"}},
    "evolink": {"id": "$ID", "status": "failed", "error": {"code": "x", "message": "no"}},
    "jimmyai": {"code": 20000, "data": {"task_id": "$ID", "status": "failed", "error_message": "no"}},
}
ACCEPTED: dict[str, Any] = {
    "powertokens": {"id": "$ID", "task_id": "$ID", "status": "queued"},
    "anyfast": {"id": "$ID", "task_id": "$ID", "status": ""},
    "evolink": {"id": "$ID", "status": "pending"},
    "jimmyai": {"code": "20000", "msg": "ok", "data": {"task_id": "$ID", "status": "queued"}},
}
UNKNOWN = {"error": {"code": "task_not_exist", "message": "task_not_exist"}}


class Case(NamedTuple):
    """One odd answer of one vendor; `step` is what it answers, `create` or `look`."""

    number: int
    step: str
    vendor: str
    case: dict[str, Any]

    @property
    def word(self) -> str:
        return f"case {self.number} end"

    @property
    def account(self) -> str:
        """An account of its own where the answer may stop or slow all that the account does."""
        return f"{self.vendor}/case{self.number}" if self.case.get("stops") else self.vendor

    @property
    def name(self) -> str:
        return f"{self.step} {self.vendor}: {self.case['name']}"

    @property
    def job_id(self) -> str:
        return f"task_case{self.number:06d}"

    def answer(self, job_id: str, clip: str) -> bytes:
        """The body as bytes."""
        if "hex" in self.case:
            return bytes.fromhex(self.case["hex"])
        if "raw" in self.case:
            raw = self.case["raw"]
            parts = [part if isinstance(part, str) else part[0] * part[1] for part in raw]
            text = "".join(parts)
        else:
            text = json.dumps(self.case["body"])
        return filled(text, job_id, clip)


def filled(text: str, job_id: str, clip: str) -> bytes:
    return text.replace("$ID", job_id).replace("$CLIP", clip).encode()


class _Server(ThreadingHTTPServer):
    request_queue_size = 500
    daemon_threads = True


class OddVendor:
    """All four vendors, in threads of their own; closed at the end of the block."""

    def __init__(self, cases: list[Case], clip: bytes) -> None:
        self.cases = {case.number: case for case in cases}
        self.creates: Counter[int] = Counter()
        self._looks: Counter[int] = Counter()
        self._clip = clip
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler())

    def __enter__(self) -> OddVendor:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def environment(self) -> dict[str, str]:
        named = {f"{vendor.upper()}_BASE_URL": f"{self.url}/{vendor}" for vendor in SUCCESS}
        named |= {f"{vendor.upper()}_UPLOAD_BASE_URL": f"{self.url}/{vendor}" for vendor in SUCCESS}
        return named | {f"{vendor.upper()}_API_KEY": f"sk-{vendor}-0123456789abcdef" for vendor in SUCCESS}

    def create(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        number = int(re.search(rb"case (\d+) end", body)[1])
        case = self.cases[number]
        with self._lock:
            self.creates[number] += 1
        if case.step == "look":
            return 200, {}, filled(json.dumps(ACCEPTED[case.vendor]), case.job_id, "")
        return case.case["status"], case.case.get("headers", {}), case.answer(case.job_id, "")

    def look(self, vendor: str, job_id: str) -> tuple[int, dict[str, str], bytes]:
        clip = f"{self.url}/clips/{job_id.strip()}.mp4"
        success = filled(json.dumps(SUCCESS[vendor]), job_id, clip)
        if (match := re.fullmatch(r"task_case(\d+)", job_id)) and (case := self.cases[int(match[1])]).step == "look":
            with self._lock:
                self._looks[case.number] += 1
            if self._looks[case.number] > case.case.get("times", 10**9):
                return 200, {}, success
            return case.case["status"], case.case.get("headers", {}), case.answer(job_id, clip)
        for case in self.cases.values():
            if case.step == "create" and case.vendor == vendor and job_id.encode() in case.answer(case.job_id, ""):
                ended = filled(json.dumps(FAILED[vendor]), job_id, clip)
                return 200, {}, ended if case.case["truth"].startswith("F") else success
        return 404, {}, json.dumps(UNKNOWN).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        vendor_house = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._give(*vendor_house.create(body))

            def do_GET(self) -> None:
                parts = self.path.split("?")[0].strip("/").split("/")
                if parts[0] == "clips":
                    self._give(200, {"Content-Type": "video/mp4"}, vendor_house._clip)
                else:
                    self._give(*vendor_house.look(parts[0], unquote(parts[-1])))

            def _give(self, status: int, headers: dict[str, str], body: bytes) -> None:
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    if "Content-Length" not in headers and status != 204:
                        self.send_header("Content-Length", str(len(body)))
                    self.send_header("Connection", "close")
                    self.end_headers()
                    if status != 204:
                        self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
