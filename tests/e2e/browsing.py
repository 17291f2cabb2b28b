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

    def __post_init__(self) -> None:
        self.heeded: dict[str, Callable[[Any], None]] = {
            "console": lambda message: self.complaints.append(message.text),
            "pageerror": lambda error: self.complaints.append(str(error)),
            "dialog": self.answer,
            "request": lambda request: self.requests.append(request.url),
        }

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


@pytest.fixture(scope="module")
def kept_pages(browser: Any) -> dict[str, Any]:
    """A page for each kind of screen, for test after test: another renderer costs more than what it is to show."""
    return {}


def _left_as_new(page: Any) -> None:
    """Nothing of a test's is found by the next one."""
    page.evaluate("localStorage.clear(); sessionStorage.clear()")
    page.goto("about:blank")
    page.mouse.move(0, 0)


@pytest.fixture
def look(browser: Any, kept_pages: dict[str, Any], output: Path) -> Iterator[Look]:
    """Opens a view's page from disk; at the end no page may have complained or asked for anything but files."""
    visits: list[tuple[bool, Visit]] = []
    taken: set[str] = set()

    def page_for(options: dict[str, Any], *, is_kept: bool) -> Any:
        kind = repr(sorted(options.items()))
        if is_kept and (page := kept_pages.get(kind)) is not None:
            page.set_viewport_size(options["viewport"])
            page.emulate_media(color_scheme=options.get("color_scheme", "light"))
            return page
        context = browser.new_context(**options)
        context.set_default_timeout(60_000)
        page = context.new_page()
        if is_kept:
            kept_pages[kind] = page
        return page

    def open_page(view: ReportView, *, clock: bool = False, fresh: bool = False, **context_options: Any) -> Visit:
        options = {"viewport": DESK} | context_options
        is_kept = not (clock or fresh) and repr(options) not in taken
        taken.add(repr(options))
        visit = Visit(page_for(options, is_kept=is_kept))
        visits.append((is_kept, visit))
        for event, heed in visit.heeded.items():
            visit.page.on(event, heed)
        if clock:
            visit.page.clock.install()
        path = output / f"report-{len(visits)}.html"
        path.write_text(render_page(view), encoding="utf-8")
        visit.page.goto(path.as_uri())
        return visit

    yield open_page
    for is_kept, visit in visits:
        if is_kept:
            for event in ("console", "pageerror", "request"):
                visit.page.remove_listener(event, visit.heeded[event])
            _left_as_new(visit.page)
            visit.page.remove_listener("dialog", visit.heeded["dialog"])
        else:
            visit.page.context.close()
        assert visit.complaints == []
        assert [url for url in visit.requests if not url.startswith(("file:", "data:"))] == []
