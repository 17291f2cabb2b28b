"""How the suite is spread over processes: a file stays together, and so do the tests that share a deployed project."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        shares_project = "deployed" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("deployed" if shares_project else str(item.path)))
