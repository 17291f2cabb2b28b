"""A vendor is whole, and a fifth one is added by touching only the files that ADDING_A_VENDOR.md names."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import pytest

from longtake.vendors import VENDORS
from tests.contract.completeness import missing_pieces, named_files

ROOT = Path(__file__).parents[2]
FIFTH = Path(__file__).with_name("fifth")
NEEDED = ("longtake", "blocks", "docs/vendors", "tests/contract", "tests/sandbox")

INSERTIONS = {
    "longtake/vendors/__init__.py": (
        ("from longtake.vendors.jimmyai import", "from longtake.vendors.fifth import ADAPTER as FIFTH\n"),
        ("ANYFAST, EVOLINK, JIMMYAI, ", "FIFTH, "),
    ),
    "longtake/sandbox/vendors/__init__.py": (
        ("from longtake.sandbox.vendors.jimmyai", "from longtake.sandbox.vendors.fifth import Fifth\n"),
        ("PowerTokens(), Anyfast()", "Fifth(), "),
    ),
    "longtake/sandbox/vendors/prices.py": (('    "anyfast": {\n', '    "fifth": {"fifth-mini-1": _per_task(0.1)},\n'),),
    "tests/contract/rules.py": (
        ('    Deviation("evolink"', '    Deviation("fifth", ("fifth-mini-1",), "option", IDLE, False, NO_FLAGS),\n'),
    ),
    "blocks/__init__.py": (
        ("    EvoLinkCredentials,\n", "    FifthCredentials,\n"),
        ('    "EvoLinkCredentials",\n', '    "FifthCredentials",\n'),
    ),
    "blocks/credentials.py": (
        (
            "CREDENTIALS: dict",
            '''class FifthCredentials(VendorCredentials):
    """An account at Fifth."""

    vendor = "fifth"
    _logo_url = logo(10, 20, 30)  # pyright: ignore[reportAssignmentType]


''',
        ),
        ("PowerTokensCredentials, AnyfastCredentials, ", "FifthCredentials, "),
    ),
    "pyproject.toml": (
        ("]\n\n[[tool.importlinter.contracts]]\nname = \"a vendor's file", '    "longtake.vendors.fifth",\n'),
        (']\nallowed_importers = ["longtake.vendors"]', '    "longtake.vendors.fifth",\n'),
    ),
}
"""What is put in front of which words."""


def hashes(root: Path) -> dict[str, str]:
    files = [path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def insert(path: Path, before: str, words: str) -> bool:
    text = path.read_text("utf-8")
    if before not in text:
        return False
    path.write_text(text.replace(before, words + before, 1), "utf-8")
    return True


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what a vendor lives in."""
    for part in NEEDED:
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("fifth"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    return tmp_path


def steps(tree: Path) -> list[tuple[str, Callable[[], None]]]:
    """What adding the fifth vendor consists of: a file of ours, and how it comes about."""

    def copy(name: str) -> Callable[[], None]:
        def run() -> None:
            shutil.copy(FIFTH / name, tree / name)

        return run

    def edit(name: str) -> Callable[[], None]:
        def run() -> None:
            done = [insert(tree / name, before, words) for before, words in INSERTIONS[name]]
            assert all(done), name

        return run

    new = sorted(str(path.relative_to(FIFTH)) for path in FIFTH.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return [(name, copy(name)) for name in new] + [(name, edit(name)) for name in INSERTIONS]


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_vendor_is_whole(vendor: str) -> None:
    assert missing_pieces(ROOT, vendor) == []


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_how_to_names_every_piece_and_no_other(tmp_path: Path, vendor: str) -> None:
    named = {piece.split(":", 1)[0] for piece in missing_pieces(tmp_path, vendor)}
    assert named == named_files(ROOT, vendor)


def test_fifth_vendor_is_missing_piece_by_piece_and_touches_only_the_named_files(tree: Path) -> None:
    before = hashes(tree)
    missing = missing_pieces(tree, "fifth")
    assert len(missing) == len(named_files(ROOT, "fifth"))
    for name, add in steps(tree):
        add()
        left = missing_pieces(tree, "fifth")
        gone = [piece for piece in missing if piece not in left]
        assert len(gone) == 1, (name, gone)
        assert gone[0].split(":")[0].split("….")[0] in name
        missing = left
    assert missing == []
    touched = {name for name, digest in hashes(tree).items() if before.get(name) != digest}
    patterns = [name.replace("…", "*") for name in named_files(ROOT, "fifth")]
    assert all(any(fnmatch(name, pattern) for pattern in patterns) for name in touched)


def test_fifth_vendor_works_once_its_pieces_are_there(tree: Path) -> None:
    for _, add in steps(tree):
        add()
    environment = {"PATH": os.environ["PATH"], "HOME": str(tree), "PREFECT_HOME": str(tree / "prefect")}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            check=False,
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("-m", "longtake.reports.vendor_tables", "fifth", "docs/vendors/fifth.md")
    assert "fifth-mini-1" in (tree / "docs/vendors/fifth.md").read_text()
    # The sandbox's and the documents' tests take a new vendor in by themselves.
    tests = [f"tests/contract/test_{name}.py" for name in ("golden_exchanges", "bodies_match_documents")]
    run("-m", "pytest", "-p", "no:cacheprovider", *tests, "-k", "fifth and not every_status and not share")
    assert "done" in run("-c", RENDER_ONE)


RENDER_ONE = """
import asyncio
from blocks import FifthCredentials
from longtake.domain.request import ShotRequest
from longtake.sandbox.app import Sandbox, SandboxSettings

async def main():
    with Sandbox(SandboxSettings(job_seconds=0.05, media="stub")) as sandbox:
        block = FifthCredentials(api_key=sandbox.api_key("fifth"), base_url=sandbox.base_url("fifth"))
        async with block.get_client() as client:
            accepted = await client.submit(ShotRequest(prompt="a cat"))
            while not (look := await client.look(accepted.job_id)).status.is_terminal:
                await asyncio.sleep(0.02)
        assert look.video_url and sandbox.bill.count("fifth") == 1
        print("done")

asyncio.run(main())
"""
