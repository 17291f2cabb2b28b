"""Requests for the contract tests: one of every mode of every model, and generated ones of any make-up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from hypothesis import strategies as st

from longtake.domain.request import ADAPTIVE, RATIOS, MediaKind, Mode, Reference, Role, ShotRequest
from longtake.domain.violations import Violation
from longtake.vendors import VENDORS, Adapter
from longtake.vendors.limits import Limits

LINKS = {
    "https": {
        kind: f"https://example.com/{name}"
        for kind, name in (("image", "a.png"), ("video", "a.mp4"), ("audio", "a.wav"))
    },
    "asset": {kind: f"asset://asset-sandbox-{kind}" for kind in ("image", "video", "audio")},
    "data": {
        "image": "data:image/png;base64,iVBORw0KGgo=",
        "video": "data:video/mp4;base64,AAAA",
        "audio": "data:audio/wav;base64,UklGRg==",
    },
}
ROLES_OF_MODE = {
    "text": (),
    "first_frame": (Role.FIRST_FRAME,),
    "first_and_last_frame": (Role.FIRST_FRAME, Role.LAST_FRAME),
    "images": (Role.REFERENCE_IMAGE, Role.REFERENCE_IMAGE),
    "video": (Role.REFERENCE_VIDEO,),
    "several_videos": (Role.REFERENCE_VIDEO,) * 3,
    "images_and_audio": (Role.REFERENCE_IMAGE, Role.REFERENCE_AUDIO),
    "everything": (Role.REFERENCE_IMAGE, Role.REFERENCE_VIDEO, Role.REFERENCE_AUDIO),
    "frame_and_audio": (Role.FIRST_FRAME, Role.REFERENCE_AUDIO),
}
"""Modes by their roles; editing, extending and joining are prompts over reference videos."""


class Case(NamedTuple):
    """A request for one wire model, and what to call it."""

    name: str
    adapter: Adapter
    request: ShotRequest


def refused(adapter: Adapter, request: ShotRequest) -> list[Violation]:
    """The violations that refuse the request; warnings do not."""
    return [found for found in adapter.violations(request) if not found.warning]


def references(roles: tuple[Role, ...], limits: Limits, scheme: str | None = None) -> tuple[Reference, ...]:
    """References of these roles, each in a form that the model takes (or in the one asked for)."""

    def form(kind: MediaKind) -> str:
        taken = limits.media(kind).schemes
        chosen = scheme or ("https" if "https" in taken else "asset")
        return LINKS[chosen][kind]

    return tuple(Reference(role=role, source=form(role.kind)) for role in roles)


def every_mode(adapter: Adapter) -> Iterator[Case]:
    """Every wire model in every mode that it has, bare and with all that can be asked of it at once."""
    seen: set[ShotRequest] = set()
    for model in adapter.models:
        for name, roles in ROLES_OF_MODE.items():
            for scheme in (None, "asset", "data"):
                given = references(roles, model.limits, scheme)
                resolution = model.limits.resolutions[-1]
                bare = ShotRequest(prompt="a cat", model=model.wire, references=given)
                if "resolution" in model.limits.required:
                    bare = bare.model_copy(update={"resolution": resolution})
                full = bare.model_copy(update={**everything(model.limits, bare.mode), "resolution": resolution})
                silent = bare.model_copy(update={"prompt": ""})
                for label, request in (("bare", bare), ("full", full), ("without prompt", silent)):
                    if request not in seen and not refused(adapter, request):
                        seen.add(request)
                        yield Case(f"{model.wire}, {name}, {scheme or 'link'}, {label}", adapter, request)


def everything(limits: Limits, mode: Mode) -> dict[str, Any]:
    """Every option that the model has in this mode."""
    values = {
        "seed": 4294967295,
        "generate_audio": False,
        "watermark": True,
        "web_search": True,
        "content_filter": False,
        "return_last_frame": True,
        "safety_identifier": "u" * 64,
        "callback_url": "https://example.com/hook",
        "priority": 9,
        "expires_after_seconds": 3600,
    }
    chosen = {name: value for name, value in values.items() if name in limits.options}
    chosen = {
        name: value for name, value in chosen.items() if mode in limits.modes_of_option.get(name, frozenset(Mode))
    }
    return {**chosen, "duration_seconds": limits.durations[-1], "ratio": limits.ratios[-1]}


def neutral_modes() -> Iterator[Case]:
    """The modes that every vendor has, asked by neutral names."""
    for adapter in VENDORS.values():
        for neutral in ("seedance-2.0", "seedance-2.0-fast", "seedance-2.0-mini"):
            for name in ("text", "first_frame", "first_and_last_frame", "images", "video", "everything"):
                given = references(ROLES_OF_MODE[name], Limits())
                request = ShotRequest(prompt="a cat", model=neutral, references=given)
                yield Case(f"{adapter.name}, {neutral}, {name}", adapter, request)


@st.composite
def requests(draw: st.DrawFn, adapter: Adapter) -> ShotRequest:
    """Any request at all, made up so that a fair share of them has no violation."""
    model = draw(st.sampled_from(adapter.models))
    limits = model.limits
    name = draw(st.sampled_from([name for name in (model.wire, model.neutral) if name]))
    options: dict[str, Any] = {
        "duration_seconds": draw(st.none() | st.sampled_from([*limits.durations, "auto"]) | st.integers(0, 20)),
        "resolution": draw(st.none() | st.sampled_from(limits.resolutions)),
        "ratio": draw(st.none() | st.sampled_from([*RATIOS, ADAPTIVE])),
    }
    for option in sorted(limits.options):
        options[option] = draw(st.none() | VALUES[option])
    kinds = draw(st.sampled_from(list(ROLES_OF_MODE.values())))
    if kinds and draw(st.booleans()):
        kinds += tuple(draw(st.lists(st.sampled_from(kinds), max_size=8)))
    given = tuple(Reference(role=role, source=draw(_source(role, limits))) for role in draw(st.permutations(kinds)))
    prompt = draw(st.sampled_from(["", " "]) | st.text(min_size=1, max_size=40))
    return ShotRequest(prompt=prompt, model=name, references=given, **options)


def _source(role: Role, limits: Limits) -> st.SearchStrategy[str]:
    taken = [scheme for scheme in LINKS if scheme in limits.media(role.kind).schemes]
    return st.sampled_from([LINKS[scheme][role.kind] for scheme in taken])


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "seed": st.integers(-2, 4294967296),
    "generate_audio": st.booleans(),
    "watermark": st.booleans(),
    "web_search": st.booleans(),
    "content_filter": st.booleans(),
    "return_last_frame": st.booleans(),
    "safety_identifier": st.text(min_size=1, max_size=66),
    "callback_url": st.sampled_from(
        ["https://example.com/hook", "http://example.com", "https://10.0.0.1/", "nonsense"]
    ),
    "priority": st.integers(-1, 10),
    "expires_after_seconds": st.sampled_from([3599, 3600, 259_200, 259_201]),
}
