"""The bodies that we send satisfy the vendors' documents, for every model and every mode."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from longtake.domain.request import Mode, ShotRequest
from longtake.vendors import VENDORS, Adapter
from tests.contract.documents import DEVIATIONS, SCHEMAS, Deviation, breaches, documents
from tests.contract.shots import Case, every_mode, neutral_modes, refused, requests

CASES = [case for adapter in VENDORS.values() for case in every_mode(adapter)]
MODELS = sorted({case.request.model for case in CASES})


def body_of(case: Case) -> dict[str, Any]:
    call = case.adapter.encode(case.request)
    assert call.method == "POST"
    assert call.json is not None
    return json.loads(json.dumps(call.json))


def cases_of(model: str) -> list[Case]:
    return [case for case in CASES if case.request.model == model]


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.stem)
def test_transcribed_schemas_are_schemas_and_closed(path: Any) -> None:
    schema = json.loads(path.read_text())
    Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("adapter", VENDORS.values(), ids=lambda adapter: adapter.name)
def test_every_wire_model_has_a_document_and_every_documented_model_is_there(adapter: Adapter) -> None:
    ours = {model.wire for model in adapter.models}
    theirs = set()
    for path in SCHEMAS.glob(f"{adapter.name}-*.json"):
        theirs |= set(json.loads(path.read_text())["properties"]["model"]["enum"])
    assert ours == theirs


@pytest.mark.parametrize("model", MODELS)
def test_bodies_of_every_mode_satisfy_every_document_of_their_model(model: str) -> None:
    for case in cases_of(model):
        found = breaches(case.adapter.name, body_of(case))
        assert not [str(each) for each in found if not isinstance(each, Deviation)], case.name


def test_every_named_deviation_is_needed_and_there_is_no_other() -> None:
    mini = VENDORS["powertokens"].models[0].wire
    lengths = [
        Case(str(seconds), VENDORS["powertokens"], ShotRequest(prompt="a", model=mini, duration_seconds=seconds))
        for seconds in range(4, 16)
    ]
    met = {found for case in [*CASES, *lengths] for found in breaches(case.adapter.name, body_of(case))}
    assert met == set(DEVIATIONS)


def test_every_model_is_covered_in_every_mode_it_claims() -> None:
    for adapter in VENDORS.values():
        for model in adapter.models:
            modes = {case.request.mode for case in CASES if case.request.model == model.wire}
            assert modes >= model.limits.modes, model.wire


@pytest.mark.parametrize("case", list(neutral_modes()), ids=lambda case: case.name)
def test_neutral_models_work_in_the_modes_that_all_vendors_share(case: Case) -> None:
    assert not refused(case.adapter, case.request)
    assert not [found for found in breaches(case.adapter.name, body_of(case)) if not isinstance(found, Deviation)]


@pytest.mark.parametrize("adapter", VENDORS.values(), ids=lambda adapter: adapter.name)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(data=st.data())
def test_any_request_without_violations_becomes_a_body_that_the_documents_allow(
    adapter: Adapter, data: st.DataObject
) -> None:
    request = data.draw(requests(adapter))
    assume(not refused(adapter, request))
    body = body_of(Case("", adapter, request))
    assert not [str(found) for found in breaches(adapter.name, body) if not isinstance(found, Deviation)]


@pytest.mark.parametrize("model", MODELS)
def test_every_option_and_reference_of_a_request_reaches_the_body(model: str) -> None:
    for case in cases_of(model):
        check_that_nothing_is_dropped(case)


def check_that_nothing_is_dropped(case: Case) -> None:
    fixed = {"web_search"} if case.request.mode is not Mode.TEXT else set()
    if len(case.adapter.model_for(case.request).limits.resolutions) == 1:
        fixed.add("resolution")
    body = body_of(case)
    for option in case.request.given_options().keys() - fixed:
        without = case.request.model_copy(update={option: None})
        if not refused(case.adapter, without):
            assert body_of(Case("", case.adapter, without)) != body, (case.name, option)
    for index in range(len(case.request.references)):
        kept = case.request.references[:index] + case.request.references[index + 1 :]
        fewer = case.request.model_copy(update={"references": kept})
        if not refused(case.adapter, fewer):
            assert body_of(Case("", case.adapter, fewer)) != body, (case.name, index)


def test_documents_cover_what_is_asked_of_them() -> None:
    assert set(documents("evolink", "seedance-2.0-fast-reference-to-video")) == {
        "evolink-overview",
        "evolink-fast-reference",
    }
    wrong = {"model": "seedance2.0-md", "prompt": "a", "first_image": "https://example.com/a.png"}
    assert list(breaches("jimmyai", wrong))
