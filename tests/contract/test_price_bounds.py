"""A plan's price bounds hold what the sandbox settles, for every model, over lengths, sizes, references and filter."""

from __future__ import annotations

import itertools
import time
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from longtake.accounts.account import Account
from longtake.accounts.hosting import Hosting
from longtake.costs.price_book import PriceBook
from longtake.domain.identity import WrittenRow
from longtake.domain.request import MediaFacts, Reference, Role, ShotRequest
from longtake.manifests.schema import ManifestRow
from longtake.planning.plan import Shot
from longtake.planning.planner import Planner
from longtake.sandbox.clips.sizes import RATIOS
from longtake.sandbox.inputs.measuring import Fetched
from longtake.sandbox.jobs import Job
from longtake.sandbox.vendors import DIALECTS
from longtake.sandbox.vendors.prices import fictitious_prices, settled_usd
from longtake.vendors import VENDORS, adapter_named

VIDEO = "https://media.example.com/own.mp4"
PICTURE = "https://media.example.com/own.png"
MODELS = [(adapter.name, model.wire) for adapter in VENDORS.values() for model in adapter.models]


def model_limits(vendor, wire):
    return next(model.limits for model in VENDORS[vendor].models if model.wire == wire)


def accounts():
    return {
        f"{name}/default": Account(vendor=name, api_key=SecretStr("k"), base_url="http://x", prices=prices)
        for name, prices in fictitious_prices().items()
    }


QUOTES = PriceBook(accounts())


def planned(rows, video_seconds):
    facts = {
        VIDEO: MediaFacts(
            kind="video",
            container="mp4",
            size_bytes=10**6,
            codec="h264",
            width=1280,
            height=720,
            duration_seconds=video_seconds,
            fps=24,
        ),
        PICTURE: MediaFacts(kind="image", container="png", size_bytes=10**5, width=1280, height=720),
    }
    hosting = Hosting(store=SimpleNamespace(can_presign=True))
    planner = Planner(None, str, facts=facts, hosting=hosting, quote=QUOTES)
    return planner.plan({"r": rows}, {}, time.time())


def row(number, vendor, wire, continues=None, roles=(), **options):
    sources = {"video": VIDEO, "image": PICTURE}
    references = tuple(Reference(role=role, source=sources[role.kind]) for role in roles)
    request = ShotRequest(prompt="a cat", references=references, **options)
    request = request.model_copy(update={"model": wire}) if wire else request
    written = WrittenRow(vendor=vendor, model=wire, request=request, continue_from=continues)
    return ManifestRow(row=number, reel="r", shot=str(number), lone=False, written=written)


def settled(shot: Shot, seconds: int, ratio: str, parent_seconds: float | None, video_seconds: float) -> float:
    """What the sandbox bills for a shot whose job got these seconds and this ratio."""
    references = [*shot.request.references]
    if parent_seconds is not None:
        references.insert(0, Reference(role=Role.REFERENCE_VIDEO, source="https://media.example.com/parent.mp4"))
    request = shot.request.model_copy(update={"references": tuple(references)})
    adapter = adapter_named(shot.vendor)
    order = DIALECTS[adapter.name].read_order(adapter.encode(request).json, loopback_callbacks=False)
    width, height = DIALECTS[adapter.name].pixels(order, order.ratio if order.ratio in RATIOS else ratio)
    tail = (
        parent_seconds
        if shot.tail_seconds is None or parent_seconds is None
        else min(parent_seconds, shot.tail_seconds)
    )
    fetched = tuple(
        Fetched(
            each.role.kind,
            each.role.value,
            each.source,
            sha256="x",
            seconds=(tail if "parent" in each.source else video_seconds) if each.role.kind == "video" else 0.0,
        )
        for each in references
    )
    job = Job(
        number=1,
        job_id="j",
        vendor=adapter.name,
        account="default",
        order=order,
        seconds=order.seconds or seconds,
        ratio=ratio,
        width=width,
        height=height,
        references=fetched,
        accepted_at=0,
        begins=0,
        starts=0,
        ends=0,
        render=lambda job: None,
    )
    return settled_usd(job)


def hold(shot, price):
    assert shot.quote is not None
    assert shot.quote.low_usd - 1e-9 <= price <= shot.quote.high_usd + 1e-9, (shot.request, shot.quote, price)


@pytest.mark.parametrize(("vendor", "wire"), MODELS, ids=[wire for _, wire in MODELS])
def test_a_lone_shots_price_lies_within_its_bounds(vendor, wire):
    limits = model_limits(vendor, wire)
    roles = [(), (Role.REFERENCE_VIDEO,), (Role.REFERENCE_VIDEO, Role.REFERENCE_IMAGE), (Role.FIRST_FRAME,)]
    roles += [(Role.FIRST_FRAME, Role.LAST_FRAME), (Role.REFERENCE_IMAGE,)]
    held = 0
    for seconds, resolution, ratio, content_filter, web_search, given, video_seconds in itertools.product(
        [None, limits.durations[-1], "auto"],
        [None, *limits.resolutions],
        [None, "21:9", "adaptive"],
        [None, False] if "content_filter" in limits.options else [None],
        [None, True] if "web_search" in limits.options else [None],
        roles,
        [2.0417, 15.0],
    ):
        if not any(role.kind == "video" for role in given) and video_seconds != 15.0:
            continue
        options = {"duration_seconds": seconds, "resolution": resolution, "ratio": ratio}
        options |= {"content_filter": content_filter, "web_search": web_search}
        plan = planned([row(1, vendor, wire, roles=given, **options)], video_seconds)
        if plan.refusals or plan.shots[0].quote is None:
            continue
        for picked, adapted in itertools.product([4, 15] if seconds == "auto" else [4], ["16:9", "1:1", "21:9"]):
            hold(plan.shots[0], settled(plan.shots[0], picked, adapted, None, video_seconds))
            held += 1
    assert held


# Videos of these are taken as the vendor's own assets alone, which no clip of ours is.
CHAINABLE = [
    pair for pair in MODELS if "http" in model_limits(*pair).video.schemes and model_limits(*pair).video.max_count
]


@pytest.mark.parametrize(("vendor", "wire"), CHAINABLE, ids=[wire for _, wire in CHAINABLE])
def test_a_chained_shots_price_lies_within_its_bounds_whatever_its_parent_becomes(vendor, wire):
    limits = model_limits(vendor, wire)
    held = 0
    for parent_seconds, resolution, own_video in itertools.product(
        [limits.durations[0], 15, "auto"], limits.resolutions, [(), (Role.REFERENCE_VIDEO,)]
    ):
        parent = row(1, "powertokens", None, duration_seconds=parent_seconds, resolution="720p", ratio="16:9")
        seconds = limits.durations[-1]
        child = row(2, vendor, wire, "clip", own_video, duration_seconds=seconds, resolution=resolution)
        plan = planned([parent, child], 4.0417)
        if plan.refusals or plan.shots[1].quote is None:
            continue
        for became in [4, 9, 15] if parent_seconds == "auto" else [parent_seconds]:
            for adapted in ("16:9", "1:1"):
                hold(plan.shots[1], settled(plan.shots[1], seconds, adapted, (24 * became + 1) / 24, 4.0417))
                held += 1
    assert held


def test_most_of_the_grid_has_a_price():
    plan = planned([row(1, vendor, wire, resolution=None) for vendor, wire in MODELS], 5.0)
    priced = [shot for shot in plan.shots if shot.quote is not None]
    assert len(priced) > len(MODELS) / 3
