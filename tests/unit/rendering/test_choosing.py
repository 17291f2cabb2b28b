"""Which take is the best: the fewest findings, then the least drift from the chain's first clip, then the first."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from longtake.domain.errors import UnreadableClipError
from longtake.domain.identity import WrittenRow
from longtake.domain.request import ShotRequest
from longtake.domain.verdicts import Outcome, Verdict
from longtake.files.directory import DirectoryStore
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import ClipRecord
from longtake.manifests.schema import ManifestRow
from longtake.media.checking.drift import LinkDrift
from longtake.planning.plan import Plan, RowChoice, Shot
from longtake.rendering import choosing
from longtake.rendering.choosing import Chooser
from longtake.rendering.shot_result import ShotResult
from tests.unit.bought import accepted, clip, intent


class Done:
    """A result that is there."""

    def __init__(self, result):
        self._result = result

    def result(self):
        return self._result


def shot(number: int, variant: int = 0, parent: Shot | None = None) -> Shot:
    row = ManifestRow(row=number, reel="r", shot=str(number), lone=False, written=WrittenRow(), variants=4)
    return Shot(row, variant + 1, variant, "evolink", ShotRequest(), identity=f"1-{number}-{variant}", parent=parent)


@pytest.mark.parametrize(
    ("findings", "drifts", "best", "why"),
    [
        ([2, 0, 1], [0.1, 0.9, 0.1], 2, "0 findings, the fewest of 3 takes"),
        ([1, 1, 1], [0.5, 0.2, 0.2], 2, "1 finding as others; the least drift, 0.20"),
        ([0, 0, 0], [0.3, 0.3, 0.3], 1, "0 findings as others; the first of them"),
        ([0, 0, 0], [None, 0.3, 0.4], 2, "0 findings as others; the least drift, 0.30"),
        ([3], [0.1], 1, "the only take that is here"),
    ],
)
async def test_the_best_take_is_the_one_with_the_fewest_findings_then_the_least_drift_then_the_first(
    tmp_path, monkeypatch, findings, drifts, best, why
):
    ledger, first = Ledger(DirectoryStore(tmp_path)), shot(1)
    takes = [shot(2, variant, first) for variant in range(len(findings))]
    results = {}
    for take, found in zip(takes, findings, strict=True):
        ledger.intend(intent(take.identity, shot_id=take.shot_id))
        ledger.add(accepted(take.identity, job_id=take.identity, shot_id=take.shot_id))
        made = clip(key=f"ledger/{take.identity}/clip.mp4")
        ledger.add(ClipRecord(identity=take.identity, clip=made, findings=[{"check": "black"}] * found))
        job = ledger.purchase(take.identity).accepted.job
        results[take] = ShotResult(take, Outcome(verdict=Verdict.DONE), job, made)
    by_key = {results[take].clip.key: drift for take, drift in zip(takes, drifts, strict=True)}

    async def score(of, last, known, workers):
        if (drift := by_key[last.key]) is None:
            raise UnreadableClipError("it does not decode")
        return drift

    monkeypatch.setattr(choosing, "drift_score", score)
    head = ShotResult(first, Outcome(verdict=Verdict.DONE), None, clip(key="ledger/first/clip.mp4"))
    known = {first: Done(head)}
    chooser = Chooser(Plan([], []), known, None, "/out", ledger, SimpleNamespace(workers=None))
    chosen, words = await chooser._best(list(results.values()))
    assert (chosen.shot.number, words) == (best, why)


def test_drift_in_one_number_grows_with_every_figure_and_is_none_for_what_looks_the_same():
    same = {"link": 1, "brightness": 0, "contrast_ratio": 1, "colour": 0, "saturation_ratio": 1, "sharpness_ratio": 1}
    assert LinkDrift(**same).score == 0
    for figure, value in (("brightness", -25.0), ("contrast_ratio", 1 / 1.6), ("colour", 15.0), ("sharpness_ratio", 2)):
        assert LinkDrift(**same | {figure: value}).score == pytest.approx(1)


def test_a_choice_that_a_long_chain_waits_for_is_known_at_its_end_without_walking_up():
    first = shot(1)
    first.choice = RowChoice([first], first, reviewed=True)
    last = shot(2, parent=first)
    last.choice = RowChoice([last], last, awaited=first.choice)
    assert last.awaits is first.choice
