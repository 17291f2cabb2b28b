"""What upstream (ByteDance's Ark, behind every reseller) takes and how it refuses: media, `content`, error codes.

A vendor's own document goes before this; it stands in where that document is silent, on the strict side.
"""

from __future__ import annotations

import re

from longtake.domain.errors import (
    AuthenticationError,
    ContentRefusedError,
    InsufficientBalanceError,
    ModelNotAllowedError,
    RateLimitedError,
    RejectedRequestError,
    VendorError,
    VendorUnavailableError,
)
from longtake.domain.request import Reference, Role, ShotRequest
from longtake.vendors.limits import MB, MediaLimits

IMAGE = MediaLimits(
    max_count=9,
    containers=frozenset({"jpeg", "png", "webp", "bmp", "tiff", "gif"}),
    max_bytes=30 * MB,
    min_side_px=300,
    max_side_px=6000,
    min_aspect=0.4,
    max_aspect=2.5,
)

# As Ark takes them today; the resellers' pages that bound videos repeat its earlier 50 MB and 409,600 pixels.
VIDEO = MediaLimits(
    max_count=3,
    containers=frozenset({"mp4", "mov"}),
    codecs=frozenset({"h264", "hevc"}),
    max_bytes=200 * MB,
    min_side_px=300,
    max_side_px=6000,
    min_aspect=0.4,
    max_aspect=2.5,
    min_pixels=407_696,
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

ERROR_CODES: tuple[tuple[re.Pattern[str], type[VendorError]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), error)
    for pattern, error in (
        # The check itself failed, not the content.
        (r"ContentSecurityDetectionError", RateLimitedError),
        (r"(Input|Output)?(Text|Image|Video|Audio)?(SensitiveContentDetected|RiskDetection)", ContentRefusedError),
        # The account owner's own spending cap: it comes as HTTP 429, but waiting does not lift it.
        (r"SetLimitExceeded", InsufficientBalanceError),
        (r"AccountOverdue|OperationDenied\.ServiceOverdue", InsufficientBalanceError),
        (r"AuthenticationError|InvalidAccountStatus|InvalidAuthorization", AuthenticationError),
        (r"OperationDenied|AccessDenied|InvalidEndpoint|InvalidSubscription", ModelNotAllowedError),
        (r"ModelNotOpen|UnsupportedModel", ModelNotAllowedError),
        (r"\w*RateLimitExceeded|RequestBurstTooFast|InflightBatchsizeExceeded|ServerOverloaded", RateLimitedError),
        (r"Throttling|RequestLimitExceeded|FlowLimitExceeded", RateLimitedError),
        (r"InternalServiceError", VendorUnavailableError),
        (r"(Invalid|Missing)Parameter|InvalidArgumentError|InvalidImageURL|OutofContextError", RejectedRequestError),
        (r"Duplicate\.Tags", RejectedRequestError),
    )
)
"""Ark's error codes, matched from their start, and what they mean to us; `QuotaExceeded` goes by its words."""

_ACCOUNTS_QUOTA = re.compile(r"free trial|(?:\d+-hour|hourly|daily|weekly|monthly) usage|usage quota", re.IGNORECASE)


def error_for(code: str) -> type[VendorError] | None:
    """The error class of one of Ark's codes, None for any other word."""
    # An underscore is a reseller's spelling (`access_denied`), and means what that reseller's document says.
    if "_" in code:
        return None
    return next((error for pattern, error in ERROR_CODES if pattern.match(code)), None)


def quota_error(message: str) -> type[VendorError]:
    """What `QuotaExceeded` means by its words: a trial or a period's quota used up, else a queue that is full."""
    return InsufficientBalanceError if _ACCOUNTS_QUOTA.search(message) else RateLimitedError


def content(request: ShotRequest) -> list[dict[str, object]]:
    """The prompt and the references as Ark's `content` has them: text, pictures, videos, sounds."""
    text: list[dict[str, object]] = [{"type": "text", "text": request.prompt}] if request.prompt.strip() else []
    return text + [_item(each) for role in Role for each in request.having(role)]


def _item(reference: Reference) -> dict[str, object]:
    field, url = f"{reference.role.kind}_url", reference.wire_url
    if reference.scheme == "data":
        head, comma, data = url.partition(",")
        url = f"{head.lower()}{comma}{data}"  # `data:image/PNG` is refused
    return {"type": field, field: {"url": url}, "role": reference.role.value}
