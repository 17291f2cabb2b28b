"""What resellers built on the relay new-api share: its envelope, its status words, and its upstream's codes.

Read from the relay's published source: `{code: "success", message, data: {status, …, data: <upstream's own body>}}`
from `/v1/video/generations`, a flat object from `/v1/videos`. Each vendor has changed it a little, so both are read.
"""

from __future__ import annotations

from longtake.vendors._adapter import Adapter


class RelayAdapter(Adapter):
    """Reads a relay's replies; the vendor's own file says what is sent."""

    # Ark's code that its documents call worth another try.
    retryable = ("InternalServiceError",)
