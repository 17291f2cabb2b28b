"""Blocks: Prefect's own suite for every class, and accounts from documents on a real server or the environment."""

from __future__ import annotations

import pickle
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites import BlockStandardTestSuite
from pydantic import ValidationError

import blocks
from blocks import (
    AnyfastCredentials,
    ClipStore,
    ContentCredentials,
    EvoLinkCredentials,
    JimmyAICredentials,
    VolcengineCredentials,
    load_account,
)
from blocks.credentials import CREDENTIALS, VendorCredentials, set_prices
from longtake.domain.errors import ConfigurationError, MissingCredentialsError, UnknownVendorError
from longtake.vendors import VENDORS
from tests.flows.conftest import ROOT, PrefectServer, basic_login

EVERY_BLOCK = [*CREDENTIALS.values(), ClipStore, ContentCredentials]


@pytest.mark.parametrize("block", EVERY_BLOCK)
class TestPrefectsOwnSuite(BlockStandardTestSuite):
    @pytest.fixture
    def block(self, request: pytest.FixtureRequest) -> type[Block]:
        return request.param


def test_every_vendor_of_the_registry_has_credentials_and_every_class_is_exported() -> None:
    assert set(CREDENTIALS) == set(VENDORS)
    for vendor, block in CREDENTIALS.items():
        assert block.get_block_type_slug() == f"{vendor}-credentials"
        assert getattr(blocks, block.__name__) is block


@pytest.mark.parametrize("vendor", CREDENTIALS)
def test_the_environment_fills_every_field(vendor: str) -> None:
    prefix = vendor.upper()
    written = {
        f"{prefix}_API_KEY": " key-1\n",
        f"{prefix}_BASE_URL": "http://127.0.0.1:9/evo/",
        f"{prefix}_UPLOAD_BASE_URL": "http://127.0.0.1:9/files",
        f"{prefix}_MAX_JOBS_IN_FLIGHT": "7",
        f"{prefix}_SUBMITS_PER_MINUTE": "30",
        f"{prefix}_POLL_INTERVAL_SECONDS": "0.1",
        f"{prefix}_MAX_WAIT_SECONDS": "60",
        f"{prefix}_PRICES": '{"m": {"unit": "task"}}',
        f"{prefix}_MAX_SPEND_USD": "12.5",
    }
    account = CREDENTIALS[vendor].from_environment(written).account()

    assert account.name == f"{vendor}/default"
    assert account.api_key.get_secret_value() == "key-1"
    assert (account.base_url, account.upload_base_url) == ("http://127.0.0.1:9/evo", "http://127.0.0.1:9/files")
    assert (account.max_jobs_in_flight, account.submits_per_minute) == (7, 30)
    assert (account.poll_interval_seconds, account.max_wait_seconds) == (0.1, 60)
    assert (account.prices, account.max_spend_usd) == ({"m": {"unit": "task"}}, 12.5)


def test_what_a_yuan_is_worth_stands_with_the_vendor_whose_list_is_in_yuan_alone() -> None:
    written = {"VOLCENGINE_API_KEY": "k", "VOLCENGINE_USD_PER_CNY": "0.14"}
    assert VolcengineCredentials.from_environment(written).account().usd_per_cny == 0.14
    assert "usd_per_cny" not in EvoLinkCredentials.model_fields
    with pytest.raises(ConfigurationError, match="VOLCENGINE_USD_PER_CNY"):
        VolcengineCredentials.from_environment(written | {"VOLCENGINE_USD_PER_CNY": "0"})


def test_a_key_alone_is_enough_and_an_empty_variable_counts_as_unset() -> None:
    account = EvoLinkCredentials.from_environment({"EVOLINK_API_KEY": "k", "EVOLINK_BASE_URL": " "}).account()

    assert account.base_url == "https://api.evolink.ai"
    assert account.upload_base_url == "https://files-api.evolink.ai"
    assert (account.max_jobs_in_flight, account.poll_interval_seconds, account.max_wait_seconds) == (3, 10, 3600)
    with pytest.raises(MissingCredentialsError, match="EVOLINK_API_KEY"):
        EvoLinkCredentials.from_environment({"EVOLINK_API_KEY": ""})


def test_with_another_base_address_the_key_does_not_go_to_the_vendors_upload_host() -> None:
    written = {"EVOLINK_API_KEY": "k", "EVOLINK_BASE_URL": "http://127.0.0.1:9"}

    assert EvoLinkCredentials.from_environment(written).account().upload_base_url is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("EVOLINK_BASE_URL", "ftp://x"),
        ("EVOLINK_BASE_URL", "https://user:pw@host"),
        ("EVOLINK_MAX_JOBS_IN_FLIGHT", "many"),
        ("EVOLINK_POLL_INTERVAL_SECONDS", "0.01"),
        ("EVOLINK_PRICES", "{"),
    ],
)
def test_a_bad_variable_is_named_and_no_secret_is_told(variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=variable) as raised:
        EvoLinkCredentials.from_environment({"EVOLINK_API_KEY": "top-secret", variable: value})

    assert "top-secret" not in str(raised.value)
    assert "pw" not in str(raised.value)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_a_clip_store_is_a_folder_or_a_bucket() -> None:
    assert ClipStore(root="s3://bucket/prefix/").root == "s3://bucket/prefix"
    for bad in ("http://host/x", "s3://", "simplecache::s3://bucket", ""):
        with pytest.raises(ValidationError):
            ClipStore(root=bad)


def test_a_clip_store_opens_the_librarys_store(tmp_path: Path) -> None:
    store = ClipStore(root=str(tmp_path)).get_store()

    store.write("a/b.txt", b"kept")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"kept"


class TestAccountsOfAManifest:
    @pytest.fixture(autouse=True)
    def _server(self, prefect_server: PrefectServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ANYFAST_API_KEY", "from-environment")

    @staticmethod
    async def saved(block: VendorCredentials, name: str) -> None:
        await block.asave(name, overwrite=True)

    async def test_the_environment_serves_the_default_document(self) -> None:
        account, notices = await load_account("anyfast")

        assert (account.name, account.api_key.get_secret_value()) == ("anyfast/default", "from-environment")
        assert notices == []

    async def test_a_document_of_that_name_is_used_and_limits_are_named_after_it(self) -> None:
        name = f"d{uuid.uuid4().hex[:8]}"
        await self.saved(AnyfastCredentials(api_key="stored", max_jobs_in_flight=9), name)
        account, notices = await load_account(f"anyfast/{name}")

        assert account.api_key.get_secret_value() == "stored"
        assert (account.max_jobs_in_flight, account.limit_name) == (9, f"longtake-anyfast-{name}")
        assert notices == []

    async def test_a_document_beats_the_environment_with_a_notice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("JIMMYAI_BASE_URL", "http://127.0.0.1:9")
        await self.saved(JimmyAICredentials(api_key="stored"), "default")
        for written in ("jimmyai", "jimmyai/default"):
            account, notices = await load_account(written)
            assert (account.api_key.get_secret_value(), account.base_url) == ("stored", "https://www.jimmyai.cn")
            assert len(notices) == 1
            assert "jimmyai-credentials/default" in notices[0]

    async def test_without_document_and_key_both_ways_are_named(self) -> None:
        with pytest.raises(MissingCredentialsError, match=r"powertokens-credentials/default.*POWERTOKENS_API_KEY"):
            await load_account("powertokens")
        with pytest.raises(MissingCredentialsError, match="anyfast-credentials/second"):
            await load_account("anyfast/second")

    async def test_unknown_vendors_and_impossible_names_are_refused(self) -> None:
        with pytest.raises(UnknownVendorError, match="known are"):
            await load_account("sora")
        with pytest.raises(ConfigurationError, match="lowercase"):
            await load_account("anyfast/My Account")

    async def test_a_document_that_is_no_longer_valid_is_told_without_its_values(self) -> None:
        name = f"d{uuid.uuid4().hex[:8]}"
        broken = AnyfastCredentials.model_construct(api_key="stored", base_url="ftp://secret-place")
        await self.saved(broken, name)

        with pytest.raises(ConfigurationError, match="base_url") as raised:
            await load_account(f"anyfast/{name}")
        assert "secret-place" not in str(raised.value)

    async def test_without_any_server_the_environment_is_asked_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from prefect.settings import PREFECT_API_URL, temporary_settings

        with temporary_settings(restore_defaults={PREFECT_API_URL}):
            account, _ = await load_account("anyfast")
        assert account.api_key.get_secret_value() == "from-environment"

    async def test_where_a_sandbox_is_named_no_other_account_is_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        await self.saved(AnyfastCredentials(api_key="stored"), "real")
        monkeypatch.setenv("LONGTAKE_SANDBOX_URL", "http://127.0.0.1:9")
        for written in ("anyfast", "anyfast/real", "jimmyai/other"):
            account, _ = await load_account(written)
            assert account.base_url.startswith("http://127.0.0.1:9/")
            assert account.upload_base_url.startswith("http://127.0.0.1:9/")
            assert account.api_key.get_secret_value().startswith("sandbox-")
        monkeypatch.setenv("LONGTAKE_SANDBOX_URL", "")  # a placeholder that nobody filled in
        with pytest.raises(ConfigurationError, match="LONGTAKE_SANDBOX_URL"):
            await load_account("anyfast")

    async def test_a_stored_key_is_never_shown_without_asking_for_it(self, prefect_server: PrefectServer) -> None:
        import httpx

        await self.saved(AnyfastCredentials(api_key="very-hidden"), "shown")
        async with httpx.AsyncClient(auth=basic_login()) as client:
            listed = await client.post(f"{prefect_server.api_url}/block_documents/filter", json={})
        assert "shown" in listed.text
        assert "very-hidden" not in listed.text


def test_the_blocks_register_with_prefects_own_command(prefect_server: PrefectServer) -> None:
    command = [sys.executable, "-m", "prefect", "block", "register", "-m", "blocks"]
    done = subprocess.run(
        command, cwd=ROOT, env=prefect_server.environment(), capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    for block in EVERY_BLOCK:
        assert block.get_block_type_name() in done.stdout


@pytest.mark.parametrize("block", [*CREDENTIALS.values(), ClipStore], ids=lambda block: block.__name__)
def test_no_description_of_a_block_breaks_what_prefect_prints_of_it(block: type) -> None:
    # `prefect block ls -o json` reads "[/word]" in it as the end of a colour, and fails.
    assert "[/" not in str(block.model_json_schema())


async def test_a_price_that_is_set_goes_into_the_block_document_where_there_is_one(
    prefect_server: PrefectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LONGTAKE_SANDBOX_URL", raising=False)
    document = f"priced-{uuid.uuid4().hex[:8]}"
    await EvoLinkCredentials(api_key="the-key", max_jobs_in_flight=7).asave(document)
    place = await set_prices(f"evolink/{document}", "seedance-2.0-mini", {"480p": 0.1})
    assert place == f"the block document evolink-credentials/{document}"
    account, _ = await load_account(f"evolink/{document}")
    assert {tuple(price["usd"].items()) for price in account.prices.values()} == {(("480p", 0.1),)}
    assert (account.api_key.get_secret_value(), account.max_jobs_in_flight) == ("the-key", 7)
    assert not list(tmp_path.iterdir())
