"""The report in a real browser, opened from disk: it works, asks nothing of a network, and nobody's text acts in it.

Debian's Chromium (or `CHROMIUM`) is needed; the accessibility test also needs `AXE_PATH`, a copy of axe.min.js.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from longtake.reports.run.view import ReportView
from longtake.sandbox.clips.film import render_clip
from tests.e2e.browsing import DESK, NEEDS_CHROMIUM, PHONE, Look, Visit
from tests.unit.reports.report_runs import BEGIN, hostile_run, large_run, receipt, reel_of, run_of

CLIP_SECONDS = 25 / 24

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with a real film of three shots, a real clip, and posters."""
    folder = tmp_path_factory.mktemp("out")
    for name in ("reels", "clips", "posters"):
        (folder / name).mkdir()
    render_clip(folder / "reels/a film #1?.mp4", width=256, height=144, frames=75, job=1)
    render_clip(folder / "clips/one.mp4", width=256, height=144, frames=25, job=2)
    Image.new("RGB", (64, 36), (60, 110, 120)).save(folder / "posters/one.jpg")
    return folder


def small_run(**told: Any) -> ReportView:
    """A finished reel with a film, one with trouble, and a lone shot."""
    clip = {"clip": "clips/one.mp4", "poster": "posters/one.jpg", "clip_seconds": CLIP_SECONDS}
    reels = [
        reel_of("harbour", ["done"] * 3, film="reels/a film #1?.mp4"),
        reel_of("orchard", ["done", "content_refused", "blocked"]),
        reel_of("lone lighthouse", ["done"]),
    ]
    for place, reel in enumerate(reels):
        shots = [shot.model_copy(update=clip) if shot.verdict == "done" else shot for shot in reel.shots]
        reels[place] = reel.model_copy(update={"shots": shots})
    joined = receipt(reels[0])
    for place, part in enumerate(joined["clips"]):
        part["starts_at_seconds"] = place * CLIP_SECONDS
    reels[0] = reels[0].model_copy(update={"receipt": joined, "contact_sheet": "posters/one.jpg"})
    return run_of(reels, **told)


def test_a_film_plays_from_disk_and_a_poster_plays_it_from_its_shot(look: Look) -> None:
    visit = look(small_run())
    visit.page.get_by_role("button", name="Play Film of reel harbour").click()
    visit.until_playing("#reel-0 video")
    visit.page.get_by_role("button", name="Play shot 3 · 1.0 s from 0:02").click()
    visit.until_playing("#reel-0 video", 2 * CLIP_SECONDS)
    assert visit.text("#reel-0 .tile.playing .caption bdi") == "3"


def test_a_reel_without_film_plays_its_clips_and_only_one_film_plays_at_a_time(look: Look) -> None:
    visit = look(small_run())
    visit.page.get_by_role("button", name="Play Clip of lone lighthouse/1").or_(
        visit.page.locator("#reel-2 .begin")
    ).first.click()
    visit.until_playing("#reel-2 video")
    visit.page.locator("#reel-1").get_by_role("button", name="Play shot 1").click()
    visit.until_playing("#reel-1 video")
    assert visit.page.evaluate("document.querySelector('#reel-2 video').paused")


def test_a_film_that_is_gone_leaves_a_link_and_a_word(look: Look) -> None:
    run = run_of([reel_of("gone", ["done"], film="reels/gone.mp4")])
    visit = look(run)
    visit.page.get_by_role("button", name="Play Film of reel gone").click()
    visit.page.get_by_text("It cannot be played here.").wait_for()
    assert visit.page.get_by_role("link", name="Open the file").get_attribute("href") == "./reels/gone.mp4"
    assert [said for said in visit.complaints if "ERR_FILE_NOT_FOUND" not in said] == []
    visit.complaints.clear()


def test_filters_choose_reels_by_verdict_vendor_and_words_and_stand_in_the_address(look: Look) -> None:
    run = small_run()
    visit = look(run)
    page = visit.page
    page.get_by_role("button", name="Content refused 1").click()
    assert (visit.shown(), visit.text("#found")) == (["orchard"], "1 of 3 reels, 1 shot")
    assert page.locator("#reel-1 .tile.dim").count() == 2
    assert page.url.endswith("#verdict=content_refused")
    page.reload()
    assert visit.shown() == ["orchard"]
    page.get_by_role("button", name="Clear filters").click()
    assert len(visit.shown()) == 3
    vendor = run.reels[2].shots[0].vendor
    page.get_by_label("Vendor", exact=True).select_option(vendor)
    assert visit.shown() == [reel.name for reel in run.reels if vendor in {shot.vendor for shot in reel.shots}]
    page.get_by_label("Vendor", exact=True).select_option("")
    page.get_by_role("searchbox").fill("LIGHTHOUSE lone")
    page.get_by_text("1 of 3 reels").wait_for()
    assert visit.shown() == ["lone lighthouse"]
    page.get_by_role("searchbox").fill("no such words")
    page.get_by_text("No reel fits these filters.").wait_for()
    page.get_by_role("searchbox").fill("")
    page.get_by_label("Order").select_option("worst")
    page.get_by_text("3 reels", exact=True).wait_for()
    assert visit.shown()[0] == "orchard"


def test_what_wants_a_person_leads_to_its_shots(look: Look) -> None:
    visit = look(small_run())
    visit.page.get_by_role("button", name="Show shots: Blocked").click()
    assert visit.shown() == ["orchard"]
    assert "the vendor's moderation refused the output" in visit.text("#reel-1 .wanting")


def test_every_shot_shows_prompt_price_times_reason_and_next_action(look: Look) -> None:
    run = small_run()
    visit = look(run)
    visit.page.locator("#reel-1 details.shots > summary").click()
    for place, shot in enumerate(run.reels[1].shots):
        item = visit.page.locator("#reel-1 details.shots .shot").nth(place)
        item.get_by_text("Details").click()
        item.locator("dl").wait_for()
        told = item.inner_text()
        for words in (shot.shot_id, shot.prompt, shot.job_id, shot.vendor, shot.wire_model, shot.evidence, "harbour"):
            assert words in told
        assert shot.next_action.replace("`", "") in told
        assert f"${shot.price_low_usd:.3f}"[:5] in told
        assert ("Submitted" in told) == (shot.submitted_at is not None)


@pytest.mark.parametrize(("size", "columns"), [(DESK, 4), (PHONE, 2)], ids=["desk", "phone"])
def test_the_details_of_a_shot_stand_side_by_side(look: Look, size: dict[str, int], columns: int) -> None:
    visit = look(small_run(), viewport=size)
    visit.page.locator("#reel-0 details.shots > summary").click()
    item = visit.page.locator("#reel-0 details.shots .shot").first
    item.get_by_text("Details").click()
    item.locator("dl").wait_for()
    tops = item.locator("dl > div").evaluate_all("cells => cells.map((cell) => cell.getBoundingClientRect().top)")
    assert tops.count(tops[0]) == columns


def test_the_keyboard_reaches_everything(look: Look) -> None:
    visit = look(small_run())
    press = visit.page.keyboard.press
    press("j")
    press("j")
    press("k")
    assert visit.page.evaluate("document.activeElement.id") == "reel-0"
    press("Enter")
    visit.until_playing("#reel-0 video")
    press("n")
    assert visit.page.evaluate("document.activeElement.id") == "reel-1"
    press("o")
    assert visit.page.locator("#reel-1 details[open]").count() == 1
    press("/")
    visit.page.keyboard.type("orchard/")
    visit.page.get_by_text("1 of 3 reels").wait_for()
    press("Escape")
    assert len(visit.shown()) == 3
    press("?")
    assert visit.page.get_by_role("dialog").is_visible()
    press("Escape")
    assert not visit.page.get_by_role("dialog").is_visible()


def test_the_theme_can_be_chosen_and_is_kept(look: Look) -> None:
    visit = look(small_run(), fresh=True, color_scheme="dark")
    colour = "getComputedStyle(document.body).backgroundColor"
    dark = visit.page.evaluate(colour)
    visit.page.get_by_role("button", name="Theme: auto").click()
    light = visit.page.evaluate(colour)
    assert dark != light
    # The browser keeps it in a process of its own: what another page sees there is there for the next visit.
    other = Visit(visit.page.context.new_page())
    other.page.goto(visit.page.url)
    other.until("localStorage.getItem('longtake-theme') === 'light'")
    visit.page.reload()
    assert visit.page.evaluate(colour) == light
    visit.page.get_by_role("button", name="Theme: light").click()
    assert visit.page.evaluate(colour) == dark


def test_a_running_page_loads_itself_anew_and_keeps_place_filters_and_what_is_open(look: Look) -> None:
    run = large_run(60, 3, finished=False).model_copy(update={"written_at": time.time()})
    visit = look(run, clock=True)
    page = visit.page
    page.get_by_role("button", name="Done").first.click()
    page.evaluate("goneOn = true")
    card = page.locator("#reel-40")
    page.evaluate("document.getElementById('list').children[30].scrollIntoView()")
    card.scroll_into_view_if_needed()
    card.locator("summary").last.click()
    page.evaluate("scrollTo(0, document.getElementById('reel-40').getBoundingClientRect().top + scrollY - 100)")
    page.wait_for_timeout(100)
    before = card.bounding_box()["y"]
    with page.expect_navigation():
        page.clock.run_for(9000)
    assert page.evaluate("typeof goneOn") == "undefined"
    assert page.locator("#reel-40 details.shots[open] .shot").count() == 3
    assert page.url.endswith("#verdict=done")
    visit.until(f"Math.abs(document.getElementById('reel-40').getBoundingClientRect().top - {before}) < 40")
    page.get_by_role("button", name="Pause").click()
    page.evaluate("goneOn = true")
    page.clock.run_for(30_000)
    assert page.evaluate("goneOn")
    assert visit.text("#refresh-words") == "Refresh is paused"


def test_a_film_that_plays_is_not_interrupted_by_a_refresh(look: Look) -> None:
    visit = look(small_run(finished=False, written_at=time.time()))
    visit.page.locator("#reel-0 .begin").click()
    visit.until_playing("#reel-0 video")
    visit.page.get_by_text("Refresh waits for the film").wait_for()


def test_a_thousand_reels_are_laid_out_but_only_those_in_sight_are_made(look: Look) -> None:
    visit = look(large_run(1000, 3))
    page = visit.page
    visit.until("document.querySelectorAll('.reel').length === 1000")
    page.evaluate("document.getElementById('reels').scrollIntoView()")
    page.locator("#reel-0.built").wait_for()
    assert page.locator(".reel.built").count() < 30
    page.get_by_role("searchbox").fill("reel-0777")
    page.get_by_text("1 of 1,000 reels").wait_for()
    page.locator("#reel-776.built h3").wait_for()
    page.get_by_role("button", name="Clear filters").click()
    visit.until("document.querySelectorAll('.reel').length === 1000")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.locator("#reel-999.built h3").wait_for()


@pytest.mark.parametrize(
    "run", [small_run, hostile_run, lambda: large_run(60, 12)], ids=["small", "hostile", "long reels"]
)
def test_nothing_sticks_out_of_a_phone(look: Look, run: Callable[[], ReportView]) -> None:
    visit = look(run(), viewport=PHONE)
    visit.page.evaluate("document.getElementById('reels').scrollIntoView()")
    visit.page.locator("#reel-0.built").wait_for()
    for scheme in ("light", "dark"):
        visit.page.emulate_media(color_scheme=scheme)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("finished", [True, False])
def test_no_figure_of_the_vendors_is_cut(look: Look, finished: bool) -> None:
    money = {"spent_low_usd": 12_345.67, "spent_high_usd": 23_456.78, "charged_but_failed_usd": 1234.5}
    money |= {"projected_low_usd": 112_345.67, "projected_high_usd": 123_456.78, "reported": "reports 1,234,567 tokens"}
    run = small_run(finished=finished)
    run = run.model_copy(update={"by_vendor": [one.model_copy(update=money) for one in run.by_vendor]})
    visit = look(run)
    cut = "(box => box.scrollWidth - box.clientWidth)(document.querySelector('.vendors .wide'))"
    for width in (1280, 1000, 860, 390):
        visit.page.set_viewport_size({"width": width, "height": 900})
        assert visit.page.evaluate(cut) <= 0, width
        told = visit.text(".vendors")
        assert "$112,345.67–123,456.78" in told
        assert "Projected" in told or width < 1000


def test_hostile_text_is_only_text(look: Look) -> None:
    run = hostile_run()
    visit = look(run)
    page = visit.page
    page.locator(".reel.built").nth(len(run.reels) - 1).wait_for()
    page.evaluate("for (const box of document.querySelectorAll('details')) box.open = true")
    page.evaluate("for (const box of document.querySelectorAll('details')) box.open = true")
    page.wait_for_timeout(100)
    assert page.evaluate("window.harmed") is None
    assert page.locator("img[onerror], a[href^='javascript'], #list script").count() == 0
    assert "<script>alert(1)</script>" in visit.text("h1")
    assert visit.shown()[1] == run.reels[1].name
    links = page.evaluate("[...document.querySelectorAll('a, video, img')].map((one) => one.href || one.src)")
    assert all(link.startswith("file:") for link in links)
    page.get_by_role("searchbox").fill("\"><img src=x onerror='window.harmed=1'>")
    page.get_by_text("of 12 reels").wait_for()
    assert page.evaluate("window.harmed") is None


def test_an_injected_script_would_not_run(look: Look) -> None:
    visit = look(small_run())
    visit.page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'harmed = 1'}))")
    assert visit.page.evaluate("window.harmed") is None
    assert visit.page.evaluate("fetch('http://127.0.0.1:9/').catch(() => 'refused')") == "refused"
    assert any("Content Security Policy" in said for said in visit.complaints)
    visit.complaints.clear()
    visit.requests[:] = [url for url in visit.requests if "127.0.0.1" not in url]


@pytest.mark.parametrize("chosen", [0, 1], ids=["the first", "the second"])
def test_takes_of_a_shot_are_takes_and_the_chosen_one_is_in_the_film(look: Look, chosen: int) -> None:
    reel = reel_of("film", ["done"] * 3, film="reels/a film #1?.mp4")
    clip = {"clip": "clips/one.mp4", "poster": "posters/one.jpg", "clip_seconds": CLIP_SECONDS, "variants": 2}
    shots = [
        shot.model_copy(
            update=clip
            | {"shot": name, "shot_id": f"film/{name}", "take": variant + 1, "variant": variant, "in_film": film}
        )
        for shot, name, variant, film in zip(
            reel.shots, "112", (0, 1, 0), (chosen == 0, chosen == 1, True), strict=True
        )
    ]
    visit = look(run_of([reel.model_copy(update={"shots": shots, "receipt": None})]))
    facts = visit.text(".reel .facts >> nth=0")
    assert "2 shots, 1 further take" in facts
    assert f"{2 * CLIP_SECONDS:.1f} s" in facts
    assert "Takes done\n3 of 3" in visit.text(".totals dl")
    assert f"Film\n{2 * CLIP_SECONDS:.1f} s" in visit.text(".totals dl")
    visit.page.locator("details.shots > summary").click()
    heads = visit.page.locator(".shot-head").all_inner_texts()
    assert [", in the film" in head for head in heads] == [chosen == 0, chosen == 1, True]
    assert ["take 1" in head for head in heads] == [True, False, True]
    assert "take 2" in heads[1]
    # The further take plays its own clip, the others play in the film where they begin.
    visit.page.locator(".tile").nth(1 - chosen).click()
    visit.until("document.querySelector('video').getAttribute('src').includes('clips/one')")
    visit.page.locator(".tile").nth(2).click()
    visit.until("document.querySelector('video').getAttribute('src').includes('reels/')")
    visit.until_playing("video", CLIP_SECONDS)


def test_without_javascript_totals_and_what_failed_can_be_read(look: Look) -> None:
    visit = look(small_run(), java_script_enabled=False)
    assert "orchard/2" in visit.text("noscript table, table.plain")
    assert "moderation refused the output" in visit.text("table.plain")
    assert visit.page.get_by_role("link", name="harbour").get_attribute("href") == "./reels/a%20film%20%231%3F.mp4"
    assert not visit.page.get_by_role("searchbox").is_visible()


@pytest.mark.skipif("AXE_PATH" not in os.environ, reason="AXE_PATH names no copy of axe.min.js")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_no_serious_fault(look: Look, scheme: str, viewport: dict[str, int]) -> None:
    live = run_of(
        [reel_of("tram", ["done", "running", "queued", "waiting"]), reel_of("held", ["held", "unknown_outcome"])],
        finished=False, written_at=BEGIN + 400,
    )  # fmt: skip
    for run in (small_run(), live):
        visit = look(run, viewport=viewport, color_scheme=scheme)
        visit.page.evaluate("for (const box of document.querySelectorAll('details')) box.open = true")
        visit.page.evaluate("for (const box of document.querySelectorAll('details')) box.open = true")
        visit.page.locator(".chip").first.click()
        visit.page.evaluate(Path(os.environ["AXE_PATH"]).read_text(encoding="utf-8"))
        found = visit.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        grave = [fault for fault in found["violations"] if fault["impact"] in ("serious", "critical")]
        assert [(fault["id"], [node["html"] for node in fault["nodes"]][:3]) for fault in grave] == []
