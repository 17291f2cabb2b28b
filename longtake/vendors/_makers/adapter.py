"""The makers' own protocol, Ark's `/contents/generations/tasks`: what is sent and how answers are read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from longtake.domain.errors import VendorError
from longtake.domain.request import ADAPTIVE, Mode, ShotRequest
from longtake.domain.violations import Violation, refusal
from longtake.vendors import _ark
from longtake.vendors._adapter import Adapter, Call, Document, Model, path_with
from longtake.vendors._makers.limits import NEXT, STANDARD
from longtake.vendors.answers.replies import says_lost
from longtake.vendors.limits import without_idle_options

CREATE = Document(
    "Create a video generation task",
    "https://docs.volcengine.com/docs/82379/1520757 (and 1521309 look, 1521675 list, 1521720 cancel or delete)",
    "2026-11",
)
ERRORS = Document("Error codes", "https://docs.volcengine.com/docs/82379", "2026-11")
SDK = Document("volcengine-ark-runtime 5.0.54, types", "https://github.com/volcengine/volcengine-python-sdk", "2026-11")

TASKS = "/contents/generations/tasks"

_ENDPOINT = re.compile(r"(?:(?P<model>[^@]+)@)?(?P<endpoint>ep-[A-Za-z0-9-]+)")
"""An inference endpoint of the account, as `ep-…`; before an `@` the model that stands behind it."""
_TYPED = re.compile(r"data:(?:image|audio)/", re.IGNORECASE)


class MakerAdapter(Adapter):
    """Both platforms' side of the translation; addresses, models and prices are each platform's own."""

    documents = (CREATE, ERRORS, SDK)
    retryable = ("InternalServiceError",)
    job_seconds = listed_seconds = 7 * 24 * 3600
    echoed_option = "safety_identifier"

    def model_for(self, request: ShotRequest) -> Model:
        """As for any vendor; besides, `ep-…` or `MODEL@ep-…` names an endpoint of the account's own.

        Without its model an endpoint is held to the widest limits of 2.0, and what it costs is unknown.
        """
        match = _ENDPOINT.fullmatch(request.model)
        if match is None:
            return super().model_for(request)
        endpoint = match["endpoint"]
        if match["model"] is None:
            return Model(endpoint, STANDARD, endpoint=endpoint)
        return replace(super().model_for(request.model_copy(update={"model": match["model"]})), endpoint=endpoint)

    def extra_violations(self, request: ShotRequest, model: Model) -> Sequence[Violation]:
        """Seedance 2.5 takes frames in their own ratio alone; files that are sent inline say what they are."""
        found: list[Violation] = []
        frames = request.mode in (Mode.FIRST_FRAME, Mode.FIRST_AND_LAST_FRAME)
        if model.limits is NEXT and frames and request.ratio not in (None, ADAPTIVE):
            rule = "with frames this model takes the ratio adaptive alone"
            found.append(refusal("ratio", request.ratio, rule, "leave it empty, or give adaptive"))
        for each in request.references:
            if each.scheme == "data" and not _TYPED.match(each.wire_url):
                head = each.wire_url.split(",", 1)[0][:120]
                form = f"data:{each.role.kind}/FORMAT;base64,"
                found.append(refusal(each.role.column, head, f"inline files begin with {form}", f"write {form}"))
        return found

    def encode(self, request: ShotRequest) -> Call:
        """`POST /contents/generations/tasks`; the mode follows from the roles."""
        model = self.model_for(request)
        request = without_idle_options(request, model.limits)
        seconds = request.duration_seconds
        options = {
            # The reference prints no default for 2.0, and 2.5's is the vendor's own choice, up to 30 s.
            "duration": -1 if seconds == "auto" else seconds or model.limits.default_duration_seconds,
            "resolution": request.resolution,
            "ratio": request.ratio,
            "generate_audio": request.generate_audio,
            "watermark": request.watermark,
            "return_last_frame": request.return_last_frame,
            "callback_url": request.callback_url,
            "execution_expires_after": request.expires_after_seconds,
            "priority": request.priority,
            "safety_identifier": request.safety_identifier,
            "tools": [{"type": "web_search"}] if request.web_search else None,
        }
        body: dict[str, object] = {"model": model.endpoint or model.wire, "content": _ark.content(request)}
        return Call("POST", TASKS, body | {name: value for name, value in options.items() if value is not None})

    def look(self, job_id: str) -> Call:
        """`GET /contents/generations/tasks/{id}`; jobs of the last seven days are known."""
        return Call("GET", path_with(job_id, f"{TASKS}/"))

    def listing(self, page: int) -> Call:
        """`GET /contents/generations/tasks`, with as many to a page as it gives."""
        return Call("GET", TASKS, query={"page_num": str(page), "page_size": "500"})

    def cancel(self, job_id: str) -> Call:
        """`DELETE /contents/generations/tasks/{id}`: cancels what is queued. Of what has ended it erases the record."""
        return Call("DELETE", path_with(job_id, f"{TASKS}/"))

    def result_expired(self, error: VendorError) -> bool:
        """`NotFound.…` alone: other codes under 404 speak of models and endpoints, and the job is paid."""
        is_unknown = error.http_status == 404 and error.code.startswith("NotFound")
        return is_unknown or (error.http_status != 404 and says_lost(error.code, error.message))
