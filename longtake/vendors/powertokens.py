"""PowerTokens: Seedance 2.0 over the OpenAI-style interface `/v1/videos` of a new-api relay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from longtake.domain.job import JobStatus
from longtake.domain.request import ShotRequest
from longtake.vendors import _ark
from longtake.vendors._adapter import Call, Document, Model, in_wire_order, path_with
from longtake.vendors._relay import RelayAdapter
from longtake.vendors.limits import Limits, without_idle_options
from longtake.vendors.price_rule import PriceRule

CREATE = Document(
    "Seedance 2.0 Mini 多模态参考生视频 (OpenAPI)",
    "https://docs.powertokens.ai/llms.txt "
    "(zh-Hans/zmodelVideo/byteplus/dreamina-seedance-2-0-mini-multimodal-reference-to-video.json)",
    "2026-11-21",
)
STATUS = Document("Query a video task", "https://docs.powertokens.ai/cn/byteplus/video-status", "2026-10-05")
QUICK_START = Document(
    "Seedance 2.0 quick start", "https://docs.powertokens.ai/en/guides/seedance2-quick-start", "2026-10-05"
)

# The document's text lists `first_frame` and `last_frame` among the media types and seconds "4" to "15"; its enums lack
# the two types and "13" and "14". Which of them the vendor enforces was not seen. We follow the text.
#
# The document bounds neither number nor size of the media, so upstream's bounds hold. (Videos of 480p or 720p alone are
# a rule of the vendor's asset library; what lies there goes out as `asset://` and is not measured.)
MINI = Limits(
    auto_duration=True,
    resolutions=("480p", "720p"),
    default_ratio="adaptive",
    default_ratio_text="16:9",
    image=_ark.IMAGE.model_copy(
        update={
            # Inline pictures are not in the document; the vendor's own video-studio sends them.
            "schemes": frozenset({"http", "https", "asset", "data"})
        }
    ),
    video=_ark.VIDEO.model_copy(update={"schemes": frozenset({"http", "https", "asset"})}),
    audio=_ark.AUDIO.model_copy(update={"schemes": frozenset({"http", "https", "asset"})}),
    options=frozenset({"seed", "watermark", "generate_audio", "return_last_frame", "safety_identifier"}),
    # The document asks for one media item of any type; text is one of the types, not a field of its own.
    prompt_required=False,
)
FAST = MINI
# 1080p is upstream's limit for this model; the vendor's pages name none.
STANDARD = MINI.model_copy(update={"resolutions": ("480p", "720p", "1080p")})

FAST_PRICE = PriceRule(
    unit="second",
    usd={"480p": 0.121, "720p": 0.121},
    # The figure is for requests without input video; none was found for those with one.
    usd_with_video={},
    source="PowerTokens/video-studio, models.py",
    date="2026-10-05",
)


class PowerTokens(RelayAdapter):
    """PowerTokens' side of the translation."""

    name = "powertokens"
    title = "PowerTokens"
    base_url = "https://api.powertokens.ai"
    pages = "https://docs.powertokens.ai"
    documents = (CREATE, STATUS, QUICK_START)
    models = (
        Model("dreamina-seedance-2-0-mini-260615", MINI, "seedance-2.0-mini", CREATE.title),
        Model("dreamina-seedance-2-0-fast-260128", FAST, "seedance-2.0-fast", QUICK_START.title, FAST_PRICE),
        Model("dreamina-seedance-2-0-260128", STANDARD, "seedance-2.0", QUICK_START.title),
    )
    job_seconds = 7 * 24 * 3600
    # The relay's word for a job it has not begun.
    own_words: ClassVar[Mapping[str, JobStatus]] = {"unknown": JobStatus.QUEUED, "not_start": JobStatus.QUEUED}

    def encode(self, request: ShotRequest) -> Call:
        """`POST /v1/videos`; the mode follows from the media types."""
        model = self.model_for(request)
        request = without_idle_options(request, model.limits)
        media: list[dict[str, str]] = [{"type": "text", "text": request.prompt}] if request.prompt.strip() else []
        # The quick start wants every file in the asset library first, the document's own example gives plain links; all
        # three forms go out as they were given.
        media += [{"type": each.role.value, "url": each.wire_url} for each in in_wire_order(request)]
        body: dict[str, object] = {"model": model.wire, "media": media}
        if request.duration_seconds is not None:
            body["seconds"] = "-1" if request.duration_seconds == "auto" else str(request.duration_seconds)
        options = {
            "size": request.resolution,
            "ratio": request.ratio,
            "seed": request.seed,
            "watermark": request.watermark,
            "generate_audio": request.generate_audio,
            "return_last_frame": request.return_last_frame,
            "safety_identifier": request.safety_identifier,
        }
        return Call("POST", "/v1/videos", body | {name: value for name, value in options.items() if value is not None})

    def look(self, job_id: str) -> Call:
        """`GET /v1/videos/{task_id}`; jobs of the last seven days are known."""
        return Call("GET", path_with(job_id, "/v1/videos/"))

    # The vendor documents DELETE only for jobs made over its second interface, whose ids these are not known to be.


ADAPTER = PowerTokens()
