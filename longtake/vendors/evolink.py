"""EvoLink: nine models, three modes by three grades; the mode is part of the model's name."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from longtake.domain.errors import UnexpectedReplyError
from longtake.domain.request import MediaKind, Mode, Role, ShotRequest
from longtake.domain.violations import Violation, refusal
from longtake.vendors import _ark
from longtake.vendors._adapter import Adapter, Balance, Call, Document, Model, path_with
from longtake.vendors.answers.replies import fields, figures, first_link
from longtake.vendors.answers.reply import Reply
from longtake.vendors.limits import MB, Doubt, Limits, without_idle_options
from longtake.vendors.price_rule import PriceRule

OVERVIEW = Document(
    "Seedance 2.0 全参数指南 (OpenAPI, nine models)",
    "https://docs.evolink.ai/llms.txt (cn/api-manual/video-series/seedance2.0/seedance-2.0-overview.json)",
    "2026-11-21",
)
FAST_REFERENCE = Document(
    "Seedance 2.0 Fast Reference-to-Video (OpenAPI)",
    "https://docs.evolink.ai/llms.txt "
    "(cn/api-manual/video-series/seedance2.0/seedance-2.0-fast-reference-to-video.json)",
    "2026-11-21",
)
TASK = Document(
    "Get task detail", "https://docs.evolink.ai/en/api-manual/task-management/get-task-detail", "2026-10-05"
)
PRICES = Document(
    "Evolink-AI/Seedance-2.0-Gateway-Service, docs/pricing.md", "https://github.com/Evolink-AI", "2026-07"
)

# Pictures, videos and sounds are links that the vendor's server can fetch; base64 is asked not to be used.
IMAGE = _ark.IMAGE.model_copy(update={"containers": frozenset({"jpeg", "png", "webp"})})
VIDEO = _ark.VIDEO.model_copy(update={"max_bytes": 50 * MB, "min_pixels": 409_600, "max_pixels": 2_086_876})
TEXT = Limits(
    modes=frozenset({Mode.TEXT}),
    resolutions=("480p", "720p"),
    default_ratio="16:9",
    options=frozenset({"generate_audio", "content_filter", "callback_url"}),
    # Counted by a tokenizer that the vendor does not name.
    prompt_max_tokens=10_000,
)
FRAMES = TEXT.model_copy(
    update={
        "modes": frozenset({Mode.FIRST_FRAME, Mode.FIRST_AND_LAST_FRAME}),
        "image": IMAGE.model_copy(update={"max_count": 2}),
    }
)
# The overview calls every kind of reference optional (0-9, 0-3, 0-3) and still requires none.
TEXT_ALONE = Doubt(
    about="mode",
    values=frozenset({Mode.TEXT.value}),
    rule="this model is made for references; the document does not say outright that it takes a prompt alone "
    f"({OVERVIEW.title}, {OVERVIEW.read_on})",
    fix="use the text-to-video model, or give a reference",
)
REFERENCES = TEXT.model_copy(
    update={
        "modes": frozenset({Mode.REFERENCE, Mode.TEXT}),
        "image": IMAGE,
        "video": VIDEO,
        "audio": _ark.AUDIO,
        "doubts": (TEXT_ALONE,),
    }
)
LIMITS = {"text": TEXT, "image": FRAMES, "reference": REFERENCES}


def _price(usd: dict[str, float], usd_with_video: dict[str, float]) -> PriceRule:
    # No figure is published for 1080p, nor any for mini.
    return PriceRule(
        unit="second",
        usd=usd,
        usd_with_video=usd_with_video,
        reference_seconds="at_least_output",
        unfiltered_factor=1.1,
        search_usd=0.0006,
        source=PRICES.title,
        date=PRICES.read_on,
    )


GRADE_PRICES = {
    "seedance-2.0": _price({"480p": 0.0919, "720p": 0.1985}, {"480p": 0.0560, "720p": 0.1209}),
    "seedance-2.0-fast": _price({"480p": 0.0745, "720p": 0.1608}, {"480p": 0.0443, "720p": 0.0957}),
    "seedance-2.0-mini": None,
}


def _model(grade: str, input_kind: str) -> Model:
    limits = LIMITS[input_kind]
    if grade == "seedance-2.0":
        # The fast page announces 1080p as "soon"; the overview gives it to the standard models alone.
        limits = limits.model_copy(update={"resolutions": ("480p", "720p", "1080p")})
    if input_kind == "text" and grade != "seedance-2.0-mini":
        limits = limits.model_copy(update={"options": limits.options | {"web_search"}})
    page = FAST_REFERENCE if (grade, input_kind) == ("seedance-2.0-fast", "reference") else OVERVIEW
    return Model(f"{grade}-{input_kind}-to-video", limits, grade, page.title, GRADE_PRICES[grade])


# The error codes of a failed job that the vendor's page calls worth another try.
RETRYABLE = (
    "generation_timeout",
    "quota_exceeded",
    "resource_exhausted",
    "generation_failed_no_content",
    "service_error",
    "service_unavailable",
    "unknown_error",
)


class EvoLink(Adapter):
    """EvoLink's side of the translation."""

    name = "evolink"
    title = "EvoLink"
    base_url = "https://api.evolink.ai"
    upload_base_url = "https://files-api.evolink.ai"
    pages = "https://docs.evolink.ai"
    retryable = RETRYABLE
    # A cancelled job is told as a failed one with this code.
    cancelled_codes = ("request_cancelled",)
    documents = (OVERVIEW, FAST_REFERENCE, TASK, PRICES)
    models = tuple(_model(grade, input_kind) for grade in GRADE_PRICES for input_kind in LIMITS)
    upload_kinds = frozenset[MediaKind]({"image", "video", "audio"})
    upload_seconds = 72 * 3600
    upload_max_bytes = 100 * MB

    def extra_violations(self, request: ShotRequest, model: Model) -> list[Violation]:
        """The rules on a callback address."""
        del model
        return [] if request.callback_url is None else list(callback_violations(request.callback_url))

    def encode(self, request: ShotRequest) -> Call:
        """`POST /v1/videos/generations`; pictures of the image models have their role by their place."""
        model = self.model_for(request)
        request = without_idle_options(request, model.limits)
        body: dict[str, object] = {"model": model.wire, "prompt": request.prompt}
        pictures = request.having(Role.FIRST_FRAME) + request.having(Role.LAST_FRAME)
        urls = {
            "image_urls": pictures or request.having(Role.REFERENCE_IMAGE),
            "video_urls": request.having(Role.REFERENCE_VIDEO),
            "audio_urls": request.having(Role.REFERENCE_AUDIO),
        }
        body |= {name: [reference.wire_url for reference in given] for name, given in urls.items() if given}
        options = {
            "duration": request.duration_seconds,
            "quality": request.resolution,
            "aspect_ratio": request.ratio,
            "generate_audio": request.generate_audio,
            "content_filter": request.content_filter,
            "model_params": None if request.web_search is None else {"web_search": request.web_search},
            "callback_url": request.callback_url,
        }
        body |= {name: value for name, value in options.items() if value is not None}
        return Call("POST", "/v1/videos/generations", body)

    def look(self, job_id: str) -> Call:
        """`GET /v1/tasks/{task_id}`, on another path than the submit."""
        return Call("GET", path_with(job_id, "/v1/tasks/"))

    def balance_call(self) -> Call:
        """`GET /v1/credits`, which the vendor's own client uses to check a key."""
        return Call("GET", "/v1/credits")

    def balance(self, reply: Reply) -> Balance:
        """`{data: {remaining_credits}}`."""
        left = figures(fields(reply.body).get("data")).get("remaining_credits")
        if left is None:
            raise UnexpectedReplyError("the answer tells no credits", http_status=reply.status)
        return Balance(f"{left:,.10g} credits", left)

    def upload(self, kind: MediaKind) -> Call | None:
        """`POST /api/v1/files/upload/stream` on the files host; free, kept 72 hours."""
        path = "/api/v1/files/upload/stream"
        return Call("POST", path, host="upload", upload_field="file", form={"uploadPath": "longtake"})

    def uploaded(self, reply: Reply) -> str:
        """The link in `{success, data: {file_url}}`."""
        data = fields(fields(reply.body).get("data"))
        link = first_link(data.get("file_url"), data.get("download_url"))
        if link is None:
            raise UnexpectedReplyError("the reply to the upload has no link", http_status=reply.status)
        return link


def callback_violations(url: str) -> Iterator[Violation]:
    """Holds a callback address against the document: https, at most 2,048 characters, no private address."""
    shown = url.split("?", 1)[0]
    if len(url) > 2048:
        yield refusal("callback_url", shown, f"it has {len(url)} characters, at most 2048 are taken", "shorten it")
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        yield refusal("callback_url", shown, "it is not an address", "give https://host/path")
        return
    if parts.scheme.lower() != "https" or not host:
        yield refusal("callback_url", shown, "callbacks go to https addresses only", "give https://host/path")
    elif _is_private(host):
        yield refusal("callback_url", shown, "callbacks do not go to private addresses", "give a public host")


def _is_private(written: str) -> bool:
    host = written.rstrip(".")
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        # Reads short, octal and hexadecimal forms too; a name is no number and ends in the OSError.
        return not ipaddress.ip_address(socket.inet_aton(host)).is_global
    except OSError:
        pass
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


ADAPTER = EvoLink()
