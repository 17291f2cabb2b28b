"""An account at a vendor: what a credentials block document (or the environment) says, as plain data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from longtake.domain.errors import UnusableKeyError


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("a base address is scheme://host[:port][/prefix]")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("a base address has no user, query or fragment")
    return value.rstrip("/")


BaseUrl = Annotated[str, AfterValidator(_base_url)]


class Account(BaseModel):
    """Where and how one vendor account is used. Seconds are seconds; prices are overrides of the built-in table.

    `usd_per_cny` is what a yuan is worth, for vendors whose list is in yuan; without it their prices are unknown.
    """

    model_config = ConfigDict(frozen=True)

    vendor: str
    document: str = "default"
    api_key: SecretStr
    base_url: BaseUrl
    upload_base_url: BaseUrl | None = None
    max_jobs_in_flight: int = Field(default=3, ge=0)
    submits_per_minute: float | None = Field(default=None, gt=0)
    poll_interval_seconds: float = Field(default=10, ge=0.1)
    max_wait_seconds: float = Field(default=3600, gt=0)
    prices: dict[str, object] = Field(default_factory=dict)
    max_spend_usd: float | None = Field(default=None, ge=0)
    usd_per_cny: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _check_key(self) -> Self:
        key = self.api_key.get_secret_value()
        # By its place alone: no message may hold the key, nor a part of it.
        if (place := next((place for place, mark in enumerate(key, 1) if not "!" <= mark <= "~"), None)) is not None:
            what = "is no ASCII" if key[place - 1] > "\x7f" else "cannot be printed, or is a space"
            raise UnusableKeyError(
                f"the key of {self.name} cannot be sent: its character {place} of {len(key)} {what}; copy the key anew "
                "into the block document or the environment variable"
            )
        return self

    @property
    def name(self) -> str:
        """`vendor/document`, as the ledger records it."""
        return f"{self.vendor}/{self.document}"

    def key_mark(self, salt: str) -> str:
        """By which two uses of the same key are known for such; it tells nothing of the key itself."""
        return hashlib.sha256(f"{salt}:{self.api_key.get_secret_value()}".encode()).hexdigest()[:8]

    @property
    def limit_name(self) -> str:
        """The name of the concurrency limit that bounds this account's jobs in flight."""
        return limit_name(self.name)


def limit_name(account: str) -> str:
    """The name of the concurrency limit of `vendor/document`."""
    return f"longtake-{account.replace('/', '-', 1)}"


def account_name(written: str) -> str:
    """`vendor/document` for a manifest's `vendor` or `vendor/NAME`."""
    vendor, _, document = written.partition("/")
    return f"{vendor}/{document or 'default'}"


def same_keys(accounts: Iterable[Account]) -> list[str]:
    """What a person should know of accounts that hold one key: the vendor counts their jobs in flight together."""
    holders: dict[tuple[str, str], dict[str, None]] = {}
    for account in accounts:
        holders.setdefault((account.vendor, account.api_key.get_secret_value()), {})[account.name] = None
    return [
        f"{' and '.join(names)} hold the same key: the vendor counts their jobs in flight together, and here each has "
        "a limit of its own; name one of them alone, or give the other its own key"
        for names in holders.values()
        if len(names) > 1
    ]
