"""The file that the report's page saves: what its cells carry comes back as it was."""

from __future__ import annotations

import pytest

from longtake.reviews.choices import RefusedDecisionsError, ShownShot, ShownTake, choices_in, decided

TAKES = (ShownTake(1, "1-aa", "a" * 64, "done"), ShownTake(2, "1-bb", "b" * 64, "done"))
HEADER = "shot_id,choice,take,purchase,sha256,by,why,expires_at\r\n"


def decided_by(line: str, *names: str, takes: tuple[ShownTake, ...] = TAKES):
    shots = {name: ShownShot(name, f"decisions/{place}", 1, takes) for place, name in enumerate(names)}
    return decided(choices_in([HEADER + line]), shots, now=1.8e9)


@pytest.mark.parametrize("name", ["=cmd/1", "+1/1", "-5/1", "@sum/1", "＝x/1", "'=x/1", '"=x/1'])
def test_a_name_guarded_against_spreadsheets_is_read_back_as_it_is(name: str) -> None:
    quoted = "\"'" + name.replace('"', '""') + '"'
    [decision] = decided_by(f"{quoted},2,2,1-bb,{'b' * 64},'=Ana,'-5 of 10,\r\n", name)
    assert (decision.shot_id, decision.by, decision.why) == (name, "=Ana", "-5 of 10")


def test_an_apostrophe_that_guards_nothing_stays() -> None:
    [decision] = decided_by("'tis/1,approve,,1-aa,,,'twas,\r\n", "'tis/1")
    assert decision.why == "'twas"


def test_a_shot_is_found_by_the_name_that_the_page_can_show() -> None:
    [decision] = decided_by("bell␇/1,1,1,1-aa,,,,\r\n", "bell\x07/1", "bell/1")
    assert decision.shot_id == "bell\x07/1"


def test_two_shots_that_look_the_same_are_not_taken_for_one_another() -> None:
    with pytest.raises(RefusedDecisionsError, match="no such shot"):
        decided_by("a\ufffd/1,1,1,1-aa,,,,\r\n", "a\u202e/1", "a\u202d/1")


def test_a_rejection_is_of_the_takes_that_were_looked_at_and_not_of_one_that_came_since() -> None:
    new = (*TAKES, ShownTake(3, "1-cc", "c" * 64, "done"))
    [decision] = decided_by(f"ad/1,reject,,1-aa|1-bb,{'a' * 64}|{'b' * 64},,,\r\n", "ad/1", takes=new)
    assert dict(decision.purchases) == {"1-aa": "a" * 64, "1-bb": "b" * 64}


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("shot_id,choice,choice\nad/1,1,2\n", "names the column choice twice"),
        (HEADER + "ad/1,2\n", "line 2: it has 2 cells, the header 8"),
        ("shot_id,choice,why\nad/1,1,calm, bright,2030-01-01\n", "line 2: it has 5 cells, the header 3"),
        ("shot_id,choice,expires\nad/1,1,2030-01-01\n", "no column is called expires"),
        (HEADER + "ad/1," + "9" * 5000 + ",,,,,,\n", "it has no take 9"),
        (HEADER + "ad/1,approve," + "9" * 5000 + ",,,,,\n", "it has no take 9"),
    ],
)
def test_a_table_that_is_not_whole_or_not_understood_is_refused_before_anything_is_decided(table: str, reason: str):
    shots = {"ad/1": ShownShot("ad/1", "decisions/ad/1", 1, TAKES)}
    with pytest.raises(RefusedDecisionsError, match=reason):
        decided(choices_in([table]), shots, now=1.8e9)


def test_empty_cells_that_a_spreadsheet_adds_at_the_end_of_a_line_are_no_fault():
    [decision] = decided_by(f"ad/1,2,2,1-bb,{'b' * 64},Ana,,,,,\r\n", "ad/1")
    assert decision.variant == 2
