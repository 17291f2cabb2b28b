"""Takes, reviews and decisions, judged by the sandbox's bill and by bytes: what follows is not paid before a word."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import time
from datetime import UTC, datetime

import pytest

from longtake.files.open_store import open_store
from longtake.files.s3 import S3Store
from longtake.ledger.ledger import Ledger
from longtake.planning.options import RenderOptions
from longtake.planning.prepare import WouldReplaceError, prepare
from longtake.reports.plan.table import summary_line
from longtake.reports.review.given import give_decisions
from longtake.reports.review.shown import shown_shots
from longtake.reports.review.waiting import waiting_reviews
from longtake.reports.run.rewrite import told_before
from longtake.reviews.choices import RefusedDecisionsError
from longtake.sandbox.faults import Fault
from longtake.sandbox.vendors.prices import fictitious_prices
from longtake_cli.main import main
from tests.e2e.conftest import frame_codes
from tests.e2e.quick_steps import quick_check, without_films
from tests.e2e.s3_server import s3_server
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"reel": "ad", "vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}
USD_PER_SHOT, USD_PER_LINK = 0.12, 0.162


def chain(length: int = 4, **first) -> list[dict[str, object]]:
    """A chain whose first shot is bought in takes and waits for a person."""
    rows = [
        SHOT | {"shot": n, "prompt": f"shot {n}", "continue_from": "clip" if n > 1 else ""}
        for n in range(1, length + 1)
    ]
    rows[0] |= {"variants": 3, "review": "wait"} | first
    return rows


def decide(output, *words, **given):
    return give_decisions(Ledger(open_store(str(output))), words, **given)


def shown(output):
    store = open_store(str(output))
    told = told_before(store)
    return shown_shots(told.shots if told else (), Ledger(store).load(), {}, time.time())


def table(path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def sha256(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def render(tmp_path, sandbox, write_manifest, monkeypatch):
    """Renders rows; without films where pictures are not what is tested."""
    without_films(monkeypatch)

    async def rendered(rows, name="manifest.csv", **options):
        manifest = write_manifest(rows, name)
        return await render_plain(manifest, tmp_path / "out", sandbox_accounts(sandbox), check=quick_check, **options)

    return rendered


@pytest.fixture
def planned(tmp_path, sandbox, write_manifest):
    """What a run would do."""

    async def plan(rows):
        options = RenderOptions(manifest=str(write_manifest(rows)), output=str(tmp_path / "out"))
        load = sandbox_accounts(sandbox, prices=fictitious_prices()["evolink"])
        return await (await prepare(options, load_account=load)).forecast()

    return plan


async def test_what_follows_is_paid_after_the_decision_and_goes_on_from_the_chosen_take(
    tmp_path, sandbox, write_manifest
):
    manifest, out, load = write_manifest(chain()), tmp_path / "out", sandbox_accounts(sandbox)
    first = await render_plain(manifest, out, load)
    assert sandbox.bill.count() == 3
    assert first.verdicts == {"done": 1, "awaiting_review": 3}
    assert not first.all_done
    assert "1 shot awaits a decision, 3 follow" in first.line
    assert not (out / "reels/ad.mp4").exists()

    decide(out, "ad/1=2", by="Ann", why="the calm one")
    second = await render_plain(manifest, out, load)
    assert sandbox.bill.count() == 6
    assert second.all_done
    jobs = sandbox.jobs("evolink")
    chosen = out / "clips/ad/1.mp4"
    assert frame_codes(out / "reels/ad.mp4")[:97] == frame_codes(chosen)
    ledger = Ledger(open_store(str(out)))
    decision = json.loads((out / "decisions/ad/1/0001.json").read_bytes())
    assert ledger.purchase(decision["purchase"]).intent.variant == 2
    assert sha256(chosen) == decision["sha256"] == sha256(out / ledger.clip_key(decision["purchase"]))
    clips = [sha256(out / f"clips/ad/{n}.mp4") for n in range(1, 5)]
    assert [[reference.sha256 for reference in job.references] for job in jobs[3:]] == [[clip] for clip in clips[:3]]
    assert second.rows[0].chosen_take == 2
    assert "Ann" in json.loads((out / "clips/ad/1.json").read_bytes())["chosen"]
    assert json.loads((out / "reels/ad.json").read_bytes())["chosen"][0]["take"] == 2

    third = await render_plain(manifest, out, load)
    assert sandbox.bill.count() == 6
    assert third.all_done


@pytest.mark.parametrize("option", [{"replace": True}, {}])
async def test_a_changed_choice_buys_what_followed_it_anew_only_with_replace(sandbox, tmp_path, render, option):
    await render(chain(3))
    decide(tmp_path / "out", "ad/1=2")
    await render(chain(3))
    assert sandbox.bill.count() == 5
    decide(tmp_path / "out", "ad/1=3")
    if not option:
        with pytest.raises(WouldReplaceError, match=r"2 shot\(s\).*ad/2, ad/3"):
            await render(chain(3))
        assert sandbox.bill.count() == 5
        return
    end = await render(chain(3), **option)
    assert sandbox.bill.count() == 7
    assert end.all_done
    decide(tmp_path / "out", "ad/1=2")  # and back, for nothing
    end = await render(chain(3))
    assert sandbox.bill.count() == 7
    assert end.all_done


async def test_a_plan_tells_what_waits_and_what_follows_a_changed_choice_with_its_price(tmp_path, render, planned):
    line = summary_line(await planned(chain(3)))
    assert "3 to buy" in line
    assert "2 wait for a decision, 0.2880–0.3240 USD" in line
    await render(chain(3))
    decide(tmp_path / "out", "ad/1=2")
    await render(chain(3))
    decide(tmp_path / "out", "ad/1=1")
    plan = await planned(chain(3))
    assert [shot.standing.value for shot in plan.plan.shots] == ["done", "done", "done", "follows", "follows"]
    assert "2 follow, 0.2880–0.3240 USD" in summary_line(plan)
    [notice] = [words for words in plan.notices if "--keep-followers" in words]
    assert notice == (
        "ad/1 take 1: costs nothing with --keep-followers; with --replace at most 0.3240 USD (2 shots again)"
    )


async def test_a_changed_choice_keeps_what_followed_the_former_one_where_that_is_asked(tmp_path, sandbox, render):
    await render(chain(3))
    decide(tmp_path / "out", "ad/1=2")
    await render(chain(3))
    decide(tmp_path / "out", "ad/1=1")
    end = await render(chain(3), keep_followers=True)
    assert sandbox.bill.count() == 5
    assert (end.all_done, end.rows[0].chosen_take) == (True, 1)


async def test_a_rejected_shot_is_bought_again_only_where_attempts_or_a_raised_take_allow_it(tmp_path, sandbox, render):
    out, rows = tmp_path / "out", chain(2, variants=1)
    await render(rows)
    decide(out, "ad/1=reject", by="Ann", why="five legs")
    end = await render(rows)
    assert sandbox.bill.count() == 1
    assert [row.verdict.value for row in end.rows] == ["bad_clip", "blocked"]
    assert end.rows[0].error == "rejected by Ann: five legs"
    assert {row["shot"]: row["take"] for row in table(out / "retry.csv")} == {"1": "2", "2": ""}

    end = await render(rows, max_attempts=2)
    assert sandbox.bill.count() == 2
    assert end.verdicts == {"done": 1, "awaiting_review": 1}  # the new one is to be looked at too
    decide(out, "ad/1=approve")
    end = await render(rows, max_attempts=2)
    assert end.all_done
    assert sandbox.bill.count() == 3
    [decided] = [path for path in (out / "ledger").iterdir() if path.name.endswith("-2")]
    assert sha256(out / "clips/ad/1.mp4") == sha256(decided / "clip.mp4")
    assert [one.sha256 for one in sandbox.jobs("evolink")[2].references] == [sha256(decided / "clip.mp4")]
    assert (await render(rows)).all_done
    assert sandbox.bill.count() == 3


async def test_retry_csv_takes_a_rejected_shot_anew_in_all_its_variants_and_waits_again(tmp_path, sandbox, render):
    out = tmp_path / "out"
    await render(chain(2, variants=2))
    decide(out, "ad/1=reject")
    await render(chain(2, variants=2))
    assert sandbox.bill.count() == 2
    rows = table(out / "retry.csv")
    assert [(row["shot"], row["take"], row["variants"]) for row in rows] == [("1", "2", "2"), ("2", "", "")]
    end = await render(rows, "again.csv")
    assert sandbox.bill.count() == 4
    assert end.verdicts == {"done": 1, "awaiting_review": 1}
    decide(out, "ad/1=2")
    assert (await render(rows, "again.csv")).all_done
    assert sandbox.bill.count() == 5
    end = await render(chain(2, variants=2))  # what the repair brought stands for the first manifest
    assert sandbox.bill.count() == 5
    assert [row.chosen_take for row in end.rows] == [2, 1]


async def test_one_rejected_after_its_followers_were_bought_buys_nothing_without_a_word(tmp_path, sandbox, render):
    out, rows = tmp_path / "out", chain(3, variants=1, review="")
    await render(rows)
    decide(out, "ad/1=reject")
    end = await render(rows)
    assert sandbox.bill.count() == 3
    assert [row.verdict.value for row in end.rows] == ["bad_clip", "done", "done"]
    with pytest.raises(WouldReplaceError, match="ad/2, ad/3"):
        await render(rows, max_attempts=2)
    assert sandbox.bill.count() == 3
    end = await render(rows, max_attempts=2, replace=True)
    assert end.all_done
    assert sandbox.bill.count() == 6
    assert (await render(rows, max_attempts=2)).all_done
    assert sandbox.bill.count() == 6


async def test_an_expired_decision_does_not_count_and_what_was_bought_by_it_stays(tmp_path, sandbox, render):
    out = tmp_path / "out"
    await render(chain(3))
    ledger = Ledger(open_store(str(out)), clock=lambda: time.time() - 1000)
    soon = datetime.fromtimestamp(time.time() - 500, UTC).isoformat()
    give_decisions(ledger, [f"shot_id,choice,expires_at\nad/1,2,{soon}\n"])
    end = await render(chain(3))
    assert sandbox.bill.count() == 3
    assert "has expired" in end.rows[1].error
    assert end.rows[0].chosen_take is None


async def test_a_damaged_clip_cannot_be_decided_about_and_comes_back_as_it_was(tmp_path, sandbox, render):
    out = tmp_path / "out"
    await render(chain(2))
    ledger = Ledger(open_store(str(out)))
    [second] = [one for one in ledger.load().values() if one.intent and one.intent.variant == 2]
    (out / ledger.clip_key(second.identity)).write_bytes(b"other bytes")
    with pytest.raises(RefusedDecisionsError, match="take 2: its file is missing or damaged"):
        decide(out, "ad/1=2")
    assert not (out / "decisions").exists()
    await render(chain(2))
    decide(out, "ad/1=2")
    assert (await render(chain(2))).all_done
    assert sandbox.bill.count() == 4


async def test_a_decision_about_a_former_take_does_not_count_for_the_new_one(tmp_path, sandbox, render):
    out = tmp_path / "out"
    await render(chain(2))
    former = [take.purchase for take in shown(out)["ad/1"].takes]
    decide(out, "ad/1=2")
    end = await render(chain(2, take=2))
    assert sandbox.bill.count() == 6
    assert end.verdicts == {"done": 1, "awaiting_review": 1}
    with pytest.raises(RefusedDecisionsError, match="none of its takes any more"):
        decide(out, f"shot_id,choice,purchase\nad/1,approve,{former[1]}\n")
    decide(out, "ad/1=3")
    assert (await render(chain(2, take=2))).all_done
    assert sandbox.bill.count() == 7
    with pytest.raises(WouldReplaceError, match="ad/2"):
        await render(chain(2))  # the first manifest keeps its own choice, and what follows from it is another purchase
    assert sandbox.bill.count() == 7
    end = await render(chain(2), replace=True)
    assert sandbox.bill.count() == 8
    assert end.rows[0].chosen_take == 2


@pytest.mark.parametrize(
    ("review", "bills"),
    [("none", [4]), ("first-of-reel", [2, 4]), ("each-link", [2, 3, 4]), ("all", [2, 3, 4, 4])],
)
async def test_each_rule_of_review_holds_what_it_names_and_nothing_else(tmp_path, sandbox, render, review, bills):
    rows = [*chain(3, variants=1, review=""), SHOT | {"reel": "lone", "shot": 1, "prompt": "alone", "review": "none"}]
    for run, bill in enumerate(bills):
        end = await render(rows, review=review)
        assert sandbox.bill.count() == bill, run
        waiting = waiting_reviews(Ledger(open_store(str(tmp_path / "out"))))
        assert end.all_done == (run == len(bills) - 1 and not waiting.shots), run
        if waiting.shots:
            decide(tmp_path / "out", *(f"{shot.shot_id}=approve" for shot in waiting.shots))
    end = await render(rows, review=review)
    assert end.all_done
    assert sandbox.bill.count() == 4


async def test_a_reel_of_one_shot_waits_alone_and_is_made_for_nothing(tmp_path, sandbox, render):
    rows = [SHOT | {"reel": f"r{n}", "shot": 1, "prompt": f"animal {n}"} for n in range(3)]
    end = await render(rows, review="all")
    assert (end.verdicts, end.all_done) == ({"done": 3}, False)
    assert "3 shots await a decision" in end.line
    decide(tmp_path / "out", "r0/1=approve", "r1/1=approve", "r2/1=approve")
    end = await render(rows, review="all")
    assert end.all_done and len(end.reels_made) == 3
    assert sandbox.bill.count() == 3


async def test_of_takes_some_of_which_failed_those_that_are_here_can_be_chosen(tmp_path, sandbox, render):
    sandbox.faults.add(Fault(kind="failed", step="look", retryable=False))
    end = await render(chain(2))
    assert sandbox.bill.count() == 3
    assert end.verdicts == {"failed": 1, "awaiting_review": 1}
    here = [take.number for take in shown(tmp_path / "out")["ad/1"].takes if take.sha256]
    [gone] = {1, 2, 3} - set(here)
    with pytest.raises(RefusedDecisionsError, match=f"take {gone} is not done"):
        decide(tmp_path / "out", f"ad/1={gone}")
    decide(tmp_path / "out", f"ad/1={here[-1]}")
    end = await render(chain(2))
    assert end.all_done
    assert end.rows[0].chosen_take == here[-1]
    assert sandbox.bill.count() == 4


async def test_the_best_take_has_the_fewest_findings_and_the_chain_goes_on_from_it_in_the_same_run(
    tmp_path, sandbox, write_manifest, monkeypatch
):
    without_films(monkeypatch)
    out, rows = tmp_path / "out", chain(3, review="")
    ledger = Ledger(open_store(str(out)))

    async def check(path, digest):
        made = await quick_check(path, digest)
        [identity] = [part for part in path.parts if part.startswith("1-")]
        found = 0 if ledger.purchase(identity).intent.variant == 3 else 2
        return dataclasses.replace(made, findings=[{"check": "black", "message": "dark"}] * found)

    load = sandbox_accounts(sandbox, prices=fictitious_prices()["evolink"])
    end = await render_plain(
        write_manifest(rows),
        out,
        load,
        check=check,
        choose="best",
        budget_usd=3 * USD_PER_SHOT + 2 * USD_PER_LINK + 0.001,
    )
    assert end.all_done, [(row.verdict, row.error) for row in end.rows]
    assert sandbox.bill.count() == 5
    assert end.rows[0].chosen_take == 3
    references = [[one.sha256 for one in job.references] for job in sandbox.jobs("evolink")]
    assert references[3:] == [[sha256(out / "clips/ad/1.mp4")], [sha256(out / "clips/ad/2.mp4")]]
    why = json.loads((out / "clips/ad/1.json").read_bytes())["chosen"]
    assert why == "take 3 chosen by --choose best: 0 findings, the fewest of 3 takes"
    assert {path.name for path in (out / "clips/ad").glob("1*.mp4")} == {"1.mp4", "1.take-1.mp4", "1.take-2.mp4"}
    for choose in ("best", "first"):
        end = await render_plain(write_manifest(rows), out, load, check=check, choose=choose)
        assert end.all_done and end.rows[0].chosen_take == 3
    assert sandbox.bill.count() == 5


async def test_what_was_bought_from_the_first_take_is_not_left_for_a_better_one(tmp_path, sandbox, render):
    rows = chain(3, review="")
    await render(rows)
    end = await render(rows, choose="best")
    assert end.all_done and end.rows[0].chosen_take == 1
    assert sandbox.bill.count() == 5


async def test_a_reel_that_waits_is_admitted_as_a_whole_and_keeps_no_money_when_its_run_has_ended(
    tmp_path, sandbox, write_manifest, monkeypatch
):
    without_films(monkeypatch)
    load, out = sandbox_accounts(sandbox, prices=fictitious_prices()["evolink"]), tmp_path / "out"

    async def render(rows, budget, name="manifest.csv"):
        return await render_plain(write_manifest(rows, name), out, load, check=quick_check, budget_usd=budget)

    whole = 3 * USD_PER_SHOT + 3 * USD_PER_LINK + 0.001
    end = await render(chain(), whole - 0.01)
    assert sandbox.bill.count() == 0
    assert {row.verdict.value for row in end.rows} <= {"held", "awaiting_review", "blocked"}
    await render(chain(), whole)
    assert sandbox.bill.count() == 3
    other = [SHOT | {"reel": "other", "shot": n, "prompt": f"other {n}"} for n in range(3)]
    assert (await render(other, whole, "other.csv")).all_done  # nothing is kept for who waits
    decide(out, "ad/1=2")
    end = await render(chain(), whole)
    assert sandbox.bill.count() == 6
    assert [row.verdict.value for row in end.rows[1:]] == ["held"] * 3


async def test_takes_and_variants_never_name_one_purchase_twice_whatever_way_they_are_changed(sandbox, render):
    bought = 0
    for take, variants, new in ((1, 2, 2), (2, 1, 1), (2, 3, 2), (1, 3, 1), (3, 2, 2), (3, 1, 0), (2, 4, 1), (4, 1, 1)):
        await render(chain(1, take=take, variants=variants, review=""), replace=True)
        bought += new
        assert sandbox.bill.count() == bought, (take, variants)


async def test_decisions_in_a_bucket_are_as_those_in_a_folder_and_read_by_one_listing(
    sandbox, write_manifest, monkeypatch
):
    without_films(monkeypatch)
    with s3_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        server.files().makedirs("films", exist_ok=True)
        output, load = "s3://films/ad", sandbox_accounts(sandbox)
        manifest = write_manifest(chain(3))
        await render_plain(manifest, output, load, check=quick_check)
        decide(output, "ad/1=3", by="Ann")
        listed: list[str] = []
        ask = S3Store.survey
        monkeypatch.setattr(S3Store, "survey", lambda self, prefix: listed.append(prefix) or ask(self, prefix))
        end = await render_plain(manifest, output, load, check=quick_check)
        assert end.all_done and end.rows[0].chosen_take == 3
        assert sandbox.bill.count() == 5
        assert 1 <= sum("decisions" in prefix for prefix in listed) <= 4  # for the plan, and each time the page is told
        with pytest.raises(RefusedDecisionsError, match="no take 4"):
            decide(output, "ad/1=4")


async def test_the_commands_tell_what_waits_and_take_decisions_as_the_contract_says(
    tmp_path, sandbox, render, capsys, monkeypatch
):
    out = str(tmp_path / "out")
    assert main(["review", out]) == 2
    await render(chain(3))
    [shot] = [one for one in told_before(open_store(out)).shots if one.takes]
    assert (shot.review, shot.follows, len(shot.takes)) == ("waiting", 2, 3)
    capsys.readouterr()
    assert main(["status", out]) == 1
    assert "for a person to decide (1)\n  ad/1  3 takes, 2 follow" in capsys.readouterr().out
    assert main(["review", out]) == 1
    told = capsys.readouterr().out
    assert "ad/1: takes 1, 2, 3 to look at; 2 follow" in told
    assert f"longtake decide --output {out} ad/1=N" in told
    assert main(["decide", "--output", out, "ad/1=4"]) == 2
    assert "no take 4" in capsys.readouterr().err
    assert main(["decide", "--output", out, "nothing.csv"]) == 2
    assert "No such file" in capsys.readouterr().err
    take = shown(tmp_path / "out")["ad/1"].takes[1]
    decisions = tmp_path / "decisions.csv"
    decisions.write_text(
        "\ufeffshot_id,choice,take,purchase,sha256,by,why,expires_at\r\n"
        f"ad/1,2,1,{take.purchase},{take.sha256},Ann,calm,\r\n",
        "utf-8",
    )
    assert main(["decide", "--output", out, str(decisions)]) == 0
    assert "ad/1: take 2 chosen by Ann: calm\n1 decision written" in capsys.readouterr().out
    assert main(["decide", "--output", out, str(decisions)]) == 0
    assert "0 decisions written; 1 stood so already" in capsys.readouterr().out
    assert main(["review", out]) == 0
    assert main(["report", out]) == 0
    [shot] = [one for one in told_before(open_store(out)).shots if one.takes]
    assert (shot.review, shot.chosen, shot.ruling) == ("chosen", 2, "take 2 chosen by Ann: calm")
    assert (await render(chain(3))).all_done
    assert sandbox.bill.count() == 5
