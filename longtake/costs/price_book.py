"""Prices for a run: the built-in table under what the accounts override."""

from __future__ import annotations

from collections.abc import Mapping

from longtake.accounts.account import Account
from longtake.costs.quote import Quote, price_rules, quote, tokens
from longtake.costs.usage import OUTPUT_TOKENS, TOKENS, bought_request
from longtake.domain.errors import ConfigurationError
from longtake.domain.job import JobStatus
from longtake.domain.request import Role, ShotRequest
from longtake.ledger.records import Purchase
from longtake.vendors import Model, adapter_named
from longtake.vendors.price_rule import PriceRule


class PriceBook:
    """Quotes requests at the prices of these accounts.

    Raises:
        ConfigurationError: An account's `prices` cannot be read.
    """

    def __init__(self, accounts: Mapping[str, Account] | None = None) -> None:
        self._overrides: dict[str, dict[str, PriceRule]] = {}
        self._usd_per_cny = {name: account.usd_per_cny for name, account in (accounts or {}).items()}
        for name, account in (accounts or {}).items():
            wire_models = [model.wire for model in adapter_named(account.vendor).models]
            try:
                self._overrides[name] = price_rules(account.prices, wire_models)
            except ConfigurationError as error:
                raise ConfigurationError(f"{name}: {error}") from None

    def rule(self, model: Model, account: str) -> PriceRule | None:
        """The price that holds for a wire model at an account, None where none is known."""
        own = self._overrides.get(account, {}).get(model.wire, model.price)
        if own is None and model.cny_price is not None and (rate := self._usd_per_cny.get(account)) is not None:
            return model.cny_price.in_usd(rate)
        return own

    def __call__(self, request: ShotRequest, model: Model, account: str) -> Quote | None:
        """What a request costs at least and at most, None where the price is unknown."""
        return quote(request, self.rule(model, account), model.limits)

    def reprice(self, purchase: Purchase) -> Quote | None:
        """Prices an earlier purchase by today's list, for one that was made when its price was unknown."""
        bought = bought_request(purchase)
        if bought is None or purchase.intent is None:
            return None
        return self(*bought, purchase.intent.account)

    def settled(self, purchase: Purchase) -> float | None:
        """What a clip cost in US dollars by the tokens that the vendor reports; None where that is not sure.

        Sure is a clip that came, billed by tokens at the price of its purchase. A vendor may bill more tokens than it
        reports where a video goes in, and searches beside them; then, as for all else, the high bound stands.
        """
        bought, intent, terminal = bought_request(purchase), purchase.intent, purchase.terminal
        if bought is None or intent is None or terminal is None or terminal.status is not JobStatus.SUCCEEDED:
            return None
        request, model = bought
        rule, quoted = self.rule(model, intent.account), self(request, model, intent.account)
        told = terminal.usage.get(TOKENS, 0.0)
        reckoned = tokens(request, model.limits)
        if rule is None or rule.unit != "million_tokens" or quoted is None or not reckoned or told <= 0:
            return None
        if (
            request.having(Role.REFERENCE_VIDEO)
            or request.web_search
            or terminal.usage.keys() - {TOKENS, OUTPUT_TOKENS}
        ):
            return None
        if (intent.price_low_usd, intent.price_high_usd) != (quoted.low_usd, quoted.high_usd):
            return None
        return max(quoted.low_usd, round(quoted.high_usd * told / reckoned.high, 9))

    @property
    def fictitious(self) -> list[str]:
        """Accounts whose prices are made up, as the sandbox's are."""
        return [name for name, rules in self._overrides.items() if any(rule.fictitious for rule in rules.values())]
