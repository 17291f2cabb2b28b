"""Films signed in a flow run: what cannot sign is refused before anything is bought, and the key is never told."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from longtake.domain.errors import ConfigurationError, MissingCredentialsError
from longtake.media.labelling.claims import read_claims
from longtake.sandbox.app import Sandbox, SandboxSettings
from tests.flows.conftest import basic_login
from tests.media.certificates import Identity, identity

MANIFEST = "reel,shot,vendor,prompt,duration_seconds,resolution\nquay,1,evolink,a quay at dawn,4,480p\n"


@pytest.fixture
def sandbox(prefect_server, monkeypatch):
    with Sandbox(SandboxSettings(job_seconds=0.2)) as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture(scope="module")
def who() -> Identity:
    return identity()


def given(monkeypatch: pytest.MonkeyPatch, who: Identity, folder: Path) -> None:
    """The chain in the environment, the key in a file that it names."""
    (folder / "key.pem").write_text(who.private_key)
    monkeypatch.setenv("LONGTAKE_CERTIFICATE_CHAIN", who.chain)
    monkeypatch.setenv("LONGTAKE_PRIVATE_KEY", str(folder / "key.pem"))


async def rendered(tmp_path: Path, **parameters: Any) -> Any:
    from flows.render_manifest import render_manifest

    (tmp_path / "m.csv").write_text(MANIFEST)
    flow: Any = render_manifest
    return await flow(str(tmp_path / "m.csv"), str(tmp_path / "out"), return_state=True, **parameters)


def told_by_the_server() -> str:
    """Every run, state, artifact and log line that the server can be asked for."""
    api, texts = os.environ["PREFECT_API_URL"], []
    for kind in ("flow_runs", "task_runs", "artifacts", "logs"):
        reply = httpx.post(f"{api}/{kind}/filter", json={"limit": 200}, timeout=30, auth=basic_login())
        texts.append(reply.raise_for_status().text)
    return "\n".join(texts)


@pytest.mark.parametrize("fault", ["nothing", "expired", "another's key"])
async def test_what_cannot_sign_is_refused_before_anything_is_bought(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: Identity, fault: str
) -> None:
    if fault == "expired":
        given(monkeypatch, identity(days=(-90, -1)), tmp_path)
    elif fault == "another's key":
        given(monkeypatch, who, tmp_path)
        monkeypatch.setenv("LONGTAKE_PRIVATE_KEY", identity().private_key)
    state = await rendered(tmp_path, label=True)
    end = (await state.aresult(raise_on_failure=False)).end
    words = {
        "nothing": "save the block document content-credentials/default .* or set LONGTAKE_CERTIFICATE_CHAIN and",
        "expired": "has expired",
        "another's key": "does not belong to the first certificate",
    }[fault]
    assert end.exit_code == 2
    assert pytest.RaisesExc(ConfigurationError, match=words).matches(ConfigurationError(end.line))
    assert sandbox.bill.count() == 0
    assert not (tmp_path / "out/reels").exists()


async def test_a_labelled_run_signs_its_film_and_the_key_is_found_nowhere(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: Identity, capfd: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, who, tmp_path)
    monkeypatch.setenv("LONGTAKE_CONTENT_PRODUCER", "producer-7")
    state = await rendered(tmp_path, label=True)
    assert state.is_completed(), state.message
    claims = read_claims(tmp_path / "out/reels/quay.mp4", who.authority)
    assert claims.claim is not None and claims.claim.state == "Trusted"
    assert claims.marks.producers == ("producer-7",)
    receipt = json.loads((tmp_path / "out/reels/quay.json").read_text())
    assert receipt["signature"]["subject"] == "Longtake Tests"

    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    said = (
        "".join(path.read_bytes().decode("latin-1") for path in files) + told_by_the_server() + str(capfd.readouterr())
    )
    assert "quay" in said
    assert not any(line in said for line in who.secret_lines)
    assert sandbox.bill.count() == 1


async def test_a_block_document_signs_and_is_kept_encrypted(
    sandbox: Sandbox, prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: Identity
) -> None:
    from blocks import ContentCredentials
    from blocks.labels import load_signing_identity

    with pytest.raises(MissingCredentialsError):
        await load_signing_identity()
    given(monkeypatch, identity(name="Of the environment"), tmp_path)
    block: Any = ContentCredentials(
        certificate_chain=who.chain, private_key=who.private_key, content_producer=" producer-8 "
    )
    await block.asave("default", overwrite=True)
    try:
        found = await load_signing_identity()
        assert found.certificate_chain.get_secret_value() == who.chain
        assert (found.content_producer, found.algorithm, found.time_stamp_url) == ("producer-8", "es256", "")
        shown = await ContentCredentials.aload("default")
        assert not any(line in f"{shown!r}{shown}" for line in who.secret_lines)
    finally:
        await ContentCredentials.adelete("default")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LONGTAKE_SIGNING_ALGORITHM", "md5"),
        ("LONGTAKE_TIME_STAMP_URL", "ftp://x"),
        ("LONGTAKE_PRIVATE_KEY", "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg"),
        ("LONGTAKE_CERTIFICATE_CHAIN", "/no/such/file.pem"),
        ("LONGTAKE_LABEL_PROMPTS", "perhaps"),
    ],
)
async def test_a_variable_that_cannot_be_is_named_without_what_may_be_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: Identity, variable: str, value: str
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from blocks.labels import load_signing_identity

    given(monkeypatch, who, tmp_path)
    monkeypatch.setenv(variable, value)
    with temporary_settings({PREFECT_API_URL: None}), pytest.raises(ConfigurationError, match=variable) as raised:
        await load_signing_identity()
    assert "MIGH" not in str(raised.value)
