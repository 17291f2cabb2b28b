"""What a planned row takes in memory, for it takes it from the begin of a run to its end."""

from __future__ import annotations

import gc
import tracemalloc

from longtake.manifests.checker import check_manifest
from longtake.manifests.schema import Cell, Manifest
from longtake.planning.plan import Plan
from longtake.planning.planner import Planner

MOST_BYTES = 1500
"""Measured: 1,100; before names, lists and settings were shared, 2,600."""


def manifest(rows: int) -> Manifest:
    cells: dict[str, list[Cell]] = {
        "id": [f"s{row}" for row in range(rows)],
        "prompt": [f"a lighthouse at dusk, take {row}" for row in range(rows)],
        "vendor": ["evolink" if row % 2 else "anyfast" for row in range(rows)],
        "duration_seconds": ["4"] * rows,
        "resolution": ["480p"] * rows,
        "ratio": ["1:1"] * rows,
    }
    return Manifest("m.csv", "/", cells)


def planned(rows: int) -> Plan:
    checked = check_manifest(manifest(rows))
    return Planner(None, digest=lambda source: source).plan(checked.reels(), {}, 0.0, checked.violations)


def test_a_further_row_of_a_plan_takes_little() -> None:
    planned(10)  # what is made once
    gc.collect()
    tracemalloc.start()
    try:
        plan = planned(1000)
        gc.collect()
        each = tracemalloc.get_traced_memory()[0] / len(plan.shots)
    finally:
        tracemalloc.stop()
    assert not plan.refusals
    assert len({shot.identity for shot in plan.shots}) == 1000
    assert each < MOST_BYTES, f"{each:.0f} bytes a row"
