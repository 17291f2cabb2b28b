"""A fifth, invented vendor: unknown by name until its pieces are there, then rendered from a manifest to reels."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.test_completeness import NEEDED, ROOT, hashes, steps

MANIFEST = """reel,shot,prompt,vendor,duration_seconds
r,1,a cat,fifth,5
r,2,a dog,fifth,10
,,a bird over the sea,fifth,
"""

RENDER = """
import asyncio, json, sys
from longtake.domain.errors import InvalidManifestError
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.plain_render import render_plain, sandbox_accounts

async def main():
    with Sandbox(SandboxSettings(job_seconds=0.1, media="stub")) as sandbox:
        try:
            end = await render_plain(*sys.argv[1:], sandbox_accounts(sandbox))
            said = {row.shot_id: [row.verdict, row.vendor, row.wire_model, row.clip] for row in end.rows}
        except InvalidManifestError as error:
            said = [[violation.row, violation.column, violation.rule] for violation in error.violations]
        print(json.dumps({"said": said, "billed": sandbox.bill.count(), "asked": sandbox.bill.request_count()}))

asyncio.run(main())
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what a vendor lives in, and of a render without Prefect."""
    tree = tmp_path / "tree"
    for part in NEEDED:
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("fifth"))
    for name in ("pyproject.toml", "tests/plain_render.py", "tests/__init__.py"):
        shutil.copy(ROOT / name, tree / name)
    (tmp_path / "m.csv").write_text(MANIFEST)
    return tree


def render(tree: Path) -> dict:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tree), "LONGTAKE_ALLOW_HOSTS": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-c", RENDER, str(tree.parent / "m.csv"), str(tree.parent / "out")],
        check=False,
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_fifth_vendor_is_refused_by_name_and_rendered_once_its_pieces_are_there(tree: Path) -> None:
    refused = render(tree)
    assert [(row, column) for row, column, _ in refused["said"]] == [(1, "vendor"), (2, "vendor"), (3, "vendor")]
    assert "there is no vendor 'fifth'" in refused["said"][0][2]
    assert refused["asked"] == 0
    before = hashes(tree)
    for _, add in steps(tree):
        add()
    changed = {name for name, digest in hashes(tree).items() if before.get(name) != digest}
    code = {name for name in changed if name.endswith(".py") and not name.startswith("tests/")}
    assert code == {
        "longtake/vendors/fifth.py",
        "longtake/vendors/__init__.py",
        "longtake/sandbox/vendors/fifth.py",
        "longtake/sandbox/vendors/__init__.py",
        "longtake/sandbox/vendors/prices.py",
        "blocks/credentials.py",
        "blocks/__init__.py",
    }
    rendered = render(tree)
    assert [end[:3] for end in rendered["said"].values()] == [["done", "fifth", "fifth-mini-1"]] * 3
    assert rendered["billed"] == 3
    out = tree.parent / "out"
    assert all((out / end[3]).is_file() for end in rendered["said"].values())
    assert json.loads((out / "reels/r.json").read_text())["frames"] == 5 * 24 + 1 + 10 * 24 + 1
    assert render(tree)["asked"] == 0


def test_what_a_fifth_vendor_cannot_do_is_refused_without_another_line_of_code(tree: Path) -> None:
    for _, add in steps(tree):
        add()
    (tree.parent / "m.csv").write_text(
        "id,prompt,vendor,duration_seconds,resolution,seed,first_frame\n"
        "1,p,fifth,7,,,\n2,p,fifth,,720p,,\n3,p,fifth,,,1,\n4,p,fifth,,,,asset://x\n5,,fifth,,,,\n"
    )
    refused = render(tree)
    columns = {row: column for row, column, _ in refused["said"]}
    assert columns == {1: "duration_seconds", 2: "resolution", 3: "seed", 4: "first_frame", 5: "prompt"}
    assert refused["asked"] == 0
