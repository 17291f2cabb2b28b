"""What makes starts and many rows quick and small: names imported when asked for, results remembered, the collector
held off, objects packed that are seldom looked at.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import pickle
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Generic, TypeVar, overload

K = TypeVar("K")
V = TypeVar("V")

_WINDOW_BITS = 13
"""8 KiB: more than one packed object has."""


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


class Packer(Generic[V]):
    """Packs objects that are much like one another, each for itself; a few hundred bytes where they are small."""

    def __init__(self) -> None:
        self._alike = b""
        """The first object: all others are much like it."""

    def pack(self, thing: V) -> bytes:
        """The object as bytes, good for this packer alone."""
        plain = pickle.dumps(thing, pickle.HIGHEST_PROTOCOL)
        self._alike = self._alike or plain
        # Packed at every record of a run: the usual window takes a quarter of a MiB each time and leaves holes.
        packing = zlib.compressobj(level=1, wbits=_WINDOW_BITS, memLevel=5, zdict=self._alike)
        return packing.compress(plain) + packing.flush()

    def unpack(self, pack: bytes) -> V:
        """An equal object, made anew."""
        unpacking = zlib.decompressobj(wbits=_WINDOW_BITS, zdict=self._alike)
        return pickle.loads(unpacking.decompress(pack))  # noqa: S301 - packed by us


class PackedMap(MutableMapping[K, V]):
    """Objects by key, held packed; they are made anew whenever they are looked at."""

    def __init__(self) -> None:
        self._packer = Packer[V]()
        self._packs: dict[K, bytes] = {}

    def __getitem__(self, key: K) -> V:
        return self._packer.unpack(self._packs[key])

    def __setitem__(self, key: K, thing: V) -> None:
        self._packs[key] = self._packer.pack(thing)

    def __delitem__(self, key: K) -> None:
        del self._packs[key]

    def __iter__(self) -> Iterator[K]:
        return iter(list(self._packs))

    def __len__(self) -> int:
        return len(self._packs)

    def __contains__(self, key: object) -> bool:
        return key in self._packs

    def of(self, keys: Iterable[K]) -> PackedMap[K, V]:
        """The objects of these keys that there are, in their order; what is put there later is not in this one."""
        other = PackedMap[K, V]()
        other._packer, other._packs = self._packer, {key: self._packs[key] for key in keys if key in self._packs}
        return other


class Packed(Sequence[V]):
    """A list of objects held as packed bytes, a few hundred each; they are made anew whenever they are looked at."""

    EACH = 64
    """So many share a pack: more would have to be unpacked together, fewer would not share what they have in common."""

    def __init__(self, things: Iterable[V] = ()) -> None:
        self._packs: list[bytes] = []
        self._count = 0
        self._open: list[V] = []
        for thing in things:
            self.append(thing)

    def append(self, thing: V) -> None:
        """Puts a thing at the end; it must not change any more."""
        self._open.append(thing)
        self._count += 1
        if len(self._open) == self.EACH:
            self._packs.append(zlib.compress(pickle.dumps(self._open, pickle.HIGHEST_PROTOCOL), 1))
            self._open = []

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[V]:
        for pack in self._packs:
            yield from _unpacked(pack)
        yield from self._open

    @overload
    def __getitem__(self, place: int) -> V: ...
    @overload
    def __getitem__(self, place: slice) -> list[V]: ...
    def __getitem__(self, place: int | slice) -> V | list[V]:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(self._count))]
        pack, number = divmod(range(self._count)[place], self.EACH)
        return (_unpacked(self._packs[pack]) if pack < len(self._packs) else self._open)[number]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)  # pyright: ignore[reportUnknownArgumentType]

    __hash__ = None  # pyright: ignore[reportAssignmentType]


def _unpacked(pack: bytes) -> list[Any]:
    return pickle.loads(zlib.decompress(pack))  # noqa: S301 - packed by this process


def give_back_memory() -> None:
    """Gives the system what was freed: after a large table or page, which else would stay ours for good."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # of the GNU library alone
        ctypes.CDLL(None).malloc_trim(0)


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
