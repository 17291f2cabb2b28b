"""One account at a vendor as a Prefect block: what is stored on the server, and the same from the environment."""

from __future__ import annotations

import inspect
import json
import os
import re
from abc import ABC
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, HttpUrl, SecretStr, ValidationError

from blocks._documents import stored
from blocks._logo import DrawnBlock, logo
from longtake.accounts.account import Account, BaseUrl
from longtake.costs.price_file import prices_in_file, with_price, write_to_file
from longtake.domain.errors import ConfigurationError, MissingCredentialsError, UnknownVendorError
from longtake.settings import settings
from longtake.vendors import VENDORS

if TYPE_CHECKING:
    from longtake.accounts.client import VendorClient

ApiKey = Annotated[
    SecretStr, Field(min_length=1, description="The key of this account. It goes to the base address alone.")
]
VendorBaseUrl = Annotated[
    BaseUrl,
    Field(description="Where the vendor listens: scheme://host:port/prefix, without the paths of its documents."),
]


class VendorCredentials(DrawnBlock, ABC):
    """An account at a vendor: the key, the address, and how hard it may be used. Each vendor has a class of its own."""

    vendor: ClassVar[str]

    api_key: ApiKey
    base_url: VendorBaseUrl = ""  # of each class: its vendor's own
    upload_base_url: BaseUrl | None = Field(
        default=None,
        description="Where files are uploaded to. Empty: the vendor's own place, where the base address is its own.",
    )
    max_jobs_in_flight: int = Field(
        default=3,
        ge=0,
        description="Jobs the vendor may have in hand at once. Read once, when the Prefect concurrency limit "
        "longtake-VENDOR-DOCUMENT is made; from then on that limit alone rules, and 0 there pauses the vendor.",
    )
    submits_per_minute: float | None = Field(
        default=None, gt=0, description="Most submits in a minute, counted in each process. Empty: no bound."
    )
    poll_interval_seconds: float = Field(
        default=10, ge=0.1, description="Shortest gap between two looks at one job, in seconds."
    )
    max_wait_seconds: float = Field(
        default=3600,
        gt=0,
        description="Seconds to wait for one job. Then its row is still_running, and the next run goes on waiting.",
    )
    prices: dict[str, Any] = Field(
        default_factory=dict, description="Prices that replace those of the built-in table, by wire model."
    )
    max_spend_usd: float | None = Field(
        default=None,
        ge=0,
        description="Most that this account may spend in one output, in US dollars. Empty: no bound.",
    )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        adapter = VENDORS[cls.vendor]
        cls._block_type_name = f"{adapter.title} Credentials"
        cls._block_type_slug = f"{cls.vendor}-credentials"
        cls._documentation_url = HttpUrl(adapter.pages)
        # pydantic, which runs after this, reads the class's own field as if it were written there.
        cls.__annotations__ = {**inspect.get_annotations(cls), "base_url": VendorBaseUrl}
        cls.base_url = adapter.base_url

    def account(self, document: str = "default") -> Account:
        """This account as the library knows it.

        Args:
            document: The name of the block document that it was read from.
        """
        adapter = VENDORS[self.vendor]
        own = self.base_url == adapter.base_url
        return Account(
            vendor=self.vendor,
            document=document,
            api_key=SecretStr(self.api_key.get_secret_value().strip()),  # pasted keys bring a line's end along
            upload_base_url=self.upload_base_url or (adapter.upload_base_url if own else None),
            **{name: getattr(self, name) for name in self._fields() if name not in ("api_key", "upload_base_url")},
        )

    def get_client(self) -> VendorClient:
        """An asynchronous client of this vendor: `async with credentials.get_client() as client`."""
        from longtake.accounts.client import VendorClient  # noqa: PLC0415 - a form needs no HTTP

        return VendorClient(self.account())

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """The same fields from `EVOLINK_API_KEY`, `EVOLINK_BASE_URL`, and so on; an empty variable counts as unset.

        Raises:
            MissingCredentialsError: The variable of the key is not set.
            ConfigurationError: A variable holds what its field does not allow.
        """
        written = cls._written_in(os.environ if environment is None else environment)
        if "api_key" not in written:
            raise MissingCredentialsError(f"{cls._variable('api_key')} is not set")
        values: dict[str, Any] = dict(written)
        try:
            if "prices" in written:
                values["prices"] = json.loads(written["prices"])
            return cls.model_validate(values)
        except ValidationError as error:
            words = "; ".join(
                f"{cls._variable(str(e['loc'][0]))}: {e['msg']}" for e in error.errors(include_input=False)
            )
            raise ConfigurationError(words) from None
        except ValueError:
            raise ConfigurationError(f"{cls._variable('prices')} is not JSON") from None

    @classmethod
    def _written_in(cls, environment: Mapping[str, str]) -> dict[str, str]:
        found = {name: environment.get(cls._variable(name), "").strip() for name in cls._fields()}
        return {name: value for name, value in found.items() if value}

    @classmethod
    def _fields(cls) -> tuple[str, ...]:
        """What an account and this vendor's block have in common."""
        return tuple(name for name in Account.model_fields if name in cls.model_fields)

    @classmethod
    def _variable(cls, field: str) -> str:
        return f"{cls.vendor}_{field}".upper()


class PowerTokensCredentials(VendorCredentials):
    """A PowerTokens account."""

    vendor = "powertokens"
    _logo_url = logo(98, 54, 255)  # pyright: ignore[reportAssignmentType]


class AnyfastCredentials(VendorCredentials):
    """An Anyfast account."""

    vendor = "anyfast"
    _logo_url = logo(230, 92, 0)  # pyright: ignore[reportAssignmentType]


class EvoLinkCredentials(VendorCredentials):
    """An EvoLink account."""

    vendor = "evolink"
    _logo_url = logo(0, 140, 120)  # pyright: ignore[reportAssignmentType]


class JimmyAICredentials(VendorCredentials):
    """A JimmyAI account."""

    vendor = "jimmyai"
    _logo_url = logo(200, 30, 90)  # pyright: ignore[reportAssignmentType]


class BytePlusCredentials(VendorCredentials):
    """A BytePlus ModelArk account. The key is of one region and project."""

    vendor = "byteplus"
    _logo_url = logo(20, 90, 220)  # pyright: ignore[reportAssignmentType]


class VolcengineCredentials(VendorCredentials):
    """A Volcengine Ark account. The key is of one region and project."""

    vendor = "volcengine"
    _logo_url = logo(22, 100, 255)  # pyright: ignore[reportAssignmentType]

    usd_per_cny: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="What a yuan is worth in US dollars: the list is in yuan. Empty: prices are unknown.",
    )


CREDENTIALS: dict[str, type[VendorCredentials]] = {
    block.vendor: block
    for block in (
        *(PowerTokensCredentials, AnyfastCredentials, EvoLinkCredentials, JimmyAICredentials),
        *(BytePlusCredentials, VolcengineCredentials),
    )
}


async def load_account(written: str) -> tuple[Account, list[str]]:
    """The account that a manifest's `vendor` or `vendor/NAME` means, and what a person should know about the choice.

    A block document on the server beats the environment; the environment stands in for the document `default` alone.
    Where `LONGTAKE_SANDBOX_URL` is set, every account is the sandbox's and no other key is read.

    Raises:
        UnknownVendorError: There is no such vendor.
        MissingCredentialsError: Neither holds a key.
        ConfigurationError: The name, the document or a variable holds what is not allowed.
    """
    vendor, _, name = written.partition("/")
    document = name or "default"
    if vendor not in CREDENTIALS:
        raise UnknownVendorError(f"there is no vendor {vendor!r}; known are {', '.join(CREDENTIALS)}")
    if not re.fullmatch(r"[a-z0-9-]+", document):
        raise ConfigurationError(f"{written!r}: a block document's name has lowercase letters, digits and dashes only")
    if (sandbox_url := settings().sandbox_url) is not None:
        return _sandboxed(vendor, document, sandbox_url), []
    block = CREDENTIALS[vendor]
    variables = block._written_in(os.environ)  # pyright: ignore[reportPrivateUsage]
    address = f"{block.get_block_type_slug()}/{document}"
    if (kept := await stored(block, document)) is not None:
        notices = [f"{written}: the block document {address} is used, not the environment"] if variables else []
        return kept.account(document), notices if document == "default" else []
    if document == "default" and "api_key" in variables:
        account = block.from_environment().account()
        return account.model_copy(update={"prices": prices_in_file(account.name) | account.prices}), []
    key = block._variable("api_key")  # pyright: ignore[reportPrivateUsage]
    either = f" or set {key}" if document == "default" else f" ({key} stands for {vendor} alone)"
    raise MissingCredentialsError(
        f"no key for {written}: save the block document {address} on the Prefect server{either}"
    )


def _sandboxed(vendor: str, document: str, url: str) -> Account:
    from longtake.sandbox.endpoint import api_key  # noqa: PLC0415 - the sandbox is imported where it is used alone
    from longtake.sandbox.vendors import DIALECTS  # noqa: PLC0415
    from longtake.sandbox.vendors.prices import fictitious_prices  # noqa: PLC0415

    base_url = f"{url.rstrip('/')}/{vendor}"
    try:
        return Account(
            vendor=vendor,
            document=document,
            api_key=SecretStr(api_key(vendor, document)),
            base_url=base_url,
            upload_base_url=base_url + DIALECTS[vendor].upload_suffix,
            poll_interval_seconds=0.5,
            prices=dict(fictitious_prices()[vendor]),
        )
    except ValidationError:
        raise ConfigurationError(f"LONGTAKE_SANDBOX_URL is no address: {url!r}") from None


async def set_prices(
    written: str, model: str, usd: Mapping[str, float], *, unit: str = "second", source: str = "set by hand"
) -> str:
    """Sets what an account pays for a model, in its block document, or in a file where it stands in none.

    Args:
        written: `vendor` or `vendor/NAME`.
        model: A wire model, or a neutral name for all that answer to it.
        usd: Price of a unit in US dollars by resolution; `*` for any.
        unit: `second`, `task` or `million_tokens`.
        source: Where the figure is from.

    Returns:
        Where it stands now.

    Raises:
        UnknownVendorError: There is no such vendor.
        ConfigurationError: There is no such model, the figures are no price, or they would not hold.
    """
    vendor, _, name = written.partition("/")
    if vendor not in CREDENTIALS:
        raise UnknownVendorError(f"there is no vendor {vendor!r}; known are {', '.join(CREDENTIALS)}")
    if settings().sandbox_url is not None:
        raise ConfigurationError("LONGTAKE_SANDBOX_URL is set, and the sandbox's prices are its own; unset it")
    block, document = CREDENTIALS[vendor], name or "default"
    if (kept := await stored(block, document)) is not None:
        kept.prices = with_price(kept.prices, vendor, model, usd, unit=unit, source=source)
        await kept.asave(document, overwrite=True)
        return f"the block document {block.get_block_type_slug()}/{document}"
    if document != "default":
        raise ConfigurationError(f"there is no block document {block.get_block_type_slug()}/{document}")
    if os.environ.get(variable := block._variable("prices"), "").strip():  # pyright: ignore[reportPrivateUsage]
        raise ConfigurationError(f"{variable} sets the prices of {vendor}; change it there, or unset it")
    account = f"{vendor}/{document}"
    there = prices_in_file(account)
    return str(write_to_file(account, with_price(there, vendor, model, usd, unit=unit, source=source)))
