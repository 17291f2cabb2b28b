"""What resellers built on the relay new-api share: the envelope, its status words, refusals, and where links lie.

Read from the relay's published source: `{code: "success", message, data: {status, …, data: <upstream's own body>}}`
from `/v1/video/generations`, a flat object from `/v1/videos`. Each vendor has changed it a little, so both are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from longtake.errors import UnexpectedReplyError
from longtake.job import JobFailure, JobSnapshot, JobStatus
from longtake.vendors._adapter import Accepted, Adapter, Reply
from longtake.vendors._replies import (
    JSON,
    fields,
    figures,
    first_link,
    is_link,
    job_failure,
    job_id_in,
    message_and_code,
    progress_of,
    status_of,
    words,
)

RETRYABLE = ("InternalServiceError",)
"""Ark's codes that its documents call worth another try."""


class RelayAdapter(Adapter):
    """Reads a relay's replies; the vendor's own file says what is sent."""

    own_words: ClassVar[Mapping[str, JobStatus]] = {}
    """The vendor's own status words, lower case, beside the shared ones."""

    def accepted(self, reply: Reply) -> Accepted:
        """Reads the answer to a submit: flat, in the envelope, or the bare id as the envelope's `data`."""
        source = fields(reply.body)
        data = source.get("data")
        job_id = job_id_in(source, data) or words(data)
        if not job_id:
            raise UnexpectedReplyError("the reply names no job", http_status=reply.status)
        return Accepted(job_id, self._snapshot(source))

    def snapshot(self, reply: Reply) -> JobSnapshot:
        """Reads the answer to a look."""
        source = fields(reply.body)
        if "status" not in source and "status" not in fields(source.get("data")):
            raise UnexpectedReplyError("the reply has no status", http_status=reply.status)
        return self._snapshot(source)

    def _snapshot(self, source: JSON) -> JobSnapshot:
        data = fields(source.get("data"))
        outer = data if "code" in source or "status" not in source else source
        inner = fields(outer.get("data"))
        word = words(outer.get("status"))
        inner_word = words(inner.get("status"))
        status, known = status_of(word, self.own_words)
        inner_status, _ = status_of(inner_word, self.own_words)
        # The stock relay does not know upstream's `cancelled` and `expired` and stays IN_PROGRESS until it gives up
        # a day later; beside an empty outer word upstream's own is all there is.
        given_up = inner_status in (JobStatus.CANCELLED, JobStatus.EXPIRED) and not status.is_terminal
        if given_up or (inner_word and not word):
            status, known = status_of(inner_word, self.own_words)
            word = inner_word
        content, inner_content = fields(outer.get("content")), fields(inner.get("content"))
        metadata = fields(outer.get("metadata"))
        done = status is JobStatus.SUCCEEDED
        video = first_link(
            outer.get("video_url"),
            outer.get("result_url"),
            inner_content.get("video_url"),
            content.get("video_url"),
            metadata.get("url"),
            # Old relays put the result's link here; the status word alone says whether the job failed.
            outer.get("fail_reason"),
        )
        last_frame = first_link(
            outer.get("last_frame_url"),
            inner_content.get("last_frame_url"),
            content.get("last_frame_url"),
        )
        return JobSnapshot(
            status=status,
            word=word,
            known_word=known,
            progress=progress_of(outer.get("progress")),
            video_url=video if done else None,
            last_frame_url=last_frame if done else None,
            failure=_failure(outer, inner) if status is JobStatus.FAILED else None,
            usage=figures(outer.get("usage")) or figures(inner.get("usage")),
        )


def _failure(outer: JSON, inner: JSON) -> JobFailure:
    """Words and code may stand in different places: the first of each counts."""
    reason = words(outer.get("fail_reason"))
    places: tuple[object, ...] = (
        {"message": "" if is_link(reason) else reason},
        {"error": outer.get("error")},
        {"error": inner.get("error")},
        {"error": fields(outer.get("metadata")).get("error")},
    )
    told = [message_and_code(place) for place in places]
    message = next((message for message, _ in told if message), "")
    code = next((code for _, code in told if code), "")
    return job_failure({"message": message, "code": code}, retryable=RETRYABLE)
