"""What a run does about each shot: buys, follows, leaves; by what was submitted, the ledger's records and the slots."""

from __future__ import annotations

import asyncio
import errno
import time
from types import SimpleNamespace

import pytest

from longtake.accounts.hosting import Hosting
from longtake.domain.errors import (
    AccountOnBrakeError,
    BudgetExceededError,
    JobFailedError,
    RejectedRequestError,
    StillRunningError,
    UnfitClipError,
    UnknownOutcomeError,
    VendorAccountError,
)
from longtake.domain.events import RunEvent
from longtake.domain.identity import WrittenRow, attempt_identity
from longtake.domain.job import JobSnapshot, JobStatus
from longtake.domain.request import ShotRequest
from longtake.domain.verdicts import Verdict
from longtake.domain.violations import refusal
from longtake.files.directory import DirectoryStore
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import Claim, ClipRecord, Intent, State, Terminal, VerdictRecord, attempts_in
from longtake.manifests.schema import ManifestRow
from longtake.media.checking.policy import DriftLimits
from longtake.planning.options import RenderOptions
from longtake.planning.plan import Plan, Shot
from longtake.rendering import run as running
from longtake.rendering.run import RESUMED_FIRST, Run, Steps
from longtake.vendors import adapter_named
from tests.unit.bought import ACCOUNT, accepted, clip, intent, job, quiet_session, until

ADAPTER = adapter_named("evolink")
REQUEST = ShotRequest(prompt="a cat")
GONE = clip(key="ledger/gone/clip.mp4")


def shot(number=1, reel="reel", parent=None, variants=1, **more) -> Shot:
    written = WrittenRow(continue_from="clip" if parent else None)
    row = ManifestRow(row=number, reel=reel, shot=str(number), lone=False, written=written, variants=variants)
    known = {"identity": f"1-{reel}-{number}", "model": ADAPTER.model_for(REQUEST), "now": time.time()} | more
    return Shot(row, 1, 0, "evolink", REQUEST, parent=parent, **known)


class World:
    """A vendor, an output and a run over some shots, with all that was asked of them."""

    def __init__(self, folder) -> None:
        self.ledger = Ledger(DirectoryStore(folder))
        self.session = quiet_session("old", adapter=ADAPTER, client=SimpleNamespace(look=self.look))
        self.resources = SimpleNamespace(
            sessions={ACCOUNT: self.session}, session=self.open_session, workers=None, signing=None
        )
        self.submitted: list[str] = []
        self.slots_of_orders: list[str] = []
        self.followed: list[tuple[str, bool]] = []
        self.fetched: list[tuple[str, str | None]] = []
        self.events: list[tuple[str, str, str]] = []
        self.ended: list[str] = []
        self.beside: list[list[str]] = []
        self.refuses = {}
        self.fails = {}
        self.loses = {}
        self.orders = []

    async def look(self, job_id):
        return JobSnapshot(status=JobStatus.SUCCEEDED, video_url="http://v/looked")

    async def open_session(self, name):
        assert name == ACCOUNT
        return self.session

    async def submit(self, order):
        self.submitted.append(order.identity)
        self.orders.append(order)
        if (error := self.refuses.get(order.identity)) is not None:
            raise error() if callable(error) else error
        self.ledger.intend(intent(order.identity, shot_id=order.shot_id))
        self.ledger.add(accepted(order.identity, job_id=f"job {order.identity}", shot_id=order.shot_id))
        return self.ledger.purchase(order.identity).accepted.job

    async def await_job(self, followed, taken_up):
        self.followed.append((followed.identity, taken_up))
        if (error := self.fails.get(followed.identity)) is not None:
            await until(lambda: not taken_up or self.session.slots.kept)
            await asyncio.sleep(0.05 if taken_up else 0)
            raise error() if callable(error) else error
        return JobSnapshot(status=JobStatus.SUCCEEDED, video_url=f"http://v/{followed.identity}")

    async def download(self, fetched, link):
        self.fetched.append((fetched.identity, link))
        if (error := self.loses.get(fetched.identity)) is not None:
            raise error() if callable(error) else error
        return clip(key=f"ledger/{fetched.identity}/clip.mp4")

    async def run(self, *shots, **options) -> list:
        run = self.make(*shots, **options)
        await asyncio.wait_for(run.finish(self.with_reel), 10)
        return [run.results[one].result() for one in shots]

    async def with_reel(self, shots):
        self.beside.append([one.shot_id for one in shots])

    def make(self, *shots, held=None, **options) -> Run:
        for one in shots:
            one.attempts = attempts_in(one.identity, self.ledger.load())
        return Run(
            Plan(list(shots), []),
            ledger=self.ledger,
            resources=self.resources,
            hosting=Hosting(),
            steps=Steps(self.submit, self.await_job, self.download),
            options=RenderOptions(manifest="m.csv", output="/out", run="run-7", **options),
            held=held,
            on_event=lambda event, of, words: self.events.append((event, of.shot_id, words)),
            on_end=lambda result: self.ended.append(result.shot.shot_id),
        )

    def write(self, *records) -> None:
        for record in records:
            if isinstance(record, Intent):
                self.ledger.intend(record)
            else:
                self.ledger.add(record)

    def verdict(self, identity, verdict=Verdict.FAILED, **more) -> None:
        self.ledger.add(VerdictRecord(identity=identity, verdict=verdict, **more))


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def failed_at_the_vendor(world, identity, **more):
    """A job that fails, and whose end is written down before it is told, as `await_end` does."""

    def end():
        world.verdict(identity, evidence="it failed", **more)
        return JobFailedError("it failed")

    world.fails[identity] = end


async def test_a_new_shot_is_bought_followed_and_fetched_once_and_its_slot_given_back(world):
    (result,) = await world.run(shot())
    assert world.submitted == ["1-reel-1"]
    assert world.followed == [("1-reel-1", False)]
    assert world.fetched == [("1-reel-1", "http://v/1-reel-1")]
    assert (result.is_done, result.job.job_id, result.clip.key) == (True, "job 1-reel-1", "ledger/1-reel-1/clip.mp4")
    assert result.snapshot.video_url == "http://v/1-reel-1"
    assert abs(time.time() - result.finished_at) < 60
    assert (world.session.slots.kept, world.session.slots.given) == ([("new", 60.0)], ["new"])
    assert [event for event, _, _ in world.events] == [
        RunEvent.QUEUED,
        RunEvent.BOUGHT,
        RunEvent.FINISHED,
        RunEvent.DONE,
    ]
    assert (RunEvent.BOUGHT, "reel/1", "job job 1-reel-1") in world.events
    assert (world.ended, world.beside) == (["reel/1"], [["reel/1"]])
    (order,) = world.orders
    assert (order.run, order.output, order.slot, order.attempt, order.account) == ("run-7", "/out", "new", 1, ACCOUNT)


async def test_a_failure_that_may_pass_is_bought_again_as_long_as_attempts_are_left(world):
    for identity in ("1-reel-1", "1-reel-1-2", "1-reel-1-3"):
        failed_at_the_vendor(world, identity, again=True)
    (result,) = await world.run(shot(), max_attempts=2)
    assert len(world.submitted) == 2
    assert result.outcome.verdict is Verdict.FAILED
    assert [order.attempt for order in world.orders] == [1, 2]
    assert world.session.slots.given == ["new", "new"]


async def test_a_failure_that_may_pass_is_bought_once_where_one_attempt_is_allowed(world):
    failed_at_the_vendor(world, "1-reel-1", again=True)
    (result,) = await world.run(shot())
    assert (len(world.submitted), result.outcome.verdict) == (1, Verdict.FAILED)


async def test_a_failure_for_good_is_not_bought_again(world):
    failed_at_the_vendor(world, "1-reel-1", again=False)
    (result,) = await world.run(shot(), max_attempts=5)
    assert (len(world.submitted), result.outcome.verdict) == (1, Verdict.FAILED)


async def test_a_second_attempt_that_brings_the_clip_makes_the_row_done(world):
    failed_at_the_vendor(world, "1-reel-1", again=True)
    (result,) = await world.run(shot(), max_attempts=2)
    assert (len(world.submitted), result.is_done) == (2, True)
    assert ("done", "reel/1", "done") in world.events


async def test_what_a_person_resubmitted_is_bought_again_beyond_the_attempts(world):
    world.write(intent("1-reel-1"))
    world.verdict("1-reel-1", Verdict.UNKNOWN_OUTCOME, resubmitted=True)
    (result,) = await world.run(shot())
    assert (len(world.submitted), result.is_done) == (1, True)
    assert world.submitted != ["1-reel-1"]


async def test_an_unknown_outcome_is_held_unless_a_person_says_otherwise(world):
    tried = intent("1-reel-1")
    world.write(tried)
    world.ledger.unknown(tried, "the line went dead")
    (result,) = await world.run(shot())
    assert (world.submitted, result.outcome.verdict) == ([], Verdict.UNKNOWN_OUTCOME)
    assert world.ledger.purchase("1-reel-1").verdict is None
    (result,) = await world.run(shot(), on_unknown="resubmit")
    assert (len(world.submitted), result.is_done) == (1, True)
    kept = world.ledger.purchase("1-reel-1").verdict
    assert (kept.verdict, kept.resubmitted) == (Verdict.UNKNOWN_OUTCOME, True)
    assert "the line went dead" in kept.evidence


@pytest.mark.parametrize("variants", [1, 2])
@pytest.mark.parametrize("attempts", [1, 2, 4])
async def test_an_unknown_outcome_tells_what_to_type_for_the_latest_attempt(world, attempts, variants):
    names = [attempt_identity("1-reel-1", number) for number in range(1, attempts + 1)]
    for name in names[:-1]:
        world.write(intent(name, wire_model="older"))
        world.verdict(name, again=True)
    planned = shot(variants=variants)
    run = world.make(planned, max_attempts=9)  # planned before the last attempt was made
    tried = intent(names[-1], wire_model="latest")
    world.write(tried)
    world.ledger.unknown(tried, "cut")
    world.refuses[names[-1]] = UnknownOutcomeError("cut")
    await asyncio.wait_for(run.finish(world.with_reel), 10)
    outcome = run.results[planned].result().outcome
    assert outcome.verdict is Verdict.UNKNOWN_OUTCOME
    name = "reel/1" if variants == 1 else f"reel/1@{names[-1]}"
    assert f"longtake reconcile --output /out --adopt {name}=JOB_ID" in outcome.advice
    assert "latest" in outcome.advice


async def test_other_outcomes_tell_nothing_to_type(world):
    world.refuses["1-reel-1"] = RejectedRequestError("no")
    (result,) = await world.run(shot())
    assert result.outcome.advice == ""


@pytest.mark.parametrize("on_unknown", ["hold", "resubmit"])
async def test_unreadable_records_are_held_whatever_is_said_of_unknown_outcomes(world, on_unknown):
    world.ledger.store.create("ledger/1-reel-1/accepted.json", b"{")
    (result,) = await world.run(shot(), on_unknown=on_unknown, max_attempts=3)
    assert (world.submitted, result.outcome.verdict) == ([], Verdict.UNKNOWN_OUTCOME)
    assert "accepted.json" in result.outcome.evidence
    assert world.ledger.purchase("1-reel-1").verdict is None


async def test_a_word_to_resubmit_does_not_speak_of_this_run_s_own_unknown_outcomes(world):
    async def lost(order):
        world.submitted.append(order.identity)
        tried = intent(order.identity)
        world.ledger.intend(tried)
        world.ledger.unknown(tried, "cut")
        raise UnknownOutcomeError("cut")

    world.submit = lost
    (result,) = await world.run(shot(), on_unknown="resubmit", max_attempts=9)
    assert (len(world.submitted), result.outcome.verdict) == (1, Verdict.UNKNOWN_OUTCOME)


async def test_a_failure_is_not_taken_for_an_unknown_outcome_that_may_be_resubmitted(world):
    failed_at_the_vendor(world, "1-reel-1", again=False)
    await world.run(shot(), on_unknown="resubmit", max_attempts=1)
    assert len(world.submitted) == 1
    assert not world.ledger.purchase("1-reel-1").verdict.resubmitted


async def test_a_clip_that_is_here_is_neither_bought_nor_asked_for(world):
    world.write(intent("1-reel-1"), accepted("1-reel-1"))
    world.ledger.store.write("ledger/1-reel-1/clip.mp4", b"x")
    sha = world.ledger.store.sha256("ledger/1-reel-1/clip.mp4")
    here = clip(key="ledger/1-reel-1/clip.mp4", sha256=sha)
    world.write(ClipRecord(identity="1-reel-1", clip=here, at=1234.0))
    (result,) = await world.run(shot())
    assert (result.is_done, result.clip, result.job.job_id, result.finished_at) == (True, here, "j1", 1234.0)
    assert (world.submitted, world.followed, world.fetched) == ([], [], [])


async def test_a_clip_whose_file_is_gone_is_fetched_again_and_not_bought(world):
    world.write(intent("1-reel-1"), accepted("1-reel-1"))
    world.write(ClipRecord(identity="1-reel-1", clip=GONE, at=1234.0))
    (result,) = await world.run(shot())
    assert (world.submitted, world.fetched) == ([], [("1-reel-1", None)])
    assert (result.is_done, result.clip.key, result.finished_at) == (True, "ledger/1-reel-1/clip.mp4", 1234.0)
    assert result.job.job_id == "j1"


async def test_a_clip_whose_file_and_job_are_gone_is_not_bought(world):
    world.write(intent("1-reel-1"), ClipRecord(identity="1-reel-1", clip=GONE))
    (result,) = await world.run(shot())
    assert (world.submitted, world.fetched, result.is_done) == ([], [], False)
    assert "the clip is not there" in result.outcome.evidence


@pytest.mark.parametrize("with_job", [True, False])
async def test_what_is_over_keeps_its_verdict_and_is_not_bought(world, with_job):
    world.write(intent("1-reel-1"), *([accepted("1-reel-1")] if with_job else []))
    world.verdict("1-reel-1", Verdict.CONTENT_REFUSED, evidence="unsafe")
    (result,) = await world.run(shot())
    assert (result.outcome.verdict, result.outcome.evidence) == (Verdict.CONTENT_REFUSED, "unsafe")
    assert (result.job.job_id if result.job else None) == ("j1" if with_job else None)
    assert world.submitted == []
    assert (RunEvent.ENDED, "reel/1", "unsafe") in world.events


async def test_a_job_in_flight_is_followed_in_its_old_slot_and_not_bought(world):
    world.write(intent("1-reel-1", slot="old"), accepted("1-reel-1"))
    (result,) = await world.run(shot())
    assert (world.submitted, world.followed) == ([], [("1-reel-1", True)])
    assert world.fetched == [("1-reel-1", "http://v/1-reel-1")]
    assert result.is_done
    assert world.session.slots.asked == []
    assert (RunEvent.RESUMED, "reel/1", "job j1") in world.events


async def test_a_job_in_flight_whose_slot_is_gone_waits_for_one_before_all_that_is_new(world):
    world.write(intent("1-reel-1", slot="lost"), accepted("1-reel-1"))
    world.fails["1-reel-1"] = JobFailedError("no")
    await world.run(shot())
    assert world.session.slots.asked == [RESUMED_FIRST]
    assert RESUMED_FIRST < 0
    assert {claim.run for claim in world.ledger.purchase("1-reel-1").claims.values()} == {"run-7"}
    assert world.session.slots.given == ["new"]


@pytest.mark.parametrize("error", [JobFailedError("no"), RuntimeError("a fault of ours"), OSError("a disk")])
async def test_the_slot_of_a_job_that_ended_badly_is_given_back(world, error):
    world.fails["1-reel-1"] = error
    await world.run(shot())
    assert world.session.slots.given == ["new"]


@pytest.mark.parametrize("error", [JobFailedError("no"), RuntimeError("a fault of ours"), OSError("a disk")])
async def test_the_slot_of_a_resumed_job_that_ended_badly_is_given_back(world, error):
    world.fails["1-reel-1"] = error
    world.write(intent("1-reel-1", slot="old"), accepted("1-reel-1"))
    await world.run(shot())
    assert world.session.slots.given == ["old"]


async def test_the_slot_of_a_job_that_runs_on_stays_taken(world):
    error = StillRunningError("no end yet")
    world.fails |= {"1-reel-1": error, "1-reel-2": error}
    world.write(intent("1-reel-2", slot="old"), accepted("1-reel-2"))
    results = await world.run(shot(), shot(2))
    assert world.session.slots.given == []
    assert [result.outcome.verdict for result in results] == [Verdict.STILL_RUNNING] * 2
    assert [result.cause for result in results] == [error, error]


async def test_a_fault_of_ours_while_a_job_is_followed_leaves_it_still_running(world):
    world.fails["1-reel-1"] = RuntimeError("a fault of ours")
    (result,) = await world.run(shot(), max_attempts=3)
    assert (result.outcome.verdict, result.job.job_id) == (Verdict.STILL_RUNNING, "job 1-reel-1")
    assert "RuntimeError: a fault of ours" in result.outcome.evidence
    assert len(world.submitted) == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("odd"), "RuntimeError: odd"),
        (OSError(errno.ENOSPC, "No space left on device"), "our machine: No space left"),
        (MemoryError(), "our machine: out of memory"),
    ],
)
async def test_a_fault_of_ours_before_anything_was_sent_is_not_started_and_ends_one_row_alone(world, error, words):
    world.refuses["1-reel-1"] = error
    first, second = await world.run(shot(), shot(2))
    assert (first.outcome.verdict, second.is_done) == (Verdict.NOT_STARTED, True)
    assert words in first.outcome.evidence


async def test_a_submit_that_may_have_arrived_is_an_unknown_outcome_whatever_was_raised(world):
    async def broken(order):
        world.ledger.intend(intent(order.identity))
        raise RuntimeError("lost between the answer and the ledger")

    world.submit = broken
    (result,) = await world.run(shot(), max_attempts=3)
    assert result.outcome.verdict is Verdict.UNKNOWN_OUTCOME
    assert "lost between" in result.outcome.evidence


async def test_where_the_ledger_cannot_be_asked_a_sent_order_is_unknown_and_another_is_not(world, monkeypatch):
    ask = world.ledger.purchase

    def away(identity):
        if "1-reel-1" in world.submitted or "1-reel-2" in world.followed:
            raise OSError("the store is away")
        return ask(identity)

    monkeypatch.setattr(world.ledger, "purchase", away)
    world.refuses["1-reel-1"] = RejectedRequestError("no")
    (result,) = await world.run(shot())
    assert result.outcome.verdict is Verdict.UNKNOWN_OUTCOME
    assert "the store is away" in result.outcome.evidence


async def test_where_the_ledger_cannot_be_asked_what_was_never_sent_is_not_unknown(world, monkeypatch):
    def away(identity):
        raise OSError("the store is away")

    monkeypatch.setattr(world.ledger, "purchase", away)
    world.session.trouble = VendorAccountError("no such key")
    (result,) = await world.run(shot())
    assert result.outcome.verdict is Verdict.HELD
    assert result.cause is world.session.trouble


async def test_whether_another_attempt_may_follow_is_not_needed_for_a_result(world, monkeypatch):
    failed_at_the_vendor(world, "1-reel-1", again=True)
    ask, calls = world.ledger.purchase, []

    def breaks(identity):
        if world.ended or (world.followed and ask(identity).verdict is not None):
            calls.append(identity)
            raise OSError("the store is away")
        return ask(identity)

    monkeypatch.setattr(world.ledger, "purchase", breaks)
    (result,) = await world.run(shot(), max_attempts=3)
    assert (result.outcome.verdict, len(world.submitted)) == (Verdict.FAILED, 1)
    assert calls


async def test_a_refused_row_is_not_bought_and_a_warned_one_is(world):
    broken = refusal("prompt", "x", "too long", "shorten it")
    warned = broken.model_copy(update={"warning": True, "rule": "a warning"})
    first, second = await world.run(shot(violations=[warned, broken]), shot(2, violations=[warned]))
    assert (first.outcome.verdict, second.is_done) == (Verdict.REFUSED, True)
    assert world.submitted == ["1-reel-2"]
    assert list(first.cause.violations) == [broken]


async def test_a_reel_that_the_budget_does_not_admit_is_held_with_the_reason(world):
    held, other = await world.run(shot(), shot(1, reel="other"), held={"reel": "0.10 USD are left"})
    assert (held.outcome.verdict, held.outcome.evidence) == (Verdict.HELD, "0.10 USD are left")
    assert isinstance(held.cause, BudgetExceededError)
    assert "0.10 USD" in str(held.cause)
    assert other.is_done
    assert world.submitted == ["1-other-1"]


async def test_a_job_in_flight_of_a_held_reel_is_brought_home_all_the_same(world):
    world.write(intent("1-reel-1"), accepted("1-reel-1"))
    (result,) = await world.run(shot(), held={"reel": "no money"})
    assert result.is_done


async def test_reels_that_are_held_take_no_place_of_the_limit(world):
    held, other = await world.run(shot(), shot(1, reel="other"), held={"reel": "no money"}, limit=1)
    assert (held.outcome.verdict, other.is_done) == (Verdict.HELD, True)


async def test_shots_beyond_the_limit_are_left_to_the_next_run(world):
    results = await world.run(*(shot(number, reel=f"r{number}") for number in range(1, 5)), limit=2)
    assert world.submitted == ["1-r1-1", "1-r2-2"]
    assert [result.beyond_limit for result in results] == [False, False, True, True]
    assert [result.outcome.verdict for result in results[2:]] == [Verdict.NOT_STARTED] * 2
    assert [event for event, *_ in world.events].count(RunEvent.BEYOND) == 2
    assert (RunEvent.BEYOND, "r3/3", "it lies beyond the run's --limit") in world.events


async def test_what_is_in_flight_uses_no_place_of_the_limit(world):
    world.write(intent("1-reel-1"), accepted("1-reel-1"))
    results = await world.run(shot(), shot(2), limit=1)
    assert [result.is_done for result in results] == [True, True]


async def test_a_place_that_was_not_used_goes_to_the_next_in_line(world):
    world.refuses["1-reel-1"] = RejectedRequestError("no")
    results = await world.run(shot(), shot(2), shot(3), limit=1)
    assert [result.outcome.verdict for result in results] == [Verdict.REFUSED, Verdict.DONE, Verdict.NOT_STARTED]


async def test_a_chain_is_bought_in_order_and_goes_on_from_its_parent(world):
    first = shot()
    second = shot(2, parent=first)
    results = await world.run(first, second)
    assert world.submitted == ["1-reel-1", "1-reel-2"]
    assert [result.is_done for result in results] == [True, True]
    assert [one.url for one in world.orders[1].request.references] == ["http://v/1-reel-1"]


async def test_a_chain_ends_where_a_link_of_it_failed(world):
    failed_at_the_vendor(world, "1-reel-1")
    first = shot()
    second = shot(2, parent=first)
    third = shot(3, parent=second)
    results = await world.run(first, second, third)
    assert world.submitted == ["1-reel-1"]
    assert [result.outcome.verdict for result in results] == [Verdict.FAILED, Verdict.BLOCKED, Verdict.BLOCKED]
    assert results[1].outcome.evidence == "reel/1 is failed"


async def test_a_chain_behind_the_limit_is_left_as_a_whole(world):
    lone = shot(1, reel="lone")
    first = shot()
    second = shot(2, parent=first)
    results = await world.run(lone, first, second, limit=1)
    assert [result.beyond_limit for result in results] == [False, True, True]


async def chain_of_three(world, monkeypatch, words, limits):
    asked = []

    async def drift(first, last, given, ledger, workers):
        asked.append((first.key, last.key, given))
        return words

    monkeypatch.setattr(running, "drift_words", drift)
    first = shot()
    second = shot(2, parent=first)
    third = shot(3, parent=second)
    return await world.run(first, second, third, drift_limits=limits), asked


async def test_a_chain_that_has_drifted_is_held_before_its_next_shot(world, monkeypatch):
    limits = DriftLimits()
    results, asked = await chain_of_three(world, monkeypatch, "it is darker", limits)
    assert world.submitted == ["1-reel-1", "1-reel-2"]
    assert results[2].outcome.verdict is Verdict.HELD
    assert results[2].outcome.evidence == "reel/2 has drifted from reel/1: it is darker"
    assert asked == [("ledger/1-reel-1/clip.mp4", "ledger/1-reel-2/clip.mp4", limits)]


async def test_a_chain_that_has_not_drifted_goes_on(world, monkeypatch):
    results, asked = await chain_of_three(world, monkeypatch, "", DriftLimits())
    assert (len(asked), [result.is_done for result in results]) == (1, [True] * 3)


async def test_drift_without_limits_is_not_looked_at(world, monkeypatch):
    results, asked = await chain_of_three(world, monkeypatch, "it is darker", None)
    assert (asked, [result.is_done for result in results]) == ([], [True] * 3)


async def test_an_account_that_brings_nothing_is_braked(world):
    for number in range(1, 5):
        failed_at_the_vendor(world, f"1-r{number}-{number}")
    results = await world.run(*(shot(number, reel=f"r{number}") for number in range(1, 5)), brake=2)
    assert len(world.submitted) >= 2
    assert isinstance(world.session.trouble, AccountOnBrakeError)
    later = await world.run(shot(9))
    assert (later[0].outcome.verdict, "1-reel-9" in world.submitted) == (Verdict.HELD, False)
    assert results[0].outcome.verdict is Verdict.FAILED


async def test_what_put_an_account_on_hold_first_stays_the_reason(world):
    trouble = VendorAccountError("no such key")

    def end():
        world.session.trouble = trouble
        world.verdict("1-reel-1", evidence="no")
        return JobFailedError("no")

    world.fails["1-reel-1"] = end
    await world.run(shot(), brake=1)
    assert world.session.trouble is trouble


async def test_jobs_of_an_earlier_run_do_not_count_for_the_brake(world):
    world.write(intent("1-reel-1"), accepted("1-reel-1"))
    failed_at_the_vendor(world, "1-reel-1")
    await world.run(shot(), brake=1)
    assert world.session.trouble is None


async def test_a_clip_that_did_not_come_counts_for_the_brake(world):
    def end():
        world.verdict("1-reel-1", Verdict.BAD_CLIP, evidence="black")
        return UnfitClipError("black")

    world.loses["1-reel-1"] = end
    (result,) = await world.run(shot(), brake=1)
    assert result.outcome.verdict is Verdict.BAD_CLIP
    assert isinstance(world.session.trouble, AccountOnBrakeError)


async def test_a_try_that_another_run_has_under_way_is_waited_for_before_a_slot_is_taken(world, monkeypatch):
    world.write(intent("1-reel-1"))
    waited = []

    async def wait(identity, ledger):
        waited.append((identity, list(world.session.slots.asked)))
        ledger.add(accepted(identity, job_id="theirs"))

    monkeypatch.setattr(running, "wait_for_other_run", wait)
    (result,) = await world.run(shot())
    assert waited == [("1-reel-1", [])]
    assert (world.submitted, world.followed) == ([], [("1-reel-1", True)])
    assert (result.is_done, result.job.job_id) == (True, "theirs")


async def test_a_try_of_another_run_that_came_to_nothing_is_made_anew(world, monkeypatch):
    tried = intent("1-reel-1")
    world.write(tried)

    async def wait(identity, ledger):
        ledger.void(tried, "429")

    monkeypatch.setattr(running, "wait_for_other_run", wait)

    async def submit(order):
        world.submitted.append(order.identity)
        world.ledger.intend(intent(order.identity, number=2))
        world.ledger.add(accepted(order.identity))
        return job(order.identity)

    world.submit = submit
    (result,) = await world.run(shot())
    assert (world.submitted, result.is_done) == (["1-reel-1"], True)


async def test_a_try_of_another_run_that_stays_unanswered_is_an_unknown_outcome(world, monkeypatch):
    tried = intent("1-reel-1")
    world.write(tried)

    async def wait(identity, ledger):
        ledger.unknown(tried, "killed")

    monkeypatch.setattr(running, "wait_for_other_run", wait)
    (result,) = await world.run(shot())
    assert (world.submitted, result.outcome.verdict) == ([], Verdict.UNKNOWN_OUTCOME)


async def test_a_rejected_order_frees_its_slot_and_says_refused(world):
    world.refuses["1-reel-1"] = RejectedRequestError("bad prompt")
    (result,) = await world.run(shot())
    assert result.outcome.verdict is Verdict.REFUSED
    assert "bad prompt" in result.outcome.evidence
    assert world.session.slots.given == ["new"]


async def test_an_unknown_outcome_of_a_submit_is_told_and_not_tried_again(world):
    world.refuses["1-reel-1"] = UnknownOutcomeError("cut")
    (result,) = await world.run(shot(), max_attempts=3)
    assert (result.outcome.verdict, len(world.submitted)) == (Verdict.UNKNOWN_OUTCOME, 1)


async def test_a_run_that_is_cancelled_leaves_its_jobs_slots_taken_and_its_results_open(world):
    async def runs_on(followed, taken_up):
        world.followed.append((followed.identity, taken_up))
        await asyncio.sleep(60)

    world.await_job = runs_on
    world.write(intent("1-reel-2", slot="old"), accepted("1-reel-2"))
    shots = [shot(), shot(2)]
    run = world.make(*shots)
    task = asyncio.create_task(run.finish(world.with_reel))
    await until(lambda: not (len(world.followed) < 2 or not world.session.slots.kept))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.session.slots.given == []
    assert all(run.results[one].cancelled() for one in shots)
    assert world.ended == []


async def test_the_slot_of_a_resumed_job_that_another_run_has_claimed_since_is_left_to_it(world):
    world.write(intent("1-reel-1", slot="old"), accepted("1-reel-1"))

    async def claimed_meanwhile(followed, taken_up):
        await until(lambda: world.ledger.purchase("1-reel-1").claims)
        await until(lambda: world.session.slots.kept)
        await asyncio.sleep(0.05)
        world.ledger.add(Claim(identity="1-reel-1", slot="old", run="other"), name="claim-2")
        return JobSnapshot(status=JobStatus.SUCCEEDED, video_url="http://v")

    world.await_job = claimed_meanwhile
    await world.run(shot())
    assert (world.session.slots.given, world.session.slots.forgotten) == ([], ["old"])


async def test_a_job_of_an_older_attempt_is_followed_under_its_own_identity(world):
    world.write(intent("1-reel-1"), accepted("1-reel-1"))
    world.verdict("1-reel-1", again=True)
    second = attempt_identity("1-reel-1", 2)
    world.write(intent(second), accepted(second, job_id="second"))
    (result,) = await world.run(shot(), max_attempts=2)
    assert (world.followed, world.submitted) == ([(second, True)], [])
    assert result.job.job_id == "second"


async def test_a_finished_job_is_fetched_by_its_own_end(world):
    world.write(intent("1-reel-1"), accepted("1-reel-1"))
    world.write(Terminal(identity="1-reel-1", status=JobStatus.SUCCEEDED))
    (result,) = await world.run(shot())
    assert (result.is_done, world.submitted) == (True, [])
    assert world.ledger.purchase("1-reel-1").state(time.time()) is State.FINISHED


async def test_shots_of_one_priority_line_are_asked_for_in_manifest_order(world):
    shots = [shot(1, reel="a"), shot(2, reel="a"), shot(1, reel="b")]
    run = world.make(*shots)
    await asyncio.wait_for(run.finish(world.with_reel), 10)
    # Which is submitted first is up to the slots, which serve the lowest number first; here each has one at once.
    assert sorted(world.session.slots.asked) == [run._order[one] for one in shots] == [0, 1, 2]
    assert sorted(world.submitted) == ["1-a-1", "1-a-2", "1-b-1"]
