"""`longtake prices set`: a plan names the command for every unknown price, and what it sets holds from then on."""

from __future__ import annotations

import json
import re
import shlex

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from blocks.credentials import load_account, set_prices
from longtake.costs.price_book import PriceBook
from longtake.domain.errors import ConfigurationError, UnknownVendorError
from longtake.planning.options import RenderOptions
from longtake.planning.prepare import prepare
from longtake.vendors import adapter_named
from longtake_cli.prices import figures

ROWS = [
    {"id": "a", "vendor": "evolink", "model": "seedance-2.0-mini", "prompt": "p", "resolution": "480p"},
    {"id": "b", "vendor": "powertokens", "prompt": "p", "resolution": "720p"},
    {"id": "c", "vendor": "jimmyai", "prompt": "p", "resolution": "720p"},
]


@pytest.fixture(autouse=True)
def _environment(monkeypatch, tmp_path):
    for vendor in ("EVOLINK", "JIMMYAI", "POWERTOKENS"):
        monkeypatch.setenv(f"{vendor}_API_KEY", "k")
        monkeypatch.delenv(f"{vendor}_PRICES", raising=False)
    for name in ("LONGTAKE_SANDBOX_URL", "LONGTAKE_PRICE_FILE", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    # Another test of this process may have begun a server, whose documents go first.
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        yield


async def plan(write_manifest, tmp_path):
    manifest = write_manifest([{"duration_seconds": 5, "ratio": "16:9"} | row for row in ROWS])
    return await prepare(RenderOptions(manifest=str(manifest), output=str(tmp_path / "out")), load_account=load_account)


async def test_the_commands_of_the_plan_typed_with_figures_leave_no_price_unknown(write_manifest, tmp_path):
    before = await plan(write_manifest, tmp_path)
    unknown = [shot for shot in before.plan.shots if shot.quote is None]
    assert unknown
    told = [notice for notice in before.notices if "some prices are unknown" in notice]
    assert len(told) == len({shot.account for shot in unknown})
    commands = re.findall("`(.*?)`", " ".join(told))
    for command in commands:
        words = shlex.split(command.replace("USD", "0.25"))
        assert words[:3] == ["longtake", "prices", "set"]
        await set_prices(words[3], words[4], figures(words[5:]))
    after = await plan(write_manifest, tmp_path)
    assert all(shot.quote is not None for shot in after.plan.shots)
    assert not any("prices are unknown" in notice for notice in after.notices)
    ids = {shot.shot_id for shot in unknown}
    assert all(shot.quote.high_usd == 1.25 for shot in after.plan.shots if shot.shot_id in ids)


async def test_a_price_is_set_beside_those_that_stand(tmp_path):
    await set_prices("evolink", "seedance-2.0-mini", {"480p": 0.1})
    await set_prices("jimmyai", "seedance-2.0-mini", {"*": 0.5}, unit="task")
    await set_prices("evolink", "seedance-2.0-mini", {"720p": 0.2}, source="contract")
    account, _ = await load_account("evolink")
    minis = [model.wire for model in adapter_named("evolink").models if model.neutral == "seedance-2.0-mini"]
    assert set(account.prices) == set(minis)
    assert account.prices[minis[0]] == {"unit": "second", "usd": {"480p": 0.1, "720p": 0.2}, "source": "contract"}
    PriceBook({account.name: account})
    # Another unit is another price: figures of the old one would be nonsense in it.
    await set_prices("evolink", minis[0], {"480p": 9}, unit="million_tokens")
    account, _ = await load_account("evolink")
    assert account.prices[minis[0]]["usd"] == {"480p": 9}
    assert set(json.loads((tmp_path / "longtake-prices.json").read_text())) == {"evolink/default", "jimmyai/default"}


@pytest.mark.parametrize(
    ("account", "model", "usd", "words"),
    [
        ("evolink", "seedance-9", {"*": 1.0}, "'seedance-9' is none of evolink's models; known are"),
        ("evolink", "seedance-2.0-mini", {"*": -1.0}, "greater than or equal to 0"),
        ("evolink", "seedance-2.0-mini", {"*": float("nan")}, "finite"),
        ("evolink/studio", "seedance-2.0-mini", {"*": 1.0}, "no block document evolink-credentials/studio"),
    ],
)
async def test_what_would_not_hold_is_refused_and_nothing_is_written(tmp_path, account, model, usd, words):
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        await set_prices(account, model, usd)
    with pytest.raises(UnknownVendorError):
        await set_prices("evolinkk", model, usd)
    assert not (tmp_path / "longtake-prices.json").exists()


async def test_where_others_rule_the_prices_it_says_so(monkeypatch):
    monkeypatch.setenv("EVOLINK_PRICES", "{}")
    with pytest.raises(ConfigurationError, match="EVOLINK_PRICES sets the prices"):
        await set_prices("evolink", "seedance-2.0-mini", {"*": 1.0})
    monkeypatch.setenv("LONGTAKE_SANDBOX_URL", "http://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="sandbox's prices are its own"):
        await set_prices("jimmyai", "seedance-2.0-mini", {"*": 1.0})


def test_figures_are_read_with_and_without_a_resolution():
    assert figures(["0.05"]) == {"*": 0.05}
    assert figures(["480p=0.03", "720p=$0.06"]) == {"480p": 0.03, "720p": 0.06}
    with pytest.raises(ConfigurationError, match=r"'cheap': give RESOLUTION=USD.*'720p='"):
        figures(["cheap", "720p="])
