"""What a shot asked for, held against the file that came: the quality gate after each download."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from fractions import Fraction
from pathlib import Path

from longtake.delivery import Checked
from longtake.job import Clip
from longtake.limits import Limits
from longtake.media.child import Crew
from longtake.media.inspect import Expected, GatePolicy, inspect_clip
from longtake.records import Expectation
from longtake.request import ShotRequest

DEADLINE_SECONDS = 120.0
FPS = 24


def expectation(request: ShotRequest, limits: Limits, policy: GatePolicy) -> Expectation:
    """What the clip of a request should look like; None where the vendor is free to choose."""
    duration = request.duration_seconds or limits.default_duration_seconds
    size = limits.output_pixels(request)
    return Expectation(
        clip_seconds=None if duration == "auto" else (FPS * duration + 1) / FPS,
        width=size[0] if size else None,
        height=size[1] if size else None,
        audio=request.generate_audio,
        gate=policy.model_dump(exclude_defaults=True),
    )


def gate(
    wanted: Expectation, crew: Crew, policy: GatePolicy | None = None
) -> Callable[[Path, str], Awaitable[Checked]]:
    """A check of one downloaded file, for `delivery.bring_home`; `crew` decodes it.

    Without a policy a clip is judged by the one that it was bought under.
    """
    policy = policy or GatePolicy.model_validate(wanted.gate)

    async def check(path: Path, sha256: str) -> Checked:
        expected = Expected(
            duration_seconds=wanted.clip_seconds,
            width=wanted.width,
            height=wanted.height,
            fps=Fraction(FPS),
            audio=wanted.audio,
        )
        inspection = await crew.call(inspect_clip, path, expected, policy, deadline_seconds=DEADLINE_SECONDS)
        facts = inspection.facts
        clip = Clip(
            key="",
            sha256=sha256,
            size_bytes=facts.size_bytes,
            width=facts.width,
            height=facts.height,
            frames=facts.frames,
            duration_seconds=facts.duration_seconds,
            fps=str(facts.fps),
            has_audio=facts.has_audio,
        )
        faults = tuple(str(finding) for finding in inspection.findings if finding.severity == "strict")
        return Checked(clip, faults, tuple(finding.model_dump(mode="json") for finding in inspection.findings))

    return check
