"""One purchase to make, and its request as the ledger may keep it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from longtake.accounts.account import account_name
from longtake.costs.quote import Quote
from longtake.domain.errors import UnsupportedRequestError
from longtake.domain.identity import Identities, WrittenRow, source_key
from longtake.domain.request import ShotRequest
from longtake.files.sources import content_digest
from longtake.ledger.records import Expectation

OWN_SOURCES = ("clip:", "last_frame:")
"""How references begin that were made from an earlier purchase; its identity follows."""


class Order(BaseModel):
    """One purchase to make. `request` is what is sent, with every reference hosted; `written` is its storable form;
    `slot` names the slot in which the job will run, for those who take it up later; `goes_on`: where nothing is bought
    another account may be asked, so that its money stays set aside; `bound`: the accounts of which one that refused it,
    in whatever run, keeps it from the others.

    Without an `identity` the order is for one's own flow: the identity is then made from shot, take and request.
    """

    model_config = ConfigDict(frozen=True)

    output: str
    account: str
    shot_id: str
    request: ShotRequest
    identity: str = ""
    take: int = 1
    row_take: int | None = None
    variant: int = 1
    attempt: int = 1
    written: dict[str, Any] = Field(default_factory=dict)
    expected: Expectation = Expectation()
    quote: Quote | None = None
    run: str = ""
    slot: str = ""
    goes_on: bool = False
    bound: tuple[str, ...] = ()

    def identified(self) -> Order:
        """The order with account and identity filled in."""
        if self.identity:
            return self
        reel, _, shot = self.shot_id.partition("/")
        row = WrittenRow(vendor=self.account, model=self.request.model, request=self.request)
        identity = Identities(_no_local_file).of_shot(reel=reel, shot=shot or "1", take=self.take, row=row)
        return self.model_copy(update={"identity": identity, "account": account_name(self.account)})


def _no_local_file(source: str) -> str:
    raise UnsupportedRequestError([]) from ValueError(f"{source} must be hosted first")


def stored_request(request: ShotRequest) -> dict[str, Any]:
    """The request as the ledger may keep it: no signed link, no inline data, files by their hash; blocking."""
    form: dict[str, Any] = request.model_dump(mode="json", exclude={"references"}, exclude_none=True)
    form["references"] = [
        {"role": reference.role.value, "source": _stored_source(reference.source)} for reference in request.references
    ]
    return form


def _stored_source(source: str) -> str:
    return source if source.startswith(OWN_SOURCES) else source_key(source, content_digest)
