"""A checkout to follow pages in: code by links, examples as copies, so that what a page writes stays in it."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from longtake.vendors import VENDORS
from tests.docs.pages import ROOT, Terminal, blocks_of

LOCAL = ".venv/bin/python -m deployments.local"
OPERATOR = ROOT / "docs" / "guides" / "operator.md"

FOREIGN = ("PREFECT_", "LONGTAKE_", "AWS_", *(f"{vendor.upper()}_" for vendor in VENDORS))
COPIED = ("docs", "examples", "prefect.yaml")
LEFT_OUT = (".git", ".venv", "build", "demo-output", "manifests")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like a fresh checkout after `make setup`."""
    folder = tmp_path_factory.mktemp("checkout")
    for path in ROOT.iterdir():
        if path.name in COPIED:
            (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / path.name)
        elif path.name not in LEFT_OUT and not path.name.startswith(("reels", "report-", ".")):
            (folder / path.name).symlink_to(path)
    (folder / ".venv").mkdir()
    for path in (ROOT / ".venv").iterdir():
        if path.name != ".ready":
            (folder / ".venv" / path.name).symlink_to(path)
    (folder / ".venv" / ".ready").touch()  # what `make setup` looks at
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """This process's environment without any setting or key of ours, and a Prefect home of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    home = str(tmp_path_factory.mktemp("prefect-home"))
    return kept | {"PREFECT_HOME": home, "COLUMNS": "80", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="module")
def local(checkout: Path, environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """`python -m deployments.local`, once for all pages, since it starts slowly. Yields what stands for the ports."""
    ports = {"4200": free_port(), "4280": free_port()}
    with_ports = f"{LOCAL} --port {ports['4200']} --sandbox-port {ports['4280']}"
    terminal = Terminal(checkout, environment, {LOCAL: with_ports})
    blocks = blocks_of(OPERATOR)
    [(started, said)] = [pair for pair in pairwise(blocks) if pair[0].text.strip() == LOCAL]
    try:
        terminal.type_elsewhere(started, said.text)
        yield ports
    finally:
        terminal.close()


def free_port() -> str:
    """A port that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return str(listening.getsockname()[1])
