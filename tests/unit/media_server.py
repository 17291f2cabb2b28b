"""A loopback server whose files and manners a test chooses, and small media files."""

from __future__ import annotations

import functools
import io
import re
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av
import numpy as np
from PIL import Image


def picture(width=640, height=480, kind="PNG"):
    file = io.BytesIO()
    Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(file, kind)
    return file.getvalue()


@functools.cache
def video(width=320, height=240, seconds=2, fps=24, bit_rate=200_000, noise=False):
    """An MP4 with its index at the end, as encoders write it."""
    file = io.BytesIO()
    random = np.random.default_rng(1)
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "18" if noise else "40"}
        for number in range(seconds * fps):
            shade = np.full((height, width, 3), number % 250, np.uint8)
            if noise:
                shade = random.integers(0, 255, (height, width, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shade, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


class Host:
    """What a path gives: bytes, a status, or a function of the handler."""

    def __init__(self):
        self.files = {}
        self.ranges = True
        self.sent_bytes = 0
        self.requests = []


@contextmanager
def media_server():
    host = Host()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *words):
            pass

        def do_GET(self):
            host.requests.append((self.path, self.headers.get("range")))
            found = host.files.get(self.path.partition("?")[0], 404)
            if callable(found):
                found(self)
            elif isinstance(found, int):
                self.answer(found, b"")
            elif isinstance(found, str):
                self.answer(302, b"", Location=found)
            else:
                self.give(found)

        def give(self, data, **headers):
            wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("range") or "")
            if not host.ranges or not wanted:
                return self.answer(200, data, **headers)
            first, last = int(wanted[1]), min(int(wanted[2]), len(data) - 1)
            if first >= len(data):
                return self.answer(416, b"")
            part = data[first : last + 1]
            return self.answer(206, part, **{"Content-Range": f"bytes {first}-{last}/{len(data)}", **headers})

        def answer(self, status, body, **headers):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                return
            host.sent_bytes += len(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *about: None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    host.port = server.server_port
    host.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def trickle(handler):
    """Sends one byte now and then, for as long as anyone listens."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    try:
        for _ in range(200):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass
