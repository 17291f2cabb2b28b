"""Bounds on the pictures, videos and sounds of a request, and the check that holds references against them."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from longtake.domain.request import MediaFacts, MediaKind, Reference
from longtake.domain.violations import Violation, caution, refusal

MB = 10**6
"""A vendor's "MB". The documents do not say whether they mean 10^6 or 2^20: what is right by the greater reading
alone is sent with a warning."""
MEBI = 2**20 / MB


class MediaLimits(BaseModel):
    """Bounds on the references of one kind. None or an empty set means the documents name no bound."""

    model_config = ConfigDict(frozen=True)

    max_count: int = 0
    schemes: frozenset[str] = frozenset({"http", "https"})
    containers: frozenset[str] = frozenset()
    codecs: frozenset[str] = frozenset()
    max_bytes: int | None = None
    max_total_bytes: int | None = None
    min_side_px: int | None = None
    max_side_px: int | None = None
    max_shorter_side_px: int | None = None
    min_aspect: float | None = None
    max_aspect: float | None = None
    min_pixels: int | None = None
    max_pixels: int | None = None
    min_seconds: float | None = None
    max_seconds: float | None = None
    max_total_seconds: float | None = None
    min_fps: float | None = None
    max_fps: float | None = None
    doubtful: MediaLimits | None = None
    """Bounds of another page (`doubtful_source`), or of upstream: breaking them is a warning."""
    doubtful_source: str = ""


def check_media(
    references: Sequence[Reference], kind: MediaKind, limits: MediaLimits, *, other_route: str = ""
) -> Iterator[Violation]:
    """Holds the references of one kind against their bounds, each alone and in total.

    Args:
        references: All references of this kind.
        kind: Their kind.
        limits: Their bounds.
        other_route: The model that takes this kind where this one does not.
    """
    found = list(_check(references, kind, limits, other_route))
    yield from found
    if limits.doubtful is not None and not any(not each.warning for each in found):
        for each in _check(references, kind, limits.doubtful, ""):
            yield caution(each.column, each.value, f"{each.rule} by {limits.doubtful_source}", each.fix)


def _check(
    references: Sequence[Reference], kind: MediaKind, limits: MediaLimits, other_route: str
) -> Iterator[Violation]:
    if not references:
        return
    column = references[-1].role.column
    if len(references) > limits.max_count:
        rule = f"this model takes {limits.max_count} {kind}(s), {len(references)} are given"
        fix = f"give at most {limits.max_count}" if limits.max_count else "drop them"
        if other_route and not limits.max_count:
            fix = f"use the model {other_route}, which takes them"
        yield refusal(column, len(references), rule, fix)
        if not limits.max_count:
            return
    for reference in references:
        yield from _check_one(reference, limits)
    seconds = [reference.facts.duration_seconds or 0.0 for reference in references if reference.facts]
    if limits.max_total_seconds is not None and len(seconds) > 1 and sum(seconds) > limits.max_total_seconds + 1e-6:
        rule = f"the {kind}s last {sum(seconds):.2f} s in all, at most {limits.max_total_seconds:g} s are taken"
        yield refusal(column, f"{sum(seconds):.2f} s", rule, "trim or drop some")
    size = sum(reference.facts.size_bytes for reference in references if reference.facts)
    if limits.max_total_bytes is not None and size > limits.max_total_bytes:
        rule = f"the {kind}s have {size / MB:.1f} MB in all, at most {limits.max_total_bytes / MB:g} are taken"
        yield _weighed(size, limits.max_total_bytes)(column, f"{size} bytes", rule, "compress or drop some")


def _check_one(reference: Reference, limits: MediaLimits) -> Iterator[Violation]:
    column, kind, facts = reference.role.column, reference.role.kind, reference.facts
    shown = reference.source.split("?", 1)[0][:120]
    if not _scheme_fits(reference, limits):
        allowed = ", ".join(sorted(limits.schemes))
        yield refusal(column, shown, f"{kind} is taken as {allowed}, not as {reference.scheme}", f"give {allowed}")
    elif reference.scheme == "data":
        head = reference.wire_url.split(",", 1)[0].lower()
        typed = head.startswith((f"data:{kind}/", "data:application/octet-stream"))
        if not (typed and head.endswith(";base64")):
            form = f"data:{kind}/...;base64,..."
            yield refusal(column, head[:120], f"inline {kind} is taken as {form}", f"write it as {form}")
    if facts is None:
        return
    if facts.kind != kind:
        yield refusal(column, shown, f"this is {facts.kind}, not {kind}", f"give {kind}")
        return
    for what, found, allowed in (
        ("", facts.container, limits.containers),
        (" coding", facts.codec, limits.codecs),
    ):
        if allowed and found and found not in allowed:
            names = ", ".join(sorted(allowed))
            yield refusal(column, shown, f"{found}{what} is not taken, only {names}", f"convert it to {names}")
    yield from _check_measures(column, shown, facts, limits)


def _check_measures(column: str, shown: str, facts: MediaFacts, limits: MediaLimits) -> Iterator[Violation]:
    bounds: list[tuple[str, float | None, float | None, float | None, str]] = [
        ("bytes", facts.size_bytes, None, limits.max_bytes, "compress it"),
        ("s long", facts.duration_seconds, limits.min_seconds, limits.max_seconds, "trim or replace it"),
        ("frames per second", facts.fps, limits.min_fps, limits.max_fps, "re-time it"),
    ]
    if facts.width and facts.height:
        shorter, longer = sorted((facts.width, facts.height))
        bounds += [
            ("px on its shorter side", shorter, limits.min_side_px, None, "scale it up"),
            ("px on its shorter side", shorter, None, limits.max_shorter_side_px, "scale it down"),
            ("px on its longer side", longer, None, limits.max_side_px, "scale it down"),
            ("pixels", facts.width * facts.height, limits.min_pixels, limits.max_pixels, "scale it"),
            ("wide to high", facts.width / facts.height, limits.min_aspect, limits.max_aspect, "crop or pad it"),
        ]
    for unit, measured, low, high, fix in bounds:
        if measured is None:
            continue
        if low is not None and measured < low - 1e-6:
            yield refusal(column, shown, f"it is {measured:.10g} {unit}, at least {low:.10g} is required", fix)
        if high is not None and measured > high + 1e-6:
            found = _weighed(measured, high) if unit == "bytes" else refusal
            yield found(column, shown, f"it is {measured:.10g} {unit}, at most {high:.10g} is taken", fix)


def _weighed(size_bytes: float, most_bytes: float) -> Callable[[str, object, str, str], Violation]:
    """A warning where a size is too large by the smaller reading of "MB" alone, else a refusal."""
    return refusal if size_bytes > most_bytes * MEBI else caution


def _scheme_fits(reference: Reference, limits: MediaLimits) -> bool:
    if reference.scheme in limits.schemes:
        return True
    # As browsers do, plain http on loopback counts as https: no vendor but the sandbox can fetch it anyway.
    return reference.scheme == "http" and "https" in limits.schemes and _is_loopback(reference.wire_url)


def _is_loopback(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
