"""What PowerTokens and Anyfast share: both resell through derivatives of one relay, with its error bodies and Ark's."""

from __future__ import annotations

import json

from longtake.sandbox.order import Failure, Refused, Reply, Why, demand

OVERLOADED = "当前分组上游负载已饱和，请稍后再试"

_UPSTREAM_CODES = {
    Why.BAD_REFERENCE: "InvalidParameter",
    Why.MODERATION: "InputTextSensitiveContentDetected",
}


def task_error(status: int, code: str, message: str) -> Reply:
    """The relay's own body for tasks."""
    return Reply(status, {"code": code, "message": message, "data": None})


def upstream_refusal(refused: Refused) -> Reply:
    """A refusal of the model's host, which the relay passes on as JSON inside the text of its message."""
    upstream = {"error": {"code": _UPSTREAM_CODES[refused.why], "message": refused.message, "param": "content"}}
    return task_error(400, "fail_to_fetch_task", json.dumps(upstream, ensure_ascii=False))


RefusalTable = dict[Why, tuple[int, str, str]]
"""HTTP status, code and words (with `{message}` and `{model}`) for each reason."""


def worded(table: RefusalTable, refused: Refused, model: str) -> tuple[int, str, str]:
    """Status, code and message of a refusal."""
    status, code, words = table[refused.why]
    return status, code, words.format(message=refused.message, model=model)


def ark_failure(*, moderation: bool, retryable: bool) -> Failure:
    """Ark's words for a job that failed."""
    if moderation:
        return Failure(
            "OutputVideoSensitiveContentDetected",
            "The request failed because the output video may contain sensitive information.",
        )
    if retryable:
        return Failure("InternalServiceError", "The service encountered an unexpected internal error.")
    return Failure("InvalidParameter", "The parameters specified in the request are not valid.")


def demand_one_mode(roles: list[str], *, has_text: bool) -> None:
    """Frames and references exclude each other; audio never stands alone; there must be something to go by."""
    first, last = roles.count("first_frame"), roles.count("last_frame")
    images, videos, audios = (roles.count(f"reference_{kind}") for kind in ("image", "video", "audio"))
    demand(has_text or bool(roles), "a text or a media item is required")
    demand(first <= 1 and last <= 1, "at most one first_frame and one last_frame")
    demand(not last or bool(first), "last_frame needs a first_frame")
    demand(not (first and (images or videos or audios)), "first/last frame and reference media cannot be mixed")
    demand(images <= 9, "at most 9 reference images")
    demand(videos <= 3, "at most 3 reference videos")
    demand(audios <= 3, "at most 3 reference audios")
    demand(not audios or bool(images or videos), "reference audio needs an image or a video beside it")
