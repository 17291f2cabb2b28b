"""Fifth's side of its wire: an invented vendor with one model, text to video only."""

from __future__ import annotations

import secrets
from typing import Literal

from pydantic import Field

from longtake.sandbox.inputs.media_rules import MediaRules
from longtake.sandbox.jobs import Job
from longtake.sandbox.order import Failure, Order, Refused, Reply, View, Why
from longtake.sandbox.vendors._dialect import Dialect, Wire, parse


class FilmRequest(Wire):
    """The body of `POST /make`."""

    model: Literal["fifth-mini-1"]
    text: str = Field(min_length=1)
    length: Literal[5, 10] = 5
    size: Literal["480p"] = "480p"
    shape: Literal["16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive"] = "16:9"


class Fifth(Dialect):
    """The server's side."""

    name = "fifth"
    submit_path = "/make"
    look_path = "/made/{job_id}"

    def read_order(self, body: object, *, loopback_callbacks: bool) -> Order:
        wire = parse(FilmRequest, body)
        return Order(model=wire.model, prompt=wire.text, seconds=wire.length, resolution=wire.size, ratio=wire.shape)

    def media_rules(self, order: Order) -> MediaRules:
        return MediaRules(schemes={})

    def new_job_id(self) -> str:
        return f"ticket-{secrets.token_hex(8)}"

    def accepted(self, job: Job) -> dict[str, object]:
        return {"ticket": job.job_id}

    def without_id(self, accepted: dict[str, object]) -> dict[str, object]:
        return {}

    def look(self, job: Job, view: View) -> dict[str, object]:
        state = "ready" if view.state == "succeeded" else view.state
        why = view.failure.message if view.failure else ""
        return {"ticket": job.job_id, "state": view.word or state, "film": view.video_url, "why": why}

    def refusal(self, refused: Refused, order_model: str = "") -> Reply:
        status = {Why.UNAUTHORIZED: 401, Why.NO_BALANCE: 402, Why.THROTTLED: 429, Why.UNKNOWN_JOB: 404}
        return Reply(status.get(refused.why, 400), {"error": {"code": refused.why.value, "message": refused.message}})

    def failure(self, *, moderation: bool, retryable: bool) -> Failure:
        return Failure("", "moderation" if moderation else "no film")
