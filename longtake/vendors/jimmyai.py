"""JimmyAI: one address, many routes; the model's name chooses route, billing and often the resolution.

Its page was handed on as a document of "CGLOL" (aigc.cglol.com is merely its upstream); newer pages call the vendor
ViralTok. So the base address is configuration, like everyone's.
"""

from __future__ import annotations

from collections.abc import Mapping

from longtake.errors import (
    AuthenticationError,
    RejectedRequestError,
    UnexpectedReplyError,
    VendorError,
    VendorUnavailableError,
)
from longtake.limits import MB, Limits, MediaLimits
from longtake.request import MediaKind, Mode, Role, ShotRequest
from longtake.vendors import _ark
from longtake.vendors._adapter import Adapter, Call, Document, Model, Reply, path_with
from longtake.vendors._replies import (
    fields,
    first_link,
    job_id_in,
    message_and_code,
    retry_after_seconds,
    words,
)

MINI_SPECIAL = Document(
    "Mini Special Create Video (with the routes' body)",
    "https://docs.jimmyai.cn/en/api-reference/seedance/mini-sp/create",
    "2026-11-21",
)
QUERY = Document("Query Video Task", "https://docs.jimmyai.cn/en/api-reference/common/query", "2026-10-05")

SIX_RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9")
HTTPS, ASSET = frozenset({"https"}), frozenset({"asset"})
IMAGE = _ark.IMAGE.model_copy(update={"schemes": HTTPS})
VIDEO = _ark.VIDEO.model_copy(update={"schemes": HTTPS})
AUDIO = _ark.AUDIO.model_copy(update={"schemes": HTTPS})
NONE = MediaLimits()

# The SP family. Its page bounds neither number nor size of the references, and gives its ratios by example: we take
# upstream's bounds and the six ratios, and `adaptive` only where a route names it. For sound the page takes `asset://`
# too, for pictures and videos https alone (newer pages have an asset library for those as well).
ECONOMY = Limits(
    resolutions=("480p", "720p", "1080p"),
    ratios=SIX_RATIOS,
    default_ratio="",
    image=IMAGE,
    video=VIDEO,
    audio=AUDIO.model_copy(update={"schemes": HTTPS | ASSET}),
)
# On the special's own page: 480p and 720p, and sound beside frames ("must be paired with images, video, or frames").
# Upstream keeps sound and frames apart, so the other routes refuse the pair.
SPECIAL = ECONOMY.model_copy(update={"resolutions": ("480p", "720p"), "audio_with_frames": True, "audio": AUDIO})
# Reference videos of the mini are a model of their own (`-mini-video`) on newer pages; this page names none for it.
MINI = ECONOMY.model_copy(update={"video": NONE, "audio": AUDIO})
# Upstream's fast model, which this route passes on as it is, ends at 720p.
OFFICIAL_FAST = ECONOMY.model_copy(update={"resolutions": ("480p", "720p")})

MD = Limits(
    modes=frozenset({Mode.TEXT, Mode.FIRST_AND_LAST_FRAME, Mode.REFERENCE}),
    durations=tuple(range(1, 16)),
    resolutions=("720p",),
    ratios=("16:9", "9:16", "1:1"),
    default_ratio="",
    prompt_max_characters=5000,
    image=IMAGE.model_copy(update={"max_count": 4}),
    video=VIDEO.model_copy(
        update={
            "max_bytes": 200 * MB,
            "max_total_bytes": 200 * MB,
            "min_side_px": 720,
            "max_side_px": 2160,
            "min_pixels": None,
            "max_pixels": None,
        }
    ),
)
FAST_I2V = Limits(
    modes=frozenset({Mode.REFERENCE}),
    durations=tuple(range(1, 16)),
    resolutions=("720p",),
    ratios=SIX_RATIOS,
    default_ratio="",
    image=IMAGE,
)
# The page names STD wherever it holds for it, and reference videos are not among that.
STD = Limits(resolutions=("720p",), ratios=SIX_RATIOS, default_ratio="", image=IMAGE, audio=AUDIO)


def _full(wire: str) -> Model:
    """A model of the full route: only assets that passed the vendor's audit, the resolution in the name."""
    takes_videos = "_video_" in wire
    limits = Limits(
        durations=tuple(range(4, 13)),
        resolutions=(wire.rsplit("_", 1)[1],),
        default_resolution=wire.rsplit("_", 1)[1],
        default_ratio="",
        image=_ark.IMAGE.model_copy(update={"schemes": ASSET}),
        video=_ark.VIDEO.model_copy(update={"schemes": ASSET}) if takes_videos else NONE,
        audio=_ark.AUDIO.model_copy(update={"schemes": ASSET}),
    )
    return Model(wire, limits, None, MINI_SPECIAL.title)


FULL = (
    *(f"sd2_mx_{size}" for size in ("720p", "1080p", "2k", "4k")),
    *(f"sd2_mx_fast_{size}" for size in ("720p", "1080p")),
    *(f"sd2_mx_video_{size}" for size in ("720p", "1080p", "2k", "4k")),
    *(f"sd2_mx_video_fast_{size}" for size in ("720p", "1080p")),
)

OK_CODES = ("20000", "0", "200", "")
# The vendor could not fetch an input or ran into its own upstream: seen in its clients as worth another try.
OWN_CODES: Mapping[str, type[VendorError]] = {
    "20001": AuthenticationError,
    # Bad parameters, and whatever else the words tell: there is no code of its own for balance, model or moderation.
    "20002": RejectedRequestError,
    # A fault at the vendor, and its way of telling that it is asked too often.
    "-1": VendorUnavailableError,
}
RETRYABLE = ("Read timed out", "s3 upload failed", "connection reset by peer")


class JimmyAI(Adapter):
    """JimmyAI's side of the translation. It names no seed, sound switch, watermark or callback."""

    name = "jimmyai"
    title = "JimmyAI"
    own_codes = OWN_CODES
    retryable = RETRYABLE
    documents = (MINI_SPECIAL, QUERY)
    models = (
        Model("seedance2.0-mini-sp", SPECIAL, "seedance-2.0-mini", MINI_SPECIAL.title),
        Model("seedance2.0-fast-sp", ECONOMY, "seedance-2.0-fast", MINI_SPECIAL.title),
        Model("seedance2.0-sp", ECONOMY, "seedance-2.0", MINI_SPECIAL.title),
        Model("seedance2.0-mini", MINI, None, MINI_SPECIAL.title),
        Model("seedance2.0-of-sp", ECONOMY, None, MINI_SPECIAL.title),
        Model("seedance2.0-of-fast-sp", OFFICIAL_FAST, None, MINI_SPECIAL.title),
        Model("seedance2.0-md", MD, None, MINI_SPECIAL.title),
        Model("seedance2.0-fast-md", MD, None, MINI_SPECIAL.title),
        Model("seedance2.0-fast-i2v", FAST_I2V, None, MINI_SPECIAL.title),
        Model("seedance2.0-std", STD, None, MINI_SPECIAL.title),
        *(_full(wire) for wire in FULL),
    )
    link_seconds = 3 * 24 * 3600
    upload_kinds = frozenset[MediaKind]({"image", "video", "audio"})
    upload_seconds = 3 * 24 * 3600
    upload_max_bytes = 100 * MB

    def encode(self, request: ShotRequest) -> Call:
        """`POST /api/open-api/v1/seedance/videos`."""
        model = self.model_for(request)
        frames = {"first_image": request.having(Role.FIRST_FRAME), "last_image": request.having(Role.LAST_FRAME)}
        lists = {
            "images": request.having(Role.REFERENCE_IMAGE),
            "reference_videos": request.having(Role.REFERENCE_VIDEO),
            "reference_audios": request.having(Role.REFERENCE_AUDIO),
        }
        options = {
            # The special's page requires a duration and names 5 as its default; elsewhere the vendor has the default.
            "duration": request.duration_seconds or (5 if model.limits is SPECIAL else None),
            # Where a route has one resolution its name decides, and the field is documented for the others only.
            "resolution": request.resolution if len(model.limits.resolutions) > 1 else None,
            # The page's word for the full route has a capital.
            "ratio": "Adaptive" if request.ratio == "adaptive" else request.ratio,
        }
        body: dict[str, object] = {"model": model.wire, "prompt": request.prompt}
        body |= {name: value for name, value in options.items() if value is not None}
        body |= {name: given[0].wire_url for name, given in frames.items() if given}
        body |= {name: [reference.wire_url for reference in given] for name, given in lists.items() if given}
        return Call("POST", "/api/open-api/v1/seedance/videos", body)

    def look(self, job_id: str) -> Call:
        """`GET /api/open-api/v1/videos/{task_id}`, one folder above the submit's."""
        return Call("GET", path_with(job_id, "/api/open-api/v1/videos/"))

    def failure(self, reply: Reply) -> VendorError | None:
        """Refusals come with HTTP 200 and a code other than 20000 in the envelope.

        A code that no page names, and -1 (a fault at the vendor), tell nothing for certain: on a submit nobody knows
        how far it got.
        """
        failure = super().failure(reply)
        body = fields(reply.body)
        code = words(body.get("code"))
        is_open = code not in OK_CODES and not body.get("data") and not job_id_in(body) and "status" not in body
        if failure is not None or reply.status >= 400 or not is_open:
            return failure
        message, _ = message_and_code(body)
        return VendorUnavailableError(message, code, reply.status, retry_after_seconds(reply.headers, message))

    def upload(self, kind: MediaKind) -> Call | None:
        """`POST /api/open-api/v1/files/upload` on the API's own host; free, kept about three days."""
        return Call("POST", "/api/open-api/v1/files/upload", upload_field="file")

    def uploaded(self, reply: Reply) -> str:
        """The link in `{code, data: {url}}`."""
        link = first_link(fields(fields(reply.body).get("data")).get("url"))
        if link is None:
            raise UnexpectedReplyError("the reply to the upload has no link", http_status=reply.status)
        return link


ADAPTER = JimmyAI()
