"""What makes starts and many rows quick: names imported when asked for, results remembered, the collector held off."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from importlib import import_module
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


@contextmanager
def uncollected() -> Generator[None]:
    """Holds the collector off while some hundred thousand objects are made, none of them garbage.

    Measured on 100,000 rows: it would take more than half of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if gc.get_freeze_count() == 0:
                # Puts the new objects among the old ones, else the first small collection would walk them all.
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def face(room: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """A room's `__getattr__`: its names come from the modules that hold them, imported when they are first asked for.

    No name may be a module's of the room: which of the two an import gave would depend on what was imported before.

    Args:
        room: The package.
        homes: By module of the room, the names that it gives, between spaces.
    """
    home_of = {name: module for module, names in homes.items() for name in names.split()}

    def from_home(name: str) -> object:
        if name not in home_of:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return getattr(import_module(f"{room}.{home_of[name]}"), name)

    return from_home
