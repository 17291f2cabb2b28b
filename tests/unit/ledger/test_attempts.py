"""Whether another attempt may follow, by what became of those before it."""

from __future__ import annotations

import pytest

from longtake.domain.identity import attempt_identity
from longtake.domain.verdicts import Verdict
from longtake.ledger.attempts import AttemptRules, failed_at, may_follow, moderated_at
from longtake.ledger.records import Accepted, Purchase, Unknown, VerdictRecord, Void, attempts_in, tries_in
from tests.unit.bought import intent

A, B = "evolink/default", "anyfast/default"


def ended(number, account=A, verdict=Verdict.FAILED, *, paid=True, **more) -> Purchase:
    identity = attempt_identity("1-a", number)
    tried = intent(identity, account=account)
    accepted = Accepted(identity=identity, job=tried.job("job")) if paid else None
    record = VerdictRecord(identity=identity, verdict=verdict, **more)
    return Purchase(identity=identity, intents={1: tried}, accepted=accepted, verdict=record)


def void(number) -> Purchase:
    identity = attempt_identity("1-a", number)
    return Purchase(identity=identity, intents={1: intent(identity)}, voids={1: Void(identity=identity, reason="no")})


FAILED, REFUSED = ended(1, again=True), ended(1, verdict=Verdict.CONTENT_REFUSED, paid=False)


@pytest.mark.parametrize(
    ("attempts", "rules", "others", "follows"),
    [
        ([FAILED], AttemptRules(1), (), False),
        ([FAILED], AttemptRules(2), (), True),
        ([ended(1, again=False)], AttemptRules(9), (), False),
        ([FAILED, ended(2, again=True)], AttemptRules(2), (), False),
        ([REFUSED], AttemptRules(9), (A, B), False),
        ([REFUSED], AttemptRules(1, shows_refused=True), (), False),
        ([REFUSED], AttemptRules(1, shows_refused=True), (A,), False),
        ([REFUSED], AttemptRules(1, shows_refused=True), (A, B), True),
        ([ended(1, verdict=Verdict.CONTENT_REFUSED)], AttemptRules(1, shows_refused=True), (A, B), False),
        ([ended(1, verdict=Verdict.CONTENT_REFUSED)], AttemptRules(2, shows_refused=True), (A, B), True),
        ([REFUSED, ended(2, B, Verdict.CONTENT_REFUSED, paid=False)], AttemptRules(9, True), (A, B), False),
        ([REFUSED, ended(2, B, again=True)], AttemptRules(2), (), True),
        ([ended(1, verdict=Verdict.CANCELLED, resubmitted=True)], AttemptRules(1), (), True),
        ([void(1)], AttemptRules(9, shows_refused=True), (A, B), False),
        ([Purchase(identity="1-a", intents={1: intent("1-a")})], AttemptRules(9), (), False),
    ],
)
def test_another_attempt_follows_by_the_vendors_word_or_a_persons(attempts, rules, others, follows):
    assert may_follow(attempts, rules, others) is follows


def test_an_attempt_that_was_not_bought_is_none_unless_it_is_the_first():
    first, second = FAILED, void(2)
    purchases = {each.identity: each for each in (first, second)}
    assert attempts_in("1-a", purchases) == [first]
    assert tries_in("1-a", purchases) == [first, second]
    assert len(attempts_in("1-a", {"1-a": void(1)})) == 1
    identity = second.identity
    lost = Purchase(
        identity=identity, intents=second.intents, unknowns={1: Unknown(identity=identity, evidence="lost")}
    )
    assert attempts_in("1-a", {"1-a": first, identity: lost}) == [first, lost]


def test_what_a_person_had_bought_again_says_nothing_of_its_vendor():
    again = ended(1, verdict=Verdict.CONTENT_REFUSED, resubmitted=True)
    attempts = [again, ended(2, B), ended(3, A, Verdict.CONTENT_REFUSED)]
    assert (failed_at(attempts), moderated_at(attempts)) == ([B, A], {A})
