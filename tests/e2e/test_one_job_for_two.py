"""A vendor that answers one job id to two submits: its fault, and told on both rows."""

from __future__ import annotations

from longtake.accounts.client import VendorClient
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from longtake.vendors import SubmitReply
from tests.plain_render import render_plain, sandbox_accounts


async def test_one_job_id_for_two_submits_is_told_on_both_rows(tmp_path, monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    submit = VendorClient.submit
    first: list[SubmitReply] = []

    async def one_id_for_all(client, *arguments, **named):
        accepted = await submit(client, *arguments, **named)
        first.append(first[0] if first else accepted)
        return first[-1]

    monkeypatch.setattr(VendorClient, "submit", one_id_for_all)
    path = tmp_path / "m.csv"
    with Sandbox(SandboxSettings(job_seconds=0.05, media="stub")) as sandbox:
        path.write_text("reel,shot,prompt,vendor\nr,1,one ball,evolink\nr,2,two balls,evolink\n")
        end = await render_plain(path, tmp_path / "out", sandbox_accounts(sandbox))
        again = await render_plain(path, tmp_path / "out", sandbox_accounts(sandbox))
    for rows in (end.rows, again.rows):
        told = {row.shot_id: row.error or "" for row in rows}
        assert "a fault of the vendor" in told["r/1"]
        assert "the submit of r/2 as well" in told["r/1"]
        assert "the submit of r/1 as well" in told["r/2"]
