"""JimmyAI's audit of assets, which the full route (`sd2_mx_*`) wants for every reference: submit a link, ask for its
state, name it by `asset://`. Free, and it may be repeated. Known at second hand (newer pages, the vendor's web client),
so answers are read tolerantly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from longtake.domain.errors import ContentRefusedError, UnexpectedReplyError
from longtake.domain.request import MediaKind
from longtake.vendors._adapter import AssetState, Call
from longtake.vendors.answers.replies import fields, words
from longtake.vendors.answers.reply import Reply

AUDIT, STATUS = "/api/open-api/v1/seedance/assets/audit", "/api/open-api/v1/seedance/assets/status"
LISTS: Mapping[MediaKind, str] = {"image": "imageUrls", "video": "videoUrls", "audio": "audioUrls"}
READY = frozenset({"active", "approved", "success", "succeeded"})
REFUSED = frozenset({"failed", "rejected", "inactive"})
ID_NAMES = ("assetId", "asset_id", "id")
REASONS = ("failReason", "fail_reason", "errorMessage", "error_message", "reason", "message", "msg", "error")


def audit(kind: MediaKind, link: str) -> Call:
    """Submits one link; the other lists are empty, as the vendor's own client sends them."""
    lists: dict[str, object] = {name: [link] if each == kind else [] for each, name in LISTS.items()}
    return Call("POST", AUDIT, lists)


def audited(reply: Reply) -> str:
    """The asset's id out of `{data: {items: [{assetId, status}], failedItems: []}}`.

    Raises:
        ContentRefusedError: The link was refused at once.
        UnexpectedReplyError: There is no id in it.
    """
    for item in _items(reply, "failedItems"):
        raise ContentRefusedError(_reason(item) or "the asset was refused", "", reply.status)
    for item in (*_items(reply, "items"), _data(reply)):
        if asset_id := _id_in(item):
            if words(item.get("status")).lower() in REFUSED:
                raise ContentRefusedError(_reason(item) or "the asset was refused", "", reply.status)
            return asset_id
    raise UnexpectedReplyError("the reply to the audit names no asset", "", reply.status)


def state_calls(asset_id: str) -> tuple[Call, ...]:
    """Both forms of the question that clients use: in the address, and in a body."""
    return Call("GET", STATUS, query={"assetIds": asset_id}), Call("POST", STATUS, {"assetIds": [asset_id]})


def state_of(reply: Reply, asset_id: str) -> AssetState:
    """What an answer says of the asset.

    Raises:
        UnexpectedReplyError: It says nothing of it.
    """
    for item in (*_items(reply, "items"), *_items(reply, "failedItems"), _data(reply)):
        if _id_in(item) == asset_id:
            word = words(item.get("status")).lower()
            return AssetState(word in READY, word in REFUSED, _reason(item) or word)
    raise UnexpectedReplyError("the reply does not tell of the asset", "", reply.status)


def _data(reply: Reply) -> Mapping[str, object]:
    return fields(fields(reply.body).get("data"))


def _items(reply: Reply, name: str) -> Iterator[Mapping[str, object]]:
    data = fields(reply.body).get("data")
    listed = data if name == "items" and isinstance(data, list) else fields(data).get(name)
    yield from (fields(item) for item in listed) if isinstance(listed, list) else ()


def _id_in(item: Mapping[str, object]) -> str:
    return next((found for name in ID_NAMES if (found := words(item.get(name)))), "").removeprefix("asset://")


def _reason(item: Mapping[str, object]) -> str:
    return next((found for name in REASONS if (found := words(item.get(name)))), "")
