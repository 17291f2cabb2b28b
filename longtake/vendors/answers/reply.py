"""A vendor's answer as the transport hands it over, what an accepted submit becomes, and who reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from longtake.domain.errors import VendorError
from longtake.domain.job import JobSnapshot


@dataclass(frozen=True)
class Reply:
    """What came back. `body` is the parsed JSON, None where it is not JSON; `text` holds at most 2,000 characters.

    `torn` says why the answer broke off, "" where it is whole. `named` holds what a text that is no JSON calls a job.
    """

    status: int
    body: object = None
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    torn: str = ""
    named: tuple[str, ...] = ()


class SubmitReply(NamedTuple):
    """A submit that was accepted: the job's id and the first look at it."""

    job_id: str
    snapshot: JobSnapshot


class CreateReader(Protocol):
    """What a vendor knows of its answers to a create."""

    def accepted(self, reply: Reply) -> SubmitReply:
        """The job of an answer that names one."""
        ...

    def failure(self, reply: Reply) -> VendorError | None:
        """What an answer that is no success means."""
        ...
