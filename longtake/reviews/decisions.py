"""The decisions of one output, as files: written exclusively, read by one listing, never changed or deleted.

    decisions/<reel>/<shot>/0001.json    the first decision on a shot; the highest number rules

Reel and shot are named as in `clips/`. All calls block.
"""

from __future__ import annotations

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pydantic import ValidationError

from longtake.domain.errors import LongtakeError
from longtake.files.names import file_name
from longtake.files.store import Store
from longtake.reviews.decision import Decision

log = logging.getLogger("longtake.reviews.decisions")

FOLDER = "decisions"
_KEY = re.compile(rf"{FOLDER}/[^/]+/[^/]+/(?P<number>\d{{4,9}})\.json", re.ASCII)


class DecidedMeanwhileError(LongtakeError):
    """Another decision on the same shot came in between; nothing of ours counts."""


class ReviewLog:
    """Reads and writes decisions. A record that was read is not read again, for it never changes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Decision | None] = {}
        self._highest: dict[str, int] = {}

    @staticmethod
    def folder(reel: str, shot: str) -> str:
        """Where the decisions on a shot lie."""
        return f"{FOLDER}/{file_name(reel)}/{file_name(shot)}"

    def read(self) -> dict[str, list[Decision]]:
        """All decisions that count, by `shot_id`, in their order: one listing, and one read of what is new."""
        listed = self._store.survey(FOLDER)
        numbers = {key: int(match["number"]) for key in listed if (match := _KEY.fullmatch(key))}
        fresh = {key: listed[key] for key in sorted(numbers.keys() - self._known.keys())}
        for key, data in self._store.read_seen(fresh).items() if fresh else ():
            self._known[key] = _parsed(key, data)
        self._highest = {}
        for key, number in numbers.items():
            folder = key.rpartition("/")[0]
            self._highest[folder] = max(number, self._highest.get(folder, 0))
        there = [(key, one) for key in numbers if (one := self._known.get(key)) is not None]
        written = Counter(one.batch for _, one in there)
        # One that cannot be read has overruled what stood before it: what it said, nobody knows.
        lost: dict[str, int] = {}
        for key in numbers.keys() & set(self.unreadable):
            folder = key.rpartition("/")[0]
            lost[folder] = max(numbers[key], lost.get(folder, 0))
        found: dict[str, dict[str, list[tuple[int, Decision]]]] = defaultdict(lambda: defaultdict(list))
        for key, one in there:
            # What was killed while it was being written, or met another's decision, counts for nothing.
            is_whole = not one.batch or written[one.batch] >= one.batch_count
            if is_whole and numbers[key] > lost.get(key.rpartition("/")[0], -1):
                found[one.shot_id][key.rpartition("/")[0]].append((numbers[key], one))
        return {shot_id: _in_order(each.values()) for shot_id, each in found.items()}

    @property
    def unreadable(self) -> list[str]:
        """Keys of records that cannot be read, as of the last reading: nobody has decided by them, nor before them."""
        return sorted(key for key, one in self._known.items() if one is None)

    @property
    def notices(self) -> list[str]:
        """What people should know of the last reading."""
        lost = "cannot be read, and what was decided before it does not count: decide anew"
        return [f"{key} {lost}" for key in self.unreadable]

    def write(self, decisions: Sequence[Decision], places: Mapping[str, str]) -> None:
        """Writes what was decided in one go, by what the last reading showed: all of it counts, or nothing.

        Args:
            decisions: At most one for each shot, all of one batch.
            places: The folder of each shot's decisions, by `shot_id`.

        Raises:
            DecidedMeanwhileError: Another came in between, and rules.
        """
        # In one order for all who write, so that of two that meet one always comes through.
        for decision in sorted(decisions, key=lambda each: places[each.shot_id]):
            folder = places[decision.shot_id]
            key = f"{folder}/{self._highest.get(folder, 0) + 1:04}.json"
            data = decision.model_dump_json(exclude_none=True).encode()
            if self._store.create(key, data):
                continue
            there = self._store.read(key)
            if there == data:  # our own, whose answer was lost
                continue
            other = _parsed(key, there) if there is not None else None
            words = f"{other.words}" if other else f"{key} stands there"
            raise DecidedMeanwhileError(
                f"{decision.shot_id}: decided by another at the same time ({words}); nothing of this counts: "
                "look again, then decide anew"
            )


def _in_order(folders: Iterable[list[tuple[int, Decision]]]) -> list[Decision]:
    """By number in a folder. A name with a slash, decided while no report told its reel, has two: the later rules."""
    each = [[one for _, one in sorted(numbered, key=lambda pair: (pair[0], pair[1].at))] for numbered in folders]
    return [one for decisions in sorted(each, key=lambda them: them[-1].at) for one in decisions]


def _parsed(key: str, data: bytes) -> Decision | None:
    try:
        return Decision.model_validate_json(data)
    except (ValidationError, ValueError) as error:
        log.warning("%s cannot be read; what was decided before it does not count (%s)", key, type(error).__name__)
        return None
