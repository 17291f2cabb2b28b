"""A vendor of the sandbox whose clips come from a host with manners that a test chooses."""

from __future__ import annotations

import re
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_NOT_PASSED_ON = ("host", "content-length", "connection", "accept-encoding", "transfer-encoding")


class Relay:
    """Stands between Longtake and the sandbox.

    `manner(handler, clip)` answers a GET for a clip with these bytes; None gives it as a sound host does.
    `asked` holds the Range header of each such request.
    """

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.manner = None
        self.asked = []
        self.agents = set()
        self.url = ""

    def environment(self):
        return {name: value.replace(self.sandbox.url, self.url) for name, value in self.sandbox.environment().items()}


@contextmanager
def media_relay(sandbox):
    relay = Relay(sandbox)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *words):
            pass

        def do_GET(self):
            if not self.path.startswith("/clips/"):
                return self.pass_on(None)
            relay.asked.append(self.headers.get("range"))
            relay.agents.add(self.headers.get("user-agent"))
            with urllib.request.urlopen(sandbox.url + self.path.removeprefix("/clips")) as answer:
                clip = answer.read()
            return (relay.manner or give)(self, clip)

        def do_POST(self):
            self.pass_on(self.rfile.read(int(self.headers.get("content-length") or 0)))

        def pass_on(self, data):
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_PASSED_ON}
            request = urllib.request.Request(sandbox.url + self.path, data, headers, method=self.command)
            try:
                answer = urllib.request.urlopen(request)
            except urllib.error.HTTPError as error:
                answer = error
            body = answer.read().replace(f"{sandbox.url}/media".encode(), f"{relay.url}/clips/media".encode())
            self.answer(answer.status, body, **{"Content-Type": answer.headers.get("content-type", "")})

        def answer(self, status, body, **headers):
            headers = {"Content-Length": str(len(body))} | {
                name.replace("_", "-"): value for name, value in headers.items()
            }
            self.send_response(status)
            for name, value in headers.items():
                if value is not None:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *about: None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    relay.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield relay
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def give(handler, clip, **headers):
    """As a sound host does, ranges included."""
    wanted = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("range") or "")
    if not wanted:
        return handler.answer(200, clip, **headers)
    first = int(wanted[1])
    if first >= len(clip):
        return handler.answer(416, b"", **{"Content-Range": f"bytes */{len(clip)}"})
    span = f"bytes {first}-{len(clip) - 1}/{len(clip)}"
    return handler.answer(206, clip[first:], **{"Content-Range": span, **headers})


def break_off(handler, clip, share=0.5, **headers):
    """Tells the whole length and closes after a part of it."""
    handler.send_response(200)
    for name, value in ({"Content-Length": str(len(clip))} | headers).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(clip[: int(len(clip) * share)])
    handler.close_connection = True


def drip(handler, clip, first=b"", pause_seconds=0.05):
    """A byte now and then, for as long as anyone listens."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(clip)))
    handler.end_headers()
    try:
        handler.wfile.write(first)
        while True:
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(pause_seconds)
    except OSError:
        handler.close_connection = True


def without_end(handler, clip):
    """Sends for as long as anyone listens, and tells no length."""
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.close_connection = True
    try:
        while True:
            handler.wfile.write(clip)
    except OSError:
        pass
