"""Purchases of a whole output in little memory: the texts of their records, packed, and read again when asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from sys import intern

from longtake._speed import PackedMap
from longtake.ledger.record_files import assemble
from longtake.ledger.records import Purchase

Texts = Mapping[str, bytes | None]
"""A purchase's files by name, with their texts; None where a text is none of ours to read."""


class PackedPurchases(Mapping[str, Purchase]):
    """Purchases by identity, a few hundred bytes each; a `Purchase` is made anew whenever one is looked at.

    Records are written once, so what is known of a purchase grows by what `note` is told and never changes.

    Args:
        finish: What else a purchase needs to be complete once its records are read.
    """

    def __init__(self, finish: Callable[[dict[str, Purchase]], dict[str, Purchase]] = lambda found: found) -> None:
        self._finish = finish
        self._texts = PackedMap[str, dict[str, bytes | None]]()
        self._clip_bytes: dict[str, int] = {}
        self._noting = threading.Lock()

    def put(self, identity: str, texts: Texts, clip_bytes: int | None = None) -> None:
        """Holds a purchase from the files of its folder; `clip_bytes` is its film's size, where a list told it."""
        with self._noting:
            if clip_bytes is not None:
                self._clip_bytes[identity] = clip_bytes
            self._texts[identity] = {intern(name): data for name, data in texts.items()}

    def note(self, identity: str, name: str, data: bytes) -> None:
        """Adds a record that was written now."""
        with self._noting:
            self._texts[identity] = self._texts.get(identity, {}) | {name: data}

    def copy(self) -> PackedPurchases:
        """The same purchases; what is noted in one of the two is not in the other."""
        other = PackedPurchases(self._finish)
        other._texts, other._clip_bytes = self._texts.of(self._texts), dict(self._clip_bytes)
        return other

    def __getitem__(self, identity: str) -> Purchase:
        purchase = assemble(identity, self._texts[identity])
        purchase.clip_bytes = self._clip_bytes.get(identity)
        return self._finish({identity: purchase})[identity]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __contains__(self, identity: object) -> bool:
        return identity in self._texts
