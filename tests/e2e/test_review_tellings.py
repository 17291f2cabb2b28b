"""What `review`, `decide`, `status` and `plan` tell of takes and decisions: the same facts, before money is spent."""

from __future__ import annotations

import pytest

from longtake.files.open_store import open_store
from longtake.ledger.ledger import Ledger
from longtake.planning.prepare import WouldReplaceError
from longtake.reports.plan.table import summary_line
from longtake.reports.review.waiting import waiting_reviews
from longtake.reports.status.lines import status_lines
from longtake.reports.status.standing import output_status
from longtake.reviews.choices import RefusedDecisionsError
from tests.e2e.test_reviews import chain, decide, planned, render

__all__ = ["planned", "render"]  # fixtures


def reviewed(output) -> str:
    return "\n".join(waiting_reviews(Ledger(open_store(str(output)))).lines)


async def test_a_take_whose_file_has_another_number_is_told_by_both_and_refused_with_the_right_one(tmp_path, render):
    out = tmp_path / "out"
    await render(chain(2, take=2))
    assert (out / "clips/ad/1.take-5.mp4").exists()
    told = reviewed(out)
    assert "ad/1: takes 1 (take 4), 2 (take 5), 3 (take 6) to look at; 1 follows, " in told
    assert "    2 (take 5)  clips/ad/1.take-5.mp4" in told
    assert "ad/1=N" in told
    with pytest.raises(RefusedDecisionsError, match="it has no take 5; it has takes 1 to 3; take 5 is number 2"):
        decide(out, "ad/1=5")
    assert decide(out, "ad/1=2", by="Ann").lines == ["ad/1: take 2 (take 5) chosen by Ann"]


async def test_a_changed_choice_tells_what_was_bought_from_the_former_one_until_a_run_has_settled_it(
    tmp_path, sandbox, render
):
    out = tmp_path / "out"
    await render(chain(3))
    assert decide(out, "ad/1=2").lines == ["ad/1: take 2 chosen"]
    await render(chain(3))
    [_, words] = decide(out, "ad/1=3").lines
    assert "2 follow, bought from take 2: " in words
    assert "--replace" in words
    assert "--keep-followers" in words
    assert "ad/1: 2 follow, bought from take 2" in reviewed(out)
    assert decide(out, "ad/1=2").lines == ["ad/1: take 2 chosen"]  # and back, for nothing
    assert "bought from" not in reviewed(out)
    decide(out, "ad/1=3")
    await render(chain(3), keep_followers=True)
    assert "bought from" not in reviewed(out)
    assert sandbox.bill.count() == 5


async def test_a_raised_take_tells_what_was_bought_behind_the_former_one_before_money_is_spent(
    tmp_path, sandbox, render, planned
):
    out = tmp_path / "out"
    await render(chain(3))
    decide(out, "ad/1=2")
    await render(chain(3))
    line = summary_line(await planned(chain(3, take=2)))
    assert "2 wait for a decision, " in line
    assert "; 2 of them bought before: --replace or --keep-followers" in line
    await render(chain(3, take=2))
    assert "2 follow, bought from a former take" in reviewed(out)
    decide(out, "ad/1=1")
    with pytest.raises(WouldReplaceError):
        await render(chain(3, take=2))
    assert sandbox.bill.count() == 8


async def test_what_a_rule_chose_is_not_told_as_a_persons_choice(tmp_path, render):
    await render(chain(2, review=""), choose="best")
    assert "nothing waits for a decision; 0 chosen, 1 by rule, 0 rejected" in reviewed(tmp_path / "out")


def status(output) -> str:
    return "\n".join(status_lines(str(output), output_status(Ledger(open_store(str(output))))))


async def test_render_status_and_review_count_the_same_rows(tmp_path, render):
    out = tmp_path / "out"
    end = await render(chain(3))
    assert "1/3 rows done" in end.line
    words = "1 shot awaits a decision, 2 follow"
    assert words in end.line
    assert f"1 of 3 shots done; {words}; spent" in status(out)
    assert words in reviewed(out)


async def test_status_says_at_once_what_a_decision_means(tmp_path, render):
    out = tmp_path / "out"
    await render(chain(3))
    decide(out, "ad/1=reject", by="Ann")
    told = status(out)
    assert "0 of 3 shots done; 1 rejected, 2 blocked; spent" in told
    assert "ad/1: rejected by Ann\n    next: choose another, raise `take`, or --max-attempts 2" in told
    assert "decision is missing" not in told
    await render(chain(3))
    assert status(out).splitlines()[0] == told.splitlines()[0]
    decide(out, "ad/1=2")
    told = status(out)
    assert "1 of 3 shots done; 2 not started; spent" in told
    assert "2 not started (ad/2, ad/3): ad/1 is decided; the next render goes on" in told
    assert (await render(chain(3))).all_done
    assert "3 of 3 shots done; spent" in status(out)
    assert output_status(Ledger(open_store(str(out)))).is_done
    decide(out, "ad/1=3")
    assert "ad/1: 2 follow, bought from take 2" in status(out)
    assert not output_status(Ledger(open_store(str(out)))).is_done


async def test_a_choice_behind_which_all_was_bought_before_tells_of_nothing_to_buy(tmp_path, sandbox, render):
    out = tmp_path / "out"
    await render(chain(3))
    for number in (2, 3):
        decide(out, f"ad/1={number}")
        await render(chain(3), replace=True)
    assert sandbox.bill.count() == 7
    assert decide(out, "ad/1=2").lines == ["ad/1: take 2 chosen"]
    assert "bought from" not in status(out)
