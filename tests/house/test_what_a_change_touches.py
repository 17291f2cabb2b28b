"""What a change touches: each is done to a copy of the tree, in the files that CONTRIBUTING names, and works.

A vendor has tests of its own (`tests/contract/test_fifth_vendor.py`), so has a verdict (`tests/unit/domain`).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.house.test_rooms import FLOORS, ROOT

LAST_RELEASE = ROOT / "tests/fixtures/last_release"

PLANNED = """
import asyncio, json, sys
from longtake.domain.errors import MissingCredentialsError
from longtake.planning.options import RenderOptions
from longtake.planning.prepare import prepare

async def no_key(written):
    raise MissingCredentialsError(f"no key for {written}")

def plan(manifest, output="", **options):
    asked = RenderOptions(manifest=manifest, output=output, **options)
    return asyncio.run(prepare(asked, load_account=no_key, need_keys=False))
"""


class Tree:
    """A copy of the code that a test changes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for floor in FLOORS:
            shutil.copytree(ROOT / floor, root / floor)  # with what Python has compiled, which saves seconds
        (root / "tests").mkdir()
        for name in ("pyproject.toml", "tests/plain_render.py", "tests/__init__.py"):
            shutil.copy(ROOT / name, root / name)
        self._before = self._hashes()

    def _hashes(self) -> dict[str, str]:
        files = [path for path in self.root.rglob("*.py") if "__pycache__" not in path.parts]
        return {path.relative_to(self.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def change(self, name: str, *changes: tuple[str, str]) -> None:
        """Puts words in the place of others, each of which must be there."""
        text = (self.root / name).read_text("utf-8")
        for old, new in changes:
            assert old in text, f"{name} has no {old!r} any more"
            text = text.replace(old, new, 1)
        (self.root / name).write_text(text, "utf-8")

    @property
    def touched(self) -> set[str]:
        return {name for name, digest in self._hashes().items() if self._before.get(name) != digest}

    def run(self, code: str, *arguments: object) -> Any:
        """What a program in the tree prints last, as JSON."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.root), "LONGTAKE_ALLOW_HOSTS": "127.0.0.1"}
        environment["PREFECT_HOME"] = str(self.root / ".prefect")
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            check=False,
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "tree")


def test_a_column_is_a_field_of_the_request_a_row_of_the_schema_and_a_line_in_the_vendors_that_honour_it(
    tree: Tree, tmp_path: Path
) -> None:
    tree.change(
        "longtake/domain/request.py",
        (
            "    references: tuple[Reference, ...] = Field",
            "    camera: str | None = None\n    references: tuple[Reference, ...] = Field",
        ),
    )
    tree.change(
        "longtake/manifests/schema.py",
        ('    "seed": Column(', '    "camera": Column("how it moves"),\n    "seed": Column('),
    )
    tree.change(
        "longtake/vendors/evolink.py",
        ('options=frozenset({"generate_audio"', 'options=frozenset({"camera", "generate_audio"'),
        (
            '            "callback_url": request',
            '            "camera": request.camera,\n            "callback_url": request',
        ),
    )
    assert tree.touched == {"longtake/domain/request.py", "longtake/manifests/schema.py", "longtake/vendors/evolink.py"}
    manifest = tmp_path / "m.csv"
    manifest.write_text("id,prompt,vendor,camera\na,a fox,evolink,dolly\nb,a fox,anyfast,dolly\nc,a fox,anyfast,\n")
    say = """
shots = plan(sys.argv[1]).plan.shots
before = plan(sys.argv[2], sys.argv[3], skip_refused=True).plan.shots
from longtake.vendors import adapter_named
print(json.dumps({
    "refused": {shot.row.reel: [each.column for each in shot.violations if not each.warning] for shot in shots},
    "sent": adapter_named("evolink").encode(shots[0].request).json,
    "bought": [shot.identity for shot in before if shot.attempts],
}))
"""
    said = tree.run(PLANNED + say, manifest, LAST_RELEASE / "storyboard.csv", LAST_RELEASE / "output")
    assert said["refused"] == {"a": [], "b": ["camera"], "c": []}
    assert said["sent"]["camera"] == "dolly"
    # Rows that do not use it are the purchases that they were.
    assert sorted(said["bought"]) == sorted(path.name for path in (LAST_RELEASE / "output/ledger").iterdir())


def test_a_quality_check_is_a_setting_of_the_policy_and_a_row_of_the_inspection(tree: Tree) -> None:
    tree.change(
        "longtake/media/checking/policy.py",
        ('"clipped"]', '"clipped", "brief"]'),
        ('    frozen: Strictness = "warn"', '    brief: Strictness = "strict"\n    frozen: Strictness = "warn"'),
    )
    tree.change(
        "longtake/media/checking/inspect.py",
        ('        ("black", _black', '        ("brief", _brief(viewing)),\n        ("black", _black'),
        (
            "def _black(",
            'def _brief(viewing: Viewing) -> _Claims:\n    yield f"only {viewing.facts.frames} pictures", None\n\n\n'
            "def _black(",
        ),
    )
    assert tree.touched == {"longtake/media/checking/policy.py", "longtake/media/checking/inspect.py"}
    say = """
import json, sys
from pathlib import Path
from longtake.media import GatePolicy, inspect_clip
from longtake_cli.main import _parser
from longtake_cli.options import render_parameters
chosen = _parser().parse_args(["render", "m.csv", "--output", "out", "--gate", "brief=warn"])
asked = GatePolicy.model_validate(render_parameters(chosen)["gate"])
print(json.dumps([
    [[str(each), each.severity] for each in inspect_clip(Path(sys.argv[1]), policy=policy).findings]
    for policy in (None, asked)
]))
"""
    strict, warned = tree.run(say, LAST_RELEASE / "output/clips/courier/1.mp4")
    assert ["brief: only 97 pictures", "strict"] in strict
    assert ["brief: only 97 pictures", "warn"] in warned


def test_a_price_is_a_figure_in_the_vendors_file(tree: Tree, tmp_path: Path) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_text("id,prompt,vendor,duration_seconds,resolution\na,a fox,evolink,4,480p\n")
    say = """
(shot,) = plan(sys.argv[1]).plan.shots
from longtake.reports.vendor_tables import describe
print(json.dumps([shot.quote and [shot.quote.low_usd, shot.quote.high_usd], describe("evolink")]))
"""
    unknown, page = tree.run(PLANNED + say, manifest)
    tree.change(
        "longtake/vendors/evolink.py",
        ('"seedance-2.0-mini": None', '"seedance-2.0-mini": _price({"480p": 0.0123}, {"480p": 0.01})'),
    )
    assert tree.touched == {"longtake/vendors/evolink.py"}
    known, priced_page = tree.run(PLANNED + say, manifest)
    assert unknown is None
    assert known == pytest.approx([0.0492, 0.0492])
    assert "0.0123" not in page
    assert "0.0123" in priced_page


def test_a_kind_of_store_is_a_file_and_a_line(tree: Tree, tmp_path: Path) -> None:
    shutil.copy(Path(__file__).with_name("memory_store.py"), tree.root / "longtake/files/memory.py")
    tree.change(
        "longtake/files/open_store.py",
        (
            "    if has_scheme(url):\n",
            '    if url.startswith("memory://"):\n        return MemoryStore(url)\n    if has_scheme(url):\n',
        ),
        ("from longtake.files.store", "from longtake.files.memory import MemoryStore\nfrom longtake.files.store"),
    )
    assert tree.touched == {"longtake/files/memory.py", "longtake/files/open_store.py"}
    manifest = tmp_path / "m.csv"
    manifest.write_text(
        "reel,shot,prompt,vendor,duration_seconds,continue_from\nr,1,a,evolink,4,\nr,2,b,evolink,4,clip\n"
    )
    say = """
import asyncio, io, json, sys
import pandas
from longtake.files.open_store import open_store
from longtake.reports.run.rewrite import rewrite_report
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.plain_render import render_plain, sandbox_accounts

async def main():
    with Sandbox(SandboxSettings(job_seconds=0.1)) as sandbox:
        ends = [await render_plain(sys.argv[1], "memory://studio", sandbox_accounts(sandbox)) for _ in range(2)]
        store = open_store("memory://studio")
        rewrite_report("memory://studio")
        results = pandas.read_csv(io.BytesIO(store.read("results.csv")))
        print(json.dumps({
            "ends": [{row.shot_id: row.verdict.value for row in end.rows} for end in ends],
            "billed": sandbox.bill.count(),
            "verdicts": list(results["verdict"]),
            "there": [store.size(key) is not None for key in ("reels/r.mp4", "report.html", "clips/r/2.mp4")],
            "purchases": len(store.folders("ledger")),
        }))

asyncio.run(main())
"""
    said = tree.run(say, manifest)
    assert said == {
        "ends": [{"r/1": "done", "r/2": "done"}] * 2,
        "billed": 2,
        "verdicts": ["done", "done"],
        "there": [True, True, True],
        "purchases": 2,
    }


def test_an_option_of_render_is_a_field_with_its_help_a_parameter_of_the_flow_and_its_use(
    tree: Tree, tmp_path: Path
) -> None:
    tree.change(
        "longtake/planning/options.py",
        (
            '    run: str = ""',
            '    remark: str | None = None\n    """words that stand above the plan"""\n    run: str = ""',
        ),
    )
    tree.change(
        "flows/render_manifest.py",
        (
            "    extension_template: str | None = None,\n",
            "    extension_template: str | None = None,\n    remark: str | None = None,\n",
        ),
        (
            "        extension_template=extension_template,\n",
            "        extension_template=extension_template,\n        remark=remark,\n",
        ),
    )
    tree.change(
        "longtake/planning/prepare.py",
        ("    notices += [", "    notices += [options.remark] if options.remark else []\n    notices += ["),
    )
    assert tree.touched == {"longtake/planning/options.py", "flows/render_manifest.py", "longtake/planning/prepare.py"}
    manifest = tmp_path / "m.csv"
    manifest.write_text("id,prompt,vendor\na,a fox,evolink\n")
    say = """
import contextlib, inspect, io
from longtake_cli.main import _parser
from longtake_cli.options import render_parameters
from flows.render_manifest import render_manifest
chosen = _parser().parse_args(["render", sys.argv[1], "--output", "out", "--remark", "for Anna"])
parameters = render_parameters(chosen)
help = io.StringIO()
with contextlib.redirect_stdout(help), contextlib.suppress(SystemExit):
    _parser().parse_args(["render", "--help"])
print(json.dumps({
    "given": parameters["remark"],
    "flow": sorted(set(parameters) ^ set(inspect.signature(render_manifest.fn).parameters)),
    "help": "words that stand above the plan" in help.getvalue(),
    "used": "for Anna" in plan(sys.argv[1], remark=parameters["remark"]).notices,
}))
"""
    assert tree.run(PLANNED + say, manifest) == {"given": "for Anna", "flow": [], "help": True, "used": True}
