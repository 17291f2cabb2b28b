"""Job ids as a person types them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from longtake.domain.errors import ConfigurationError


def adoption(written: str) -> tuple[str, str]:
    """Shot id and job id of `SHOT_ID=JOB_ID`: ids of vendors may hold `=`, and names of shots too.

    Raises:
        ConfigurationError: One of them is missing.
    """
    reel, slash, rest = written.partition("/")
    if slash and "=" in reel:  # the slash is the job id's: the shot is named by its identity
        reel, slash, rest = "", "", written
    shot, equals, job_id = rest.partition("=")
    if not equals or not shot.strip() or not job_id.strip():
        raise ConfigurationError("--adopt takes SHOT_ID=JOB_ID")
    return f"{reel}{slash}{shot}".strip(), job_id.strip()


def adoptions(written: Iterable[str]) -> dict[str, str]:
    """Job ids by shot id, as typed.

    Raises:
        ConfigurationError: One is not whole, or a shot is named twice.
    """
    found: dict[str, str] = {}
    for one in written:
        shot_id, job_id = adoption(one)
        if shot_id in found:
            raise ConfigurationError(f"{shot_id}: --adopt names two jobs, {found[shot_id]} and {job_id}; give one")
        found[shot_id] = job_id
    return found


def clean_job_id(shot_id: str, job_id: str) -> str:
    """A job's id without blanks around it: what cannot be seen must not make another's id look like one's own.

    Raises:
        ConfigurationError: There is none, or it holds blanks or characters that cannot be seen.
    """
    job_id = job_id.strip()
    if not job_id:
        raise ConfigurationError(f"{shot_id}: adopt needs the vendor's job id")
    if any(unicodedata.category(letter)[0] in "ZC" for letter in job_id):
        raise ConfigurationError(f"{shot_id}: the job id {job_id!r} holds blanks or characters that cannot be seen")
    return job_id
