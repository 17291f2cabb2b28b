"""One take's clip as people find it in an output, and what a timeline tells of where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from longtake.domain.job import Clip
from longtake.domain.text import storable

ORIGIN = ("vendor", "wire_model", "job_id", "identity")


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


def take_of(beside: Mapping[str, Any], key: str) -> Take:
    """The take that people find at a key, from the JSON beside its clip.

    Raises:
        KeyError: It does not tell of a clip.
        ValidationError: What it tells of one is not whole.
    """
    return Take(
        shot_id=beside["shot_id"],
        clip=Clip.model_validate(beside["clip"]),
        key=key,
        take=beside.get("take") or 1,
        chosen=beside.get("chosen") or "",
        origin={name: value for name in ORIGIN if (value := beside.get(name))},
        findings=tuple(beside.get("findings") or ()),
    )


def by_bytes(takes: Sequence[Take]) -> Mapping[tuple[str, str], Take]:
    """Takes by shot and hash."""
    return {(take.shot_id, take.clip.sha256): take for take in takes}
