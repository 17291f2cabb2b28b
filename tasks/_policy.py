"""How steps run as Prefect tasks: their names, and why they have no retries and no cache of Prefect's.

Repeating is the library's business: a submit is never repeated by a retry, looks and downloads repeat inside. The
ledger, not Prefect's results, says what is done. An end that we know of is told without a traceback.
"""

from __future__ import annotations

import logging
from typing import Any, TypedDict

from prefect.cache_policies import NO_CACHE, CachePolicy
from prefect.logging import get_logger

from longtake.domain.errors import LongtakeError


class StepPolicy(TypedDict):
    """Keyword arguments of `@task` that all steps share."""

    retries: int
    cache_policy: CachePolicy
    persist_result: bool


STEP: StepPolicy = {"retries": 0, "cache_policy": NO_CACHE, "persist_result": False}


def tells_news(record: logging.LogRecord) -> bool:
    """Whether a line of a task's log stays: that it ended well its state tells, as it tells of an error on purpose."""
    if record.levelno <= logging.INFO and str(record.msg).startswith("Finished in state Completed"):
        return False
    return not (record.exc_info and isinstance(record.exc_info[1], LongtakeError))


get_logger("prefect.task_runs").addFilter(tells_news)


def vendor_tags(account: str) -> dict[str, Any]:
    """`with_options` arguments that tag a task run with its vendor."""
    return {"tags": {f"vendor:{account.partition('/')[0]}"}}
