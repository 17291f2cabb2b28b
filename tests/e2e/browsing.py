"""A real browser that opens reports from disk: what it shows, complains of and asks for.

Debian's Chromium (or `CHROMIUM`) is needed. A module that looks gives an `output` folder, in which the pages lie.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from longtake.reports.run.page import render_page
from longtake.reports.run.view import ReportView

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--mute-audio",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
NEEDS_CHROMIUM = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here: apt-get install chromium, or set CHROMIUM"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@dataclass
class Visit:
    """A page that is looked at, and all it complained about and asked for."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    """Asked before leaving, and answered with yes."""

    def answer(self, dialog: Any) -> None:
        """What a browser asks of itself is let through; a page has nothing to say in boxes."""
        (self.questions if dialog.type == "beforeunload" else self.complaints).append(f"dialog {dialog.message}")
        dialog.accept()

    def text(self, selector: str) -> str:
        return self.page.locator(selector).inner_text()

    def shown(self) -> list[str]:
        return self.page.locator(".reel h3").all_inner_texts()

    def until(self, true_in_page: str) -> None:
        """Waits for a JavaScript expression; the page's policy forbids the browser driver's own way, which is eval."""
        for _ in range(1200):
            if self.page.evaluate(true_in_page):
                return
            self.page.wait_for_timeout(50)
        pytest.fail(f"never came true: {true_in_page}")

    def until_playing(self, selector: str, after_seconds: float = 0.0) -> None:
        """Waits until a film plays, from about this second on."""
        self.until(f"document.querySelector('{selector}')?.currentTime > {after_seconds}")


Look = Callable[..., Visit]


@pytest.fixture
def look(browser: Any, output: Path) -> Iterator[Look]:
    """Opens a view's page from disk; at the end no page may have complained or asked for anything but files."""
    visits: list[tuple[Any, Visit]] = []

    def open_page(view: ReportView, *, clock: bool = False, **context_options: Any) -> Visit:
        context = browser.new_context(**{"viewport": DESK} | context_options)
        context.set_default_timeout(60_000)
        visit = Visit(context.new_page())
        visits.append((context, visit))
        visit.page.on("console", lambda message: visit.complaints.append(message.text))
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        visit.page.on("dialog", visit.answer)
        visit.page.on("request", lambda request: visit.requests.append(request.url))
        if clock:
            visit.page.clock.install()
        path = output / f"report-{len(visits)}.html"
        path.write_text(render_page(view), encoding="utf-8")
        visit.page.goto(path.as_uri())
        return visit

    yield open_page
    for context, visit in visits:
        context.close()
        assert visit.complaints == []
        assert [url for url in visit.requests if not url.startswith(("file:", "data:"))] == []
