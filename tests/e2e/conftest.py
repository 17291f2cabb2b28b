"""A sandbox, and a manifest writer, for end-to-end tests."""

from __future__ import annotations

import csv
from pathlib import Path

import av
import pytest

from longtake.sandbox.app import Sandbox
from longtake.sandbox.clips import framecode
from longtake.sandbox.settings import SandboxSettings
from tests.e2e.browsing import browser, kept_pages, look
from tests.e2e.quick_steps import without_films, without_posters

__all__ = ["browser", "frame_codes", "kept_pages", "look", "quick_sandbox", "sandbox", "write_manifest"]


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    with Sandbox(SandboxSettings(job_seconds=0.05, jobs_per_key=None)) as running:
        yield running


@pytest.fixture
def quick_sandbox(monkeypatch):
    """Clips are stubs, and no films are made of them."""
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    without_films(monkeypatch)
    with Sandbox(SandboxSettings(job_seconds=0.05, jobs_per_key=None, media="stub")) as running:
        yield running


@pytest.fixture
def write_manifest(tmp_path):
    def write(rows: list[dict[str, object]], name: str = "manifest.csv") -> Path:
        path = tmp_path / name
        columns = list(dict.fromkeys(column for row in rows for column in row))
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, columns, restval="")
            table.writeheader()
            table.writerows(rows)
        return path

    return write


@pytest.fixture
def _without_posters(monkeypatch):
    without_posters(monkeypatch)


def frame_codes(path: Path) -> list[framecode.FrameCode | None]:
    """The code of every picture of a film, in order."""
    with av.open(str(path)) as film:
        return [framecode.read(frame.to_ndarray(format="gray")) for frame in film.decode(video=0)]
