"""One take's clip as people find it in an output, and what a timeline tells of where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from longtake.domain.job import Clip
from longtake.domain.text import storable
from longtake.ledger.records import Purchase


class Take(BaseModel):
    """One take of a shot whose clip is here.

    Attributes:
        key: Where people find the clip, in the output.
        take: Which of its shot's takes it is.
        chosen: Who chose it and why, where somebody did.
        origin: Vendor, model, job and purchase, as far as they are known.
        findings: What the gate noted of it.
    """

    model_config = ConfigDict(frozen=True)

    shot_id: str
    clip: Clip
    key: str
    take: int = 1
    chosen: str = ""
    origin: dict[str, str] = {}
    findings: tuple[dict[str, Any], ...] = ()

    def told(self) -> dict[str, Any]:
        """What of it goes into a file that leaves the house: no prompt, no link, no key."""
        facts = {
            "shot_id": self.shot_id,
            "take": self.take,
            "chosen": self.chosen,
            **self.origin,
            "sha256": self.clip.sha256,
            "frames": self.clip.frames,
            "fps": self.clip.fps,
            "width": self.clip.width,
            "height": self.clip.height,
        }
        return {name: storable(value) if isinstance(value, str) else value for name, value in facts.items() if value}


def take_of(shot_id: str, clip: Clip, key: str, purchase: Purchase | None, *, take: int = 1, chosen: str = "") -> Take:
    """A take with what its purchase tells."""
    if purchase is None:
        return Take(shot_id=shot_id, clip=clip, key=key, take=take, chosen=chosen)
    intent, accepted = purchase.intent, purchase.accepted
    origin = {
        "vendor": intent.account if intent else "",
        "wire_model": intent.wire_model if intent else "",
        "job_id": accepted.job.job_id if accepted else "",
        "identity": purchase.identity,
    }
    return Take(
        shot_id=shot_id,
        clip=clip,
        key=key,
        take=take,
        chosen=chosen,
        origin={name: value for name, value in origin.items() if value},
        findings=tuple(purchase.clip.findings) if purchase.clip else (),
    )


def by_bytes(takes: Sequence[Take]) -> Mapping[tuple[str, str], Take]:
    """Takes by shot and hash."""
    return {(take.shot_id, take.clip.sha256): take for take in takes}
