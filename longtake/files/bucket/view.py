"""What stands in some folders of a bucket without asking: by a list at most a minute old, and by our own writes since.

For what people are shown. Nothing that decides about money goes by it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping

from longtake.files.store import Seen

FRESH_SECONDS = 60.0
"""A list counts for so long, and what was written here counts against lists that are younger by less than that."""


class View:
    """Keeps folders in view. Any thread may use it.

    Args:
        folders: The folders; "" stands for the objects that lie in none.
        survey: Lists one of them.
        clock: Seconds that pass steadily.
    """

    def __init__(
        self,
        folders: Iterable[str],
        survey: Callable[[str], Mapping[str, Seen]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folders = frozenset(folders)
        self._survey = survey
        self._clock = clock
        self._lock = threading.Lock()
        self._listed: dict[str, tuple[float, dict[str, Seen]]] = {}
        self._written: dict[str, tuple[float, Seen | None]] = {}

    def covers(self, key: str) -> bool:
        """Whether a key lies in one of the folders."""
        return _folder(key) in self._folders

    def seen(self, key: str) -> Seen | None:
        """What stands at a key, None where nothing does."""
        folder = _folder(key)
        with self._lock:
            at, listed = self._listed.get(folder, (float("-inf"), {}))
            if self._clock() - at > FRESH_SECONDS:
                listed = self._look(folder)
            return listed.get(key)

    def below(self, prefix: str) -> list[str]:
        """The keys below a folder that is in view, or one in it."""
        self.seen(f"{prefix}/")
        with self._lock:
            _, listed = self._listed[_folder(f"{prefix}/")]
            return [key for key in listed if key.startswith(f"{prefix}/")]

    def _look(self, folder: str) -> dict[str, Seen]:
        at = self._clock()
        listed = dict(self._survey(folder))
        self._listed[folder] = at, listed
        # A store may list what was written a moment ago not at all, or as it was.
        self._written = {key: note for key, note in self._written.items() if at - note[0] <= FRESH_SECONDS}
        for key, (_, seen) in self._written.items():
            if _folder(key) == folder:
                _set(listed, key, seen)
        return listed

    def note(self, key: str, seen: Seen | None) -> None:
        """What we just wrote, or removed."""
        if not self.covers(key):
            return
        with self._lock:
            self._written[key] = self._clock(), seen
            if (found := self._listed.get(_folder(key))) is not None:
                _set(found[1], key, seen)

    def forget(self, key: str) -> None:
        """What stands at a key is not known any more: the next question is asked."""
        with self._lock:
            self._written.pop(key, None)
            self._listed.pop(_folder(key), None)


def _folder(key: str) -> str:
    return key.partition("/")[0] if "/" in key else ""


def _set(listed: dict[str, Seen], key: str, seen: Seen | None) -> None:
    if seen is None:
        listed.pop(key, None)
    else:
        listed[key] = seen
