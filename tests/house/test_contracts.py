"""What would bend the house breaks the gate: done to a copy of the tree, `lint-imports` refuses it by its rule."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.test_rooms import FLOORS, ROOT

WRONGS = {
    "a module that stands in no room": (
        {"longtake/stray.py": "X = 1\n"},
        "every module of the library stands in a room",
    ),
    "a room that nobody planned": (
        {"longtake/attic/__init__.py": "", "longtake/attic/box.py": "X = 1\n"},
        "every module of the library stands in a room",
    ),
    "an import of a room from one below": (
        {"longtake/ledger/early.py": "from longtake.jobs.submit import Order\n"},
        "every module of the library stands in a room",
    ),
    "an import of a room from one beside it": (
        {"longtake/planning/early.py": "from longtake.jobs.submit import Order\n"},
        "every module of the library stands in a room",
    ),
    "an import of a floor from the one below": (
        {"tasks/early.py": "from flows._dates import fill_date\n"},
        "longtake_cli -> deployments -> flows -> tasks -> blocks -> longtake",
    ),
    "a circle of two neighbours": (
        {
            "longtake/costs/hen.py": "from longtake.costs import egg\n",
            "longtake/costs/egg.py": "from longtake.costs import hen\n",
        },
        "no circle between neighbours",
    ),
    "HTTP in planning": (
        {"longtake/planning/asking.py": "import httpx\n"},
        "HTTP is spoken in accounts and files",
    ),
    "Prefect in the library": (
        {"longtake/jobs/flowing.py": "import prefect\n"},
        "the library never reaches Prefect",
    ),
    "a vendor that leans on another": (
        {"longtake/vendors/evolink.py": "from longtake.vendors import anyfast\n"},
        "vendors do not import one another",
    ),
    "a vendor's file behind the registry's back": (
        {"longtake/planning/shortcut.py": "from longtake.vendors.evolink import ADAPTER\n"},
        "a vendor's file is reached through the registry alone",
    ),
    "a sandbox that looks at our side": (
        {"longtake/sandbox/peeping.py": "from longtake.domain.request import ShotRequest\n"},
        "the sandbox is read from the documents alone",
    ),
    "a cut that looks into a check": (
        {"longtake/media/cutting/checked.py": "from longtake.media.checking.echo import find_echo\n"},
        "within media all lean on reading alone",
    ),
}
"""What is written into which files, and the rule that refuses it."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code and its rules; tests put back what they change."""
    tree = tmp_path_factory.mktemp("house")
    for floor in FLOORS:
        shutil.copytree(ROOT / floor, tree / floor, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    return tree


def lint(tree: Path) -> tuple[int, str]:
    """The gate's own command, on the copy alone."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--cache-dir", str(tree / ".cache")]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tree), "NO_COLOR": "1", "COLUMNS": "400"}
    done = subprocess.run(command, check=False, cwd=tree, env=environment, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_the_house_as_it_stands_breaks_no_rule_and_none_has_an_exception(tree: Path) -> None:
    code, said = lint(tree)
    assert code == 0, said
    rules = (tree / "pyproject.toml").read_text("utf-8")
    assert "ignore_imports" not in rules
    assert "unmatched_ignore" not in rules


def together() -> list[list[str]]:
    """Wrongs that can be tried at once, since each breaks another rule."""
    batches: list[list[str]] = []
    for wrong, (_, rule) in WRONGS.items():
        fitting = (batch for batch in batches if rule not in {WRONGS[other][1] for other in batch})
        batch = next(fitting, None)
        if batch is None:
            batches.append(batch := [])
        batch.append(wrong)
    return batches


@pytest.mark.parametrize("wrongs", together(), ids=len)
def test_the_gate_refuses_each_by_its_rule(tree: Path, wrongs: list[str]) -> None:
    written = {name: text for wrong in wrongs for name, text in WRONGS[wrong][0].items()}
    before = {name: (tree / name).read_text("utf-8") if (tree / name).exists() else None for name in written}
    try:
        for name, text in written.items():
            (tree / name).parent.mkdir(exist_ok=True)
            (tree / name).write_text((before[name] or "") + text, "utf-8")
        code, said = lint(tree)
    finally:
        for name, text in before.items():
            if text is None:
                (tree / name).unlink()
            else:
                (tree / name).write_text(text, "utf-8")
        shutil.rmtree(tree / "longtake/attic", ignore_errors=True)
    assert code == 1, said
    broken = [line for line in said.splitlines() if line.endswith("BROKEN")]
    for wrong in wrongs:
        files, rule = WRONGS[wrong]
        assert any(line.startswith(rule) for line in broken), said
        module = next(reversed(files)).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        assert module in said or module.rpartition(".")[2] in said, said
