"""What pip installs: the wheel's contents, and the command in projects that call their packages as we do."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from longtake import __version__
from tests.flows.conftest import ROOT, clean_environment

LONGTAKE = Path(sys.executable).with_name("longtake")
FOREIGN = ("flows", "tasks", "blocks", "deployments")


@pytest.fixture
def foreign_project(tmp_path: Path) -> Path:
    """A project whose packages have our packages' names, and break whoever imports them."""
    for name in FOREIGN:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise RuntimeError('the project\\'s own {name}')\n")
    return tmp_path


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(LONGTAKE), *command],
        cwd=folder,
        env=clean_environment(folder / "home") | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )


@pytest.mark.parametrize(
    ("command", "python_path"),
    [
        ("--version", "."),
        ("plan", "."),
        *(pytest.param(*pair, marks=pytest.mark.slow) for pair in (("vendors", "."), ("plan", ""), ("slots", "."))),
    ],
)
def test_the_command_works_in_a_project_with_packages_of_our_names(
    foreign_project: Path, command: str, python_path: str
) -> None:
    (foreign_project / "m.csv").write_text(
        "id,vendor,prompt,duration_seconds,resolution,ratio\nfox,evolink,A fox,4,480p,16:9\n"
    )
    environment = {"PYTHONPATH": str(foreign_project)} if python_path else {}
    arguments = ["m.csv"] if command == "plan" else []

    ended = run(foreign_project, command, *arguments, LONGTAKE_SANDBOX_URL="http://127.0.0.1:9", **environment)

    assert ended.returncode == 0, ended.stderr
    assert "the project's own" not in ended.stdout + ended.stderr
    if command == "--version":
        assert ended.stdout == f"longtake {__version__}\n"


def test_prefect_knows_our_block_types(tmp_path: Path) -> None:
    assert "evolink-credentials" in _known_to_prefect(tmp_path).stdout


def test_block_types_that_a_projects_package_hides_are_told_with_the_way_out(foreign_project: Path) -> None:
    ended = _known_to_prefect(foreign_project, PYTHONPATH=str(foreign_project))

    assert "evolink-credentials" not in ended.stdout
    assert "the project's own" not in ended.stdout + ended.stderr
    assert f"another package `blocks` hides its block types ({foreign_project / 'blocks'})" in ended.stderr
    assert "take that folder out of PYTHONPATH" in ended.stderr


def _known_to_prefect(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    code = """
from prefect.plugins import load_prefect_collections
from prefect.blocks.core import Block
from prefect.utilities.dispatch import get_registry_for_type
load_prefect_collections()
print(*get_registry_for_type(Block))
"""
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder.parent,
        env=clean_environment(folder / "home") | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert ended.returncode == 0, ended.stderr
    return ended


def test_the_wheel_holds_what_its_users_need(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet", "-w", str(tmp_path)]
    source = tmp_path / "source"
    source.mkdir()
    kept = ("longtake", "longtake_cli", "flows", "tasks", "blocks", "deployments")
    for name in (*kept, "pyproject.toml", "README.md", "LICENSE", "prefect.yaml"):
        (source / name).symlink_to(ROOT / name)
    subprocess.run([*build, str(source)], check=True, timeout=120, capture_output=True)

    [file] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(file) as wheel:
        names = set(wheel.namelist())
        [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
        words = wheel.read(metadata).decode()

    assert {f"{name}/py.typed" for name in kept} <= names
    assert any(name.endswith("share/longtake/prefect.yaml") for name in names)
    assert "deployments/production/compose.yaml" in names
    assert "deployments/production/Dockerfile" in names
    assert "Typing :: Typed" in words
    assert "Keywords: prefect,seedance" in words
    assert "Provides-Extra: excel" in words
    assert not any(name.startswith("tests/") for name in names)
