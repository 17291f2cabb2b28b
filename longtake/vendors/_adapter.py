"""What a vendor's file must provide, and the shapes it speaks in; `_replies` holds the words and tables of replies.

An adapter is pure translation: no host, no key, no sleep, no retry, no I/O.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple
from urllib.parse import quote

from longtake.domain.errors import UnexpectedReplyError, UnsupportedRequestError, VendorError
from longtake.domain.job import JobSnapshot, JobStatus
from longtake.domain.request import MediaKind, Reference, Role, ShotRequest
from longtake.domain.violations import Violation, refusal
from longtake.vendors.answers.creates import certain_id
from longtake.vendors.answers.listing import JobPage, read_page
from longtake.vendors.answers.looks import has_status, read_look
from longtake.vendors.answers.replies import JSON, hidden_failure, http_failure, says, says_lost
from longtake.vendors.answers.reply import Reply, SubmitReply
from longtake.vendors.limits import Limits, check
from longtake.vendors.price_rule import CnyPrice, PriceRule


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


class Balance(NamedTuple):
    """What is left of an account's money, in words, and as a number where it is one."""

    words: str
    amount: float | None = None


class AssetState(NamedTuple):
    """How far the vendor's audit of an asset has come: still at work, ready, or refused in these words."""

    is_ready: bool = False
    is_refused: bool = False
    words: str = ""


@dataclass(frozen=True)
class Document:
    """Where facts were read: an address or title, and the day it was read."""

    title: str
    address: str
    read_on: str


@dataclass(frozen=True)
class Model:
    """One wire model: the neutral name it answers to (if any), what it takes, and its built-in price (if published).

    `endpoint` is what is sent in place of `wire`, where an account reaches the model under an id of its own.
    """

    wire: str
    limits: Limits
    neutral: str | None = None
    document: str = ""
    price: PriceRule | None = None
    cny_price: CnyPrice | None = None
    endpoint: str = ""

    @property
    def calls_back(self) -> bool:
        """Whether the vendor calls an address when a job of this model has ended."""
        return "callback_url" in self.limits.options


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
    upload_seconds: ClassVar[float] = 0
    """How long a file lives that was hosted by it."""
    upload_max_bytes: ClassVar[int | None] = None
    parent_link_ok: ClassVar[bool] = True
    """Whether the vendor's own result link may be given back to it as a reference."""
    own_words: ClassVar[Mapping[str, JobStatus]] = {}
    """The vendor's own status words, lower case, beside the shared ones."""
    base_url: ClassVar[str]
    """Where the vendor listens, unless an account says otherwise."""
    upload_base_url: ClassVar[str | None] = None
    """Where the vendor itself takes uploads; used with its own base address alone."""
    pages: ClassVar[str]
    """Where its documents begin, for people."""
    own_codes: ClassVar[Mapping[str, type[VendorError]]] = {}
    """The codes by which the vendor's documents tell of refusals under a success status."""
    retryable: ClassVar[Sequence[str]] = ()
    """Codes of a failed job, or parts of its message, that the vendor's documents call worth another purchase."""
    cancelled_codes: ClassVar[Sequence[str]] = ()
    """Codes of a failed job by which the vendor tells that it was cancelled."""
    echoed_option: ClassVar[str] = ""
    """The option in which a submit carries a token of ours, where the vendor's list of jobs tells it again."""
    listed_seconds: ClassVar[float] = 0.0
    """How far back that list goes."""

    def model_for(self, request: ShotRequest) -> Model:
        """The wire model for a request: by wire name, else the first of its neutral name that works in its mode.

        Raises:
            UnsupportedRequestError: The vendor has no such model.
        """
        named = next((model for model in self.models if model.wire == request.model), None)
        if named is not None:
            return named
        answering = [model for model in self.models if model.neutral == request.model]
        if answering:
            return next((model for model in answering if request.mode in model.limits.modes), answering[0])
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

    def accepted(self, reply: Reply) -> SubmitReply:
        """Reads an answer to a submit that leaves no doubt under which id it was accepted.

        Raises:
            UnexpectedReplyError: There is none in it, or more than one that may be it.
        """
        if not (job_id := certain_id(reply)):
            raise UnexpectedReplyError("the reply names no job for certain", http_status=reply.status)
        return SubmitReply(job_id, self._snapshot(reply))

    def snapshot(self, reply: Reply) -> JobSnapshot:
        """Reads a successful answer to a look.

        A job that succeeded without a link comes back as `SUCCEEDED` with `video_url` None: that is an error of its own
        kind for whoever asked, neither a success nor a failed job. A link of a job that has not succeeded is left out.

        Raises:
            UnexpectedReplyError: The body does not match the documents.
        """
        if not has_status(reply.body):
            raise UnexpectedReplyError("the reply has no status", http_status=reply.status)
        return self._snapshot(reply)

    def _snapshot(self, reply: Reply) -> JobSnapshot:
        return read_look(reply.body, self.own_words, self.retryable, self.cancelled_codes)

    def failure(self, reply: Reply) -> VendorError | None:
        """The error that an answer stands for, None where it is a success.

        A `VendorUnavailableError` on a submit leaves open whether it arrived, whatever its HTTP status.
        """
        if reply.status >= 400:
            return http_failure(reply.status, reply.body, reply.headers)
        return hidden_failure(reply.status, reply.body, reply.headers, self.own_codes)

    def cancel(self, job_id: str) -> Call | None:
        """The call that cancels a job that stands queued, None where the vendor documents none."""
        del job_id
        return None

    def listing(self, page: int) -> Call | None:
        """The call for a page, from 1, of the account's jobs, None where the vendor documents no free list."""
        del page
        return None

    def listed(self, reply: Reply) -> JobPage:
        """Reads such a page.

        Raises:
            UnexpectedReplyError: The body does not match the documents.
        """
        return read_page(reply, self.echoed_option)

    def balance_call(self) -> Call | None:
        """The free call that tells what is left of the account's money, None where the vendor documents none."""
        return None

    def balance(self, reply: Reply) -> Balance:
        """Reads a successful answer to it.

        Raises:
            UnexpectedReplyError: It does not tell.
        """
        raise NotImplementedError

    def models_call(self) -> Call | None:
        """The free call that lists the models that the key may use, None where the vendor has none."""
        return None

    def open_models(self, reply: Reply) -> frozenset[str]:
        """Reads a successful answer to it: ids as they are ordered by, those of other models among them.

        Raises:
            UnexpectedReplyError: It is no such list.
        """
        raise NotImplementedError

    def upload(self, kind: MediaKind) -> Call | None:
        """The call that hosts a local file at the vendor, None where it has no free upload for this kind."""
        del kind
        return None

    def uploaded(self, reply: Reply) -> str:
        """Reads the link out of a successful upload.

        Raises:
            UnexpectedReplyError: There is no link in it.
        """
        raise NotImplementedError

    def registration(self, kind: MediaKind, link: str) -> Call | None:
        """The call that puts the file behind a link into the vendor's library of assets, None where there is none.

        Only what is free, and may be repeated: where a library bills it, it stays None.
        """
        del kind, link
        return None

    def registered(self, reply: Reply) -> str:
        """Reads the asset's id out of a successful registration.

        Raises:
            ContentRefusedError: The file was refused at once.
            UnexpectedReplyError: There is no id in it.
        """
        raise NotImplementedError

    def asset_questions(self, asset_id: str) -> Sequence[Call]:
        """The calls that ask how far an asset is, in the order in which they are tried."""
        del asset_id
        return ()

    def asset_state(self, reply: Reply, asset_id: str) -> AssetState:
        """Reads a successful answer to such a question.

        Raises:
            UnexpectedReplyError: It does not tell of the asset.
        """
        raise NotImplementedError

    def result_expired(self, error: VendorError) -> bool:
        """Whether an error on a look means that the vendor no longer knows the job.

        A bare 404 is no proof: a mistyped base address answers so too, and the job is paid.
        """
        if says_lost(error.code, error.message):
            return True
        return error.http_status == 404 and error.code != "" and not says(("invalid url",), error.message)


def path_with(job_id: str, before: str, after: str = "") -> str:
    """A path with a job id percent-encoded into it."""
    # `.` and `..` would walk up the path.
    encoded = quote(job_id, safe="") if job_id.strip(".") else "%2E" * len(job_id)
    return f"{before}{encoded}{after}"


def in_wire_order(request: ShotRequest) -> tuple[Reference, ...]:
    """The references as documents order them: pictures (first frame, last frame, others), videos, sounds."""
    return tuple(reference for role in Role for reference in request.having(role))
