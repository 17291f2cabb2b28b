"""A vendor's endpoint: takes orders, answers looks, and knows its keys."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from longtake.sandbox.bill import BillEntry, body_hash
from longtake.sandbox.callbacks import call_back
from longtake.sandbox.clips.sizes import nearest_ratio
from longtake.sandbox.connections import cut
from longtake.sandbox.fault_replies import NEEDS_A_CLIP, after_acceptance, at_look, before_work, refusal
from longtake.sandbox.faults import Step
from longtake.sandbox.inputs.measuring import Fetched
from longtake.sandbox.jobs import Job, life_seconds, picked_seconds
from longtake.sandbox.order import ADAPTIVE, Order, Refused, View, Why
from longtake.sandbox.state import Back
from longtake.sandbox.vendors._dialect import Dialect
from longtake.sandbox.vendors.prices import settled_usd

MAX_BODY_BYTES = 64 * 1024 * 1024


class VendorEndpoint:
    """One vendor's API."""

    def __init__(self, dialect: Dialect, back: Back) -> None:
        self.dialect, self.back = dialect, back
        self.name = dialect.name
        self._errands: set[asyncio.Task[None]] = set()
        self.routes = [
            Route(dialect.submit_path, self._submit, methods=["POST"]),
            Route(dialect.look_path, self._look, methods=["GET"]),
            *dialect.routes(self),
        ]

    def account(self, request: Request) -> str:
        """Whose key this is: `default`, or what follows the sandbox's key and a dash.

        Raises:
            Refused: No such key.
        """
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if not key and self.dialect.takes_bare_key:
            scheme, key = "bearer", scheme
        known, _, name = key.partition(f"{api_key(self.name)}-")
        if scheme.lower() == "bearer" and key == api_key(self.name):
            return "default"
        if scheme.lower() == "bearer" and name and not known:
            return name
        raise Refused(Why.UNAUTHORIZED, "Invalid or expired token")

    def guarded(
        self, step: Step, answer: Callable[[Request, str], Awaitable[Response]], *, keyless: bool = False
    ) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint around `answer(request, account)`: counts it, acts out faults, checks the key, words refusals."""

        async def endpoint(request: Request) -> Response:
            self.back.bill.requests[self.name][step] += 1
            self.back.events.emit(step, self.name)
            fault = self.back.faults.take(step, self.name, "")
            spoilt = await before_work(request, self.dialect, fault) if fault is not None else None
            if spoilt is not None:
                return spoilt
            try:
                response = await answer(request, "" if keyless else self.account(request))
            except Refused as refused:
                return refusal(self.dialect, refused)
            except ClientDisconnect:
                return Response()
            if fault is not None and fault.kind == "answer_lost_after_accept":
                return await cut(request, reset=False)
            return response

        return endpoint

    async def _submit(self, request: Request) -> Response:
        back = self.back
        back.bill.requests[self.name]["submit"] += 1
        try:
            raw = await request.body()
        except ClientDisconnect:
            return Response()
        back.events.emit("submit_received", self.name)
        body = _json_object(raw)
        model = str(body.get("model", "")) if body is not None else ""
        fault = back.faults.take("submit", self.name, json.dumps(body, ensure_ascii=False))
        spoilt = await before_work(request, self.dialect, fault, model) if fault is not None else None
        if spoilt is not None:
            return spoilt
        try:
            job = await self._accept(self.account(request), len(raw), body)
        except Refused as refused:
            back.events.emit("submit_refused", self.name)
            return refusal(self.dialect, refused, model)
        back.events.emit("submit_accepted", self.name, job.job_id)
        if job.order.callback_url:
            self._run_errand(job, origin_of(request))
        answer = self.dialect.accepted(job)
        spoilt = await after_acceptance(request, self.dialect, fault, answer) if fault is not None else None
        back.events.emit("submit_answered", self.name, job.job_id)
        return spoilt if spoilt is not None else JSONResponse(answer)

    async def _accept(self, account: str, body_bytes: int, body: dict[str, object] | None) -> Job:
        back, settings = self.back, self.back.settings
        if body_bytes > MAX_BODY_BYTES:
            raise Refused(Why.TOO_LARGE, "the body is larger than 64 MB")
        if body is None:
            raise Refused(Why.BAD_REQUEST, "the body is not a JSON object")
        order = self.dialect.read_order(body, loopback_callbacks=settings.allow_loopback_callbacks)
        if order.model in settings.closed_models:
            raise Refused(Why.MODEL_NOT_ALLOWED, f"This token has no access to model {order.model}")
        self._check_room(account)
        references = await back.references.gather(
            self.name,
            order.inputs,
            self.dialect.media_rules(order),
            allow_loopback=settings.allow_loopback_references,
        )
        self._check_room(account)
        number = back.jobs.next_number()
        if settings.numbering == "content":
            number = _content_number(body, references, order)
        job = self._new_job(number, account, order, references)
        back.jobs.add(job)
        back.bill.entries.append(
            BillEntry(
                vendor=self.name,
                account=account,
                job_id=job.job_id,
                at=job.accepted_at,
                body=body,
                body_hash=body_hash({name: value for name, value in body.items() if name != "safety_identifier"}),
                model=order.model,
                seconds=job.seconds,
                price_usd=settled_usd(job),
                references=job.references,
            )
        )
        return job

    def _check_room(self, account: str) -> None:
        most = self.back.settings.jobs_per_key
        if most is None:
            return
        in_flight = self.back.jobs.in_flight(self.name, account)
        if self.dialect.most_queued is not None:
            if in_flight >= most + self.dialect.most_queued:
                raise Refused(Why.QUEUE_FULL, "too many tasks are queued")
        elif in_flight >= most:
            raise Refused(Why.THROTTLED, "Too many requests, please try again later")

    def _free_from(self, account: str, now: float) -> float:
        """When a new job of this key may begin: now, or when enough of those before it have ended."""
        most = self.back.settings.jobs_per_key
        ends = sorted(job.ends for job in self.back.jobs.live(self.name, account))
        return ends[-most] if most and self.dialect.most_queued is not None and len(ends) >= most else now

    def _new_job(self, number: int, account: str, order: Order, references: tuple[Fetched, ...]) -> Job:
        settings = self.back.settings
        life = life_seconds(settings, number)
        ratio = order.ratio if order.ratio != ADAPTIVE else _adapted_ratio(references)
        width, height = self.dialect.pixels(order, ratio)
        video = next((reference.content for reference in references if reference.kind == "video"), b"")
        now = time.monotonic()
        free = self._free_from(account, now)
        return Job(
            number=number,
            job_id=self.dialect.new_job_id(),
            vendor=self.name,
            account=account,
            order=order,
            seconds=order.seconds if order.seconds is not None else picked_seconds(number),
            ratio=ratio,
            width=width,
            height=height,
            references=tuple(replace(reference, content=b"") for reference in references),
            accepted_at=time.time() + settings.clock_offset_seconds,
            begins=now,
            starts=free + life * settings.queue_share,
            ends=free + life,
            render=self.back.shelf.clip,
            echo_source=video if settings.echo_frames else b"",
            echo_frames=settings.echo_frames,
        )

    def _run_errand(self, job: Job, origin: str) -> None:
        def body() -> object:
            return self.dialect.look(job, self.view(job, origin))

        errand = asyncio.create_task(
            call_back(
                job,
                body,
                self.back.events,
                self.back.settings.callbacks_to,
                on_change=self.dialect.calls_back_on_change,
            )
        )
        self._errands.add(errand)
        errand.add_done_callback(self._errands.discard)

    async def _look(self, request: Request) -> Response:
        back = self.back
        back.bill.requests[self.name]["look"] += 1
        back.events.emit("look", self.name, request.path_params["job_id"])
        try:
            job = self._job_of(self.account(request), request.path_params["job_id"])
        except Refused as refused:
            return refusal(self.dialect, refused)

        def view() -> View:
            return self.view(job, origin_of(request))

        passing = frozenset[str]() if job.status == "succeeded" else NEEDS_A_CLIP
        fault = back.faults.take("look", self.name, job.order.prompt, passing=passing)
        if fault is None:
            return JSONResponse(self.dialect.look(job, view()))
        spoilt = await before_work(request, self.dialect, fault, job.order.model)
        return spoilt if spoilt is not None else await at_look(self.dialect, job, fault, view)

    def _job_of(self, account: str, job_id: str) -> Job:
        job = self.back.jobs.find(job_id)
        if job is None or job.is_erased or (job.vendor, job.account) != (self.name, account):
            raise Refused(Why.UNKNOWN_JOB, f"task {job_id} does not exist")
        return job

    def view(self, job: Job, origin: str) -> View:
        """A look at a job for a client that sees the sandbox at `origin`."""
        state = job.status
        if state != "succeeded":
            return View(state, job.progress, failure=job.failure)
        life = self.back.settings.link_seconds or self.dialect.link_seconds
        media = self.back.media
        return View(
            state,
            100,
            video_url=media.link(origin, job, "video", life),
            last_frame_url=media.link(origin, job, "frame", life) if job.order.return_last_frame else "",
        )


def api_key(vendor: str, account: str = "default") -> str:
    """The key that a vendor of the sandbox accepts; each further account has one of its own."""
    return f"sandbox-{vendor}-key" + ("" if account == "default" else f"-{account}")


def _json_object(raw: bytes) -> dict[str, object] | None:
    try:
        body = json.loads(raw)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def origin_of(request: Request) -> str:
    """The sandbox's address as this client sees it, so that links work through a port mapping too."""
    return f"http://{request.headers['host']}"


_NO_CONTENT = ("callback_url", "safety_identifier")


def _content_number(body: dict[str, object], references: tuple[Fetched, ...], order: Order) -> int:
    """A job number of 24 bits from what was ordered; addresses count by the bytes behind them, callbacks and tags for
    the end user not at all.
    """
    hashes = {given.url: fetched.sha256 for given, fetched in zip(order.inputs, references, strict=True)}

    def by_content(value: object) -> object:
        if isinstance(value, dict):
            return {key: by_content(part) for key, part in value.items() if key not in _NO_CONTENT}
        if isinstance(value, list):
            return [by_content(part) for part in value]
        return hashes.get(value, value) if isinstance(value, str) else value

    return int(body_hash(by_content(body))[:6], 16)


def _adapted_ratio(references: tuple[Fetched, ...]) -> str:
    """`adaptive`: the first video's ratio, else the first picture's, else wide."""
    for kind in ("video", "image"):
        for reference in references:
            if reference.kind == kind and reference.was_measured:
                return nearest_ratio(reference.width, reference.height)
    return "16:9"
