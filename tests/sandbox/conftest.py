"""A sandbox over real HTTP, a client that speaks the four vendors' wires by hand, and a host for test media."""

from __future__ import annotations

import functools
import io
import threading
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest
from PIL import Image

from longtake.sandbox.app import Sandbox, SandboxSettings
from longtake.sandbox.clips import shelf

TRUST = httpx.create_ssl_context(trust_env=False)
PATHS = {
    "powertokens": ("/v1/videos", "/v1/videos/{}"),
    "anyfast": ("/v1/video/generations", "/v1/video/generations/{}"),
    "evolink": ("/v1/videos/generations", "/v1/tasks/{}"),
    "jimmyai": ("/api/open-api/v1/seedance/videos", "/api/open-api/v1/videos/{}"),
}


def text_body(vendor: str, prompt: str = "a cat on a piano", **more: Any) -> dict[str, Any]:
    """The plainest text-to-video body of each vendor."""
    bodies: dict[str, dict[str, Any]] = {
        "powertokens": {
            "model": "dreamina-seedance-2-0-mini-260615",
            "media": [{"type": "text", "text": prompt}],
            "seconds": "4",
            "size": "480p",
        },
        "anyfast": {
            "model": "seedance-2.0-mini",
            "content": [{"type": "text", "text": prompt}],
            "duration": 4,
            "resolution": "480p",
        },
        "evolink": {
            "model": "seedance-2.0-mini-text-to-video",
            "prompt": prompt,
            "duration": 4,
            "quality": "480p",
        },
        "jimmyai": {"model": "seedance2.0-mini-sp", "prompt": prompt, "duration": 4, "resolution": "480p"},
    }
    return {**bodies[vendor], **more}


@dataclass
class Answer:
    """One look, in words that are the same for all vendors."""

    word: str
    video_url: str
    last_frame_url: str
    error: str


LONG_SECONDS = 1000
"""Jobs of so many seconds end when a test says so."""


class Speaker:
    """Speaks a vendor's wire, without any of our own client code."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.http = httpx.Client(timeout=20, trust_env=False, verify=TRUST)

    def headers(self, vendor: str, account: str = "default") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.sandbox.api_key(vendor, account)}"}

    def submit(self, vendor: str, body: object, account: str = "default") -> httpx.Response:
        return self.http.post(
            self.sandbox.base_url(vendor) + PATHS[vendor][0], json=body, headers=self.headers(vendor, account)
        )

    def job_id(self, vendor: str, response: httpx.Response) -> str:
        assert response.status_code == 200, response.text
        body = response.json()
        if vendor == "jimmyai":
            assert body["code"] == "20000", body
            return body["data"]["task_id"]
        return body["id"]

    def buy(self, vendor: str, body: object | None = None) -> str:
        return self.job_id(vendor, self.submit(vendor, body or text_body(vendor)))

    def look(self, vendor: str, job_id: str, account: str = "default") -> httpx.Response:
        return self.http.get(
            self.sandbox.base_url(vendor) + PATHS[vendor][1].format(job_id), headers=self.headers(vendor, account)
        )

    def answer(self, vendor: str, job_id: str) -> Answer:
        body = self.look(vendor, job_id).json()
        if vendor == "powertokens":
            error = (body.get("error") or {}).get("message", "")
            return Answer(body["status"], body.get("video_url", ""), body.get("last_frame_url", ""), error)
        if vendor == "anyfast":
            inner = body["data"]["data"]
            content = inner.get("content", {})
            error = (inner.get("error") or {}).get("message", "")
            words = f"{body['data']['status']}/{inner['status']}"
            return Answer(words, body["data"].get("result_url", ""), content.get("last_frame_url", ""), error)
        if vendor == "evolink":
            error = (body.get("error") or {}).get("code", "")
            return Answer(body["status"], (body.get("results") or [""])[0], "", error)
        data = body["data"]
        return Answer(data["status"], (data["result"] or {}).get("video_url") or "", "", data["error_message"] or "")

    def end(self, job_id: str) -> None:
        """Lets a job come to its end now, however long it was to live."""
        job = self.sandbox.job(job_id)
        job.starts = job.ends = time.monotonic()

    def finish(self, vendor: str, job_id: str) -> Answer:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            answer = self.answer(vendor, job_id)
            if answer.video_url or answer.error:
                return answer
            time.sleep(0.02)
        raise AssertionError(f"{job_id} did not end: {answer}")


def patiently(holds: Callable[[], object]) -> None:
    """Waits till something holds."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def refusal_words(vendor: str, response: httpx.Response) -> str:
    """The message of a refusal, having checked that body and status are this vendor's."""
    body = response.json()
    if vendor == "jimmyai":
        assert response.status_code == 200
        assert body["code"] in ("20001", "20002", -1)
        assert body["data"] is None
        return body["msg"]
    assert 400 <= response.status_code < 600
    if vendor == "evolink":
        assert set(body["error"]) == {"code", "message", "type"}
        return body["error"]["message"]
    if "error" in body:
        return body["error"]["message"]
    assert body["data"] is None
    assert body["code"]
    return body["message"]


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    """For tests that only ask and answer; its bill is everybody's."""
    with Sandbox(SandboxSettings(job_seconds=0.05, jobs_per_key=None, media="stub")) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def shared(shared_sandbox: Sandbox) -> Speaker:
    return Speaker(shared_sandbox)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """One test's own, with quick jobs."""
    with Sandbox(SandboxSettings(job_seconds=0.1, media="stub")) as sandbox:
        yield sandbox


@pytest.fixture
def speak(sandbox: Sandbox) -> Speaker:
    return Speaker(sandbox)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    # The default of 5 makes parallel fetches wait a second for their connection.
    request_queue_size = 128
    daemon_threads = True


class MediaShop:
    """Makes pictures, videos and sounds to measure, and serves them on loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._server = _Server(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/{name}"

    def put(self, name: str, content: bytes) -> str:
        (self.folder / name).write_bytes(content)
        return self.url(name)

    def _made(self, name: str, make: Callable[[], bytes]) -> str:
        return self.url(name) if (self.folder / name).exists() else self.put(name, make())

    def image(self, width: int = 640, height: int = 480, kind: str = "png") -> str:
        return self._made(f"image-{width}x{height}.{kind}", lambda: self.image_bytes(width, height, kind))

    @staticmethod
    @functools.cache
    def image_bytes(width: int = 640, height: int = 480, kind: str = "png") -> bytes:
        target = io.BytesIO()
        Image.new("RGB", (width, height), "teal").save(target, kind.upper())
        return target.getvalue()

    def video(self, width: int = 864, height: int = 496, frames: int = 72, fps: int = 24) -> str:
        name = f"video-{width}x{height}-{frames}-{fps}.mp4"
        if not (self.folder / name).exists():
            # By the shelf's name, under which the tests keep what they encode.
            shelf.render_clip(
                self.folder / name, width=width, height=height, frames=frames, job=1, audio=False, fps=fps
            )
        return self.url(name)

    def wav(self, seconds: float = 3) -> str:
        return self._made(f"sound-{seconds}.wav", lambda: self.wav_bytes(seconds))

    @staticmethod
    @functools.cache
    def wav_bytes(seconds: float = 3) -> bytes:
        target = io.BytesIO()
        with wave.open(target, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(8000)
            sound.writeframes(b"\0\0" * round(8000 * seconds))
        return target.getvalue()

    def mp3(self, seconds: float = 3) -> str:
        def make() -> bytes:
            target = io.BytesIO()
            with av.open(target, "w", format="mp3") as container:
                stream: Any = container.add_stream("libmp3lame", rate=44100)
                for start in range(0, round(seconds * 44100), 1152):
                    block = av.AudioFrame.from_ndarray(np.zeros((1, 2304), np.int16), format="s16", layout="stereo")
                    block.sample_rate, block.pts, block.time_base = 44100, start, Fraction(1, 44100)
                    container.mux(stream.encode(block))
                container.mux(stream.encode(None))
            return target.getvalue()

        return self._made(f"sound-{seconds}.mp3", make)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MediaShop]:
    shop = MediaShop(tmp_path_factory.mktemp("shop"))
    yield shop
    shop.close()
