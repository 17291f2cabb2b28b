"""Fifth: an invented vendor with one model, text to video only."""

from __future__ import annotations

from longtake.domain.errors import UnexpectedReplyError
from longtake.domain.job import JobSnapshot, JobStatus
from longtake.domain.request import Mode, ShotRequest
from longtake.vendors._adapter import Adapter, Call, Document, Model, path_with
from longtake.vendors.answers.replies import fields, first_link, job_failure, status_of, words
from longtake.vendors.answers.reply import Reply, SubmitReply
from longtake.vendors.limits import Limits

CREATE = Document("Make a film", "https://fifth.example/docs", "2026-11-21")
ONLY = Limits(modes=frozenset({Mode.TEXT}), durations=(5, 10), resolutions=("480p",), default_resolution="480p")


class Fifth(Adapter):
    """Fifth's side of the translation."""

    name = "fifth"
    title = "Fifth"
    base_url = "https://fifth.example"
    pages = "https://docs.fifth.example"
    documents = (CREATE,)
    models = (Model("fifth-mini-1", ONLY, "seedance-2.0-mini", CREATE.title),)

    def encode(self, request: ShotRequest) -> Call:
        """`POST /make`."""
        body = {"model": self.model_for(request).wire, "text": request.prompt}
        options = {"length": request.duration_seconds, "size": request.resolution, "shape": request.ratio}
        return Call("POST", "/make", body | {name: value for name, value in options.items() if value is not None})

    def look(self, job_id: str) -> Call:
        """`GET /made/{ticket}`."""
        return Call("GET", path_with(job_id, "/made/"))

    def accepted(self, reply: Reply) -> SubmitReply:
        """Reads `{ticket}`."""
        ticket = words(fields(reply.body).get("ticket"))
        if not ticket:
            raise UnexpectedReplyError("the reply names no ticket", http_status=reply.status)
        return SubmitReply(ticket, JobSnapshot(status=JobStatus.QUEUED))

    def snapshot(self, reply: Reply) -> JobSnapshot:
        """Reads `{state, film, why}`."""
        body = fields(reply.body)
        if "state" not in body:
            raise UnexpectedReplyError("the reply has no state", http_status=reply.status)
        word = words(body["state"])
        status, known = status_of(word, {"ready": JobStatus.SUCCEEDED})
        failure = job_failure(words(body.get("why"))) if status is JobStatus.FAILED else None
        film = first_link(body.get("film")) if status is JobStatus.SUCCEEDED else None
        return JobSnapshot(status=status, word=word, known_word=known, video_url=film, failure=failure)


ADAPTER = Fifth()
