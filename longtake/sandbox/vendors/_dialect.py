"""What a dialect is: one vendor's paths, its reading of a request, and its words for all that the endpoint says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.routing import Route

from longtake.sandbox.clips.sizes import pixels
from longtake.sandbox.inputs.media_rules import MediaRules
from longtake.sandbox.jobs import Job
from longtake.sandbox.order import Failure, Order, Refused, Reply, View, Why
from longtake.sandbox.state import Endpoint

DAY_SECONDS = 86_400.0


class Wire(BaseModel):
    """A body as documented: no other field, no conversion of types."""

    model_config = ConfigDict(extra="forbid", strict=True)


W = TypeVar("W", bound=Wire)


def parse(wire: type[W], body: object) -> W:
    """Reads a body strictly.

    Raises:
        Refused: It does not match, with every mismatch named.
    """
    try:
        return wire.model_validate(body)
    except ValidationError as error:
        problems = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
        raise Refused(Why.BAD_REQUEST, "; ".join(problems)) from error


class Dialect(ABC):
    """One vendor. Stateless; the endpoint keeps the jobs.

    `submit_path` and `look_path` stand below the vendor's base address, `look_path` with `{job_id}`.
    `takes_bare_key`: the document also shows the key without `Bearer`.
    `upload_suffix` is `-uploads` where uploads have a host of their own.
    `most_queued`: jobs beyond those that may run wait, up to so many in all; None: they are refused.
    `calls_back_on_change`: a callback comes with every change of status, not with the end alone.
    """

    name: str
    submit_path: str
    look_path: str
    link_seconds: float = DAY_SECONDS
    takes_bare_key: bool = False
    upload_suffix: str = ""
    most_queued: int | None = None
    calls_back_on_change: bool = False

    @abstractmethod
    def read_order(self, body: object, *, loopback_callbacks: bool) -> Order:
        """What the body asks for; raises `Refused` where it breaks a rule of the document."""

    @abstractmethod
    def media_rules(self, order: Order) -> MediaRules:
        """The limits on this order's references."""

    def pixels(self, order: Order, ratio: str) -> tuple[int, int]:
        """Width and height in px of the order's clip, where `ratio` stands for `adaptive`."""
        return pixels(order.resolution, ratio)

    @abstractmethod
    def new_job_id(self) -> str:
        """A job id as this vendor's look."""

    @abstractmethod
    def accepted(self, job: Job) -> dict[str, object]:
        """The answer to an accepted submit."""

    @abstractmethod
    def without_id(self, accepted: dict[str, object]) -> dict[str, object]:
        """That answer with every id left out."""

    @abstractmethod
    def look(self, job: Job, view: View) -> dict[str, object]:
        """The answer to a look."""

    @abstractmethod
    def refusal(self, refused: Refused, order_model: str = "") -> Reply:
        """The vendor's body and status for a refusal."""

    @abstractmethod
    def failure(self, *, moderation: bool, retryable: bool) -> Failure:
        """The vendor's words for a job that failed."""

    def routes(self, endpoint: Endpoint) -> list[Route]:
        """Further routes of this vendor below its base address (balance, assets), none by default."""
        return []

    def upload_routes(self, endpoint: Endpoint) -> list[Route]:
        """Routes of a separate upload host, none by default."""
        return []
