"""What people and programs read of the columns is what the check of a manifest holds rows against."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from longtake.domain.request import DEFAULT_MODEL
from longtake.manifests.checker import check_manifest
from longtake.manifests.column_help import columns_text, page_with_columns, row_schema
from longtake.manifests.reader import read_manifest
from longtake.manifests.schema import COLUMNS
from longtake_cli.main import main

ROOT = Path(__file__).parents[3]
GOOD: list[tuple[str, Any]] = [
    ("duration_seconds", 5),
    ("duration_seconds", "5.0"),
    ("duration_seconds", "auto"),
    ("duration_seconds", None),
    ("seed", -3),
    ("seed", "7"),
    ("take", 2),
    ("take", ""),
    ("variants", 100),
    ("generate_audio", True),
    ("generate_audio", "no"),
    ("generate_audio", 0),
    ("vendor", "evolink/studio"),
    ("reference_images", ["https://a.example/1.png", "https://a.example/2.png"]),
    ("reference_images", "https://a.example/1.png|https://a.example/2.png"),
    ("callback_url", "https://a.example/done"),
    ("my own", {"a": 1}),
]
BAD: list[tuple[str, Any]] = [
    ("duration_seconds", 0),
    ("duration_seconds", "5 s"),
    ("seed", 1.5),
    ("seed", "x"),
    ("take", 0),
    ("take", [1, 2]),
    ("variants", 101),
    ("generate_audio", 2),
    ("generate_audio", "maybe"),
    ("continue_from", "Clip"),
    ("reference_tail_seconds", 0),
    ("callback_url", "ftp://a.example"),
]


def schema_takes(row: dict[str, Any]) -> bool:
    return jsonschema.Draft202012Validator(row_schema()).is_valid(row)


def manifest_takes(folder: Path, row: dict[str, Any]) -> bool:
    (folder / "m.jsonl").write_text(json.dumps({"prompt": "a", **row}))
    return not check_manifest(read_manifest(str(folder / "m.jsonl"))).violations


@pytest.mark.parametrize(("column", "value"), GOOD)
def test_what_a_manifest_takes_the_schema_takes(tmp_path: Path, column: str, value: Any) -> None:
    assert manifest_takes(tmp_path, {column: value})
    assert schema_takes({"prompt": "a", column: value})


@pytest.mark.parametrize(("column", "value"), BAD)
def test_what_a_manifest_refuses_the_schema_refuses(tmp_path: Path, column: str, value: Any) -> None:
    row = {column: value} | ({"continue_from": "clip"} if column == "reference_tail_seconds" else {})
    assert not manifest_takes(tmp_path, row)
    assert not schema_takes({"prompt": "a", **row})


def test_the_page_has_the_table_of_the_schema() -> None:
    page = ROOT / "docs/manifest.md"
    again = "longtake.manifests.column_help.page_with_columns writes it"
    assert page.read_text("utf-8") == page_with_columns(page.read_text("utf-8")), again


@pytest.mark.parametrize("width", [40, 80, 160])
def test_the_terminal_names_every_column_whole_and_the_default_model(width: int) -> None:
    text = columns_text(width)
    assert max(map(len, text.splitlines())) <= width
    for name in COLUMNS:
        assert any(line.split()[:1] == [name] for line in text.splitlines())
    assert DEFAULT_MODEL in " ".join(text.split())


def test_the_command_prints_the_table_and_with_json_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["columns"]) == 0
    assert "reference_tail_seconds" in capsys.readouterr().out
    assert main(["columns", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == row_schema()
    jsonschema.Draft202012Validator.check_schema(told)
    assert list(told["properties"]) == list(COLUMNS)
    assert DEFAULT_MODEL in told["properties"]["model"]["description"]
