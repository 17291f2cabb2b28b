"""From the page to the ledger: takes chosen in a real browser, the saved file given as it is, and rendered.

Judged by the sandbox's bill, and by the bytes of clips.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from longtake.files.open_store import open_store
from longtake.ledger.ledger import Ledger
from longtake.reports.review.given import give_decisions
from longtake.reviews.choices import RefusedDecisionsError
from tests.e2e.browsing import CHROMIUM, FLAGS, NEEDS_CHROMIUM
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}
REEL = "=an ad, in spring"

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(autouse=True)
def _without_films(monkeypatch: pytest.MonkeyPatch) -> None:
    without_films(monkeypatch)


def chain() -> list[dict[str, object]]:
    """A chain of two of which the first is bought in three takes and waits for a person; its name is a formula."""
    first = SHOT | {"reel": REEL, "shot": 1, "prompt": "a lamp", "variants": 3, "review": "wait"}
    return [first, SHOT | {"reel": REEL, "shot": 2, "prompt": "it turns", "continue_from": "clip"}]


def chosen_in_a_browser(page_file: Path, saved: Path, *keys: str) -> Path:
    """Opens the page, waits until its takes have been played, presses keys, and saves what was decided."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(page_file.as_uri())
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        for _ in range(600):
            times = page.evaluate("[...document.querySelectorAll('#review-0 video')].map((film) => film.currentTime)")
            if len(times) == 3 and min(times) > 0:
                break
            page.wait_for_timeout(100)
        else:
            pytest.fail(f"the takes do not play: {times}")
        page.keyboard.press("Enter")
        for key in keys:
            page.keyboard.press(key)
        page.get_by_role("textbox", name="Your name, for the record").fill("+Ana")
        with page.expect_download() as waited:
            page.get_by_role("button", name="Save decisions").click()
        waited.value.save_as(saved)
        browser.close()
    return saved


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def test_the_file_that_the_page_saves_is_decided_unchanged_and_the_reel_goes_on_from_the_chosen_take(
    tmp_path: Path, sandbox: Any, write_manifest: Any
) -> None:
    import asyncio

    manifest, out, load = write_manifest(chain()), tmp_path / "out", sandbox_accounts(sandbox)
    first = await render_plain(manifest, out, load, check=quick_check)
    assert first.verdicts == {"done": 1, "awaiting_review": 1}
    assert sandbox.bill.count() == 3
    [second] = out.glob("clips/*/1.take-2.mp4")
    wanted = sha256(second)

    saved = await asyncio.to_thread(chosen_in_a_browser, out / "report.html", tmp_path / "decisions.csv", "2")
    given = give_decisions(Ledger(open_store(str(out))), [saved.read_text("utf-8")])
    assert given.lines == [f"{REEL}/1: take 2 chosen by +Ana"]
    assert '"review":"chosen"' in (out / "report.html").read_text("utf-8")
    assert give_decisions(Ledger(open_store(str(out))), [saved.read_text("utf-8")]).standing == 1

    end = await render_plain(manifest, out, load, check=quick_check)
    assert end.verdicts == {"done": 2}
    assert sandbox.bill.count() == 4
    [clip] = out.glob("clips/*/1.mp4")
    assert sha256(clip) == wanted


async def test_a_file_that_was_saved_of_other_bytes_is_refused_and_a_rejection_in_the_page_is_one(
    tmp_path: Path, sandbox: Any, write_manifest: Any
) -> None:
    import asyncio

    manifest, out, load = write_manifest(chain()), tmp_path / "out", sandbox_accounts(sandbox)
    await render_plain(manifest, out, load, check=quick_check)
    saved = await asyncio.to_thread(chosen_in_a_browser, out / "report.html", tmp_path / "decisions.csv", "2", "u", "x")
    ledger = Ledger(open_store(str(out)))
    text = saved.read_text("utf-8")
    other = text.replace(text.split(",")[11][:8], "0" * 8)
    with pytest.raises(RefusedDecisionsError):
        give_decisions(ledger, [other])
    assert give_decisions(ledger, [text]).lines == [f"{REEL}/1: rejected by +Ana"]
    assert '"review":"rejected"' in (out / "report.html").read_text("utf-8")
