"""How fluid the report is: 1,000 reels beside 10, in headless Chromium: first reel, a search, a filter, scrolling.
And its desk: 60 reels of three takes to choose from, beside three: first takes, choosing by keys, playing in step.

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
from longtake.sandbox.clips.film import render_clip
from tests.unit.reports.report_runs import large_run
from tests.unit.reports.review_runs import review_run

REELS, REPEATS, FEW = 1000, 5, 10
TAKES_REELS, TAKES_FEW, TAKES = 60, 3, 3
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


PLAYS = """
async () => {
  const card = document.querySelector("#review-0"), began = performance.now();
  card.querySelector(".play-all").click();
  const films = [...card.querySelectorAll("video")];
  while (!films.every((film) => film.currentTime > 0)) await new Promise(requestAnimationFrame);
  const begun = performance.now() - began;
  const apart = [];
  while (films.every((film) => !film.ended) && performance.now() - began < 3000) {
    await new Promise(requestAnimationFrame);
    const times = films.map((film) => film.currentTime);
    apart.push(1000 * (Math.max(...times) - Math.min(...times)));
  }
  return [begun, apart.sort((a, b) => a - b)[Math.floor(apart.length * 0.95)]];
}"""
KEY = """
async (key) => {
  const began = performance.now();
  document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  await new Promise(requestAnimationFrame);
  return performance.now() - began;
}"""


def reviewed(browser: Any, page_file: Path) -> dict[str, float]:
    """One visit to the desk: milliseconds until each thing is there."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    began = time.perf_counter()
    page.goto(page_file.as_uri(), wait_until="commit")
    page.locator("#review-0.built .choose").first.wait_for()
    told = {"until the first takes stand": 1000 * (time.perf_counter() - began)}
    page.wait_for_timeout(500)
    keys = [page.evaluate(KEY, key) for _ in range(TAKES_FEW) for key in ("j", "2")]
    told["a key that goes on or chooses, the slowest"] = max(keys)
    page.keyboard.press("k")
    begun, apart = page.evaluate(PLAYS)
    told["until three takes play in step"] = begun
    told["apart while they play: 95th percentile"] = apart
    page.locator("#review-0 .play-all").click()
    told["60 windows scrolled down: 95th percentile of a frame"] = page.evaluate(SCROLL)
    context.close()
    return told


def desk(browser: Any, folder: Path, repeats: int) -> None:
    """Prints the desk's table."""
    (folder / "clips").mkdir()
    render_clip(folder / "clips/take.mp4", width=1280, height=720, frames=120, job=1)
    files: dict[int, Path] = {}
    for count in (TAKES_REELS, TAKES_FEW):
        run = review_run(count, TAKES)
        for target in {folder / take.clip for shot in run.shots for take in shot.takes if take.clip}:
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                target.hardlink_to(folder / "clips/take.mp4")
        began = time.perf_counter()
        text = render_page(run)
        print(
            f"\n{count} reels, {TAKES} takes of each one's first shot: written in {time.perf_counter() - began:.2f} s, "
            f"{len(text) / 1e6:.2f} MB"
        )
        files[count] = folder / f"desk-{count}.html"
        files[count].write_text(text, encoding="utf-8")
    found: dict[int, list[dict[str, float]]] = {count: [] for count in files}
    for _ in range(repeats):
        for count, visits in found.items():
            visits.append(reviewed(browser, files[count]))
    _table(found, TAKES_REELS, TAKES_FEW, repeats)


def _table(found: dict[int, list[dict[str, float]]], most: int, few: int, repeats: int) -> None:
    print(f"{repeats} visits each\n\n| | {most} reels, ms | {few} reels, ms | ratio |\n| --- | --- | --- | --- |")
    for name in found[most][0]:
        many, less = ([visit[name] for visit in found[count]] for count in (most, few))
        ratios = [one / other for one, other in zip(many, less, strict=True)]
        spread = f"{median(ratios):.1f} ({min(ratios):.1f}–{max(ratios):.1f})"
        print(f"| {name} | {median(many):.0f} ({min(many):.0f}–{max(many):.0f}) | {median(less):.0f} | {spread} |")


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
        _table(found, reels, FEW, repeats)
        desk(browser, Path(folder), repeats)
        browser.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
