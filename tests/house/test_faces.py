"""A room's `__init__` is its face: the names that others use, and nothing heavy before it is asked for."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import subprocess
import sys

import pytest

from tests.house.test_rooms import ROOMS, ROOT
from tests.house.test_what_a_change_touches import LAST_RELEASE

HEAVY = {"pandas", "pyarrow", "av", "prefect", "numpy", "httpx", "s3fs", "botocore"}
USED = {
    "accounts": ("Account", "AccountSession", "VendorClient"),
    "costs": ("Budget", "PriceBook", "Quote"),
    "domain": ("Clip", "Job", "LongtakeError", "ShotRequest", "Verdict", "Violation"),
    "files": ("DirectoryStore", "S3Store", "Store"),
    "jobs": ("Order", "RunResources", "buy", "download_clip"),
    "ledger": ("Ledger", "Purchase", "State"),
    "manifests": ("Manifest", "check_manifest", "read_manifest"),
    "media": ("GatePolicy", "ReelStyle", "WorkerPool", "stitch_clips"),
    "planning": ("Plan", "PreparedRun", "RenderOptions", "Standing"),
    "rendering": ("ReelOrder", "ReelPart", "ShotResult", "Summary"),
    "reports": ("ReportView", "rewrite_report"),
    "reviews": ("Choice", "Decision", "ReviewLog", "ruling_on"),
    "vendors": ("VENDORS", "Adapter", "Limits", "PriceRule", "SubmitReply", "adapter_named"),
}
"""Some names of each face that must stay, since flows of others import them."""


def in_a_new_process(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("room", sorted(USED))
def test_every_name_of_a_face_can_be_imported_and_none_is_a_modules(room: str) -> None:
    face = importlib.import_module(f"longtake.{room}")
    assert set(USED[room]) <= set(face.__all__)
    modules = {module.name for module in pkgutil.iter_modules(face.__path__)}
    assert modules & set(face.__all__) == set()
    for name in face.__all__:
        thing = getattr(face, name)
        # A class or function is what its own module holds, and its own module is of this room.
        if (home := getattr(thing, "__module__", "")).startswith("longtake."):
            assert f"{home}.".startswith(f"longtake.{room}."), name
            assert getattr(importlib.import_module(home), name) is thing
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = face.Nothing


@pytest.mark.parametrize("room", sorted(ROOMS - {"vendors"}))
def test_what_the_type_checker_reads_of_a_face_is_what_a_program_gets(room: str) -> None:
    source = ast.parse((ROOT / f"longtake/{room}/__init__.py").read_text("utf-8"))
    read = {
        alias.name: node.module
        for branch in source.body
        if isinstance(branch, ast.If)
        for node in branch.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    face = importlib.import_module(f"longtake.{room}")
    assert sorted(read) == sorted(face.__all__)
    for name, module in read.items():
        assert getattr(importlib.import_module(str(module)), name) is getattr(face, name)


@pytest.mark.parametrize("room", sorted(USED))
def test_a_room_costs_nothing_before_a_name_of_it_is_asked_for(room: str) -> None:
    code = f"import sys, json, longtake.{room}; print(json.dumps(sorted(m.split('.')[0] for m in sys.modules)))"
    assert HEAVY & set(json.loads(in_a_new_process(code))) == set()


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["render", "--help"], ["plan", "--help"], ["vendors"], ["status", f"{LAST_RELEASE / 'output'}"]],
    ids=lambda words: " ".join(words[:2] if words[0] != "status" else words[:1]),
)
def test_what_only_tells_is_told_without_what_only_a_run_needs(arguments: list[str]) -> None:
    code = f"""
import json, sys
sys.argv = ["longtake", *{arguments!r}]
from longtake_cli.main import main
try:
    main()
except SystemExit as end:
    assert not end.code
print(json.dumps(sorted({{m.split(".")[0] for m in sys.modules}})))
"""
    assert {"pandas", "pyarrow", "av", "prefect"} & set(json.loads(in_a_new_process(code))) == set()
