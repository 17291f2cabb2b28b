"""Runs in which a person chooses: shots of several takes that wait, are decided, rejected, expired."""

from __future__ import annotations

import hashlib
from typing import Any

from longtake.reports.run.view import ReelView, ReportView, ShotView, TakeView
from tests.unit.reports.report_runs import BEGIN, reel_of, run_of


def take_of(shot: ShotView, number: int, **given: Any) -> TakeView:
    """A take whose clip is here."""
    name = f"{shot.shot_id} {number}"
    told: dict[str, Any] = {
        "purchase": hashlib.sha256(f"purchase {name}".encode()).hexdigest(),
        "number": number,
        "clip": f"clips/{shot.shot_id}{'' if number == 1 else f'.take-{number}'}.mp4",
        "sha256": hashlib.sha256(name.encode()).hexdigest(),
        "verdict": "done",
    }
    return TakeView(**told | given)


def reviewed(shot: ShotView, review: str, takes: int, **given: Any) -> ShotView:
    """A shot under review, with so many takes."""
    told = {"review": review, "takes": [take_of(shot, number) for number in range(1, takes + 1)]}
    told |= {"follows": 3, "follows_low_usd": 1.2, "follows_high_usd": 1.5}
    return shot.model_copy(update=told | given)


def review_reel(name: str, review: str = "waiting", takes: int = 3, begin: float = BEGIN, **given: Any) -> ReelView:
    """A chain of four whose first shot is under review."""
    reel = reel_of(name, ["done", *["awaiting_review"] * 3], begin)
    first = reviewed(reel.shots[0], review, takes, **given)
    return reel.model_copy(update={"shots": [first, *reel.shots[1:]]})


def review_run(reels: int, takes: int = 3, **told: Any) -> ReportView:
    """So many chains that wait for a person."""
    return run_of(
        [review_reel(f"reel-{place:02}", takes=takes, begin=BEGIN + 14 * place) for place in range(reels)], **told
    )
