"""Longtake's own Prefect events: what each is called, whom it concerns, what it tells. `docs/events.md` is their page.

Emitting puts an event into Prefect's queue and waits for nobody. A payload holds no secret and no signed link.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from prefect.events import emit_event
from prefect.events.worker import EventsWorker, should_emit_events

from flows._observe.review import notice_words
from longtake.accounts.account import account_name
from longtake.accounts.transport import redact
from longtake.domain.errors import BudgetExceededError, VendorAccountError
from longtake.domain.job import Job
from longtake.domain.text import one_line
from longtake.domain.verdicts import Verdict
from longtake.jobs.order import Order
from longtake.planning.plan import Shot, Standing
from longtake.planning.prepare import PreparedRun
from longtake.rendering.output.outputs import clip_key
from longtake.rendering.output.reels import MadeReel
from longtake.rendering.shot_result import ShotResult
from longtake.reports.run.view import ShotView

SHOT_BOUGHT = "longtake.shot.bought"
SHOT_DONE = "longtake.shot.done"
SHOT_FAILED = "longtake.shot.failed"
SHOT_AWAITING_REVIEW = "longtake.shot.awaiting_review"
REEL_FINISHED = "longtake.reel.finished"
ACCOUNT_REFUSED = "longtake.account.refused"
BUDGET_REACHED = "longtake.budget.reached"
LINKS_DYING = "longtake.links.dying"

WORDS_CHARACTERS = 600
MOST_UNBEGUN = 1000
"""So many shots that a run did not begin get an event: the server drops what comes in larger heaps."""
MOST_NAMED = 20
DELIVERY_SECONDS = 10.0

_IDS = uuid.UUID("6f1d1f0e-55f1-4f5c-9a5e-0c9d2a8b7e41")


class RunEvents:
    """The events of one run.

    Args:
        production: What is rendered; its output is part of every resource's id.
    """

    def __init__(self, prepared: PreparedRun) -> None:
        self._output = prepared.store.url
        self._budget_usd = prepared.options.budget_usd
        self._before = {shot: _verdict_before(shot) for shot in prepared.rendered_shots}
        self._bought: set[tuple[str, int]] = set()
        self._unbegun = 0
        self._told: set[str] = set()
        self._came: set[str] = set()

    def bought(self, order: Order, job: Job) -> None:
        """A purchase was made now."""
        self._bought.add((order.shot_id, order.take))
        told = {
            "take": order.take,
            "attempt": order.attempt,
            "wire_model": job.wire_model,
            "job_id": job.job_id,
            "identity": job.identity,
            "price_low_usd": order.quote.low_usd if order.quote else None,
            "price_high_usd": order.quote.high_usd if order.quote else None,
        }
        # Two runs that take up the same purchase at once tell one event.
        self._shot(SHOT_BOUGHT, order.shot_id, job.account, told, event_id=uuid.uuid5(_IDS, job.identity))

    def ended(self, result: ShotResult) -> None:
        """A shot came to its end in this run."""
        self._trouble(result)
        if result.beyond_limit:
            return  # as was asked: no news
        shot, clip, verdict = result.shot, result.clip, result.outcome.verdict
        if verdict is self._before.get(shot) and (shot.shot_id, shot.take) not in self._bought:
            return  # the ledger held it so when the run began: no news
        told = {"take": shot.take, "job_id": result.job.job_id if result.job else None}
        if result.is_done and clip is not None:
            told |= {"clip": clip_key(shot), "sha256": clip.sha256, "clip_seconds": round(clip.duration_seconds, 4)}
            self._shot(SHOT_DONE, shot.shot_id, shot.account, told)
            self._came.add(one_line(shot.shot_id))
            return
        if verdict is Verdict.AWAITING_REVIEW:
            return  # the shot before it is told of, once, at the end
        if verdict.facts.says_unbought:
            self._unbegun += 1
            if self._unbegun > MOST_UNBEGUN:
                return
        outcome = result.outcome
        told |= {"verdict": verdict.value, "reason": _words(outcome.evidence), "next_action": outcome.next_action}
        self._shot(SHOT_FAILED, shot.shot_id, shot.account, told)

    def awaiting_review(self, waiting: Sequence[ShotView]) -> None:
        """The run ends, and these shots wait for a person: told of those that came in this run."""
        fresh = [shot for shot in waiting if one_line(shot.shot_id) in self._came][:MOST_UNBEGUN]
        words = _words(notice_words(waiting, self._output)) if fresh else ""
        for shot in fresh:
            told = {
                "takes": [take.number for take in shot.takes if take.clip],
                "follows": shot.follows or 0,
                "follows_low_usd": shot.follows_low_usd,
                "follows_high_usd": shot.follows_high_usd,
                "words": words,
            }
            self._shot(SHOT_AWAITING_REVIEW, shot.shot_id, account_name(shot.vendor), told)

    def reel_finished(self, made: MadeReel) -> None:
        """A reel was made now."""
        missing: list[str] = made.receipt.get("missing", [])
        resource = {
            "prefect.resource.id": f"longtake.reel.{self._output}/{one_line(made.reel)}",
            "prefect.resource.name": one_line(made.reel),
            "longtake.output": self._output,
        }
        told = {"reel": one_line(made.reel), "film": made.key, "frames": made.frames}
        told |= {"missing": len(missing), "partial": bool(missing)}
        _emit(REEL_FINISHED, resource, told)

    def _shot(
        self, event: str, shot_id: str, account: str, told: Mapping[str, object], event_id: uuid.UUID | None = None
    ) -> None:
        name = one_line(shot_id)
        reel = name.rpartition("/")[0]
        resource = {
            "prefect.resource.id": f"longtake.shot.{self._output}/{name}",
            "prefect.resource.name": name,
            "longtake.output": self._output,
            "longtake.reel": reel,
            "longtake.vendor": account.partition("/")[0],
        }
        related = [
            {"prefect.resource.id": f"longtake.reel.{self._output}/{reel}", "prefect.resource.role": "reel"},
            {"prefect.resource.id": f"longtake.account.{account}", "prefect.resource.role": "account"},
        ]
        _emit(event, resource, {"shot_id": name, "reel": reel, "vendor": account} | dict(told), related, event_id)

    def _trouble(self, result: ShotResult) -> None:
        """Tells once of a bound that is reached, and once of each account that refuses."""
        cause = result.cause
        if isinstance(cause, BudgetExceededError) and BUDGET_REACHED not in self._told:
            self._told.add(BUDGET_REACHED)
            words = _words(f"{result.shot.shot_id} is held: {cause}")
            _emit(BUDGET_REACHED, _output_resource(self._output), {"words": words, "budget_usd": self._budget_usd})
        elif isinstance(cause, VendorAccountError) and not result.passed:
            self._account_trouble(result.shot.account, cause)
        for account, trouble in result.passed.items():  # it refuses though all of its shots went elsewhere
            if isinstance(trouble, VendorAccountError):
                self._account_trouble(account, trouble)

    def _account_trouble(self, account: str, cause: VendorAccountError) -> None:
        if account not in self._told:
            self._told.add(account)
            resource = {
                "prefect.resource.id": f"longtake.account.{account}",
                "prefect.resource.name": account,
                "longtake.vendor": account.partition("/")[0],
            }
            told = {"words": _words(f"{account} refuses: {cause}"), "kind": type(cause).__name__}
            _emit(ACCOUNT_REFUSED, resource, told | {"http_status": cause.http_status, "code": _words(cause.code)})


def links_dying(output: str, expiries: Mapping[str, float]) -> None:
    """Paid clips are not here yet and the vendor's links to them die soon.

    Args:
        output: The output's address.
        expiries: Unix time at which each shot's link dies.
    """
    first = datetime.fromtimestamp(min(expiries.values()), UTC).isoformat(timespec="seconds")
    names: Sequence[str] = [one_line(name) for name in sorted(expiries, key=lambda name: expiries[name])[:MOST_NAMED]]
    words = f"{len(expiries)} paid clips are not here yet; the first link dies at {first}: {', '.join(names)}"
    told = {"words": words[:WORDS_CHARACTERS], "clips": len(expiries), "first_expires_at": first, "shots": names}
    _emit(LINKS_DYING, _output_resource(output), told)


def deliver(seconds: float = DELIVERY_SECONDS) -> bool:
    """Waits until Prefect has sent what was emitted, so that a server that ends with the run has it; blocking.

    Returns:
        Whether everything was sent in time.
    """
    if not should_emit_events():
        return True
    sent = threading.Event()

    def wait() -> None:
        EventsWorker.instance().wait_until_empty()
        sent.set()

    # Not a thread of asyncio's pool: one that waits for a dead server would keep the process from ending.
    threading.Thread(target=wait, name="longtake-events", daemon=True).start()
    return sent.wait(seconds)


def _verdict_before(shot: Shot) -> Verdict | None:
    """How a shot had ended when the run began, None where it had not."""
    if shot.standing is Standing.DONE:
        return Verdict.DONE
    over = shot.purchase.verdict if shot.purchase else None
    return over.verdict if over else None


def _output_resource(output: str) -> dict[str, str]:
    return {
        "prefect.resource.id": f"longtake.output.{output}",
        "prefect.resource.name": output,
        "longtake.output": output,
    }


def _words(text: str) -> str:
    return one_line(redact(text), WORDS_CHARACTERS)


def _emit(
    event: str,
    resource: dict[str, str],
    payload: dict[str, Any],
    related: list[dict[str, str]] | None = None,
    event_id: uuid.UUID | None = None,
) -> None:
    """Emits; Prefect adds the flow run, its flow, deployment and tags. What goes wrong never reaches the run."""
    with contextlib.suppress(Exception):
        emit_event(event, resource, related=related, payload=payload, id=event_id)
