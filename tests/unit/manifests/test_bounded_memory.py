"""Small files that unpack to much: 500 MB are enough for any of them, and the sound file passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from longtake.manifests.checker import check_manifest
from longtake.manifests.reader import read_manifest
from tests.benchmarks.bench_plan import write_reels
from tests.unit.hostile import LOOK, MANIFESTS, READ, REFERENCES, peak_mib

ENOUGH_MIB = 500
QUICK_MANIFESTS = {"columns", "lists of lists", "one text in every cell", "one text 90,000 times"}
QUICK_REFERENCES = {"tiff", "mp4"}
"""One of each kind of file; the others run with `make slow`."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in QUICK_MANIFESTS)) for name in MANIFESTS]
)
def test_a_hostile_manifest_is_refused_by_the_bound_that_it_passes(tmp_path: Path, name: str) -> None:
    ending, write, bound = MANIFESTS[name]
    path = tmp_path / f"m{ending}"
    write(path)
    said, own, together = peak_mib(READ, str(path))
    assert said.startswith("refused")
    assert bound in said
    assert max(own, together) < ENOUGH_MIB


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in QUICK_REFERENCES)) for name in REFERENCES]
)
def test_sixteen_hostile_references_are_opened_in_children_of_bounded_memory(tmp_path: Path, name: str) -> None:
    ending, write = REFERENCES[name]
    paths = [tmp_path / f"{number}{ending}" for number in range(16)]
    write(paths[0])
    for path in paths[1:]:
        path.hardlink_to(paths[0])
    said, own, together = peak_mib(LOOK, *map(str, paths))
    assert said.startswith(("16 measured", "0 measured, 16 refused"))
    assert own < 250
    # A look that takes much is made alone.
    assert together < own + ENOUGH_MIB


def test_a_sound_manifest_of_ten_thousand_rows_passes(tmp_path: Path) -> None:
    write_reels(tmp_path / "m.csv", 10_000)
    said, own, _ = peak_mib(READ, str(tmp_path / "m.csv"))
    assert said == "10000 rows"
    assert own < 250


def test_a_prompt_that_fills_in_to_gigabytes_is_refused_by_its_row(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(f"prompt,a\n{'{a}' * 100_000},{'x' * 100_000}\n{{a}},fox\n", "utf-8")
    checked = check_manifest(read_manifest(str(tmp_path / "m.csv")))
    assert [(each.row, each.column) for each in checked.violations] == [(1, "prompt")]
    assert "more than 100,000 characters" in checked.violations[0].rule
    assert checked.rows[1].written.request.prompt == "fox"
