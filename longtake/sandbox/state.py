"""What all vendors of one sandbox share, and what their files may ask of the endpoint that serves them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from longtake.sandbox.bill import Bill
from longtake.sandbox.clips.media_host import MediaHost
from longtake.sandbox.clips.shelf import Shelf
from longtake.sandbox.events import EventLog
from longtake.sandbox.faults import Faults, Step
from longtake.sandbox.inputs.assets import Assets
from longtake.sandbox.inputs.references import ReferenceDesk
from longtake.sandbox.inputs.uploads import Uploads
from longtake.sandbox.jobs import Job, Jobs
from longtake.sandbox.order import View
from longtake.sandbox.settings import SandboxSettings


@dataclass(frozen=True)
class Back:
    """What all endpoints of one sandbox share."""

    settings: SandboxSettings
    jobs: Jobs
    bill: Bill
    faults: Faults
    events: EventLog
    media: MediaHost
    assets: Assets
    uploads: Uploads
    references: ReferenceDesk
    shelf: Shelf


class Endpoint(Protocol):
    """One vendor's API, as the vendor's own routes see it."""

    back: Back
    name: str

    def account(self, request: Request) -> str:
        """Whose key this is; raises `Refused` where it is nobody's."""
        ...

    def view(self, job: Job, origin: str) -> View:
        """A look at a job for a client that sees the sandbox at `origin`."""
        ...

    def guarded(
        self, step: Step, answer: Callable[[Request, str], Awaitable[Response]], *, keyless: bool = False
    ) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint around `answer(request, account)`: counts it, acts out faults, checks the key, words refusals."""
        ...
