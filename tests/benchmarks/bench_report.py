"""How fluid the report is: 1,000 reels beside 10, in headless Chromium: first reel, a search, a filter, scrolling.

python -m tests.benchmarks.bench_report [REELS] [REPEATS]

A search waits 90 ms for the next key before it begins; that is in the figures of both.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from longtake.reports.run.page import render_page
from tests.unit.reports.report_runs import large_run

REELS, REPEATS, FEW = 1000, 5, 10
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
UNTIL_FOUND = """
async ([act, words]) => {
  const found = document.getElementById("found"), before = found.textContent, began = performance.now();
  if (act === "search") {
    const search = document.getElementById("search");
    search.value = words;
    search.dispatchEvent(new Event("input"));
  } else document.querySelector(`.chip[data-verdict="${words}"]`).click();
  while (found.textContent === before) await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return performance.now() - began;
}"""
SCROLL = """
async () => {
  const gaps = [];
  let last = performance.now();
  for (let step = 0; step < 60; step += 1) {
    scrollBy(0, innerHeight);
    await new Promise(requestAnimationFrame);
    gaps.push(performance.now() - last);
    last = performance.now();
  }
  return gaps.sort((a, b) => a - b)[57];
}"""


def looked_at(browser: Any, page_file: Path) -> dict[str, float]:
    """One visit: milliseconds until each thing is there."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    began = time.perf_counter()
    page.goto(page_file.as_uri(), wait_until="commit")
    page.locator("#reel-0.built h3").wait_for()
    told = {"until the first reel stands": 1000 * (time.perf_counter() - began)}
    page.wait_for_timeout(1500)
    told["a search"] = page.evaluate(UNTIL_FOUND, ["search", "reel-0007"])
    page.evaluate(UNTIL_FOUND, ["search", ""])
    told["a filter by verdict"] = page.evaluate(UNTIL_FOUND, ["chip", "blocked"])
    page.evaluate(UNTIL_FOUND, ["chip", "blocked"])
    told["60 windows scrolled down: 95th percentile of a frame"] = page.evaluate(SCROLL)
    context.close()
    return told


def main(reels: int = REELS, repeats: int = REPEATS) -> None:
    """Prints the table."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        print("skipped: no Chromium here (apt-get install chromium, or set CHROMIUM)")
        return
    from playwright.sync_api import sync_playwright

    found: dict[int, list[dict[str, float]]] = {reels: [], FEW: []}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        began = time.perf_counter()
        text = render_page(large_run(reels))
        print(
            f"{reels} reels of three shots: written in {time.perf_counter() - began:.2f} s, {len(text) / 1e6:.1f} MB\n"
        )
        for count in found:
            Path(folder, f"{count}.html").write_text(render_page(large_run(count)), encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for _ in range(repeats):
            for count, visits in found.items():
                visits.append(looked_at(browser, Path(folder, f"{count}.html")))
        browser.close()
    print(f"{repeats} visits each\n\n| | {reels} reels, ms | {FEW} reels, ms | ratio |\n| --- | --- | --- | --- |")
    for name in found[reels][0]:
        many, few = ([visit[name] for visit in found[count]] for count in (reels, FEW))
        ratios = [one / other for one, other in zip(many, few, strict=True)]
        spread = f"{median(ratios):.1f} ({min(ratios):.1f}–{max(ratios):.1f})"
        print(f"| {name} | {median(many):.0f} ({min(many):.0f}–{max(many):.0f}) | {median(few):.0f} | {spread} |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
