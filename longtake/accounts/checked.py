"""What `longtake check` found of accounts, kept for a day in one small file that may be removed at any time."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from longtake.accounts.account import Account
from longtake.accounts.health import Finding
from longtake.domain.text import one_line
from longtake.files.json_files import write_json
from longtake.files.open_store import open_store

FILE = "checked.json"
KEPT_SECONDS = 24 * 3600.0
"""What is older is not believed: keys are mended, balances paid in, models opened."""
OF_THE_ACCOUNT = ("key", "balance", "models")
"""What is worth keeping; an address that does not answer, or a clock, is of the moment."""
MOST_BYTES = 1_000_000

Words = Annotated[str, Field(max_length=2000)]


class Checked(BaseModel):
    """What was found of one account. `mark` knows its key and address again, and tells nothing of the key."""

    model_config = ConfigDict(frozen=True)

    at: float
    salt: Words
    mark: Words
    findings: tuple[Finding, ...]

    @classmethod
    def now(cls, account: Account, findings: Sequence[Finding], now: float) -> Checked:
        """What was found just now."""
        salt = secrets.token_hex(8)
        kept = tuple(each for each in findings if each.what in OF_THE_ACCOUNT)
        return cls(at=now, salt=salt, mark=_mark(account, salt), findings=kept)

    def holds_for(self, account: Account, now: float) -> bool:
        """Whether it was found with this key at this address, and not long ago."""
        return 0 <= now - self.at <= KEPT_SECONDS and self.mark == _mark(account, self.salt)

    @property
    def when(self) -> str:
        """The moment, for people."""
        return datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%d %H:%M UTC")

    @property
    def troubles(self) -> list[str]:
        """What is bad about the account, in words."""
        return [f"{each.what} {one_line(each.words)}" for each in self.findings if each.is_good is False]

    @property
    def closed(self) -> frozenset[str]:
        """The wire models that its key may not use."""
        return frozenset(model for each in self.findings for model in each.closed)


class CheckFile:
    """The file, in this folder. One that is torn, or somebody else's, is as if there were none."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def read(self) -> tuple[dict[str, Checked], str]:
        """What is kept, by `vendor/document`, and what to tell a person where some of it cannot be read. Blocking."""
        found: dict[str, Checked] = {}
        try:
            with self.path.open("rb") as file:
                told: object = json.loads(file.read(MOST_BYTES))
        except FileNotFoundError:
            return {}, ""
        except (OSError, ValueError, RecursionError):
            return {}, self._unreadable()
        entries: Mapping[str, Any] = told if isinstance(told, dict) else {}
        for name, entry in entries.items():
            with contextlib.suppress(ValidationError):
                found[name] = Checked.model_validate(entry)
        return found, "" if isinstance(told, dict) and len(found) == len(entries) else self._unreadable()

    def keep(self, account: Account, findings: Sequence[Finding], now: float) -> str:
        """Notes what was found of an account, where its key was judged; returns what kept it from it. Blocking."""
        if not any(each.what == "key" and each.is_good is not None for each in findings):
            return ""
        there, said = self.read()
        fresh = {name: each for name, each in there.items() if 0 <= now - each.at <= KEPT_SECONDS}
        fresh[account.name] = Checked.now(account, findings, now)
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            written = {name: each.model_dump(mode="json") for name, each in fresh.items()}
            write_json(open_store(str(self.path.parent)), FILE, written)
        except OSError as error:
            return f"{self.path} cannot be written, and `plan` will not know of it: {error.strerror}"
        return said

    def _unreadable(self) -> str:
        return f"{self.path} cannot be read as a whole; `longtake check` writes it anew"


def _mark(account: Account, salt: str) -> str:
    return account.key_mark(f"{salt}:{account.base_url}")
