"""All that is wrong with a row is told in one pass, and what only follows from it does not drown it."""

from __future__ import annotations

import csv
from pathlib import Path

from longtake.manifests.checker import check_manifest
from longtake.manifests.reader import read_manifest
from longtake.planning.plan import Plan
from longtake.planning.planner import Planner

SOUND = {"vendor": "evolink", "prompt": "A fox", "duration_seconds": "5", "ratio": "16:9", "resolution": "480p"}


def planned(folder: Path, *rows: dict[str, str]) -> Plan:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with (folder / "m.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.DictWriter(file, names, restval="")
        lines.writeheader()
        lines.writerows(rows)
    checked = check_manifest(read_manifest(str(folder / "m.csv")))
    return Planner(None, checked.digest).plan(checked.reels(), {}, 0.0, checked.violations)


def told(folder: Path, *rows: dict[str, str]) -> list[tuple[int, str]]:
    return [(each.row, each.column) for each in planned(folder, *rows).refusals]


def test_a_row_with_everything_wrong_is_told_everything_at_once(tmp_path: Path) -> None:
    row = {"reel": "a", "shot": "1", "prompt": "hi", "vendor": "evolinkk", "duration_seconds": "5s", "ratio": "16x9"}
    found = told(tmp_path, row | {"resolution": "8k", "first_frame": "none.png", "take": "0"})
    assert sorted(found) == sorted(
        (1, column) for column in ("vendor", "duration_seconds", "ratio", "resolution", "first_frame", "take")
    )


def test_a_missing_file_and_a_duplicate_hide_no_other_violation(tmp_path: Path) -> None:
    twice = {"reel": "r", "shot": "1", "ratio": "16x9"}
    lost = {"reel": "r", "shot": "2", "resolution": "8k", "reference_images": "none.png"}
    assert told(tmp_path, SOUND | twice, SOUND | twice, SOUND | lost) == [
        (1, "shot"),
        (1, "ratio"),
        (2, "shot"),
        (2, "ratio"),
        (3, "reference_images"),
        (3, "resolution"),
    ]


def test_what_follows_from_an_unread_cell_is_not_told(tmp_path: Path) -> None:
    missing = {"prompt": "", "first_frame": "none.png", "ratio": "adaptive"}
    assert told(tmp_path, SOUND | missing | {"id": "a"}) == [(1, "first_frame")]
    last = {"first_frame": "none.png", "last_frame": "data:image/png;base64,AAAA", "id": "a"}
    assert told(tmp_path, SOUND | last) == [(1, "first_frame")]


def test_a_header_that_is_refused_is_told_once_and_not_on_every_row(tmp_path: Path) -> None:
    rows = [{name if name != "prompt" else "Prompt": cell for name, cell in SOUND.items()} | {"id": n} for n in "abc"]
    assert told(tmp_path, *rows) == [(0, "prompt")]


def test_a_refused_shot_is_told_once_for_the_chain_behind_it(tmp_path: Path) -> None:
    chain = [SOUND | {"reel": "r", "shot": str(n), "continue_from": "clip" if n else ""} for n in range(6)]
    chain[0]["ratio"] = "16x9"
    plan = planned(tmp_path, *chain)
    assert [(each.row, each.column) for each in plan.refusals] == [(1, "ratio"), (2, "continue_from")]
    assert all(shot.is_refused for shot in plan.shots)


def test_a_refused_row_has_no_price(tmp_path: Path) -> None:
    plan = planned(tmp_path, SOUND | {"id": "a", "take": "x"})
    assert [(shot.is_refused, shot.quote) for shot in plan.shots] == [(True, None)]


def test_violations_come_in_the_order_of_rows(tmp_path: Path) -> None:
    rows = [
        SOUND | {"id": str(n), "ratio": "16x9" if n % 2 else "16:9", "take": "x" if n % 3 else "1"} for n in range(9)
    ]
    found = [row for row, _ in told(tmp_path, *rows)]
    assert found == sorted(found)


def test_what_is_told_of_a_chained_shot_quotes_cells_that_it_has(tmp_path: Path) -> None:
    chain = {"reel": "s", "continue_from": "clip", "vendor": "jimmyai"}
    first = SOUND | {"reel": "s", "shot": "1", "duration_seconds": "30"}
    plan = planned(tmp_path, first, SOUND | chain | {"shot": "2"}, SOUND | chain | {"shot": "3"})
    assert [(each.row, each.column, each.value) for each in plan.refusals] == [
        (1, "duration_seconds", "30"),
        (2, "continue_from", "clip"),
    ]
