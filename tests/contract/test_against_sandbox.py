"""Our side of each wire against the sandbox's, which was written from the same documents by other hands."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from longtake.costs.quote import price_rules, quote
from longtake.domain import errors
from longtake.domain.errors import VendorError
from longtake.domain.job import JobSnapshot, JobStatus
from longtake.domain.request import MediaKind, Reference, ShotRequest
from longtake.sandbox.app import Sandbox, SandboxSettings
from longtake.sandbox.faults import Fault
from longtake.sandbox.vendors.prices import fictitious_prices, settled_usd
from longtake.vendors import VENDORS, Adapter, Call, Reply
from longtake.vendors.limits import Limits
from tests.contract.shots import Case, every_mode, refused, requests
from tests.sandbox.conftest import MediaShop

MODELS = [(adapter, model.wire) for adapter in VENDORS.values() for model in adapter.models]
HTTP = httpx.Client(timeout=20, trust_env=False)
ADAPTERS = pytest.mark.parametrize("adapter", VENDORS.values(), ids=lambda adapter: adapter.name)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MediaShop]:
    shop = MediaShop(tmp_path_factory.mktemp("media"))
    yield shop
    shop.close()


EACH_MODEL = pytest.mark.parametrize(
    ("adapter", "wire"),
    [
        pytest.param(adapter, wire, id=wire, marks=[pytest.mark.slow] * (place % 3 > 0))
        for place, (adapter, wire) in enumerate(MODELS)
    ],
)
"""Every third model of each vendor; the others, mostly sizes and speeds of the same, run with `make slow`."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    settings = SandboxSettings(job_seconds=0.02, jobs_per_key=None, media="stub")
    with Sandbox(settings) as sandbox:
        yield sandbox


@pytest.fixture
def own_sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings(job_seconds=0.02, jobs_per_key=None, media="stub")) as sandbox:
        yield sandbox


def send(sandbox: Sandbox, adapter: Adapter, call: Call, *, key: str | None = None, **more: Any) -> Reply:
    base = sandbox.upload_base_url(adapter.name) if call.host == "upload" else sandbox.base_url(adapter.name)
    headers = {"Authorization": f"Bearer {sandbox.api_key(adapter.name) if key is None else key}"}
    content = {"json": call.json} if call.json is not None else {}
    answer = HTTP.request(call.method, base + call.path, headers=headers, **content, **more)
    try:
        body: object = answer.json()
    except ValueError:
        body = None
    return Reply(answer.status_code, body, answer.text[:2000], dict(answer.headers))


def buy(sandbox: Sandbox, adapter: Adapter, request: ShotRequest) -> str:
    reply = send(sandbox, adapter, adapter.encode(request))
    failure = adapter.failure(reply)
    assert failure is None, failure
    return adapter.accepted(reply).job_id


def finish(sandbox: Sandbox, adapter: Adapter, job_id: str) -> JobSnapshot:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        reply = send(sandbox, adapter, adapter.look(job_id))
        assert adapter.failure(reply) is None
        snapshot = adapter.snapshot(reply)
        if snapshot.status.is_terminal:
            return snapshot
        time.sleep(0.02)
    raise AssertionError(f"{job_id} did not end")


def refusal(sandbox: Sandbox, adapter: Adapter, call: Call, *, key: str | None = None) -> VendorError:
    failure = adapter.failure(send(sandbox, adapter, call, key=key))
    assert failure is not None
    return failure


def with_real_media(case: Case, shop: MediaShop) -> ShotRequest:
    """The case's request with files that exist and keep the model's limits; data and assets as they are."""
    sources: dict[MediaKind, str] = {
        "image": shop.image(640, 640),
        "video": shop.video(960, 960, frames=60),
        "audio": shop.wav(2.5),
    }
    inline = "data:image/png;base64," + _base64(shop.image_bytes(640, 640))
    sound = "data:audio/wav;base64," + _base64(shop.wav_bytes(2.5))

    def real(reference: Reference) -> Reference:
        source = {"https": sources[reference.role.kind], "asset": reference.source}.get(reference.scheme)
        return reference.model_copy(update={"source": source or (inline if reference.role.kind == "image" else sound)})

    return case.request.model_copy(update={"references": tuple(real(each) for each in case.request.references)})


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


@EACH_MODEL
def test_every_mode_of_every_model_is_accepted_and_finishes(
    sandbox: Sandbox, shop: MediaShop, adapter: Adapter, wire: str
) -> None:
    bought: list[tuple[Case, str]] = []
    for case in every_mode(adapter):
        if case.request.model == wire:
            bought.append((case, buy(sandbox, adapter, with_real_media(case, shop))))
    assert bought
    for case, job_id in bought:
        snapshot = finish(sandbox, adapter, job_id)
        assert snapshot.status is JobStatus.SUCCEEDED, case.name
        assert snapshot.known_word
        assert snapshot.video_url
        assert bool(snapshot.last_frame_url) == bool(case.request.return_last_frame), case.name


@EACH_MODEL
def test_sandbox_bills_within_the_quoted_bounds(sandbox: Sandbox, shop: MediaShop, adapter: Adapter, wire: str) -> None:
    rules = price_rules(fictitious_prices()[adapter.name], [model.wire for model in adapter.models])
    assert rules.keys() == {model.wire for model in adapter.models}
    quoted = 0
    for case in every_mode(adapter):
        # The sandbox's ready-made assets have no bytes: as videos they would be billed with no seconds at all.
        has_empty_video = any(each.scheme == "asset" for each in case.request.kinds("video"))
        if case.request.model != wire or has_empty_video:
            continue
        request = with_real_media(case, shop)
        bounds = quote(request, rules[wire], adapter.model_for(request).limits)
        if bounds is not None:
            job = sandbox.job(buy(sandbox, adapter, request))
            assert bounds.low_usd <= round(settled_usd(job), 9) <= bounds.high_usd, case.name
            quoted += 1
    assert quoted or wire == "seedance-2.0-ultra"


@ADAPTERS
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_has_no_violation_the_sandbox_accepts(
    sandbox: Sandbox, shop: MediaShop, adapter: Adapter, data: st.DataObject
) -> None:
    request = data.draw(requests(adapter))
    assume(not refused(adapter, request))
    buy(sandbox, adapter, with_real_media(Case("", adapter, request), shop))


@ADAPTERS
def test_what_was_asked_for_is_what_the_sandbox_understood(sandbox: Sandbox, shop: MediaShop, adapter: Adapter) -> None:
    limits = adapter.model_for(ShotRequest()).limits
    request = ShotRequest(prompt="a cat", duration_seconds=7, resolution="480p", ratio="9:16")
    job = sandbox.job(buy(sandbox, adapter, request))
    assert (job.order.prompt, job.seconds, job.width, job.height) == ("a cat", 7, 496, 864)
    assert limits.output_pixels(request) == (job.width, job.height)


@ADAPTERS
def test_defaults_are_the_same_on_both_sides(sandbox: Sandbox, adapter: Adapter) -> None:
    for model in adapter.models:
        request = ShotRequest(prompt="a cat", model=model.wire)
        if adapter.violations(request):
            continue
        job = sandbox.job(buy(sandbox, adapter, request))
        assert job.seconds == model.limits.default_duration_seconds
        assert job.order.resolution == model.limits.default_resolution
        assert job.order.ratio == (model.limits.ratio_of(request) or job.order.ratio)


@ADAPTERS
def test_refusals_have_the_same_class_whatever_their_shape(own_sandbox: Sandbox, adapter: Adapter) -> None:
    submit = adapter.encode(ShotRequest(prompt="a cat"))
    assert type(refusal(own_sandbox, adapter, submit, key="wrong")) is errors.AuthenticationError
    for kind, expected in (
        ("throttled", errors.RateLimitedError),
        ("unauthorized", errors.AuthenticationError),
        ("no_balance", errors.InsufficientBalanceError),
        ("model_not_allowed", errors.ModelNotAllowedError),
        ("moderation", errors.ContentRefusedError),
        ("bad_request", errors.RejectedRequestError),
        ("server_error", errors.VendorUnavailableError),
    ):
        own_sandbox.faults.add(Fault(kind=kind, step="submit", vendor=adapter.name))
        assert type(refusal(own_sandbox, adapter, submit)) is expected, kind
    assert own_sandbox.bill.count(adapter.name) == 0


@ADAPTERS
def test_asked_waits_are_read(own_sandbox: Sandbox, adapter: Adapter) -> None:
    own_sandbox.faults.add(Fault(kind="throttled", step="submit", retry_after_seconds=7))
    assert refusal(own_sandbox, adapter, adapter.encode(ShotRequest(prompt="a cat"))).retry_after_seconds == 7


@ADAPTERS
def test_unknown_job_is_known_to_be_lost(sandbox: Sandbox, adapter: Adapter) -> None:
    failure = refusal(sandbox, adapter, adapter.look("task-12345678-nobody"))
    assert adapter.result_expired(failure)


@ADAPTERS
def test_wrong_address_is_not_taken_for_a_lost_job(sandbox: Sandbox, adapter: Adapter) -> None:
    failure = refusal(sandbox, adapter, Call("GET", "/elsewhere/task-12345678"))
    assert not adapter.result_expired(failure)


@ADAPTERS
@pytest.mark.parametrize(
    ("kind", "status"),
    [("failed", JobStatus.FAILED), ("moderation_failed", JobStatus.FAILED), ("cancelled", JobStatus.CANCELLED)],
)
def test_jobs_that_end_badly_say_how(own_sandbox: Sandbox, adapter: Adapter, kind: str, status: JobStatus) -> None:
    own_sandbox.faults.add(Fault(kind=kind, step="look"))
    snapshot = finish(own_sandbox, adapter, buy(own_sandbox, adapter, ShotRequest(prompt="a cat")))
    assert snapshot.status is status
    assert snapshot.known_word
    if status is JobStatus.FAILED:
        assert snapshot.failure is not None
        assert snapshot.failure.message
        assert snapshot.failure.content_refused == (kind == "moderation_failed")
        assert snapshot.failure.retryable == (kind == "failed")


@ADAPTERS
def test_failure_that_is_not_worth_another_purchase_is_told_apart(own_sandbox: Sandbox, adapter: Adapter) -> None:
    own_sandbox.faults.add(Fault(kind="failed", step="look", retryable=False))
    snapshot = finish(own_sandbox, adapter, buy(own_sandbox, adapter, ShotRequest(prompt="a cat")))
    assert snapshot.failure is not None
    assert not snapshot.failure.retryable


@ADAPTERS
def test_job_that_ran_out_of_time_ends(own_sandbox: Sandbox, adapter: Adapter) -> None:
    own_sandbox.faults.add(Fault(kind="expired", step="look"))
    snapshot = finish(own_sandbox, adapter, buy(own_sandbox, adapter, ShotRequest(prompt="a cat")))
    has_a_word = adapter.name not in ("evolink", "jimmyai")
    assert snapshot.status is (JobStatus.EXPIRED if has_a_word else JobStatus.FAILED)


@ADAPTERS
def test_odd_looks_are_read_for_what_they_are(own_sandbox: Sandbox, adapter: Adapter) -> None:
    job_id = buy(own_sandbox, adapter, ShotRequest(prompt="a cat"))
    finish(own_sandbox, adapter, job_id)

    def look(kind: str) -> JobSnapshot:
        own_sandbox.faults.add(Fault(kind=kind, step="look"))
        reply = send(own_sandbox, adapter, adapter.look(job_id))
        assert adapter.failure(reply) is None
        return adapter.snapshot(reply)

    unknown = look("unknown_word")
    assert (unknown.status, unknown.known_word) == (JobStatus.RUNNING, False)
    assert look("empty_word").status is JobStatus.QUEUED
    without_link = look("success_without_link")
    assert (without_link.status, without_link.video_url) == (JobStatus.SUCCEEDED, None)
    odd = look("fail_reason_with_link")
    assert odd.status is JobStatus.SUCCEEDED
    assert odd.video_url


@ADAPTERS
def test_submit_without_an_id_is_not_taken_for_a_job(own_sandbox: Sandbox, adapter: Adapter) -> None:
    own_sandbox.faults.add(Fault(kind="no_id", step="submit"))
    reply = send(own_sandbox, adapter, adapter.encode(ShotRequest(prompt="a cat")))
    assert adapter.failure(reply) is None
    with pytest.raises(errors.UnexpectedReplyError):
        adapter.accepted(reply)
    assert own_sandbox.bill.count(adapter.name) == 1


@pytest.mark.parametrize("adapter", [VENDORS["evolink"], VENDORS["jimmyai"]], ids=["evolink", "jimmyai"])
def test_own_upload_gives_a_link_that_can_be_a_reference(sandbox: Sandbox, shop: MediaShop, adapter: Adapter) -> None:
    call = adapter.upload("image")
    assert call is not None
    files = {call.upload_field: ("picture.png", shop.image_bytes(640, 640), "image/png")}
    reply = send(sandbox, adapter, call, files=files, data=dict(call.form))
    assert adapter.failure(reply) is None
    link = adapter.uploaded(reply)
    request = ShotRequest(prompt="a cat", references=(Reference(role="reference_image", source=link),))
    assert not adapter.violations(request)
    assert finish(sandbox, adapter, buy(sandbox, adapter, request)).status is JobStatus.SUCCEEDED


@ADAPTERS
def test_finished_clip_can_be_the_next_reference(sandbox: Sandbox, adapter: Adapter) -> None:
    parent = finish(sandbox, adapter, buy(sandbox, adapter, ShotRequest(prompt="a cat", duration_seconds=4)))
    assert parent.video_url
    request = ShotRequest(
        prompt="extend video 1", references=(Reference(role="reference_video", source=parent.video_url),)
    )
    assert not adapter.violations(request)
    assert finish(sandbox, adapter, buy(sandbox, adapter, request)).video_url
    assert isinstance(adapter.model_for(request).limits, Limits)
