"""A vendor's account in use: adapter × transport. Submit, look, cancel, upload; no polling and no ledger here."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self

from longtake.accounts.account import Account
from longtake.accounts.transport import PreparedCall, Transport
from longtake.domain.errors import (
    ContentRefusedError,
    InsufficientBalanceError,
    ModelNotAllowedError,
    NotSentError,
    RateLimitedError,
    TerminalVendorError,
    UnexpectedReplyError,
    UnknownOutcomeError,
    UnsupportedRequestError,
    VendorError,
    VendorUnavailableError,
)
from longtake.domain.job import JobSnapshot, JobStatus
from longtake.domain.request import MediaKind, ShotRequest
from longtake.media.reading.file_kinds import told_as
from longtake.vendors import (
    Adapter,
    AssetState,
    Call,
    Reply,
    SubmitReply,
    adapter_named,
    flagged_input,
    names,
    read_create,
)
from longtake.vendors.answers.job_facts import JobFacts, facts_in
from longtake.vendors.answers.listing import JobPage


class VendorClient:
    """One account at one vendor; an async context manager."""

    def __init__(self, account: Account, *, adapter: Adapter | None = None, transport: Transport | None = None) -> None:
        self.account = account
        self.adapter = adapter or adapter_named(account.vendor)
        self.transport = transport or Transport(account)
        self._ended_unnamed: set[str] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self.transport.close()

    def prepare(self, request: ShotRequest) -> PreparedCall:
        """Makes a purchase ready to leave, so that a fault of ours is told before the intent is written; no I/O.

        Raises:
            UnsupportedRequestError: It breaks a limit.
            NotSentError: It cannot be put into a request.
        """
        try:
            broken = [found for found in self.adapter.violations(request) if not found.warning]
            call = self.adapter.encode(request) if not broken else None
        except (ValueError, TypeError) as error:
            raise NotSentError(f"the request cannot be made: {type(error).__name__}") from None
        if call is None:
            raise UnsupportedRequestError(broken)
        return self.transport.prepare(call)

    async def submit(self, request: ShotRequest, call: PreparedCall | None = None) -> SubmitReply:
        """Buys one clip; sends the request exactly once.

        Args:
            request: What to buy.
            call: The same, prepared.

        Raises:
            UnsupportedRequestError: It breaks a limit; nothing was sent.
            NotSentError: It never left; may be sent again.
            RateLimitedError: Refused for now; nothing was accepted.
            VendorAccountError: The account is the trouble; nothing was accepted.
            RejectedRequestError: Refused as it stands.
            ContentRefusedError: Refused by moderation.
            UnknownOutcomeError: It may have been accepted.
        """
        reply = await self.transport.send_once(call or self.prepare(request))
        try:
            return read_create(self.adapter, reply)
        except UnknownOutcomeError as error:
            raise UnknownOutcomeError(
                self.transport.redact(error.message)[:1000], error.code[:100], reply.status, None, error.job_ids
            ) from None
        except VendorError as error:
            raise self._redacted(error) from None
        except Exception as error:  # whatever went wrong in the reading, the request has left
            words = f"the answer could not be read ({type(error).__name__}): {reply.text[:200]!r}"
            raise UnknownOutcomeError(words, "", reply.status) from None

    async def look(self, job_id: str) -> JobSnapshot:
        """One look at a job.

        Raises:
            TransientVendorError: Look again later.
            VendorAccountError: The key or account is the trouble.
            TerminalVendorError: The question is refused; `adapter.result_expired` tells whether the job is gone.
            UnexpectedReplyError: The body does not match the documents.
        """
        try:
            reply = await self.ask(self.adapter.look(job_id))
        except (InsufficientBalanceError, ModelNotAllowedError) as error:
            # What is bought is not bought again by looking: neither balance nor rights say anything of the job.
            raise VendorUnavailableError(error.message, error.code, error.http_status) from None
        snapshot = self.adapter.snapshot(reply)
        self._require_named(job_id, reply, snapshot)
        if snapshot.failure is None:
            return snapshot
        words = self.transport.redact(snapshot.failure.message)[:500]
        if snapshot.failure.content_refused:
            words = _with_flagged(snapshot.failure.code, words)
        return snapshot.model_copy(update={"failure": snapshot.failure.model_copy(update={"message": words})})

    def _require_named(self, job_id: str, reply: Reply, snapshot: JobSnapshot) -> None:
        """Believes an end without a clip that does not name the job only when it comes twice: it may be the call's own.

        Raises:
            UnexpectedReplyError: It came for the first time.
        """
        if not snapshot.status.is_terminal or snapshot.status is JobStatus.SUCCEEDED or names(reply.body, job_id):
            self._ended_unnamed.discard(job_id)
        elif job_id not in self._ended_unnamed:
            self._ended_unnamed.add(job_id)
            raise UnexpectedReplyError(f"an end ({snapshot.word}) that does not name the job", "", reply.status)

    async def look_up(self, job_id: str) -> JobFacts:
        """What a job says of itself: model, prompt, seconds, time.

        Raises:
            VendorError: As `look`; a refusal of the question means that the vendor has no such job.
        """
        reply = await self.ask(self.adapter.look(job_id))
        self.adapter.snapshot(reply)
        return facts_in(reply.body)

    async def list_jobs(self, page: int) -> JobPage:
        """A page, from 1, of the account's jobs.

        Raises:
            VendorError: It was not answered as documented, or the vendor has no such list.
        """
        call = self.adapter.listing(page)
        if call is None:
            raise UnexpectedReplyError(f"{self.adapter.title} has no list of jobs")
        return self.adapter.listed(await self.ask(call))

    async def cancel(self, job_id: str) -> bool:
        """Cancels a job where the vendor documents it; False where it cannot."""
        call = self.adapter.cancel(job_id)
        if call is None:
            return False
        try:
            await self.ask(call)
        except VendorError:
            return False
        return True

    async def upload(self, path: Path, kind: MediaKind) -> str:
        """Hosts a local file at the vendor; returns its link.

        Raises:
            VendorError: It was refused, or not answered.
        """
        call = self.adapter.upload(kind)
        if call is None:
            raise UnexpectedReplyError(f"{self.adapter.title} has no upload for {kind}")
        name, media_type = await asyncio.to_thread(told_as, path, kind)
        reply = await self.transport.send_file(call, path, name, media_type)
        if failure := self.failure(reply):
            raise failure
        return self.adapter.uploaded(reply)

    async def register(self, kind: MediaKind, link: str) -> str:
        """Puts the file behind a link into the vendor's library of assets, free of charge; returns the asset's id.

        Raises:
            ContentRefusedError: The library refused it.
            VendorError: It was not answered as documented.
        """
        call = self.adapter.registration(kind, link)
        if call is None:
            raise UnexpectedReplyError(f"{self.adapter.title} has no library for {kind}")
        try:
            return self.adapter.registered(await self.ask(call))
        except VendorError as error:
            raise self._redacted(error) from None

    async def asset_state(self, asset_id: str) -> AssetState:
        """How far the vendor's audit of an asset is.

        Raises:
            VendorError: No form of the question was answered.
        """
        trouble: VendorError = UnexpectedReplyError(f"{self.adapter.title} cannot be asked about assets")
        for call in self.adapter.asset_questions(asset_id):
            try:
                state = self.adapter.asset_state(await self.ask(call), asset_id)
            except (TerminalVendorError, UnexpectedReplyError) as error:
                trouble = error
            else:
                return state._replace(words=self.transport.redact(state.words)[:300])
        raise trouble

    async def ask(self, call: Call) -> Reply:
        """A free question's good answer.

        Raises:
            VendorError: It was answered with a failure, or not at all.
        """
        reply = await self.transport.send_again(call)
        if failure := self.failure(reply):
            raise failure
        return reply

    def failure(self, reply: Reply) -> VendorError | None:
        """The adapter's reading of an answer; a redirect, or a body that is no JSON, is a failure too."""
        if not 200 <= reply.status < 400 or reply.body is not None:
            failure = self.adapter.failure(reply)
            if failure is not None:
                return self._redacted(failure)
        if not 200 <= reply.status < 300:
            return RateLimitedError(reply.text, "", 429) if reply.status == 429 else _unexpected(reply)
        return _unexpected(reply) if reply.body is None else None

    def _redacted(self, failure: VendorError) -> VendorError:
        words = self.transport.redact(failure.message)[:500]
        if isinstance(failure, ContentRefusedError):
            words = _with_flagged(failure.code, words)
        return type(failure)(words, failure.code[:100], failure.http_status, failure.retry_after_seconds)


def _with_flagged(code: str, words: str) -> str:
    """The vendor's words of moderation, after the input that it flagged where it tells; `verdicts` reads that."""
    flagged = flagged_input(code, words)
    return f"flagged: {flagged}: {words}" if flagged else words


def _unexpected(reply: Reply) -> VendorError:
    words = f"HTTP {reply.status} with a body that is no JSON: {reply.text[:120]!r}"
    return UnexpectedReplyError(words, "", reply.status)
