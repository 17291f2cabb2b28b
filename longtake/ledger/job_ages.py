"""How long earlier jobs took, by the records of their purchases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from longtake.domain.job import Alike, JobStatus
from longtake.ledger.records import Purchase

REMEMBERED = 50
"""So many of the last jobs of one make-up tell how long the next takes."""

JobAges = Mapping[str, Mapping[Alike, Sequence[float]]]
"""Seconds from submit to seen end, the last ones last, by account and by what makes jobs alike."""


def job_ages(purchases: Iterable[Purchase]) -> JobAges:
    """The ages at which earlier jobs were seen to end well by the run that bought them.

    Of a job that a later run took up nobody knows when it ended.
    """
    found: defaultdict[str, defaultdict[Alike, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    for purchase in purchases:
        accepted, terminal = purchase.accepted, purchase.terminal
        if accepted is None or terminal is None or accepted.adopted_by or purchase.claims:
            continue
        age = terminal.at - accepted.job.submitted_at
        if age > 0 and terminal.status is JobStatus.SUCCEEDED:
            found[accepted.job.account][accepted.job.alike].append((accepted.job.submitted_at, age))
    return {
        account: {alike: [age for _, age in sorted(ages)[-REMEMBERED:]] for alike, ages in kinds.items()}
        for account, kinds in found.items()
    }
