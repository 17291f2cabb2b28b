"""How long jobs took, by their records: what may be learned of, and what tells nothing."""

from __future__ import annotations

import pytest

from longtake.domain.job import JobStatus
from longtake.domain.request import Mode, Reference, Role, ShotRequest, make_up_of
from longtake.ledger.job_ages import REMEMBERED, job_ages
from longtake.ledger.records import Claim, Purchase, Terminal
from longtake.planning.forecast import learned_times
from tests.unit.bought import ACCOUNT, accepted


def purchase(number=0, age=60.0, status=JobStatus.SUCCEEDED, make_up="720p 5 text", claims=(), **more):
    identity = f"1-{number}"
    bought = accepted(identity, submitted_at=1000.0 + number, make_up=make_up)
    return Purchase(
        identity=identity,
        accepted=bought.model_copy(update=more),
        terminal=Terminal(identity=identity, status=status, at=1000.0 + number + age),
        claims=dict(enumerate(claims, 1)),
    )


def test_ages_are_told_by_account_and_make_up():
    found = job_ages([purchase(1, 50), purchase(2, 70), purchase(3, 300, make_up="1080p 15 text")])
    assert found == {ACCOUNT: {("m", "720p 5 text"): [50, 70], ("m", "1080p 15 text"): [300]}}


@pytest.mark.parametrize(
    "odd",
    [
        {"status": JobStatus.FAILED},
        {"age": -5.0},
        {"adopted_by": "reconcile --adopt"},
        {"claims": [Claim(identity="1-0", slot="s", run="later")]},
    ],
)
def test_failed_adopted_and_taken_up_jobs_teach_nothing(odd):
    assert job_ages([purchase(**odd)]) == {}


def test_the_last_jobs_count():
    found = job_ages([purchase(number, 60 + number) for number in range(REMEMBERED + 30)])
    assert found[ACCOUNT]["m", "720p 5 text"] == [60 + number for number in range(30, REMEMBERED + 30)]


def test_times_are_learned_by_make_up_where_enough_is_known_of_it():
    bought = [purchase(number, 60) for number in range(4)]
    bought += [purchase(10 + number, 300, make_up="1080p 15 text") for number in range(2)]
    times = learned_times(bought)
    assert set(times) == {(ACCOUNT, "m"), (ACCOUNT, "m", "720p 5 text")}
    assert times[ACCOUNT, "m", "720p 5 text"].high == 60


def test_a_make_up_names_resolution_length_and_mode():
    clip = Reference(role=Role.REFERENCE_VIDEO, source="clip:1-a")
    request = ShotRequest(prompt="a cat", resolution="720p", duration_seconds=5, seed=7)
    assert request.make_up == "720p 5 text"
    assert request.model_copy(update={"references": (clip,)}).make_up == make_up_of(request, Mode.REFERENCE)
