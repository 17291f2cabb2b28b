"""What a shot's purchase is made of: its request with every reference hosted, the clip before it among them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Generator
from dataclasses import dataclass

from longtake.accounts.hosting import CLIP_STORE_FIX, Hosting
from longtake.accounts.session import AccountSession, raise_trouble
from longtake.domain.addresses import shown
from longtake.domain.errors import (
    MediaError,
    RefusedMediaError,
    RefusedReferenceError,
    UnsupportedRequestError,
    VendorError,
)
from longtake.domain.identity import attempt_identity
from longtake.domain.job import JobSnapshot
from longtake.domain.request import Reference, ShotRequest
from longtake.domain.violations import refusal
from longtake.jobs.gate import expectation
from longtake.jobs.order import Order, stored_request
from longtake.jobs.resources import RunResources
from longtake.ledger.ledger import Ledger
from longtake.media.checking.policy import GatePolicy
from longtake.planning.plan import Shot
from longtake.rendering.chaining import Parent, continued_from_clip, continued_from_last_frame
from longtake.rendering.shot_result import ShotResult
from longtake.vendors import Model, adapter_named
from longtake.vendors.limits import Limits

HOSTING_FIX = f"give a public URL, or {CLIP_STORE_FIX}"
REFUSED_FIX = "give another file; nothing of this shot was bought"
REFUSED_CLIP_FIX = "change the shot before it, or raise its take; nothing of this shot was bought"
CHAIN_FIX = f"make the shot before it shorter, or {CLIP_STORE_FIX}"


@dataclass(frozen=True)
class OrderBuilder:
    """Makes the orders of one run. `run` names it in the ledger; `gate` says what the checks of its clips mean."""

    output: str
    run: str
    gate: GatePolicy
    ledger: Ledger
    resources: RunResources
    hosting: Hosting

    async def parent(self, before: ShotResult) -> Parent | None:
        """What the shot after this one continues; None where this one is not done."""
        if not before.is_done or before.clip is None or before.job is None:
            return None
        snapshot = before.snapshot or await self._look_for_link(before)
        session = await self.resources.session(before.job.account)
        started = before.finished_at or time.time()
        return Parent(
            identity=before.job.identity,
            clip=before.clip,
            link=snapshot.video_url if snapshot else None,
            link_dies_at=started + session.adapter.link_seconds,
            last_frame_link=snapshot.last_frame_url if snapshot else None,
        )

    async def order(self, shot: Shot, number: int, parent: Parent | None, session: AccountSession) -> Order:
        """The order of a shot's attempt.

        Raises:
            UnsupportedRequestError: A reference, or the clip before, cannot be made what the vendor takes.
        """
        if shot.model is None:
            raise UnsupportedRequestError([refusal("model", shot.request.model, "no model was found", "plan again")])
        request = await self._complete_request(shot, shot.model.limits, parent, session)
        return Order(
            output=self.output,
            account=shot.account,
            shot_id=shot.shot_id,
            request=request,
            identity=attempt_identity(shot.identity, number),
            take=shot.take,
            row_take=shot.row.take,
            variant=shot.variant + 1,
            attempt=number,
            written=await asyncio.to_thread(stored_request, request) | ({"fixes": shot.fixes} if shot.fixes else {}),
            expected=expectation(request, shot.model.limits, self.gate),
            quote=shot.quote,
            run=self.run,
        )

    async def register(self, shot: Shot, account: str, model: Model | None) -> None:
        """Registers the shot's own references, and asks for its assets, where a vendor takes audited ones alone.

        Args:
            shot: The shot.
            account: Where it may be bought.
            model: What makes it there.

        Raises:
            UnsupportedRequestError: The vendor refuses one.
            VendorError: The vendor cannot be asked.
        """
        if model is None:
            return
        adapter, limits = adapter_named(account), model.limits
        wanted = [
            each
            for each in shot.request.references
            if self.hosting.registers(each.role.kind, adapter, limits.media(each.role.kind))
        ]
        if wanted:
            session = await self.resources.session(account)
            raise_trouble(session)
            await asyncio.gather(*(self._readied(shot, each, limits, session) for each in wanted))

    async def _hosted(self, shot: Shot, reference: Reference, limits: Limits, session: AccountSession) -> Reference:
        with _refused_as(shot, reference.role.column, shown(reference.source).rpartition("/")[2], HOSTING_FIX):
            return await self.hosting.reference(reference, session, limits.media(reference.role.kind))

    async def _readied(self, shot: Shot, reference: Reference, limits: Limits, session: AccountSession) -> None:
        if reference.scheme != "asset":
            await self._hosted(shot, reference, limits, session)
            return
        with _refused_as(shot, reference.role.column, reference.source, HOSTING_FIX):
            await self.hosting.assets.require_passed(reference.wire_url.partition("://")[2], session)

    async def _complete_request(
        self, shot: Shot, limits: Limits, parent: Parent | None, session: AccountSession
    ) -> ShotRequest:
        """The request with every reference where the vendor can read it, the parent's clip first."""
        hosted = [await self._hosted(shot, reference, limits, session) for reference in shot.request.references]
        request = shot.request.model_copy(update={"references": tuple(hosted)})
        if parent is None:
            return request
        with _refused_as(shot, "continue_from", shot.row.written.continue_from or "", CHAIN_FIX):
            return await self._continued(shot, request, limits, parent, session)

    async def _continued(
        self, shot: Shot, request: ShotRequest, limits: Limits, parent: Parent, session: AccountSession
    ) -> ShotRequest:
        """The request with the parent's clip, or its last frame, before its own references."""
        if shot.row.written.continue_from == "last_frame":
            return await continued_from_last_frame(
                request, parent, limits=limits, session=session, ledger=self.ledger, hosting=self.hosting
            )
        return await continued_from_clip(
            request,
            parent,
            limits=limits,
            session=session,
            ledger=self.ledger,
            hosting=self.hosting,
            wanted_seconds=shot.row.written.reference_tail_seconds,
            signing=self.resources.signing,
        )

    async def _look_for_link(self, before: ShotResult) -> JobSnapshot | None:
        """The vendor's own link of a clip bought by an earlier run, if it still has one."""
        job = before.job
        if job is None:
            return None
        session = await self.resources.session(job.account)
        if job.base_url != session.account.base_url:
            return None
        try:
            return await session.client.look(job.job_id)
        except VendorError:
            return None


@contextlib.contextmanager
def _refused_as(shot: Shot, column: str, value: str, fix: str) -> Generator[None]:
    """Media that cannot be given to the vendor refuses the row, as a violation of its column."""
    try:
        yield
    except MediaError as error:
        is_refused = isinstance(error, RefusedReferenceError)
        if is_refused:
            fix = REFUSED_CLIP_FIX if column == "continue_from" else REFUSED_FIX
        found = refusal(column, value, str(error), fix)
        update = {"row": shot.row.row, "shot_id": shot.shot_id}
        kind = RefusedMediaError if is_refused else UnsupportedRequestError
        raise kind([found.model_copy(update=update)]) from None
