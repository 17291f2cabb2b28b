"""Request → wire body and reply → snapshot, exchange by exchange, as `golden/<vendor>.json` records them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest

from longtake.domain import errors
from longtake.domain.errors import UnexpectedReplyError
from longtake.domain.job import JobSnapshot, JobStatus
from longtake.domain.request import MediaKind, ShotRequest
from longtake.vendors import VENDORS, Adapter, Reply
from tests.contract.documents import Deviation, breaches
from tests.contract.shots import refused

GOLDEN = Path(__file__).with_name("golden")


class Exchange(NamedTuple):
    adapter: Adapter
    case: dict[str, Any]


def exchanges(part: str) -> Any:
    found = [
        Exchange(VENDORS[path.stem], case)
        for path in sorted(GOLDEN.glob("*.json"))
        for case in json.loads(path.read_text()).get(part, ())
    ]
    return pytest.mark.parametrize(
        ("adapter", "case"), found, ids=[f"{each.adapter.name}: {name_of(each.case)}" for each in found]
    )


def name_of(case: dict[str, Any]) -> str:
    return case.get("name") or case.get("job_id") or case["kind"]


def reply_of(case: dict[str, Any]) -> Reply:
    body = case["reply"]["body"]
    return Reply(case["reply"]["status"], body, json.dumps(body)[:2000], case["reply"].get("headers", {}))


@exchanges("submits")
def test_request_becomes_the_recorded_body(adapter: Adapter, case: dict[str, Any]) -> None:
    request = ShotRequest.model_validate(case["request"])
    assert not refused(adapter, request)
    call = adapter.encode(request)
    assert (call.method, call.path, call.host) == ("POST", case["path"], "api")
    assert call.json == case["json"]
    assert all(isinstance(found, Deviation) for found in breaches(adapter.name, case["json"]))


@exchanges("looks")
def test_look_goes_to_the_recorded_path(adapter: Adapter, case: dict[str, Any]) -> None:
    call = adapter.look(case["job_id"])
    assert (call.method, call.path, call.json) == ("GET", case["path"], None)


@exchanges("accepted")
def test_accepted_submit_is_read(adapter: Adapter, case: dict[str, Any]) -> None:
    assert adapter.failure(reply_of(case)) is None
    accepted = adapter.accepted(reply_of(case))
    assert accepted.job_id == case["job_id"]
    assert accepted.snapshot == JobSnapshot.model_validate(case["snapshot"])


@exchanges("unreadable")
def test_reply_that_no_document_knows_is_told_as_such(adapter: Adapter, case: dict[str, Any]) -> None:
    assert adapter.failure(reply_of(case)) is None
    with pytest.raises(UnexpectedReplyError):
        getattr(adapter, case["step"])(reply_of(case))


@exchanges("snapshots")
def test_look_is_read(adapter: Adapter, case: dict[str, Any]) -> None:
    assert adapter.failure(reply_of(case)) is None
    assert adapter.snapshot(reply_of(case)) == JobSnapshot.model_validate(case["snapshot"])


@exchanges("failures")
def test_refusal_has_its_class(adapter: Adapter, case: dict[str, Any]) -> None:
    failure = adapter.failure(reply_of(case))
    assert failure is not None
    assert type(failure) is getattr(errors, case["error"])
    assert failure.code == case["code"]
    assert failure.http_status == case["reply"]["status"]
    assert failure.retry_after_seconds == case.get("retry_after_seconds")
    assert failure.message
    if "message" in case:
        assert failure.message == case["message"]
    if "result_expired" in case:
        assert adapter.result_expired(failure) is case["result_expired"]


@exchanges("successes")
def test_success_is_not_taken_for_a_refusal(adapter: Adapter, case: dict[str, Any]) -> None:
    assert adapter.failure(reply_of(case)) is None


@exchanges("uploads")
def test_upload_goes_out_and_its_link_is_read(adapter: Adapter, case: dict[str, Any]) -> None:
    call = adapter.upload(case["kind"])
    assert call is not None
    assert (call.method, call.path, call.host, call.upload_field) == ("POST", case["path"], case["host"], case["field"])
    assert adapter.uploaded(reply_of(case)) == case["link"]
    with pytest.raises(UnexpectedReplyError):
        adapter.uploaded(Reply(200, {"code": "20000", "data": {}}))


@pytest.mark.parametrize("adapter", VENDORS.values(), ids=lambda adapter: adapter.name)
def test_uploads_are_declared_as_they_are(adapter: Adapter) -> None:
    assert {kind for kind in get_args(MediaKind) if adapter.upload(kind) is not None} == adapter.upload_kinds
    assert bool(adapter.upload_kinds) == bool(json.loads((GOLDEN / f"{adapter.name}.json").read_text()).get("uploads"))


@pytest.mark.parametrize("adapter", VENDORS.values(), ids=lambda adapter: adapter.name)
def test_every_status_that_a_vendor_has_a_word_for_is_recorded(adapter: Adapter) -> None:
    recorded = {
        case["snapshot"]["status"] for case in json.loads((GOLDEN / f"{adapter.name}.json").read_text())["snapshots"]
    }
    # Two vendors have no word for a job that ran out of time: they call it failed.
    without_expired = {JobStatus.EXPIRED} if adapter.name in ("evolink", "jimmyai") else set[JobStatus]()
    without_queued = {JobStatus.QUEUED} if adapter.name == "evolink" else set[JobStatus]()
    assert recorded >= set(JobStatus) - without_expired - without_queued


@pytest.mark.parametrize("adapter", VENDORS.values(), ids=lambda adapter: adapter.name)
@pytest.mark.parametrize(
    "body", [None, [], "x", 1, True, {}, {"data": []}, {"data": {"data": 1}, "status": {}}, {"error": []}]
)
def test_no_body_makes_a_reader_stumble(adapter: Adapter, body: object) -> None:
    """Whatever comes back is read, or told as unexpected; never a TypeError."""
    for status in (200, 400, 500):
        reply = Reply(status, body)
        adapter.failure(reply)
        for read in (adapter.accepted, adapter.snapshot):
            try:
                read(reply)
            except UnexpectedReplyError as error:
                assert error.http_status == status
