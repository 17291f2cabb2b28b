"""What was put into a vendor's asset library, by the id under which orders name it."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from longtake.sandbox.orders import MediaKind

READY_MADE = "asset-sandbox-"
_REVIEW_SECONDS = 0.2


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

    @property
    def is_active(self) -> bool:
        """Whether its review is over."""
        return time.monotonic() >= self.created + (_REVIEW_SECONDS if self.created else 0)


class Assets:
    """The libraries of all vendors."""

    def __init__(self) -> None:
        self._assets: dict[tuple[str, str], Asset] = {}

    def add(self, vendor: str, name: str, kind: MediaKind, content: bytes, group: str = "") -> Asset:
        """Stores an asset; it is active after a moment's review."""
        asset = Asset(f"asset-{secrets.token_hex(8)}", vendor, name, kind, group, content, time.monotonic())
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
