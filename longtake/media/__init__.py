"""Pictures, clips and reels as files: what they are, and how clips become a reel.

PyAV codes and decodes; the decisions are ours. Everything is synchronous; async callers use `workers.in_child`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake._speed import face

if TYPE_CHECKING:
    from longtake.media.checking.drift import measure_drift
    from longtake.media.checking.echo import find_echo
    from longtake.media.checking.inspect import Expected, Inspection, inspect_clip
    from longtake.media.checking.policy import DriftLimits, GatePolicy
    from longtake.media.cutting.frames import contact_sheet, last_frame, poster
    from longtake.media.cutting.tail import TailLimits, cut_tail, make_fit
    from longtake.media.labelling.claims import FileClaims, read_claims
    from longtake.media.labelling.identity import SigningIdentity
    from longtake.media.labelling.signing import sign_film
    from longtake.media.reading.probe import ClipFacts, probe_clip, probe_media
    from longtake.media.stitching.receipt import ReelStyle, StitchOptions, StitchReceipt
    from longtake.media.stitching.stitch import stitch_clips
    from longtake.media.workers import WorkerPool
else:
    __getattr__ = face(
        __name__,
        {
            "workers": "WorkerPool",
            "reading.probe": "ClipFacts probe_clip probe_media",
            "checking.inspect": "Expected Inspection inspect_clip",
            "checking.policy": "DriftLimits GatePolicy",
            "checking.drift": "measure_drift",
            "checking.echo": "find_echo",
            "cutting.tail": "TailLimits cut_tail make_fit",
            "cutting.frames": "contact_sheet last_frame poster",
            "labelling.identity": "SigningIdentity",
            "labelling.signing": "sign_film",
            "labelling.claims": "FileClaims read_claims",
            "stitching.receipt": "ReelStyle StitchOptions StitchReceipt",
            "stitching.stitch": "stitch_clips",
        },
    )

__all__ = [
    "ClipFacts",
    "DriftLimits",
    "Expected",
    "FileClaims",
    "GatePolicy",
    "Inspection",
    "ReelStyle",
    "SigningIdentity",
    "StitchOptions",
    "StitchReceipt",
    "TailLimits",
    "WorkerPool",
    "contact_sheet",
    "cut_tail",
    "find_echo",
    "inspect_clip",
    "last_frame",
    "make_fit",
    "measure_drift",
    "poster",
    "probe_clip",
    "probe_media",
    "read_claims",
    "sign_film",
    "stitch_clips",
]
