"""How steps run as Prefect tasks: their names, and why they have no retries and no cache of Prefect's.

Repeating is the library's business: a submit is never repeated by a retry, looks and downloads repeat inside. The
ledger, not Prefect's results, says what is done.
"""

from __future__ import annotations

from typing import Any, TypedDict

from prefect.cache_policies import NO_CACHE, CachePolicy


class StepPolicy(TypedDict):
    """Keyword arguments of `@task` that all steps share."""

    retries: int
    cache_policy: CachePolicy
    persist_result: bool


STEP: StepPolicy = {"retries": 0, "cache_policy": NO_CACHE, "persist_result": False}


def vendor_tags(account: str) -> dict[str, Any]:
    """`with_options` arguments that tag a task run with its vendor."""
    return {"tags": {f"vendor:{account.partition('/')[0]}"}}
