"""The poller: when it looks, what it believes, when it stops."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest

from longtake.accounts import polling
from longtake.accounts.poll_schedule import PollSchedule
from longtake.accounts.polling import BARE_SUCCESS_LOOKS, LOST_AFTER_LOOKS, Poller
from longtake.domain.errors import (
    AuthenticationError,
    JobLostError,
    RateLimitedError,
    RejectedRequestError,
    StillRunningError,
    VendorUnavailableError,
)
from longtake.domain.job import JobSnapshot, JobStatus
from tests.jumping import jumping, now

RUNNING = JobSnapshot(status=JobStatus.RUNNING)
ALIKE = ("seedance-2.0-mini", "720p 5 text")
DONE = JobSnapshot(status=JobStatus.SUCCEEDED, video_url="https://media.test/a.mp4")


def poller_of(answers, *, max_wait_seconds=5.0, gap=0.01):
    """A poller that is told the answers in turn; the last one repeats."""
    calls: list[str] = []

    async def look(job_id):
        calls.append(job_id)
        answer = answers[min(len(calls), len(answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    poller = Poller(
        look, lambda error: error.http_status == 404, shortest_gap_seconds=gap, max_wait_seconds=max_wait_seconds
    )
    return poller, calls


@jumping
async def test_waiting_ends_with_the_terminal_snapshot():
    poller, calls = poller_of([RUNNING, RUNNING, DONE])
    assert await poller.wait("j", submitted_at=time.time()) == DONE
    assert len(calls) == 3
    await poller.close()


@pytest.mark.parametrize("trouble", [VendorUnavailableError("502", "", 502), RateLimitedError("slow", "", 429, 0.01)])
@jumping
async def test_a_look_that_fails_is_looked_again(trouble):
    poller, _ = poller_of([trouble, trouble, trouble, DONE])
    assert await poller.wait("j", submitted_at=time.time()) == DONE
    await poller.close()


@jumping
async def test_one_lie_about_an_unknown_job_is_not_believed():
    lie = RejectedRequestError("no such task", "", 404)
    poller, _ = poller_of([lie, lie, RUNNING, lie, DONE])
    assert await poller.wait("j", submitted_at=time.time()) == DONE
    await poller.close()


@jumping
async def test_a_job_denied_again_and_again_is_lost():
    poller, calls = poller_of([RejectedRequestError("no such task", "", 404)])
    with pytest.raises(JobLostError):
        await poller.wait("j", submitted_at=time.time())
    assert len(calls) == LOST_AFTER_LOOKS
    await poller.close()


@jumping
async def test_success_without_a_link_is_its_own_error():
    poller, calls = poller_of([JobSnapshot(status=JobStatus.SUCCEEDED)])
    with pytest.raises(JobLostError, match="without a link"):
        await poller.wait("j", submitted_at=time.time())
    assert len(calls) == BARE_SUCCESS_LOOKS
    await poller.close()


@jumping
async def test_an_unknown_word_is_still_running_and_warned_about_once(caplog):
    odd = JobSnapshot(status=JobStatus.RUNNING, word="pondering", known_word=False)
    poller, _ = poller_of([odd, odd, odd, DONE])
    await poller.wait("j", submitted_at=time.time())
    assert caplog.text.count("pondering") == 1
    await poller.close()


@jumping
async def test_waiting_too_long_is_still_running_not_failed():
    poller, _ = poller_of([RUNNING], max_wait_seconds=0.2)
    with pytest.raises(StillRunningError):
        await poller.wait("j", submitted_at=time.time())
    await poller.close()


@jumping
async def test_a_refused_key_ends_the_wait():
    poller, _ = poller_of([AuthenticationError("bad key", "", 401)])
    with pytest.raises(AuthenticationError):
        await poller.wait("j", submitted_at=time.time())
    await poller.close()


@jumping
async def test_one_poller_serves_many_jobs_without_looking_twice_at_one_in_less_than_the_gap():
    looked: dict[str, list[float]] = {}

    async def look(job_id):
        looked.setdefault(job_id, []).append(now())
        return DONE if len(looked[job_id]) == 4 else RUNNING

    poller = Poller(look, lambda error: False, shortest_gap_seconds=0.1, max_wait_seconds=10)
    await asyncio.gather(*(poller.wait(str(n), submitted_at=time.time()) for n in range(20)))
    await poller.close()
    gaps = [later - earlier for times in looked.values() for earlier, later in itertools.pairwise(times)]
    assert min(gaps) >= 0.095


@pytest.mark.parametrize("trouble", ["quiet", "hanging", "listener"])
@jumping
async def test_waiting_ends_whatever_keeps_a_look_from_being_made(monkeypatch, trouble):
    """A slot is held as long as somebody waits: no vendor's word, silence or fault of ours may hold it for ever."""
    monkeypatch.setattr(polling, "LAST_LOOK_SECONDS", 0.2)

    async def look(job_id):
        if trouble == "hanging":
            await asyncio.sleep(3600)
        if trouble == "quiet":
            raise RateLimitedError("come back tomorrow", "", 429, 86_400)
        return RUNNING

    def listener(snapshot):
        if trouble == "listener":
            raise ZeroDivisionError("a fault of the one who listens")

    poller = Poller(look, lambda error: False, shortest_gap_seconds=0.05, max_wait_seconds=0.3)
    with pytest.raises(ZeroDivisionError if trouble == "listener" else StillRunningError):
        await asyncio.wait_for(poller.wait("j", submitted_at=time.time(), on_look=listener), 3)
    await poller.close()


def test_the_first_look_comes_at_the_expected_end():
    schedule = PollSchedule(2.0)
    assert schedule.first_look(None) == 2.0
    assert schedule.first_look(100.0) == 50.0
    for age in (80.0, 90.0, 100.0):
        schedule.learn(age)
    assert 75 <= schedule.first_look(100.0) <= 80


def test_gaps_grow_with_a_jobs_age_and_are_bounded():
    schedule = PollSchedule(2.0)
    assert schedule.gap(10) == 2.0
    assert schedule.gap(100) == 10.0
    assert schedule.gap(1e6) == 60.0


@pytest.mark.parametrize(("ends", "gap"), [(range(60, 301), 17.5), (range(118, 123), 2.4), (range(10, 2000), 15.0)])
def test_looks_are_spread_over_the_time_in_which_jobs_are_known_to_end(ends, gap):
    schedule = PollSchedule(2.0)
    for number in range(50):
        schedule.learn(ends[number * len(ends) // 50])
    assert schedule.gap(180 if len(ends) == 241 else 150 if len(ends) > 241 else 120) == pytest.approx(gap, rel=0.03)


def test_a_job_older_than_any_known_one_is_looked_at_as_if_nothing_were_known():
    schedule = PollSchedule(2.0)
    for age in (80.0, 90.0, 100.0):
        schedule.learn(age)
    assert schedule.gap(200) == PollSchedule(2.0).gap(200) == 20.0


def test_a_job_a_little_later_than_all_before_it_is_looked_at_soon_again():
    schedule = PollSchedule(0.1)
    for _ in range(20):
        schedule.learn(15.0)
    assert schedule.gap(15.1) == pytest.approx(0.302)
    assert schedule.gap(15.6) == pytest.approx(0.6)
    assert schedule.gap(40.0) == pytest.approx(4.0)


def test_what_earlier_runs_saw_spares_the_first_jobs_of_a_run_their_looks():
    """Looks at a job of 100 s, before and after anything was known."""

    def looks(schedule, ends=100.0):
        age, count = schedule.first_look(None, ALIKE), 1
        while age < ends:
            age, count = age + schedule.gap(age, ALIKE), count + 1
        return count, age

    cold, knowing = PollSchedule(1.0), PollSchedule(1.0)
    knowing.remember({ALIKE: [99.0, 101.0, 104.0, 110.0] * 5})
    assert looks(cold)[0] > 25
    assert looks(knowing)[0] <= 8
    assert looks(knowing)[1] <= 103


@pytest.mark.parametrize("ends", [5.0, 30.0, 61.0, 119.0, 190.0])
def test_a_vendor_that_became_quicker_is_noticed_within_a_quarter_of_what_its_jobs_took(ends):
    schedule = PollSchedule(1.0)
    schedule.remember({ALIKE: [200.0] * 20})
    age = schedule.first_look(None, ALIKE)
    while age < ends:
        age += schedule.gap(age, ALIKE)
    assert age - ends <= 50


def test_jobs_of_another_make_up_teach_nothing_once_those_alike_are_known():
    schedule = PollSchedule(1.0)
    for _ in range(3):
        schedule.learn(20.0, ("mini", "480p 4 text"))
        schedule.learn(200.0, ALIKE)
    assert schedule.first_look(None, ALIKE) == pytest.approx(196)
    assert schedule.first_look(None, ("mini", "480p 4 text")) == pytest.approx(19.6)
    assert schedule.first_look(None, ("mini", "1080p 15 text")) == pytest.approx(19.6)


def test_what_this_run_saw_counts_before_what_earlier_ones_did():
    schedule = PollSchedule(1.0)
    schedule.remember({ALIKE: [200.0] * 20})
    for _ in range(3):
        schedule.learn(20.0, ALIKE)
    assert schedule.first_look(None, ALIKE) == pytest.approx(19.6)


def test_two_jobs_of_earlier_runs_are_too_few_to_go_by():
    schedule = PollSchedule(1.0)
    schedule.remember({ALIKE: [200.0, 200.0]})
    assert schedule.first_look(100.0, ALIKE) == 50.0
