"""JimmyAI: one address, many routes; the model's name chooses route, billing and often the resolution.

Its page was handed on as a document of "CGLOL" (aigc.cglol.com is merely its upstream); newer pages call the vendor
ViralTok. So the base address is configuration, like everyone's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from longtake.domain.errors import (
    AuthenticationError,
    RejectedRequestError,
    UnexpectedReplyError,
    VendorError,
    VendorUnavailableError,
)
from longtake.domain.request import MediaKind, Role, ShotRequest
from longtake.vendors._adapter import Adapter, AssetState, Balance, Call, Document, path_with
from longtake.vendors._jimmyai import assets
from longtake.vendors._jimmyai.routes import MINI_SPECIAL, MODELS, NEWER
from longtake.vendors.answers.replies import (
    fields,
    figures,
    first_link,
    job_id_in,
    message_and_code,
    retry_after_seconds,
    words,
)
from longtake.vendors.answers.reply import Reply
from longtake.vendors.limits import MB, without_idle_options

QUERY = Document("Query Video Task", "https://docs.jimmyai.cn/en/api-reference/common/query", "2026-10-05")

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
    base_url = "https://www.jimmyai.cn"
    pages = "https://docs.jimmyai.cn"
    own_codes = OWN_CODES
    retryable = RETRYABLE
    documents = (MINI_SPECIAL, NEWER, QUERY)
    models = MODELS
    link_seconds = 3 * 24 * 3600
    upload_kinds = frozenset[MediaKind]({"image", "video", "audio"})
    upload_seconds = 3 * 24 * 3600
    upload_max_bytes = 100 * MB

    def encode(self, request: ShotRequest) -> Call:
        """`POST /api/open-api/v1/seedance/videos`."""
        model = self.model_for(request)
        request = without_idle_options(request, model.limits)
        seconds = request.duration_seconds
        frames = {"first_image": request.having(Role.FIRST_FRAME), "last_image": request.having(Role.LAST_FRAME)}
        lists = {
            "images": request.having(Role.REFERENCE_IMAGE),
            "reference_videos": request.having(Role.REFERENCE_VIDEO),
            "reference_audios": request.having(Role.REFERENCE_AUDIO),
        }
        options = {
            # Most routes' own pages require a duration; 5 is the default that the create page names for all.
            "duration": model.limits.default_duration_seconds if seconds is None else seconds,
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

    def balance_call(self) -> Call:
        """`GET /api/open-api/v1/key/balance`."""
        return Call("GET", "/api/open-api/v1/key/balance")

    def balance(self, reply: Reply) -> Balance:
        """`{data: {available_quota, unlimited}}`."""
        data = fields(fields(reply.body).get("data"))
        if data.get("unlimited") is True:
            return Balance("unlimited")
        left = figures(data).get("available_quota")
        if left is None:
            raise UnexpectedReplyError("the answer tells no quota", http_status=reply.status)
        return Balance(f"{left:,.10g} of the key's quota", left)

    def upload(self, kind: MediaKind) -> Call | None:
        """`POST /api/open-api/v1/files/upload` on the API's own host; free, kept about three days."""
        return Call("POST", "/api/open-api/v1/files/upload", upload_field="file")

    def uploaded(self, reply: Reply) -> str:
        """The link in `{code, data: {url}}`."""
        link = first_link(fields(fields(reply.body).get("data")).get("url"))
        if link is None:
            raise UnexpectedReplyError("the reply to the upload has no link", http_status=reply.status)
        return link

    def registration(self, kind: MediaKind, link: str) -> Call | None:
        """`POST /api/open-api/v1/seedance/assets/audit`, for the full route; no page names a price of it."""
        return assets.audit(kind, link)

    def registered(self, reply: Reply) -> str:
        """The id in `{data: {items: [{assetId}]}}`."""
        return assets.audited(reply)

    def asset_questions(self, asset_id: str) -> Sequence[Call]:
        """`GET /api/open-api/v1/seedance/assets/status?assetIds=…`, else the same as a POST."""
        return assets.state_calls(asset_id)

    def asset_state(self, reply: Reply, asset_id: str) -> AssetState:
        """`Active`, `Failed` or `Rejected`; any other word is one of an audit at work."""
        return assets.state_of(reply, asset_id)


ADAPTER = JimmyAI()
