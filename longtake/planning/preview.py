"""A plan made ready to be shown: what each shot is, what will be sent for it, and the sums by reel and account."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from longtake.accounts.account import account_name
from longtake.accounts.transport import redact
from longtake.domain.addresses import unsigned_url
from longtake.domain.errors import LongtakeError
from longtake.domain.request import Reference, Role, ShotRequest
from longtake.planning.coming_clip import COMING_CLIP
from longtake.planning.forecast import Forecast
from longtake.planning.options import Route
from longtake.planning.plan import Plan, Shot
from longtake.planning.references.measure import shown as reference_shown
from longtake.vendors import adapter_named


@dataclass(frozen=True)
class Sum:
    """What some shots cost: how many are bought, between which bounds, and how many have no known price."""

    shots: int = 0
    bought: int = 0
    low_usd: float = 0.0
    high_usd: float = 0.0
    unknown: int = 0


@dataclass(frozen=True, repr=False)
class PlanPreview:
    """A plan with all that a run knows about it beforehand.

    Args:
        plan: The plan.
        held: Reels that the budget does not admit, with the reason.
        forecast: How long it will take.
        notices: What a person should know besides.
        budget_usd: The run's budget.
        spent_usd: What the output's earlier purchases count for.
        route: Who of several vendors is tried first.
    """

    plan: Plan
    held: Mapping[str, str] = field(default_factory=dict)
    forecast: Forecast | None = None
    notices: Sequence[str] = ()
    budget_usd: float | None = None
    spent_usd: float | None = None
    route: Route = "prefer"

    @property
    def fixes(self) -> dict[str, tuple[str, ...]]:
        """What was changed to make references fit, by source."""
        return {source: changes for shot in self.plan.shots for source, changes in shot.fixes.items()}

    @property
    def to_buy(self) -> list[Shot]:
        """The shots that a run would buy."""
        return [shot for shot in self.plan.shots if self.will_be_bought(shot)]

    def will_be_bought(self, shot: Shot) -> bool:
        """Whether a run would buy it."""
        return shot.standing.buys and shot.row.reel not in self.held

    def standing(self, shot: Shot) -> str:
        """What a run will do about a shot, in a word."""
        return "held" if shot.standing.buys and shot.row.reel in self.held else shot.standing.value

    def sums(self, key: Callable[[Shot], str]) -> dict[str, Sum]:
        """Sums by whatever `key` gives for a shot, in order of first appearance."""
        sums: dict[str, Sum] = {}
        for shot in self.plan.shots:
            name = key(shot)
            there = sums.get(name, Sum())
            is_bought = self.will_be_bought(shot)
            quote = shot.quote if is_bought else None
            sums[name] = Sum(
                shots=there.shots + 1,
                bought=there.bought + is_bought,
                low_usd=there.low_usd + (quote.low_usd if quote else 0.0),
                high_usd=there.high_usd + (quote.high_usd if quote else 0.0),
                unknown=there.unknown + (is_bought and quote is None),
            )
        return sums

    @property
    def total(self) -> Sum:
        """The sum of everything."""
        return self.sums(lambda shot: "").get("", Sum())


def account_of(shot: Shot) -> str:
    """The shot's account; "" where no vendor is known."""
    return shot.account if shot.account != account_name("") else ""


def accounts_of(shot: Shot) -> list[str]:
    """The accounts that may make a shot, in the order in which they are tried; none where no vendor is known."""
    return [account for account in shot.next_accounts if account != account_name("")]


def places_of(shot: Shot) -> str:
    """The same in words; whose slots and money are used is known only once it is bought."""
    return " or ".join(accounts_of(shot))


def wires_of(shot: Shot) -> list[str]:
    """The wire models that it may be made with, each once."""
    models = [each.model for each in shot.places] or ([shot.model] if shot.model else [])
    return list(dict.fromkeys(model.wire for model in models))


def sent_request(shot: Shot) -> ShotRequest:
    """The request as it will be sent, with words in the place of addresses that are made only then."""
    references = [_shown(reference) for reference in shot.request.references]
    parent, kind = shot.parent, shot.row.written.continue_from
    if parent is not None and kind == "clip":
        tail = "" if shot.tail_seconds is None else f", its last {shot.tail_seconds:.3f} s"
        coming = Reference(role=Role.REFERENCE_VIDEO, source=COMING_CLIP, url=f"<clip of {parent.shot_id}{tail}>")
        references.insert(0, coming)
    elif parent is not None and kind == "last_frame":
        url = f"<last frame of {parent.shot_id}>"
        references.insert(0, Reference(role=Role.FIRST_FRAME, source=COMING_CLIP, url=url))
    return shot.request.model_copy(update={"references": tuple(references)})


def sent_call(shot: Shot) -> dict[str, Any] | None:
    """Method, path and body of the submit, without signatures and inline data; None where nothing will be sent."""
    if not shot.standing.will_buy or shot.model is None:
        return None
    try:
        call = adapter_named(shot.vendor).encode(sent_request(shot))
    except LongtakeError:
        return None
    body: Any = json.loads(redact(json.dumps(call.json, ensure_ascii=False)))
    return {"method": call.method, "path": call.path, "body": body}


def sent_briefly(shot: Shot) -> str:
    """What will be sent, in a line: length, size, references, then the prompt."""
    request = shot.request
    parts = [
        f"{request.duration_seconds} s"
        if isinstance(request.duration_seconds, int)
        else request.duration_seconds or "",
        request.resolution or "",
        request.ratio or "",
        *(
            f"{len(given)} {name}{'s' if len(given) > 1 else ''}"
            for name, given in (
                ("frame", request.having(Role.FIRST_FRAME, Role.LAST_FRAME)),
                ("image", request.having(Role.REFERENCE_IMAGE)),
                ("video", request.having(Role.REFERENCE_VIDEO)),
                ("sound", request.having(Role.REFERENCE_AUDIO)),
            )
            if given
        ),
    ]
    if shot.parent is not None and shot.row.written.continue_from:
        what = "clip" if shot.row.written.continue_from == "clip" else "last frame"
        cut = "" if shot.tail_seconds is None else f" (cut to its last {shot.tail_seconds:.2f} s)"
        parts.append(f"{what} of {shot.parent.row.shot}{cut}")
    options = ", ".join(part for part in parts if part)
    return f"{options}; {request.prompt}" if options and request.prompt else options or request.prompt


def _shown(reference: Reference) -> Reference:
    if reference.scheme in ("file", "s3"):
        name = reference_shown(reference.source).rpartition("/")[2] or reference.role.kind
        fit = "" if reference.url is None else ", made to fit"
        return reference.model_copy(update={"url": f"<{name}{fit}, hosted when it is bought>"})
    if reference.scheme in ("http", "https"):
        return reference.model_copy(update={"url": unsigned_url(reference.wire_url)})
    return reference
