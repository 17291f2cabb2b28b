"""The truth about money: one folder of write-once records per purchase, the first written before money moves.

Each record is created exclusively with a nonce and is durable before the next step begins. A record that cannot be read
is reported and never taken for "not bought"; `record_files` tells what the others prove. All calls block.
"""

from __future__ import annotations

import errno
import logging
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from sys import intern
from typing import TypeVar

from longtake.domain.errors import (
    ConfigurationError,
    LongtakeError,
    PublishConflictError,
    StorageError,
    UnreadableRecordError,
)
from longtake.domain.identity import VERSION
from longtake.domain.job import Clip
from longtake.files.store import Seen, Store
from longtake.ledger.deadlines import Deadlines
from longtake.ledger.films import CLIP_NAME, ListedFilms
from longtake.ledger.packed import PackedPurchases
from longtake.ledger.recent import Recent
from longtake.ledger.record_files import NAME_OF, SINGLES, RecordName, assemble, encode, own_record, record_name
from longtake.ledger.records import Accepted, Intent, Purchase, Record, Unknown, Void
from longtake.ledger.spill import bring_in, keep_elsewhere

log = logging.getLogger("longtake.ledger.ledger")

FOLDER = "ledger"
RESERVE, RESERVE_BYTES = ".longtake-room", 256 * 1024
"""Room for the records of the submits in flight, taken before a request leaves and freed when the disk is full."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
READ_AT_ONCE = 1000
"""Purchases whose texts are in memory together while all are read."""


R = TypeVar("R", bound=Record)


class Ledger:
    """The ledger of one output store.

    ledger/<identity>/try-1.intent.json     we are about to submit
    ledger/<identity>/try-1.void.json       proof that nothing was accepted; another try may follow
    ledger/<identity>/try-1.unknown.json    the submit may have arrived; never repeated by itself
    ledger/<identity>/accepted.json         the job's id
    ledger/<identity>/claim-1.json          another run took the job up, and with it its slot
    ledger/<identity>/terminal.json         how the job ended at the vendor
    ledger/<identity>/clip.json, clip.mp4   the bytes
    ledger/<identity>/verdict.json          over without a clip, and why
    ledger/<identity>/accepted-2.json, …    a later word, where the first cannot be read or a person takes it back
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.clock = clock
        self._deadlines = Deadlines(store, clock)
        self._recent = Recent()
        self._met: set[str] | None = None
        """Purchases that were there when all were read, and those that were touched since; None before."""
        self._followed: PackedPurchases | None = None
        self.films = ListedFilms()

    @staticmethod
    def folder(identity: str) -> str:
        """The key of a purchase's folder."""
        return f"{FOLDER}/{identity}"

    def clip_key(self, identity: str) -> str:
        """The key of a purchase's clip."""
        return f"{self.folder(identity)}/{CLIP_NAME}"

    def scan(self, folder: str = FOLDER) -> dict[str, dict[str, Seen]]:
        """One listing of everything, or of one purchase's folder: by identity, what it tells of each file by name."""
        found: dict[str, dict[str, Seen]] = defaultdict(dict)
        for key, seen in self.store.survey(folder).items():
            parts = key.split("/")
            if len(parts) == 3:
                found[parts[1]][intern(parts[2])] = seen
        return dict(found)

    def load(self, identities: Collection[str] | None = None) -> dict[str, Purchase]:
        """Reads purchases, all of them or those named that exist: one listing and one bulk read.

        Ids of jobs that an earlier run could only keep elsewhere on this machine are brought in before.
        """
        bring_in(self.store, self._put_beside)
        files = self.scan()
        if identities is None:
            self._met = (self._met or set()) | set(files)
        return self._read(files if identities is None else {one: files[one] for one in identities if one in files})

    def load_packed(self) -> PackedPurchases:
        """All purchases as `load` reads them, in little memory."""
        bring_in(self.store, self._put_beside)
        listed = self.scan()
        self._met = (self._met or set()) | set(listed)
        purchases, waiting = PackedPurchases(self._deadlines.on_our_clock), list(listed)
        for start in range(0, len(waiting), READ_AT_ONCE):
            some = {identity: listed.pop(identity) for identity in waiting[start : start + READ_AT_ONCE]}
            for identity, texts in self._texts(some).items():
                purchases.put(identity, texts, self._film_bytes(identity, some[identity], texts))
        return purchases

    def follow(self, purchases: PackedPurchases) -> None:
        """From now on what this ledger writes is noted there too, so that it need not be read."""
        self._followed = purchases

    def _put_beside(self, key: str, data: bytes) -> bool:
        """Gives the id of a paid job the next name where what has its own cannot be read and nothing else rules."""
        _, identity, _ = key.split("/")
        record, there = own_record(identity, "accepted", data), self.purchase(identity)
        if there.accepted is None and there.verdict is None and there.unreadable:
            self.add_later(record)
            return True
        return there.accepted is not None and there.accepted.nonce == record.nonce

    def load_open(self) -> dict[str, Purchase]:
        """Reads the purchases that are not settled; of the settled ones only the record that says so."""
        bring_in(self.store, self._put_beside)
        listed = self.scan()
        last = {(one, name): files[name] for one, files in listed.items() if (name := _settling(files)) is not None}
        texts = self._contents(last)
        settled = {identity for identity, name in last if _is_readable(identity, name, texts.get((identity, name)))}
        return self._read({identity: files for identity, files in listed.items() if identity not in settled})

    def purchase(self, identity: str) -> Purchase:
        """Reads one purchase as it stands now."""
        files = self.scan(self.folder(identity)).get(identity, {})
        texts = self._texts({identity: files})[identity]
        self._recent.put(identity, texts)
        return self._assembled(identity, texts)

    def latest(self, identity: str) -> Purchase:
        """A purchase as this process read it last, with what it wrote since; read anew where that is forgotten.

        What others wrote meanwhile is not in it. It decides nothing that is not decided by creating a record.
        """
        texts = self._recent.get(identity)
        return self.purchase(identity) if texts is None else self._assembled(identity, texts)

    def has_film(self, identity: str) -> bool:
        """Whether a film stands in a purchase's folder, as this process knows it; asked for where it does not."""
        known = self._recent.get(identity)
        return CLIP_NAME in known if known is not None else self.store.size(self.clip_key(identity)) is not None

    def note_film(self, identity: str) -> None:
        """A film is about to be put into a purchase's folder."""
        self.films.changed.pop(self.clip_key(identity), None)
        self._recent.add(identity, CLIP_NAME, None)

    def confirm_film(self, clip: Clip) -> None:
        """Records of a film that a list showed otherwise that its bytes are those that were recorded."""
        if (stamp := self.films.changed.pop(clip.key, None)) is None:
            return
        try:
            record = self.latest(clip.key.split("/")[1]).clip
            if record is not None and record.clip.key == clip.key:
                self.add_later(record.model_copy(update={"stamp": stamp, "nonce": uuid.uuid4().hex}))
        except (LongtakeError, OSError) as error:  # another run was first, or nothing can be written: looked at again
            log.info("%s: that its bytes are right could not be noted: %s", clip.key, error)

    def before_buying(self, identity: str) -> Purchase:
        """As `purchase`; one of which `load` found no trace is taken for new without a question.

        Whoever buys creates the intent of its first try before anything else, and creating it a second time fails: who
        is late learns it then, and reads.
        """
        if self._met is None or identity in self._met:
            return self.purchase(identity)
        self._met.add(identity)
        self._recent.put(identity, {})
        return Purchase(identity=identity)

    def _names(self, identity: str) -> Collection[str]:
        return self.scan(self.folder(identity)).get(identity, {})

    def last_claim(self, identity: str) -> int:
        """The number of the last claim on a purchase's slot, 0 if there is none; by the listing alone."""
        names = (record_name(name) for name in self._names(identity))
        return max((name.number for name in names if name is not None and name.kind == "claim"), default=0)

    def _read(self, listed: Mapping[str, Mapping[str, Seen]]) -> dict[str, Purchase]:
        found: dict[str, Purchase] = {}
        for identity, texts in self._texts(listed).items():
            purchase = found[identity] = assemble(identity, texts)
            purchase.clip_bytes = self._film_bytes(identity, listed[identity], texts)
        return self._deadlines.on_our_clock(found)

    def _film_bytes(self, identity: str, files: Mapping[str, Seen], texts: Mapping[str, bytes | None]) -> int | None:
        return self.films.size(self.clip_key(identity), files, texts)

    def _assembled(self, identity: str, texts: Mapping[str, bytes | None]) -> Purchase:
        return self._deadlines.on_our_clock({identity: assemble(identity, texts)})[identity]

    def _texts(self, listed: Mapping[str, Mapping[str, Seen]]) -> dict[str, dict[str, bytes | None]]:
        """By identity and name, the texts of listed files; None for a film, and for what cannot be read."""
        found = self._contents(
            {
                (identity, name): seen
                for identity, files in listed.items()
                for name, seen in files.items()
                if name.endswith(".json")
            }
        )
        return {identity: {name: found.get((identity, name)) for name in files} for identity, files in listed.items()}

    def _contents(self, files: Mapping[tuple[str, str], Seen]) -> dict[tuple[str, str], bytes]:
        """The texts of files by identity and name; those that cannot be read are left out."""
        keys = {f"{self.folder(identity)}/{name}": (identity, name) for identity, name in files}
        try:
            found = self.store.read_seen({key: files[file] for key, file in keys.items()})
        except (PermissionError, IsADirectoryError):
            found = {key: data for key in keys if (data := self._readable(key)) is not None}
        return {keys[key]: data for key, data in found.items()}

    def _readable(self, key: str) -> bytes | None:
        try:
            return self.store.read(key)
        except (PermissionError, IsADirectoryError) as error:
            log.warning("%s cannot be read: %s", key, error)
            return None

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
        data = encode(record)
        if not self._create(key, data, record):
            self._recent.drop(record.identity)
            if own_record(record.identity, kind, self._readable(key)).nonce != record.nonce:
                raise PublishConflictError(f"{key}: another run wrote it first")
        self._recent.add(record.identity, f"{name or kind}.json", data)
        if self._followed is not None:
            self._followed.note(record.identity, f"{name or kind}.json", data)
        return record

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

    def void(self, intent: Intent, reason: str, *, blames_row: bool = False) -> None:
        """Records that a try was not accepted."""
        record = Void(identity=intent.identity, reason=reason, blames_row=True if blames_row else None)
        self.add(record, name=f"try-{intent.number}.void")

    def unknown(self, intent: Intent, evidence: str) -> None:
        """Records that a try may have been accepted."""
        self.add(Unknown(identity=intent.identity, evidence=evidence), name=f"try-{intent.number}.unknown")

    def add_once(self, record: Record) -> bool:
        """Creates a record unless one that can be read stands there already; False if one did.

        It belongs to the job that now counts, and takes the next name where one that cannot be read has the first.
        """
        kind, known = NAME_OF[type(record)], self._recent.get(record.identity)
        names = _singles(self._names(record.identity) if known is None else known)
        number = max((name.number for name in names if name.kind == "accepted"), default=1)
        while True:
            name = RecordName(kind, number)
            try:
                self.add(record, name=name.stem)
            except PublishConflictError:
                return False
            except UnreadableRecordError:
                if name not in _singles(self._names(record.identity)):
                    raise  # it is the new one that no file can hold
                number += 1
            else:
                return True

    def add_later(self, record: R) -> R:
        """Creates a record that rules over all that stands there of one job or another: a person's later word.

        Raises:
            PublishConflictError: Another word came in between.
        """
        number = max((name.number for name in _singles(self._names(record.identity))), default=0) + 1
        return self.add(record, name=RecordName(NAME_OF[type(record)], number).stem)


def _singles(files: Iterable[str]) -> set[RecordName]:
    names = map(record_name, files)
    return {name for name in names if name is not None and name.kind in SINGLES}


def other_clip_key(ledger: Ledger, identity: str, sha256: str) -> str:
    """Where a clip is kept that is paid, and not the one that counts for a purchase."""
    return f"{ledger.folder(identity)}/other-{sha256[:12]}.mp4"


def _settling(files: Iterable[str]) -> str | None:
    """The record by whose name a purchase is settled: its latest clip or verdict on the job that counts.

    None where it is not, or where only all of its records tell.
    """
    names = {file: name for file in files if (name := record_name(file)) is not None}
    ruling = max((name.number for name in names.values() if name.kind == "accepted"), default=1)
    for kind in ("clip", "verdict"):
        numbers = {name.number: file for file, name in names.items() if name.kind == kind and name.number >= ruling}
        if numbers:
            return numbers[max(numbers)]
    return None


def _is_readable(identity: str, file: str, data: bytes | None) -> bool:
    name = record_name(file)
    if name is None:
        return False
    try:
        own_record(identity, name.kind, data)
    except UnreadableRecordError:
        return False
    return True


def notices(purchases: Iterable[Purchase]) -> list[str]:
    """What lies in purchases' folders that is no record, or none that can be read, in words."""
    found: list[str] = []
    for purchase in purchases:
        place = f"{FOLDER}/{purchase.identity}" + (f" ({purchase.shot_id})" if purchase.shot_id else "")
        if purchase.foreign:
            found.append(f"{place}: passed over, for it is none of Longtake's: {', '.join(purchase.foreign)}")
        if purchase.unreadable:
            found.append(f"{place}: cannot be read: {'; '.join(purchase.unreadable)}")
    return found


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
