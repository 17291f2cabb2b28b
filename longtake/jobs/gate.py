"""What a shot asked for, held against the file that came: the quality gate after each download."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from longtake.accounts.transport import redact
from longtake.domain.errors import DecoderError, MachineError, MediaError, UnreadableClipError
from longtake.domain.job import Clip
from longtake.domain.request import ShotRequest
from longtake.jobs.asked_cuts import asks_for_a_cut
from longtake.jobs.keeping import GateResult
from longtake.ledger.records import Expectation
from longtake.media.checking.inspect import Expected, Inspection, inspect_clip
from longtake.media.checking.policy import GatePolicy
from longtake.media.checking.proof import prove_decoder
from longtake.media.workers import WorkerPool
from longtake.vendors.limits import Limits

DEADLINE_SECONDS = 120.0
FPS = 24
DECODER_TRIES = 3
"""The first may meet a child that served long; the others meet fresh ones."""
FREE_SIZE = (1920, 1080)


def expectation(request: ShotRequest, limits: Limits, policy: GatePolicy) -> Expectation:
    """What the clip of a request should look like; None where the vendor is free to choose.

    A prompt that asks for a cut is a reason not to look for one.
    """
    if asks_for_a_cut(request.prompt):
        policy = policy.model_copy(update={"cuts": "off"})
    duration = request.duration_seconds or limits.default_duration_seconds
    size = limits.output_pixels(request)
    return Expectation(
        clip_seconds=None if duration == "auto" else (FPS * duration + 1) / FPS,
        width=size[0] if size else None,
        height=size[1] if size else None,
        audio=request.generate_audio,
        watermark=request.watermark,
        gate=policy.model_dump(exclude_defaults=True),
    )


def gate(
    wanted: Expectation, workers: WorkerPool, policy: GatePolicy | None = None
) -> Callable[[Path, str], Awaitable[GateResult]]:
    """A check of one downloaded file, for `wait.download_clip`; `workers` decode it.

    Without a policy a clip is judged by the one that it was bought under.
    """
    policy = policy or GatePolicy.model_validate(wanted.gate)

    async def check(path: Path, sha256: str) -> GateResult:
        expected = Expected(
            duration_seconds=wanted.clip_seconds,
            width=wanted.width,
            height=wanted.height,
            fps=Fraction(FPS),
            audio=wanted.audio,
        )
        inspection = await _inspected(workers, path, expected, policy, await _note(workers, sha256))
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
            marks=inspection.marks.rewritten(redact).model_copy(update={"watermark": wanted.watermark}),
        )
        faults = tuple(str(finding) for finding in inspection.findings if finding.severity == "strict")
        return GateResult(clip, faults, tuple(finding.model_dump(mode="json") for finding in inspection.findings))

    return check


async def _note(workers: WorkerPool, sha256: str) -> dict[str, Any]:
    """Where the same pass notes what later steps need of the clip; nowhere where nothing can be noted."""
    if workers.features is None or not sha256:
        return {}
    try:
        return {"note": await asyncio.to_thread(workers.features.note, sha256)}
    except OSError:
        return {}


async def _inspected(
    workers: WorkerPool, path: Path, expected: Expected, policy: GatePolicy, note: dict[str, Any]
) -> Inspection:
    """Looks at a clip; tells a file that no decoder stands from a machine on which none works.

    Raises:
        UnreadableClipError: The decoder says in words that the file is damaged, or fails over it again and again while
            it stands a sound clip of the same size.
        MachineError: It is the machine's fault, or may be.
    """
    failed: DecoderError | None = None
    for _ in range(DECODER_TRIES):
        try:
            return await workers.call(inspect_clip, path, expected, policy, deadline_seconds=DEADLINE_SECONDS, **note)
        except DecoderError as error:
            failed, note = error, {}  # what is done beside the gate's own work must not be the cause
        except UnreadableClipError:
            raise
        except MediaError as error:
            raise MachineError(f"our machine: {error}; let less run beside it, then run again") from error
    width, height = expected.width or FREE_SIZE[0], expected.height or FREE_SIZE[1]
    try:
        await workers.call(prove_decoder, width, height, deadline_seconds=DEADLINE_SECONDS)
    except (MachineError, MediaError) as error:
        raise failed or error from error
    raise UnreadableClipError(f"the decoder fails over it each time, and over no sound clip ({failed})")
