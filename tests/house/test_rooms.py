"""The house keeps its shape: rooms, sizes, names, first lines."""

from __future__ import annotations

import ast
import statistics
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("longtake_cli", "deployments", "flows", "tasks", "blocks", "longtake")
ROOMS = {
    "accounts",
    "costs",
    "domain",
    "files",
    "jobs",
    "ledger",
    "manifests",
    "media",
    "planning",
    "rendering",
    "reports",
    "reviews",
    "vendors",
}
FLOWS = {"decide", "plan_manifest", "render_manifest", "render_reel", "reconcile_jobs"}
MOST_FILES, MOST_LINES, MEDIAN_LINES = 15, 400, 160
NAMELESS = {"utils", "util", "helpers", "common", "base", "types", "misc"}


def modules() -> list[Path]:
    return sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py") if "__pycache__" not in path.parts)


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def test_the_library_has_thirteen_rooms_the_sandbox_and_two_files() -> None:
    inside = [path for path in (ROOT / "longtake").iterdir() if path.name != "__pycache__"]
    assert {path.name for path in inside if path.is_dir()} == ROOMS | {"sandbox"}
    assert {path.name for path in inside if path.suffix == ".py"} == {"__init__.py", "settings.py", "_speed.py"}


def test_no_folder_but_those_of_media_has_more_files_than_can_be_taken_in_at_once() -> None:
    folders = {path.parent for path in modules() if "media" not in path.relative_to(ROOT).parts}
    assert len(folders) > len(ROOMS)
    # What a package says of itself is no file that one has to look through.
    sizes = {place(folder): len({*folder.glob("*.py")} - {folder / "__init__.py"}) for folder in folders}
    assert {name: size for name, size in sizes.items() if size > MOST_FILES} == {}


def test_no_module_is_long_and_most_are_short() -> None:
    lengths = {place(path): lines(path) for path in modules() if path.name != "__init__.py"}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}
    assert statistics.median(lengths.values()) < MEDIAN_LINES


@pytest.mark.parametrize("path", modules(), ids=place)
def test_a_module_opens_with_what_belongs_in_it(path: Path) -> None:
    words = ast.get_docstring(parsed(path)) or ""
    assert 1 <= len(words.splitlines()) <= 5


def test_no_module_is_named_for_nothing_and_no_class_manages_or_handles() -> None:
    named = {place(path) for path in modules() if NAMELESS & {path.stem.strip("_"), path.parent.name}}
    assert named == set()
    classes = {node.name for path in modules() for node in ast.walk(parsed(path)) if isinstance(node, ast.ClassDef)}
    assert {name for name in classes if name.endswith(("Manager", "Handler", "Helper", "Util", "Utils"))} == set()


def test_flows_shows_its_flows_each_named_as_its_function_and_its_file() -> None:
    files = {path.stem for path in (ROOT / "flows").glob("*.py") if not path.stem.startswith("_")}
    assert files == FLOWS
    folders = {path.name for path in (ROOT / "flows").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert all(name.startswith("_") for name in folders)
    for name in FLOWS:
        module = parsed(ROOT / f"flows/{name}.py")
        functions = [node for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        flows = {function.name: said for function in functions if (said := flow_name(function)) is not None}
        assert flows == {name: name.replace("_", "-")}


def flow_name(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    """The name that a flow's decorator gives; None where the function is no flow."""
    for decorator in function.decorator_list:
        call = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(call, ast.Name) and call.id == "flow":
            given = decorator.keywords if isinstance(decorator, ast.Call) else []
            named = [each.value.value for each in given if each.arg == "name" and isinstance(each.value, ast.Constant)]
            return str(named[0]) if named else function.name.replace("_", "-")
    return None


def test_unit_tests_lie_in_the_rooms_of_what_they_test() -> None:
    folders = {path.name for path in (ROOT / "tests/unit").iterdir() if path.is_dir() and path.name != "__pycache__"}
    # `media` has a folder of its own beside `unit`, with the clips that its tests are made with.
    assert folders - {"media", "cli"} == ROOMS - {"media"}
    loose = {path.name for path in (ROOT / "tests/unit").glob("test_*.py")}
    assert loose == {"test_settings.py"}


def test_what_mutants_are_made_of_and_held_against_is_there() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]
    named = [*settings["only_mutate"], *settings["pytest_add_cli_args_test_selection"], *settings["also_copy"]]
    assert [name for name in named if not (ROOT / name).exists()] == []
