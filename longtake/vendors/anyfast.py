"""Anyfast: Seedance 2.0 over `/v1/video/generations` of a new-api relay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from longtake.domain.job import JobStatus
from longtake.domain.request import Mode, ShotRequest
from longtake.vendors import _ark
from longtake.vendors._adapter import Call, Document, Model, path_with
from longtake.vendors._relay import RelayAdapter
from longtake.vendors.limits import MB, Limits, without_idle_options

CREATE = Document(
    "Seedance 2.0 Mini (OpenAPI)",
    "https://docs.anyfast.ai/llms.txt (zh/api-reference/model-api/bytedance/openapi/seedance-2-0-mini/openapi.yaml)",
    "2026-11-21",
)
SIBLINGS = Document(
    "The same page of seedance-fast, seedance-2.0 and seedance-2.0-ultra",
    "https://docs.anyfast.ai/llms.txt",
    "2026-10-05",
)
STATUS = Document(
    "Query a Seedance task", "https://docs.anyfast.ai/guides/model-api/bytedance/seedance-task-query", "2026-10-05"
)

LINKS = frozenset({"http", "https", "asset"})
INLINE = LINKS | {"data"}

# Counts, sizes and seconds are the document's; sides, ratio, pixels and totals, on which it is silent, are upstream's.
MINI = Limits(
    resolutions=("480p", "720p"),
    default_ratio="adaptive",
    image=_ark.IMAGE.model_copy(update={"schemes": INLINE}),
    # Alone among the three, videos are not taken as base64.
    video=_ark.VIDEO.model_copy(update={"schemes": LINKS, "max_bytes": 50 * MB}),
    audio=_ark.AUDIO.model_copy(update={"schemes": INLINE}),
    options=frozenset({"generate_audio", "watermark", "web_search"}),
    modes_of_option={"web_search": frozenset({Mode.TEXT})},
    prompt_required=False,
)
# `return_last_frame` stands in the feature table of the sibling pages and is missing from the mini's own.
FAST = MINI.model_copy(update={"options": MINI.options | {"return_last_frame"}})
# One page names 1080p for fast, another 4k for standard. Upstream makes the latter and not the former, so do we.
STANDARD = FAST.model_copy(update={"resolutions": ("480p", "720p", "1080p", "4k")})
ULTRA = FAST.model_copy(
    update={
        "resolutions": ("720p", "1080p", "2k"),
        "default_resolution": None,
        "required": frozenset({"resolution"}),
    }
)


class Anyfast(RelayAdapter):
    """Anyfast's side of the translation. No prices are public; none of its pages offers a free upload."""

    name = "anyfast"
    title = "Anyfast"
    base_url = "https://www.anyfast.ai"
    pages = "https://docs.anyfast.ai"
    documents = (CREATE, SIBLINGS, STATUS)
    models = (
        Model("seedance-2.0-mini", MINI, "seedance-2.0-mini", CREATE.title),
        Model("seedance-fast", FAST, "seedance-2.0-fast", SIBLINGS.title),
        Model("seedance-2.0", STANDARD, "seedance-2.0", SIBLINGS.title),
        Model("seedance-2.0-ultra", ULTRA, None, SIBLINGS.title),
    )
    # The query page's outer words. `unknown` is the relay's own word for a state it could not read.
    own_words: ClassVar[Mapping[str, JobStatus]] = {"not_start": JobStatus.QUEUED, "unknown": JobStatus.RUNNING}

    def encode(self, request: ShotRequest) -> Call:
        """`POST /v1/video/generations`; the mode follows from the roles, items go text, image, video, audio."""
        model = self.model_for(request)
        request = without_idle_options(request, model.limits)
        body: dict[str, object] = {"model": model.wire, "content": _ark.content(request)}
        options = {
            "duration": request.duration_seconds,
            "resolution": request.resolution,
            "ratio": request.ratio,
            "generate_audio": request.generate_audio,
            "watermark": request.watermark,
            "return_last_frame": request.return_last_frame,
            "tools": [{"type": "web_search"}] if request.web_search else None,
        }
        body |= {name: value for name, value in options.items() if value is not None}
        return Call("POST", "/v1/video/generations", body)

    def look(self, job_id: str) -> Call:
        """`GET /v1/video/generations/{task_id}`."""
        return Call("GET", path_with(job_id, "/v1/video/generations/"))

    # What upload there is (CreateAsset) is billed, so it is never made on the way: `upload` stays None.


ADAPTER = Anyfast()
