"""The poller over breaks, jumps of the clock and absurd figures: new jobs are noticed soon, and waiting is told."""

from __future__ import annotations

import asyncio

import pytest

from longtake.accounts.poll_schedule import LATEST_FIRST_LOOK_SECONDS, PollSchedule
from longtake.accounts.polling import LONGEST_QUIET_SECONDS, Poller
from longtake.domain.errors import RateLimitedError, VendorUnavailableError
from longtake.domain.job import JobSnapshot, JobStatus
from tests.jumping import JumpingLoop

RUNNING = JobSnapshot(status=JobStatus.RUNNING)
DONE = JobSnapshot(status=JobStatus.SUCCEEDED, video_url="https://media.test/a.mp4")


class Vendor:
    """Jobs that end at moments of the loop's time; a wall clock that can be set."""

    def __init__(self) -> None:
        self.ends: dict[str, float] = {}
        self.set_by = 0.0
        self.trouble: Exception | None = None

    def wall(self) -> float:
        return 1.7e9 + asyncio.get_running_loop().time() + self.set_by

    async def look(self, job_id: str) -> JobSnapshot:
        await asyncio.sleep(0.1)
        if self.trouble is not None:
            raise self.trouble
        return DONE if asyncio.get_running_loop().time() >= self.ends[job_id] else RUNNING

    def poller(self, gap: float = 2.0, max_wait_seconds: float = 3600) -> Poller:
        return Poller(
            self.look,
            lambda error: False,
            shortest_gap_seconds=gap,
            max_wait_seconds=max_wait_seconds,
            clock=self.wall,
        )

    async def late(self, poller: Poller, job_id: str, seconds: float, **wait) -> float:
        """How long after its end a job of so many seconds is noticed."""
        self.ends[job_id] = asyncio.get_running_loop().time() + seconds
        await poller.wait(job_id, submitted_at=self.wall(), **wait)
        return asyncio.get_running_loop().time() - self.ends[job_id]


def simulated(main) -> None:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(main(Vendor()))


@pytest.mark.parametrize("break_seconds", [90.0, 86_400.0])
def test_jobs_taken_up_after_a_break_do_not_delay_the_first_look_at_new_ones(break_seconds):
    async def main(vendor: Vendor) -> None:
        poller = vendor.poller()
        vendor.ends = dict.fromkeys("abcde", 0.0)
        taken_up = [
            poller.wait(job_id, submitted_at=vendor.wall() - break_seconds, first_look_now=True)
            for job_id in vendor.ends
        ]
        await asyncio.gather(*taken_up)
        for number in range(6):
            assert await vendor.late(poller, f"new-{number}", 30.0) < 10
        await poller.close()

    simulated(main)


def test_a_job_noticed_late_for_the_vendors_troubles_teaches_nothing():
    async def main(vendor: Vendor) -> None:
        poller = vendor.poller()
        waits = [asyncio.create_task(vendor.late(poller, f"old-{number}", 20.0)) for number in range(4)]
        await asyncio.sleep(1)
        vendor.trouble = VendorUnavailableError("down", "", 503)
        await asyncio.sleep(1800)
        vendor.trouble = None
        await asyncio.gather(*waits)
        assert await vendor.late(poller, "new", 20.0) < 10
        await poller.close()

    simulated(main)


@pytest.mark.parametrize("ages", [[20.0] * 3 + [90_000.0] * 7, [90_000.0] * 50])
def test_absurd_ages_cannot_move_the_first_look_beyond_sense(ages):
    schedule = PollSchedule(2.0)
    for age in ages:
        schedule.learn(age)
    assert schedule.first_look(None) <= LATEST_FIRST_LOOK_SECONDS


@pytest.mark.parametrize("estimated_seconds", [86_400.0, 1e300])
def test_a_huge_estimate_is_bounded_and_told(estimated_seconds, caplog):
    async def main(vendor: Vendor) -> None:
        poller = vendor.poller()
        assert await vendor.late(poller, "j", 200.0, estimated_seconds=estimated_seconds) <= LATEST_FIRST_LOOK_SECONDS
        await poller.close()

    simulated(main)
    assert "estimates" in caplog.text


@pytest.mark.parametrize("seconds", [86_400.0, float("inf")])
def test_a_huge_pause_that_a_vendor_asks_for_is_bounded_and_told(seconds, caplog):
    async def main(vendor: Vendor) -> None:
        poller = vendor.poller()
        vendor.trouble = RateLimitedError("come back tomorrow", "", 429, seconds)
        waiting = asyncio.create_task(vendor.late(poller, "j", 20.0))
        await asyncio.sleep(5)
        vendor.trouble = None
        assert await waiting <= LONGEST_QUIET_SECONDS
        await poller.close()

    simulated(main)
    assert "without a look" in caplog.text


@pytest.mark.parametrize("set_by", [-86_400.0, -3600.0, 3600.0, 86_400.0])
def test_a_clock_that_is_set_in_mid_run_holds_up_no_look_and_teaches_nothing(set_by):
    async def main(vendor: Vendor) -> None:
        poller = vendor.poller()
        waits = [asyncio.create_task(vendor.late(poller, f"old-{number}", 30.0)) for number in range(4)]
        await asyncio.sleep(5)
        vendor.set_by = set_by
        assert max(await asyncio.gather(*waits)) < 10
        assert await vendor.late(poller, "new", 30.0) < 10
        assert await vendor.late(poller, "newer", 30.0) < 10
        # Set between the submit and the wait.
        vendor.ends["between"] = asyncio.get_running_loop().time() + 30
        await poller.wait("between", submitted_at=vendor.wall() - set_by)
        assert asyncio.get_running_loop().time() - vendor.ends["between"] < 65
        assert await vendor.late(poller, "last", 30.0) < 10
        await poller.close()

    simulated(main)


def test_a_job_that_is_waited_for_long_is_told_with_until_when(caplog):
    async def main(vendor: Vendor) -> None:
        poller = vendor.poller()
        await vendor.late(poller, "long", 2500.0)
        await poller.close()

    simulated(main)
    told = [record.message for record in caplog.records if "has not ended" in record.message]
    assert 2 <= len(told) <= 3
    assert "job long has not ended after" in told[0]
    assert "waited for" in told[0]
