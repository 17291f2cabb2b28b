"""Remembering what was worked out for an object that many rows share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Memo(Generic[K, V]):
    """Calls a function once for each object; an equal one that is another object is worked out anew.

    By the object itself, since to hash references costs as much as to work on them. Objects are kept, so that their
    ids stay theirs.
    """

    def __init__(self, work: Callable[[K], V]) -> None:
        self._work = work
        self._known: dict[int, tuple[K, V]] = {}

    def __call__(self, thing: K) -> V:
        known = self._known.get(id(thing))
        if known is None:
            known = self._known[id(thing)] = (thing, self._work(thing))
        return known[1]
