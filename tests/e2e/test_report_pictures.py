"""Pictures of the demo's report as people see it, for `docs/` where `KEEP_PICTURES` is set."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from longtake.accounts.account import Account
from longtake.accounts.session import LoadAccount
from longtake.sandbox.app import Sandbox, fictitious_prices
from tests.e2e.browsing import CHROMIUM, FLAGS, NEEDS_CHROMIUM
from tests.e2e.quick_steps import alike_clips, quick_check
from tests.plain_render import render_plain, sandbox_accounts

ROOT = Path(__file__).resolve().parents[2]
SIZES = {"report": (1280, 1400), "report-phone": (390, 844)}

ARE_KEPT = "KEEP_PICTURES" in os.environ
CHECK = None if ARE_KEPT else quick_check

pytestmark = NEEDS_CHROMIUM


@pytest.fixture
def priced(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> LoadAccount:
    """The sandbox's accounts with prices; each clip is another only for the pictures that are kept."""
    if not ARE_KEPT:
        alike_clips(monkeypatch)
    plain, prices = sandbox_accounts(sandbox), fictitious_prices()

    async def load(written: str) -> tuple[Account, list[str]]:
        account, said = await plain(written)
        return account.model_copy(update={"prices": prices[account.vendor]}), said

    return load


@pytest.fixture
async def report(tmp_path: Path, priced: LoadAccount) -> Path:
    """The report of the demo's manifest, with its films and posters."""
    examples = tmp_path / "examples"
    shutil.copytree(ROOT / "examples", examples)
    end = await render_plain(examples / "storyboard.csv", tmp_path / "out", priced, check=CHECK)
    assert set(end.verdicts) == {"done"}
    return tmp_path / "out" / "report.html"


def test_the_report_of_the_demo_is_whole_on_a_desk_and_a_phone_by_day_and_by_night(
    report: Path, tmp_path: Path
) -> None:
    with opened_browser() as browser:
        for name, size in SIZES.items():
            for scheme in ("light", "dark"):
                picture_of(browser, report, name + ("" if scheme == "light" else "-dark"), size, scheme, tmp_path)


ROWS = [
    {"reel": "harbour", "shot": 1, "prompt": "The harbour at first light, long lens, gulls cross", "variants": 3},
    {"reel": "harbour", "shot": 2, "prompt": "the pilot boat leaves, slow dolly", "continue_from": "clip"},
    {"reel": "harbour", "shot": 3, "prompt": "open sea", "continue_from": "clip"},
    {"reel": "tram", "shot": 1, "prompt": "A red tram turns into the narrow street, rain", "variants": 3},
    {"reel": "tram", "shot": 2, "prompt": "its doors open", "continue_from": "clip"},
]


@pytest.mark.parametrize(
    ("name", "size", "scheme"),
    [("review", (1280, 1100), "light"), ("review-phone", (390, 844), "dark")],
    ids=["desk by day", "phone by night"],
)
async def test_the_review_desk_shows_takes_side_by_side_and_the_one_that_was_chosen(
    tmp_path: Path, priced: LoadAccount, write_manifest: Any, name: str, size: tuple[int, int], scheme: Any
) -> None:
    common = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}
    rows = [common | {"review": "wait" if row["shot"] == 1 else ""} | row for row in ROWS]
    await render_plain(write_manifest(rows), tmp_path / "out", priced, check=CHECK)
    page_file = tmp_path / "out" / "report.html"

    def pictured() -> None:
        with opened_browser() as browser:
            picture_of(browser, page_file, name, size, scheme, tmp_path, keys="j2", scrub_seconds=1.5)

    await asyncio.to_thread(pictured)


@contextmanager
def opened_browser() -> Iterator[Any]:
    """A browser, for a thread that has no event loop."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def picture_of(
    browser: Any,
    page_file: Path,
    name: str,
    size: tuple[int, int],
    scheme: Any,
    folder: Path,
    *,
    keys: str = "",
    scrub_seconds: float | None = None,
) -> None:
    """Takes the picture of a page as people see it, and looks whether it is whole."""
    width, height = size
    path = (ROOT / "docs/pictures" if ARE_KEPT else folder) / f"{name}.png"
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(page_file.as_uri())
    for key in keys:
        page.keyboard.press(key)
    if scrub_seconds is not None:
        page.get_by_role("slider").first.fill(str(scrub_seconds))
        page.evaluate("document.querySelector('#review-0').scrollIntoView()")
    page.wait_for_timeout(700)
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    page.screenshot(path=path)
    page.close()
    assert wider == 0
    with Image.open(path) as picture:
        assert picture.size == (width, height)
        corner = sum(picture.convert("RGB").getpixel((3, height - 3))) / 3
        colours = picture.convert("RGB").getcolors(1 << 24)
    assert (corner > 128) is (scheme == "light")
    assert colours is not None
    assert len(colours) > 500  # words and films, no empty page
