"""The troubleshooting page has every error and every verdict, and quotes what the code really says."""

from __future__ import annotations

import ast
import inspect
import json
import re

import pytest

from longtake.domain import errors
from longtake.domain.errors import LongtakeError, VendorError
from longtake.domain.verdicts import Verdict
from longtake.planning.prepare import WouldReplaceError
from longtake.vendors import VENDORS, Reply
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
SECTIONS = {part.split("\n", 1)[0]: part for part in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]}
CLASSES = [
    *(found for _, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, LongtakeError)),
    WouldReplaceError,
]
OWN_WORDS = {"JobCancelledError", "JobExpiredError"}
"""Errors whose words are a vendor's alone, in no form that a document names."""


def quotes(text: str) -> list[str]:
    """What stands in code marks behind `>`."""
    return [line.strip("> ").strip("`").strip() for line in text.splitlines() if line.startswith("> ")]


def words_of_the_code() -> list[str]:
    """Every text in the code, with `…` where something is filled in."""
    found: list[str] = []
    for folder in ("longtake", "blocks", "flows", "tasks", "deployments", "longtake_cli"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
                    found.append("".join(map(str, parts)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value.replace("%s", "…"))
    return [" ".join(words.split()) for words in found]


def words_of_vendors() -> dict[str, set[str]]:
    """What the vendors' recorded refusals read like, by the error that they become."""
    found: dict[str, set[str]] = {}
    for name, adapter in VENDORS.items():
        golden = json.loads((ROOT / "tests/contract/golden" / f"{name}.json").read_text("utf-8"))
        for case in golden["failures"]:
            given = case["reply"]
            reply = Reply(given["status"], given["body"], json.dumps(given["body"]), given.get("headers", {}))
            failure = adapter.failure(reply)
            if isinstance(failure, VendorError):
                found.setdefault(type(failure).__name__, set()).add(str(failure))
    return found


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_error_has_its_entry(error: type[LongtakeError]) -> None:
    if error is LongtakeError:
        return
    assert error.__name__ in SECTIONS
    is_leaf = not any(issubclass(other, error) for other in CLASSES if other is not error)
    if is_leaf and error.__name__ not in OWN_WORDS:
        assert quotes(SECTIONS[error.__name__]), f"{error.__name__}: the words that people see are not there"


def test_there_is_no_entry_for_what_does_not_exist() -> None:
    known = {error.__name__ for error in CLASSES} | {verdict.value for verdict in Verdict}
    assert set(SECTIONS) <= known


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_has_its_entry_with_its_next_action(verdict: Verdict) -> None:
    found = quotes(SECTIONS[verdict.value].split("\n## ")[0])
    assert found == ([verdict.facts.next_action] if verdict.facts.next_action else [])


def test_the_readme_tells_what_the_next_run_does_about_every_verdict() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    table = readme.partition("| verdict | what the next run does |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) - {"take"} == {verdict.value for verdict in Verdict}


def test_every_message_is_quoted_as_it_is() -> None:
    code, vendors = words_of_the_code(), words_of_vendors()
    said = {(name, quoted) for name, section in SECTIONS.items() for quoted in quotes(section)}
    said |= {("", quoted) for quoted in quotes(PAGE.rpartition("\n## ")[2])}
    unheard_of = [
        (name, quoted)
        for name, quoted in sorted(said)
        if quoted not in vendors.get(name, ()) and not any(quoted.strip("… ") in words for words in code)
    ]
    assert unheard_of == []
