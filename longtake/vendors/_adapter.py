"""What a vendor's file must provide, the shapes it speaks in, and the default table of HTTP errors.

An adapter is pure translation: no host, no key, no sleep, no retry, no I/O.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple
from urllib.parse import quote

from longtake.errors import (
    AuthenticationError,
    ContentRefusedError,
    InsufficientBalanceError,
    ModelNotAllowedError,
    RateLimitedError,
    RejectedRequestError,
    UnsupportedRequestError,
    VendorError,
    VendorUnavailableError,
)
from longtake.job import JobSnapshot, JobStatus
from longtake.limits import Limits, Violation, check, refusal
from longtake.pricing import PriceRule
from longtake.request import MediaKind, ShotRequest

JSON = Mapping[str, object]


@dataclass(frozen=True)
class Call:
    """One HTTP call, without host and key. `path` is already percent-encoded.

    `host` names which configured base it goes to. `upload` holds a file for a multipart body under `upload_field`.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    json: JSON | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    host: Literal["api", "upload"] = "api"
    upload_field: str = ""
    form: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What came back. `body` is the parsed JSON, None where it is not JSON; `text` holds at most 2,000 characters."""

    status: int
    body: object = None
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Accepted(NamedTuple):
    """A submit that was accepted: the job's id and the first look at it."""

    job_id: str
    snapshot: JobSnapshot


@dataclass(frozen=True)
class Document:
    """Where facts were read: an address or title, and the day it was read."""

    title: str
    address: str
    read_on: str


@dataclass(frozen=True)
class Model:
    """One wire model: the neutral name it answers to (if any), what it takes, and its built-in price (if published)."""

    wire: str
    limits: Limits
    neutral: str | None = None
    document: str = ""
    price: PriceRule | None = None


class Adapter(ABC):
    """One vendor's side of the translation. Subclasses fill in the class variables and the abstract methods."""

    name: ClassVar[str]
    title: ClassVar[str]
    documents: ClassVar[tuple[Document, ...]]
    models: ClassVar[tuple[Model, ...]]
    link_seconds: ClassVar[float] = 24 * 3600
    """How long a finished clip's link lives."""
    job_seconds: ClassVar[float | None] = None
    """How long the vendor can be asked about a job; None where no document says."""
    upload_kinds: ClassVar[frozenset[MediaKind]] = frozenset()
    """Which references the vendor's own free upload can host."""
    parent_link_ok: ClassVar[bool] = True
    """Whether the vendor's own result link may be given back to it as a reference."""

    def model_for(self, request: ShotRequest) -> Model:
        """The wire model for a request: by wire name, else by neutral name.

        Raises:
            UnsupportedRequestError: The vendor has no such model.
        """
        for model in self.models:
            if request.model in (model.wire, model.neutral):
                return model
        names = ", ".join(dict.fromkeys(name for model in self.models for name in (model.neutral, model.wire) if name))
        raise UnsupportedRequestError(
            [refusal("model", request.model, f"{self.title} has {names}", "use one of these")]
        )

    def violations(self, request: ShotRequest) -> list[Violation]:
        """Every way in which this vendor would refuse the request; no I/O."""
        try:
            model = self.model_for(request)
        except UnsupportedRequestError as error:
            return list(error.violations)
        return [*check(request, model.limits), *self.extra_violations(request, model)]

    def extra_violations(self, request: ShotRequest, model: Model) -> Sequence[Violation]:
        """Rules of this vendor that the table of limits cannot say."""
        del request, model
        return ()

    @abstractmethod
    def encode(self, request: ShotRequest) -> Call:
        """The call that submits a request which has no violations. Only what was given is sent."""

    @abstractmethod
    def look(self, job_id: str) -> Call:
        """The call that asks about a job."""

    @abstractmethod
    def accepted(self, reply: Reply) -> Accepted:
        """Reads a successful answer to a submit.

        Raises:
            UnexpectedReplyError: There is no id in it.
        """

    @abstractmethod
    def snapshot(self, reply: Reply) -> JobSnapshot:
        """Reads a successful answer to a look.

        Raises:
            UnexpectedReplyError: The body does not match the documents.
        """

    def failure(self, reply: Reply) -> VendorError | None:
        """The error that an answer stands for, None where it is a success."""
        return http_failure(reply) if reply.status >= 400 else None

    def cancel(self, job_id: str) -> Call | None:
        """The call that cancels a job, None where the vendor documents none."""
        del job_id
        return None

    def upload(self, kind: MediaKind) -> Call | None:
        """The call that hosts a local file at the vendor, None where it has no free upload for this kind."""
        del kind
        return None

    def uploaded(self, reply: Reply) -> str:
        """Reads the link out of a successful upload."""
        raise NotImplementedError

    def result_expired(self, error: VendorError) -> bool:
        """Whether an error on a look means that the vendor no longer knows the job."""
        return error.http_status == 404


def path_with(job_id: str, before: str, after: str = "") -> str:
    """A path with a job id percent-encoded into it."""
    return f"{before}{quote(job_id, safe='')}{after}"


STATUS_WORDS: Mapping[str, JobStatus] = {
    "": JobStatus.QUEUED,
    "queued": JobStatus.QUEUED,
    "pending": JobStatus.QUEUED,
    "submitted": JobStatus.QUEUED,
    "running": JobStatus.RUNNING,
    "processing": JobStatus.RUNNING,
    "in_progress": JobStatus.RUNNING,
    "succeeded": JobStatus.SUCCEEDED,
    "completed": JobStatus.SUCCEEDED,
    "success": JobStatus.SUCCEEDED,
    "failed": JobStatus.FAILED,
    "cancelled": JobStatus.CANCELLED,
    "canceled": JobStatus.CANCELLED,
    "expired": JobStatus.EXPIRED,
}
"""Status words shared by the vendors, lower case; a vendor's file adds its own."""

REFUSED_WORDS = ("sensitive", "moderation", "content_policy", "policyviolation", "privacyinformation", "trademark")
"""Parts of a code or message by which upstream and resellers tell of moderation."""
BALANCE_WORDS = ("insufficient", "quota is not enough", "余额不足", "额度不足", "arrears", "accountoverdue")
THROTTLE_WORDS = (
    "rate limit",
    "ratelimit",
    "too many requests",
    "负载已饱和",
    "过于频繁",
    "requestburst",
    "overloaded",
)


def says(words: Sequence[str], *texts: str) -> bool:
    """Whether one of the words stands in one of the texts, in any case."""
    joined = " ".join(texts).lower()
    return any(word in joined for word in words)


def error_parts(body: object) -> tuple[str, str]:
    """Message and code of an error body in any of the resellers' shapes: `{error:{…}}`, `{code,message}`, `{msg}`."""
    if not isinstance(body, Mapping):
        return "", ""
    inner: object = body.get("error")
    source: Mapping[object, object] = inner if isinstance(inner, Mapping) else body
    message = source.get("message") or source.get("msg") or (inner if isinstance(inner, str) else "")
    code = source.get("code") or source.get("type") or ""
    return str(message or ""), str(code)


def retry_after(reply: Reply) -> float | None:
    """Seconds of a numeric `Retry-After`, None where there is none."""
    value = next((value for name, value in reply.headers.items() if name.lower() == "retry-after"), "")
    try:
        return max(0.0, float(value))
    except ValueError:
        return None


STATUS_ERRORS: Mapping[int, type[VendorError]] = {
    401: AuthenticationError,
    402: InsufficientBalanceError,
    403: ModelNotAllowedError,
    429: RateLimitedError,
}


def http_failure(reply: Reply) -> VendorError:
    """The default table: HTTP status, refined by the words of the body, to an error class."""
    message, code = error_parts(reply.body)
    error: type[VendorError] = STATUS_ERRORS.get(reply.status, RejectedRequestError)
    if reply.status >= 500:
        error = VendorUnavailableError
    elif says(REFUSED_WORDS, code, message):
        error = ContentRefusedError
    elif says(THROTTLE_WORDS, code, message):
        error = RateLimitedError
    elif says(BALANCE_WORDS, code, message):
        error = InsufficientBalanceError
    words = message or f"HTTP {reply.status} without a readable body"
    return error(words, code, reply.status, retry_after(reply))
