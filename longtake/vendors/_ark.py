"""What upstream (ByteDance's Ark, behind every reseller) takes and how it refuses: bounds on media, error codes.

A vendor's own document goes before this; it stands in where that document is silent, on the strict side.
"""

from __future__ import annotations

import re

from longtake.errors import (
    AuthenticationError,
    ContentRefusedError,
    InsufficientBalanceError,
    ModelNotAllowedError,
    RateLimitedError,
    RejectedRequestError,
    VendorError,
    VendorUnavailableError,
)
from longtake.limits import MB, MediaLimits

IMAGE = MediaLimits(
    max_count=9,
    containers=frozenset({"jpeg", "png", "webp", "bmp", "tiff", "gif"}),
    max_bytes=30 * MB,
    min_side_px=300,
    max_side_px=6000,
    min_aspect=0.4,
    max_aspect=2.5,
)

# Ark today takes 200 MB and 407,696 pixels; the resellers' pages repeat its earlier 50 MB and 409,600.
VIDEO = MediaLimits(
    max_count=3,
    containers=frozenset({"mp4", "mov"}),
    codecs=frozenset({"h264", "hevc"}),
    max_bytes=50 * MB,
    min_side_px=300,
    max_side_px=6000,
    min_aspect=0.4,
    max_aspect=2.5,
    min_pixels=409_600,
    max_pixels=8_295_044,
    min_seconds=2,
    max_seconds=15,
    max_total_seconds=15,
    min_fps=24,
    max_fps=60,
)

AUDIO = MediaLimits(
    max_count=3,
    containers=frozenset({"wav", "mp3"}),
    max_bytes=15 * MB,
    min_seconds=2,
    max_seconds=15,
    max_total_seconds=15,
)

PIXELS_OF_720P = 927_408
"""Pixels of the largest clip called 720p (1112 × 834), for pages that allow reference videos up to 720p."""

ERROR_CODES: tuple[tuple[re.Pattern[str], type[VendorError]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), error)
    for pattern, error in (
        (r"(Input|Output)\w*SensitiveContentDetected", ContentRefusedError),
        # The account owner's own spending cap: it comes as HTTP 429, but waiting does not lift it.
        (r"SetLimitExceeded", InsufficientBalanceError),
        (r"AccountOverdue", InsufficientBalanceError),
        (r"AuthenticationError", AuthenticationError),
        (r"OperationDenied|InvalidEndpointOrModel|ModelNotOpen", ModelNotAllowedError),
        # QuotaExceeded is Ark's word for a full queue as well as for a used-up quota: waiting is right for both.
        (r"\w*RateLimitExceeded|RequestBurstTooFast|InflightBatchsizeExceeded", RateLimitedError),
        (r"ServerOverloaded|QuotaExceeded", RateLimitedError),
        (r"InternalServiceError", VendorUnavailableError),
        (r"(Invalid|Missing)Parameter", RejectedRequestError),
    )
)
"""Ark's error codes, matched from their start, and what they mean to us."""


def error_for(code: str) -> type[VendorError] | None:
    """The error class of one of Ark's codes, None for any other word."""
    return next((error for pattern, error in ERROR_CODES if pattern.match(code)), None)
