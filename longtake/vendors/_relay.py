"""What resellers built on the relay new-api share: its envelope, its status words, and its upstream's codes.

Read from the relay's published source: `{code: "success", message, data: {status, …, data: <upstream's own body>}}`
from `/v1/video/generations`, a flat object from `/v1/videos`. Each vendor has changed it a little, so both are read.
"""

from __future__ import annotations

from longtake.domain.errors import UnexpectedReplyError
from longtake.vendors._adapter import Adapter, Call
from longtake.vendors.answers.replies import fields, words
from longtake.vendors.answers.reply import Reply


class RelayAdapter(Adapter):
    """Reads a relay's replies; the vendor's own file says what is sent."""

    # Ark's code that its documents call worth another try.
    retryable = ("InternalServiceError",)

    def models_call(self) -> Call:
        """`GET /v1/models`, by the relay's source: what the key's group and own list of models let through."""
        return Call("GET", "/v1/models")

    def open_models(self, reply: Reply) -> frozenset[str]:
        """`{data: [{id}, …]}`."""
        listed = fields(reply.body).get("data")
        if not isinstance(listed, list) or reply.torn:
            raise UnexpectedReplyError("the answer lists no models", http_status=reply.status)
        return frozenset(words(fields(each).get("id")) for each in listed)
