"""The two locks: what runs is part of what tests, at the same versions, from no address and with hashes."""

from __future__ import annotations

import re
import tomllib

from tests.house.test_rooms import ROOT

PINNED = re.compile(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", re.M)
TEST_TOOLS = {"basedpyright", "hypothesis", "import-linter", "moto", "mutmut", "playwright", "pytest", "ruff", "sympy"}


def lock(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def pins(name: str) -> set[tuple[str, str]]:
    return set(PINNED.findall(lock(name)))


def test_what_runs_is_part_of_what_tests_at_the_same_versions() -> None:
    running, testing = pins("requirements.lock"), pins("requirements-dev.lock")
    assert len(running) > 100
    assert running - testing == set()


def test_what_runs_holds_no_tool_of_tests_and_checks() -> None:
    running, testing = ({name for name, _ in pins(f"requirements{end}.lock")} for end in ("", "-dev"))
    assert TEST_TOOLS - testing == set()
    assert TEST_TOOLS & running == set()


def test_each_lock_holds_what_pyproject_asks_for() -> None:
    project = tomllib.loads(lock("pyproject.toml"))
    asked = project["project"]["dependencies"] + project["dependency-groups"]["build"]
    extras = project["project"]["optional-dependencies"]
    for name, more in (("requirements.lock", extras["excel"]), ("requirements-dev.lock", extras["dev"])):
        wanted = {re.split(r"[^A-Za-z0-9._-]", words)[0].lower() for words in asked + more}
        assert wanted - {pinned for pinned, _ in pins(name)} == set()


def test_every_pin_has_its_hashes_and_no_address_is_named() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        blocks = re.split(r"\n(?=\S)", lock(name).strip())
        assert all("--hash=sha256:" in block for block in blocks)
        assert "://" not in lock(name)
