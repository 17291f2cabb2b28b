"""A column that would be ignored is bought with its default: such a manifest buys nothing at all."""

from __future__ import annotations

import pytest

from longtake.domain.errors import InvalidManifestError
from longtake.sandbox.app import Sandbox
from longtake.sandbox.settings import SandboxSettings
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts


@pytest.mark.parametrize("skip_refused", [False, True])
@pytest.mark.parametrize(
    "header", ["resolution ", "Resolution", "\ufeffresolution", "resoluton", "ｒｅｓｏｌｕｔｉｏｎ"]
)
async def test_a_header_that_is_nearly_right_buys_nothing(tmp_path, monkeypatch, header, skip_refused):
    without_films(monkeypatch)
    manifest = tmp_path / "m.csv"
    manifest.write_text(f"id,vendor,prompt,duration_seconds,ratio,{header}\nfox,evolink,A fox,4,16:9,480p\n", "utf-8")
    with Sandbox(SandboxSettings(job_seconds=0.05, jobs_per_key=None, media="stub")) as sandbox:
        with pytest.raises(InvalidManifestError) as refused:
            await render_plain(
                manifest, tmp_path / "out", sandbox_accounts(sandbox), check=quick_check, skip_refused=skip_refused
            )
        assert sandbox.bill.request_count() == 0
    assert [(each.row, each.column, each.value) for each in refused.value.violations] == [(0, "resolution", header)]
