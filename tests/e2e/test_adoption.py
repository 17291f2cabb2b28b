"""Adopting a job: the vendor is asked first, a slip is put right later, and everything is judged by the bill."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from longtake.domain.errors import ConfigurationError
from longtake.domain.job_ids import adoption, adoptions
from longtake.files.open_store import open_store
from longtake.jobs.decisions import Decisions, settle
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import State
from longtake.sandbox.app import Sandbox
from longtake.sandbox.faults import Fault
from longtake.sandbox.settings import SandboxSettings
from tests.e2e.quick_steps import no_pictures, without_films
from tests.e2e.test_torn_records import rendered, settled
from tests.plain_render import render_plain, sandbox_accounts


@pytest.fixture
def sandbox(monkeypatch) -> Iterator[Sandbox]:
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    monkeypatch.setattr("longtake.jobs.adoption.PAUSE_SECONDS", 0.05)
    without_films(monkeypatch)
    with Sandbox(SandboxSettings(job_seconds=0.05, media="stub")) as running:
        yield running


@pytest.fixture
def lost(tmp_path, sandbox):
    """A manifest whose shot was accepted, and whose answer was lost."""
    path = tmp_path / "m.csv"
    path.write_text("reel,shot,prompt,vendor,duration_seconds\nr,1,a red ball rolls over the lawn,evolink,4\n")
    sandbox.faults.add(Fault(kind="answer_lost_after_accept", step="submit"))
    assert asyncio.run(rendered(path, sandbox)) == "unknown_outcome"
    return path


def jobs(sandbox) -> list[str]:
    return [entry.job_id for entry in sandbox.bill.entries]


def purchase(manifest):
    [found] = Ledger(open_store(str(manifest.parent / "out"))).load().values()
    return found


async def other_job(sandbox, tmp_path, prompt="quite another film about a heron", seconds=4) -> str:
    path = tmp_path / "other.csv"
    path.write_text(f"reel,shot,prompt,vendor,duration_seconds\no,1,{prompt},evolink,{seconds}\n")
    await render_plain(path, tmp_path / "other", sandbox_accounts(sandbox))
    return jobs(sandbox)[-1]


def test_a_job_that_the_vendor_does_not_know_is_refused_and_the_right_one_comes_home(lost, sandbox):
    async def main():
        for unseen in (False, True):
            with pytest.raises(ConfigurationError, match="no such job"):
                await settled(lost, sandbox, Decisions(adopt={"r/1": "task-unified-typo"}, unseen=unseen))
        assert purchase(lost).state(float("inf")) is State.UNKNOWN
        end = await settled(lost, sandbox, Decisions(adopt={"r/1": jobs(sandbox)[0]}))
        assert (end.brought_home, end.open) == (["r/1"], {})
        assert await rendered(lost, sandbox) == "done"

    asyncio.run(main())
    assert sandbox.bill.count() == 1


def test_a_vendor_that_is_away_is_told_and_the_job_written_only_with_unseen(lost, sandbox):
    async def main():
        sandbox.faults.add(Fault(kind="unauthorized", step="look", times=None))
        with pytest.raises(ConfigurationError, match=r"could not be asked.*--unseen"):
            await settled(lost, sandbox, Decisions(adopt={"r/1": jobs(sandbox)[0]}))
        assert purchase(lost).accepted is None
        end = await settled(lost, sandbox, Decisions(adopt={"r/1": jobs(sandbox)[0]}, unseen=True))
        assert "was not seen" in end.settled[0]
        sandbox.faults.clear()
        assert await rendered(lost, sandbox) == "done"

    asyncio.run(main())
    assert sandbox.bill.count() == 1


def test_a_job_that_tells_other_things_of_itself_is_refused_with_the_differences(lost, sandbox, tmp_path):
    async def main():
        wrong = await other_job(sandbox, tmp_path, seconds=9)
        with pytest.raises(ConfigurationError, match="it is 9 s long, ordered were 4 s"):
            await settled(lost, sandbox, Decisions(adopt={"r/1": wrong}))
        assert purchase(lost).accepted is None

    asyncio.run(main())


def test_a_wrong_adoption_is_taken_back_by_a_later_one_and_the_clip_comes_home(lost, sandbox):
    async def main():
        settle(Ledger(open_store(str(lost.parent / "out"))), Decisions(adopt={"r/1": "task-unified-typo"}))
        assert await rendered(lost, sandbox) in ("lost", "still_running")
        end = await settled(lost, sandbox)
        assert "--adopt r/1=JOB_ID" in end.open["r/1"]
        end = await settled(lost, sandbox, Decisions(adopt={"r/1": jobs(sandbox)[0]}))
        assert (end.brought_home, end.open) == (["r/1"], {})
        assert await rendered(lost, sandbox) == "done"
        with pytest.raises(ConfigurationError, match="no such job"):
            await settled(lost, sandbox, Decisions(adopt={"r/1": "task-unified-third"}, unseen=True))
        for decision in (
            Decisions(resubmit=["r/1"]),
            Decisions(give_up=["r/1"]),
            Decisions(adopt={"r/1": jobs(sandbox)[0]}),
        ):
            with pytest.raises(ConfigurationError, match="its clip is here"):
                await settled(lost, sandbox, decision)

    asyncio.run(main())
    assert sandbox.bill.count() == 1


def clips(out: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted(out.glob("clips/*/*.mp4"))}


@pytest.mark.parametrize("are_links_dead", [False, True], ids=["links-live", "links-dead"])
def test_two_jobs_that_were_adopted_for_each_other_are_put_right_though_their_clips_came(
    tmp_path, monkeypatch, are_links_dead
):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    monkeypatch.setattr("longtake.rendering.render.make_pictures", no_pictures)
    manifest, out = tmp_path / "m.csv", tmp_path / "out"
    manifest.write_text(
        "reel,shot,prompt,vendor,duration_seconds\nr,1,a red ball,evolink,4\nr,2,a blue cube,evolink,4\n"
    )
    with Sandbox(SandboxSettings(job_seconds=0.05)) as sandbox:

        async def main():
            sandbox.faults.add(Fault(kind="answer_lost_after_accept", step="submit", times=2))
            await render_plain(manifest, out, sandbox_accounts(sandbox))
            by_prompt = {entry.body["prompt"]: entry.job_id for entry in sandbox.bill.entries}
            first, second = by_prompt["a red ball"], by_prompt["a blue cube"]
            await settled(manifest, sandbox, Decisions(adopt={"r/1": second, "r/2": first}))
            assert (await render_plain(manifest, out, sandbox_accounts(sandbox))).all_done
            swapped, film = clips(out), (out / "reels/r.mp4").read_bytes()
            with pytest.raises(ConfigurationError, match="that of r/2"):
                await settled(manifest, sandbox, Decisions(adopt={"r/1": first}))
            if are_links_dead:
                sandbox.faults.add(Fault(kind="dead_link", step="media", times=None))
            end = await settled(manifest, sandbox, Decisions(adopt={"r/1": first, "r/2": second}))
            assert (sorted(end.brought_home), end.open) == (["r/1", "r/2"], {})
            assert (await render_plain(manifest, out, sandbox_accounts(sandbox))).all_done
            assert clips(out) == {"1": swapped["2"], "2": swapped["1"]}
            assert (out / "reels/r.mp4").read_bytes() != film
            paid = {path.read_bytes() for path in out.glob("ledger/*/other-*.mp4")}
            assert paid == set(swapped.values())

        asyncio.run(main())
        assert sandbox.bill.count() == 2


def test_a_wrong_adoption_of_a_failed_job_is_taken_back_though_its_end_was_recorded(lost, sandbox, tmp_path):
    async def main():
        sandbox.faults.add(Fault(kind="failed", step="look", prompt="heron", times=None))
        failed = await other_job(sandbox, tmp_path)
        await settled(lost, sandbox, Decisions(adopt={"r/1": failed}))
        assert await rendered(lost, sandbox) == "failed"
        end = await settled(lost, sandbox, Decisions(adopt={"r/1": jobs(sandbox)[0]}))
        assert end.brought_home == ["r/1"]
        assert await rendered(lost, sandbox) == "done"

    asyncio.run(main())
    assert sandbox.bill.count() == 2


def test_what_was_given_up_can_be_adopted_after_all(lost, sandbox):
    async def main():
        await settled(lost, sandbox, Decisions(give_up=["r/1"]))
        assert await rendered(lost, sandbox) == "failed"
        assert (await settled(lost, sandbox, Decisions(adopt={"r/1": jobs(sandbox)[0]}))).brought_home == ["r/1"]
        assert await rendered(lost, sandbox) == "done"

    asyncio.run(main())
    assert sandbox.bill.count() == 1


@pytest.mark.parametrize("blank", [" {}", "{} ", "{}\u200b", "\u00a0{}", "{}\t"])
def test_no_blank_makes_the_job_of_another_shot_look_like_ones_own(tmp_path, sandbox, blank):
    manifest = tmp_path / "m.csv"
    manifest.write_text(
        "reel,shot,prompt,vendor,duration_seconds\nr,1,one red ball rolls,evolink,4\nr,2,two red balls roll,evolink,4\n"
    )

    async def main():
        sandbox.faults.add(Fault(kind="answer_lost_after_accept", step="submit", prompt="one red"))
        await render_plain(manifest, tmp_path / "out", sandbox_accounts(sandbox))
        done = next(one for one in Ledger(open_store(str(tmp_path / "out"))).load().values() if one.accepted)
        job_id = blank.format(done.accepted.job.job_id)
        with pytest.raises(ConfigurationError, match=r"that of r/2|cannot be seen"):
            await settled(manifest, sandbox, Decisions(adopt={"r/1": job_id}))

    asyncio.run(main())


@pytest.mark.parametrize(
    ("written", "shot", "job"),
    [
        ("r/1=abc==", "r/1", "abc=="),
        (" r/1 = abc ", "r/1", "abc"),
        ("1-00ff=cgt/17=", "1-00ff", "cgt/17="),
        ("r/1@1-00ff=x", "r/1@1-00ff", "x"),
    ],
)
def test_ids_with_equals_signs_and_blanks_are_read_as_they_are_meant(written, shot, job):
    assert adoption(written) == (shot, job)


@pytest.mark.parametrize("written", [["r/1=a", "r/1=b"], ["r/1"], ["=a"], ["r/1="]])
def test_two_jobs_for_one_shot_and_halves_are_refused(written):
    with pytest.raises(ConfigurationError):
        adoptions(written)


@pytest.mark.parametrize("variants", [1, 2])
def test_the_results_of_an_unknown_outcome_tell_when_it_was_submitted_and_what_to_type(tmp_path, sandbox, variants):
    path = tmp_path / "m.csv"
    path.write_text(f"reel,shot,prompt,vendor,variants\nr,1,a red ball rolls over the lawn,evolink,{variants}\n")

    async def main():
        sandbox.faults.add(Fault(kind="answer_lost_after_accept", step="submit", times=None))
        for _ in range(2):
            end = await render_plain(path, tmp_path / "out", sandbox_accounts(sandbox))
            [row] = end.rows
            assert row.submitted_at is not None
            name = row.next_action.partition("--adopt ")[2].partition("=JOB_ID`")[0]
            assert f"longtake reconcile --output {tmp_path / 'out'} --adopt {name}=JOB_ID`" in row.next_action
            assert "evolink/default, seedance-2.0-mini-text-to-video, submitted 20" in row.next_action
        sandbox.faults.clear()
        [first] = [one.job_id for one in sandbox.jobs()][:1]
        ledger = Ledger(open_store(str(tmp_path / "out")))
        settle(ledger, Decisions(adopt={name: first}))

    asyncio.run(main())
    assert sandbox.bill.count() == variants
