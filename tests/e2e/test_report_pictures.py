"""Pictures of the demo's report as people see it, for `docs/` where `KEEP_PICTURES` is set."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from longtake.accounts.account import Account
from longtake.sandbox.app import Sandbox, fictitious_prices
from tests.e2e.browsing import CHROMIUM, FLAGS, NEEDS_CHROMIUM
from tests.plain_render import render_plain, sandbox_accounts

ROOT = Path(__file__).resolve().parents[2]
SIZES = {"report": (1280, 1400), "report-phone": (390, 844)}

pytestmark = NEEDS_CHROMIUM


@pytest.fixture
async def report(tmp_path: Path, sandbox: Sandbox) -> Path:
    """The report of the demo's manifest, with its films and posters."""
    plain, prices = sandbox_accounts(sandbox), fictitious_prices()

    async def priced(written: str) -> tuple[Account, list[str]]:
        account, said = await plain(written)
        return account.model_copy(update={"prices": prices[account.vendor]}), said

    examples = tmp_path / "examples"
    shutil.copytree(ROOT / "examples", examples)
    end = await render_plain(examples / "storyboard.csv", tmp_path / "out", priced)
    assert set(end.verdicts) == {"done"}
    return tmp_path / "out" / "report.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", SIZES)
def test_the_report_of_the_demo_is_whole_on_a_desk_and_a_phone_by_day_and_by_night(
    report: Path, name: str, scheme: Any, tmp_path: Path
) -> None:
    from playwright.sync_api import sync_playwright

    width, height = SIZES[name]
    name += "" if scheme == "light" else "-dark"
    path = (ROOT / "docs/pictures" if "KEEP_PICTURES" in os.environ else tmp_path) / f"{name}.png"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        page.goto(report.as_uri())
        page.wait_for_timeout(700)
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        page.screenshot(path=path)
        browser.close()
    assert wider == 0
    with Image.open(path) as picture:
        assert picture.size == (width, height)
        corner = sum(picture.convert("RGB").getpixel((3, height - 3))) / 3
        colours = picture.convert("RGB").getcolors(1 << 24)
    assert (corner > 128) is (scheme == "light")
    assert colours is not None
    assert len(colours) > 500  # words and films, no empty page
