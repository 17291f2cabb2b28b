"""How the suite is spread over processes: a file stays together, and so do the tests that share a deployed project."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        shares_project = "deployed" in getattr(item, "fixturenames", ())
        # Child runs take as long as all the others that share a project.
        alone = not shares_project or item.path.stem == "test_children"
        item.add_marker(pytest.mark.xdist_group(str(item.path) if alone else "deployed"))
