"""A model that is closed to a key: told before, refused by the vendor, made at the next of the row's vendors."""

from __future__ import annotations

import time
from collections import Counter

from longtake.accounts.checked import CheckFile
from longtake.accounts.health import check_account
from longtake.planning.options import RenderOptions
from longtake.planning.prepare import prepare
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts


async def test_what_a_check_found_is_told_and_the_row_is_made_at_its_next_vendor(
    sandbox, write_manifest, tmp_path, monkeypatch
):
    without_films(monkeypatch)
    sandbox.settings.job_seconds, sandbox.settings.closed_models = 0.2, ("seedance-2.0-mini",)
    load, checks = sandbox_accounts(sandbox), CheckFile(tmp_path / "home")
    account, _ = await load("anyfast")
    checks.keep(account, await check_account(account), time.time())
    manifest = write_manifest([{"id": "a", "vendor": "anyfast|evolink", "prompt": "a fox", "duration_seconds": 4}])
    asked = RenderOptions(manifest=str(manifest), output=str(tmp_path / "out"))
    (told,) = [each for each in (await prepare(asked, load_account=load, checks=checks)).notices if "check" in each]
    assert "anyfast/default" in told
    assert "model seedance-2.0-mini is not open to its key (1 shot may ask for it)" in told
    end = await render_plain(manifest, tmp_path / "out", load, check=quick_check)
    assert end.verdicts == {"done": 1}
    assert Counter(entry.vendor for entry in sandbox.bill.entries) == {"evolink": 1}
