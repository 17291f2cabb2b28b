"""The truth about money: one folder of write-once records per purchase, the first written before money moves.

    ledger/<identity>/try-1.intent.json     we are about to submit
    ledger/<identity>/try-1.void.json       proof that nothing was accepted; another try may follow
    ledger/<identity>/try-1.unknown.json    the submit may have arrived; never repeated by itself
    ledger/<identity>/accepted.json         the job's id
    ledger/<identity>/claim-1.json          another run took the job up, and with it its slot
    ledger/<identity>/terminal.json         how the job ended at the vendor
    ledger/<identity>/clip.json, clip.mp4   the bytes
    ledger/<identity>/verdict.json          over without a clip, and why

Each record is created exclusively with a nonce and is durable before the next step begins. A record that cannot be read
is reported and never taken for "not bought". All calls block.
"""

from __future__ import annotations

import errno
import re
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeVar

from longtake.errors import ConfigurationError, PublishConflictError, StorageError, UnreadableRecordError
from longtake.identity import VERSION
from longtake.records import (
    NAME_OF,
    Accepted,
    ClipRecord,
    Intent,
    Purchase,
    Record,
    Unknown,
    VerdictRecord,
    Void,
    assemble,
    attempts_in,
    parse_record,
)
from longtake.spill import bring_in, keep_elsewhere
from longtake.storage import Store

FOLDER = "ledger"
CLIP_NAME = "clip.mp4"
RESERVE, RESERVE_BYTES = ".longtake-room", 256 * 1024
"""Room for the records of the submits in flight, taken before a request leaves and freed when the disk is full."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
_CLAIM = re.compile(r"claim-(\d+)\.json")


R = TypeVar("R", bound=Record)


class Ledger:
    """The ledger of one output store."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.clock = clock

    @staticmethod
    def folder(identity: str) -> str:
        """The key of a purchase's folder."""
        return f"{FOLDER}/{identity}"

    def clip_key(self, identity: str) -> str:
        """The key of a purchase's clip."""
        return f"{self.folder(identity)}/{CLIP_NAME}"

    def scan(self) -> dict[str, list[str]]:
        """One listing of everything: file names by identity."""
        names: dict[str, list[str]] = defaultdict(list)
        for key in self.store.list(FOLDER):
            parts = key.split("/")
            if len(parts) == 3:
                names[parts[1]].append(parts[2])
        return dict(names)

    def load(self, identities: Collection[str] | None = None) -> dict[str, Purchase]:
        """Reads purchases, all of them or those named that exist: one listing and one bulk read.

        Ids of jobs that an earlier run could only keep elsewhere on this machine are brought in before.
        """
        bring_in(self.store)
        names = self.scan()
        wanted = names if identities is None else {name: names[name] for name in identities if name in names}
        return self._read(wanted)

    def load_open(self) -> dict[str, Purchase]:
        """Reads the purchases without a clip and without a verdict; of the others the listing tells enough."""
        bring_in(self.store)
        settled = {f"{NAME_OF[kind]}.json" for kind in (ClipRecord, VerdictRecord)}
        return self._read({name: files for name, files in self.scan().items() if settled.isdisjoint(files)})

    def purchase(self, identity: str) -> Purchase:
        """Reads one purchase as it stands now."""
        prefix = self.folder(identity)
        names = [key.rsplit("/", 1)[1] for key in self.store.list(prefix)]
        return self._read({identity: names}).get(identity, Purchase(identity=identity))

    def last_claim(self, identity: str) -> int:
        """The number of the last claim on a purchase's slot, 0 if there is none; by the listing alone."""
        names = [key.rsplit("/", 1)[1] for key in self.store.list(self.folder(identity))]
        return max((int(match[1]) for name in names if (match := _CLAIM.fullmatch(name))), default=0)

    def _read(self, names: Mapping[str, Iterable[str]]) -> dict[str, Purchase]:
        keys = [
            f"{self.folder(identity)}/{name}"
            for identity, files in names.items()
            for name in files
            if name.endswith(".json")
        ]
        found = self.store.read_many(keys)
        records: dict[str, dict[str, bytes | None]] = {identity: {} for identity in names}
        for key in keys:
            _, identity, name = key.split("/")
            records[identity][name] = found.get(key)
        return {identity: assemble(identity, files) for identity, files in records.items()}

    def attempts(self, identity: str, purchases: Mapping[str, Purchase]) -> list[Purchase]:
        """The purchases of one shot take in order of attempt, as far as there are any."""
        return attempts_in(identity, purchases)

    def add(self, record: R, *, name: str | None = None) -> R:
        """Creates a record, durably.

        Returns:
            The record that now stands there: the one given, or an equal one of ours whose answer was lost.

        Raises:
            PublishConflictError: Another writer's record stands there.
            UnreadableRecordError: What stands there cannot be read.
        """
        kind = NAME_OF[type(record)]
        key = f"{self.folder(record.identity)}/{name or kind}.json"
        data = record.model_dump_json(exclude_none=True).encode()
        if self._create(key, data, record):
            return record
        there = self.store.read(key)
        if there is None:
            raise UnreadableRecordError(f"{key}: exists, yet cannot be read")
        if parse_record(kind, there).nonce == record.nonce:
            return record
        raise PublishConflictError(f"{key}: another run wrote it first")

    def _create(self, key: str, data: bytes, record: Record) -> bool:
        """As the store does; what follows an intent finds room though the disk is full, a job's id any place at all."""
        try:
            try:
                return self.store.create(key, data)
            except OSError as error:
                if isinstance(record, Intent) or error.errno not in _FULL or not self.store.give_room(RESERVE):
                    raise
                return self.store.create(key, data)
        except Exception as error:
            if not isinstance(record, Accepted):
                raise
            try:
                path = keep_elsewhere(self.store, key, data)
            except OSError:
                raise error from None
            words = f"{error}; its id is kept in {path}, and the next run on this machine takes it up by itself"
            raise StorageError(words) from error

    def intend(self, intent: Intent) -> bool:
        """Claims the right to submit. False where another run has claimed this try.

        Raises:
            OSError: There is no room left for the records that must follow.
        """
        self.store.reserve(RESERVE, RESERVE_BYTES)
        try:
            self.add(intent, name=f"try-{intent.number}.intent")
        except PublishConflictError:
            return False
        return True

    def void(self, intent: Intent, reason: str) -> None:
        """Records that a try was not accepted."""
        self.add(Void(identity=intent.identity, reason=reason), name=f"try-{intent.number}.void")

    def unknown(self, intent: Intent, evidence: str) -> None:
        """Records that a try may have been accepted."""
        self.add(Unknown(identity=intent.identity, evidence=evidence), name=f"try-{intent.number}.unknown")

    def add_once(self, record: Record) -> bool:
        """Creates a record unless one stands there already; False if one did."""
        try:
            self.add(record)
        except PublishConflictError:
            return False
        return True


def require_own_identities(purchases: Iterable[Purchase]) -> None:
    """Refuses a ledger with records that nobody can read and whose shot nobody can tell.

    Raises:
        ConfigurationError: A newer release bought here, under identities of its own.
    """
    for purchase in purchases:
        version, dash, _ = purchase.identity.partition("-")
        if purchase.unreadable and dash and version.isdecimal() and int(version) != VERSION:
            raise ConfigurationError(
                f"{FOLDER}/{purchase.identity} was written by a newer release, and this one cannot tell which shot it "
                "bought; go on with that release, or choose another output"
            )
