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
