"""What can be set about the sandbox; every value may also be changed while it runs, and then counts for new jobs."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class SandboxSettings(BaseModel):
    """How the vendors behave.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        job_seconds: Life of a job from acceptance to its end; a pair is a range that each job draws from.
        queue_share: The part of that life a job spends queued.
        jobs_per_key: Jobs in flight that one key may have; above it the vendor's own 429 words. None: no limit.
        closed_models: Wire models that no key may use: an order for one is refused, a list of models leaves it out.
        link_seconds: Life of a media link, None for the vendor's own (24 h, JimmyAI 3 days).
        media: `real` encodes a clip for every job; `stub` serves one clip per format, with job code 0.
        marks: What the clips' files say of how they were made: `aigc` fields (GB 45438), a `c2pa` manifest that nobody
            signed, `both`, or `none`.
        numbering: Where a job's number, and so its whole clip, comes from: `arrival` counts jobs; `content` takes the
            order's body and its references' bytes, so that equal orders make equal clips in every run.
        echo_frames: How many last frames of a reference video the new clip repeats before its own.
        clock_offset_seconds: By so much the vendors' clocks run ahead of ours.
        list_late_seconds: So long after its acceptance a job is missing from the list of jobs, where a vendor has one.
        list_order: In which order that list comes.
        list_pages: `exact`, or how its pages fail: `repeating` shows jobs of the page before again, `skipping` loses
            one between pages, as lists do that grow while they are read.
        list_page_jobs: Most jobs of a page, however many are asked for.
        allow_loopback_references: Whether references on http and on private hosts are fetched.
        allow_loopback_callbacks: Whether callback addresses on http and private hosts are taken, against the documents.
        callbacks_to: The host:port where callbacks are really delivered, over http and with their path, as a tunnel in
            front of the public host would; empty: to the address itself.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65535)
    job_seconds: float | tuple[float, float] = 2.0
    queue_share: float = Field(default=0.25, ge=0, le=1)
    jobs_per_key: int | None = Field(default=10, ge=0)
    closed_models: tuple[str, ...] = ()
    link_seconds: float | None = Field(default=None, gt=0)
    media: Literal["real", "stub"] = "real"
    marks: Literal["none", "aigc", "c2pa", "both"] = "none"
    numbering: Literal["arrival", "content"] = "arrival"
    echo_frames: int = Field(default=0, ge=0)
    clock_offset_seconds: float = 0.0
    list_late_seconds: float = Field(default=0.0, ge=0)
    list_order: Literal["newest", "oldest", "random"] = "newest"
    list_pages: Literal["exact", "repeating", "skipping"] = "exact"
    list_page_jobs: int = Field(default=500, ge=1, le=500)
    allow_loopback_references: bool = True
    allow_loopback_callbacks: bool = False
    callbacks_to: str = ""
