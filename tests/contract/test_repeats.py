"""Checking requests that are alike only once finds the same as checking each."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longtake.errors import UnsupportedRequestError
from longtake.repeats import RepeatedChecks
from longtake.vendors import VENDORS
from tests.contract.shots import requests


@pytest.mark.parametrize("adapter", VENDORS.values(), ids=lambda adapter: adapter.name)
def test_nothing_is_missed_by_not_repeating_a_check(adapter):
    checks = RepeatedChecks()
    seen = {True: 0, False: 0}

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(requests(adapter), st.sampled_from([None, "", "a cat", "猫" * 501, "word " * 10_001, "x" * 5001]))
    def compare(request, prompt):
        request = request if prompt is None else request.model_copy(update={"prompt": prompt})
        try:
            model = adapter.model_for(request)
        except UnsupportedRequestError:
            return
        for _ in range(2):
            found = checks.violations(request, adapter, model)
            assert found == adapter.violations(request)
            seen[bool(found)] += 1

    compare()
    assert seen[True] > 5
    assert seen[False] > 5
