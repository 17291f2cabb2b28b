"""Every field × value × model is taken or refused as the documents say, by the adapters and, apart from them, by the
sandbox; what differs is on the list of deviations, and everything on that list differs.
"""

from __future__ import annotations

import json
import random

import pytest

from longtake.sandbox.app import Sandbox
from longtake.sandbox.inputs.measuring import Fetched
from longtake.sandbox.inputs.media_rules import check as check_files
from longtake.sandbox.order import Input, Refused
from longtake.sandbox.settings import SandboxSettings
from longtake.sandbox.vendors import DIALECTS
from longtake.vendors import VENDORS
from longtake.vendors.limits import check
from tests.contract.rules import DEVIATIONS, Rule, rules
from tests.contract.shots import refused
from tests.contract.test_against_sandbox import send

RULES = list(rules())
SAMPLE = 48


def shown(rule: Rule) -> str:
    says = "takes" if rule.allowed else "refuses"
    return f"{rule.line} {says}: {rule.model}, {rule.field} {rule.value[:60]}"


def test_the_table_covers_every_documented_model_and_is_no_smaller_than_the_probes_it_was_made_from() -> None:
    assert len(RULES) >= 1898
    assert len({(rule.vendor, rule.model) for rule in RULES}) == 41
    assert len({(rule.vendor, rule.model, rule.field, rule.value) for rule in RULES}) == len(RULES)
    assert all(rule.line for rule in RULES)


def test_adapters_take_and_refuse_what_the_documents_do_but_for_the_named_deviations() -> None:
    met = set()
    wrong = []
    for rule in RULES:
        is_taken = not refused(VENDORS[rule.vendor], rule.request)
        known = next((each for each in DEVIATIONS if each.covers(rule)), None)
        if is_taken != rule.allowed:
            met.add(known)
            wrong += [] if known else [shown(rule)]
        elif known is not None and known.field != "roles":
            wrong.append(f"no deviation any more: {shown(rule)}")
    assert wrong == []
    assert met == set(DEVIATIONS)


def taken_by_the_sandbox(rule: Rule) -> bool:
    """What the sandbox says of the body and the files, without HTTP."""
    dialect = DIALECTS[rule.vendor]
    body = json.loads(json.dumps(VENDORS[rule.vendor].encode(rule.request).json))
    try:
        order = dialect.read_order(body, loopback_callbacks=False)
        limits = dialect.media_rules(order)
        for given in order.inputs:
            check_scheme(given, limits.schemes[given.kind], https_only=limits.https_only)
        check_files([fetched(reference) for reference in rule.request.references], limits)
    except Refused:
        return False
    return True


def check_scheme(given: Input, schemes: frozenset[str], *, https_only: bool) -> None:
    scheme = given.url.split(":", 1)[0]
    plain = "http" if scheme == "https" else scheme
    if plain not in schemes or (https_only and scheme == "http"):
        raise Refused("bad_request", given.url)


def fetched(reference) -> Fetched:
    facts = reference.facts
    container = "mp4" if facts.container == "mov" else facts.container
    return Fetched(
        facts.kind,
        reference.role,
        "",
        "0" * 64,
        size_bytes=facts.size_bytes,
        format=container.upper() if facts.kind == "image" else container,
        width=facts.width or 0,
        height=facts.height or 0,
        seconds=facts.duration_seconds or 0.0,
        fps=facts.fps or 0.0,
    )


def test_the_sandbox_takes_and_refuses_what_the_documents_do() -> None:
    wrong = []
    for rule in RULES:
        takes_assets = rule.model.endswith("-sp") and rule.model != "seedance2.0-mini-sp" and rule.value == "asset"
        if rule.on_wire and not takes_assets and taken_by_the_sandbox(rule) != rule.allowed:
            wrong.append(shown(rule))
    assert wrong == []


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_the_documents_refuse_is_refused_over_http_and_not_billed(vendor: str) -> None:
    adapter = VENDORS[vendor]
    bodies = [
        rule
        for rule in RULES
        if rule.vendor == vendor and rule.on_wire and not rule.allowed and not rule.request.references
    ]
    chosen = random.Random(7).sample(bodies, min(SAMPLE // 4, len(bodies)))
    assert chosen
    with Sandbox(SandboxSettings(job_seconds=0.1, jobs_per_key=None, media="stub")) as sandbox:
        for rule in chosen:
            assert adapter.failure(send(sandbox, adapter, adapter.encode(rule.request))) is not None, shown(rule)
        assert sandbox.bill.count() == 0


def test_no_request_of_the_table_is_taken_with_a_fault_of_ours() -> None:
    for rule in RULES:
        model = next(model for model in VENDORS[rule.vendor].models if model.wire == rule.model)
        assert all(found.rule and found.fix and found.column for found in check(rule.request, model.limits))
