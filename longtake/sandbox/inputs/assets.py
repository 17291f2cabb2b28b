"""What was put into a vendor's asset library, by the id under which orders name it."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from longtake.sandbox.order import MediaKind

READY_MADE = "asset-sandbox-"
REVIEW_SECONDS = 0.2


@dataclass(frozen=True)
class Asset:
    """One picture, video or sound in a library; `kind` None and no content for the sandbox's ready-made ids."""

    asset_id: str
    vendor: str
    name: str = ""
    kind: MediaKind | None = None
    group: str = ""
    content: bytes = b""
    created: float = 0.0
    refusal: str = ""
    is_stuck: bool = False

    @property
    def state(self) -> str:
        """The word of its review: `Processing`, then `Active`, or `Failed` where it is refused."""
        if self.is_stuck or time.monotonic() < self.created + (REVIEW_SECONDS if self.created else 0):
            return "Processing"
        return "Failed" if self.refusal else "Active"

    @property
    def is_active(self) -> bool:
        """Whether its review is over."""
        return self.state == "Active"


class Assets:
    """The libraries of all vendors."""

    def __init__(self) -> None:
        self._assets: dict[tuple[str, str], Asset] = {}

    def add(
        self,
        vendor: str,
        name: str,
        kind: MediaKind,
        content: bytes,
        group: str = "",
        *,
        refusal: str = "",
        is_stuck: bool = False,
    ) -> Asset:
        """Stores an asset; it is active after a moment's review, refused where a reason is given, or never reviewed."""
        asset_id = f"asset-{secrets.token_hex(8)}"
        asset = Asset(asset_id, vendor, name, kind, group, content, time.monotonic(), refusal, is_stuck)
        self._assets[vendor, asset.asset_id] = asset
        return asset

    def find(self, vendor: str, asset_id: str) -> Asset | None:
        """The asset of this id; every id that begins with `asset-sandbox-` exists without having been created."""
        if asset_id.startswith(READY_MADE):
            return Asset(asset_id, vendor)
        return self._assets.get((vendor, asset_id))

    def of(self, vendor: str) -> list[Asset]:
        """All assets that were created at a vendor."""
        return [asset for asset in self._assets.values() if asset.vendor == vendor]
