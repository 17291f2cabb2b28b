"""The clips that the media tests are made with, encoded once per session."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.media import nasty_clips


@pytest.fixture(scope="session")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every good clip of `nasty_clips` by name."""
    return nasty_clips.make_all(tmp_path_factory.mktemp("nasty"))


@pytest.fixture(scope="session")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every file of `nasty_clips` that must be refused, by name."""
    folder = tmp_path_factory.mktemp("broken")
    paths = {}
    for name, content in nasty_clips.bad_clips().items():
        paths[name] = folder / f"{name}.mp4"
        paths[name].write_bytes(content)
    return paths
