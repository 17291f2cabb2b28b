"""The report's desk in a real browser: takes compared in step, chosen by key and mouse, kept, undone and saved."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Any

import pytest

from longtake.reports.run.view import ReelView, ReportView
from longtake.sandbox.clips.film import render_clip
from tests.e2e.browsing import DESK, NEEDS_CHROMIUM, PHONE, Look, Visit
from tests.unit.reports.report_runs import BEGIN, reel_of, run_of
from tests.unit.reports.review_runs import review_reel, review_run

TIMES = "[...document.querySelectorAll('#review-0 video')].map((film) => film.currentTime)"
FRAME_SECONDS = 1 / 24

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three takes of different lengths."""
    folder = tmp_path_factory.mktemp("out")
    (folder / "clips").mkdir()
    for number in (1, 2, 3):
        render_clip(folder / f"clips/{number}.mp4", width=256, height=144, frames=24 + 12 * number, job=number)
    return folder


def with_clips(reel: ReelView) -> ReelView:
    """The reel, its takes played from the output's films."""
    first, *others = reel.shots
    takes = [take.model_copy(update={"clip": f"clips/{take.number}.mp4"}) for take in first.takes]
    return reel.model_copy(update={"shots": [first.model_copy(update={"takes": takes}), *others]})


def desk_run(**told: Any) -> ReportView:
    """Two shots that wait, one that is decided, one that is done without review."""
    reels = [
        reel_of("lone lighthouse", ["done"]),
        review_reel("tram", "chosen", chosen=2, ruling="take 2: Ana, the hands are better", follows=2),
        review_reel("harbour"),
        review_reel("orchard", takes=2, begin=BEGIN + 20),
    ]
    return run_of([with_clips(reel) for reel in reels], **told)


def saved_file(visit: Visit) -> tuple[str, list[dict[str, str]]]:
    """Presses "Save decisions": the name that the browser gives the file, and its rows."""
    with visit.page.expect_download() as waited:
        visit.page.get_by_role("button", name="Save decisions").click()
    text = Path(waited.value.path()).read_bytes().decode()
    return waited.value.suggested_filename, list(csv.DictReader(io.StringIO(text, newline="")))


def test_takes_are_chosen_by_keys_and_the_saved_file_names_purchase_and_bytes(look: Look) -> None:
    run = desk_run()
    visit = look(run)
    press = visit.page.keyboard.press
    for key in ("j", "2", "j", "x"):
        press(key)
    visit.page.get_by_role("textbox", name="Your name, for the record").fill("Ana")
    visit.page.get_by_role("textbox", name="Why, of harbour/1").fill("=the hands, at last")
    name, rows = saved_file(visit)
    take = run.reels[2].shots[0].takes[1]
    rejected = run.reels[3].shots[0].takes
    assert name == "decisions.csv"
    assert rows == [
        {"shot_id": "harbour/1", "choice": "2", "take": "2", "purchase": take.purchase, "sha256": take.sha256,
         "by": "Ana", "why": "'=the hands, at last", "expires_at": ""},
        {"shot_id": "orchard/1", "choice": "reject", "take": "",
         "purchase": "|".join(one.purchase for one in rejected), "sha256": "|".join(one.sha256 for one in rejected),
         "by": "Ana", "why": "", "expires_at": ""},
    ]  # fmt: skip
    assert visit.text("#desk-command") == "longtake decide --output /srv/films/autumn-storyboard/out decisions.csv"


def test_what_waits_comes_first_with_the_price_of_what_follows_and_what_is_decided_is_folded(look: Look) -> None:
    visit = look(desk_run())
    page = visit.page
    assert page.locator(".desk h3:visible").all_inner_texts() == ["harbour/1", "orchard/1"]
    assert visit.text("#review-1 .follows") == "3 shots follow, $1.20–1.50"
    assert visit.text("#desk-words") == "2 shots wait for you; 6 shots for $2.40–3.00 follow."
    desk, reels = (page.locator(name).bounding_box()["y"] for name in ("#desk", "#reels"))
    assert desk < reels
    page.get_by_text("Decided, and other takes: 1 shot").click()
    page.get_by_role("heading", name="tram/1").scroll_into_view_if_needed()
    assert "Take 2 chosen" in visit.text("#review-0 .badges")
    assert "Ana, the hands are better" in visit.text("#review-0")


def test_takes_play_in_step_and_are_scrubbed_together(look: Look) -> None:
    visit = look(review_run_with_clips())
    page = visit.page
    page.get_by_role("button", name="Loop").first.click()
    page.locator("#review-0 .play-all").click()
    visit.until(f"{TIMES}.every((time) => time > 0.5)")
    apart = page.evaluate(f"Math.max(...{TIMES}) - Math.min(...{TIMES})")
    assert apart < 4 * FRAME_SECONDS
    visit.until("document.querySelector('#review-0 .play-all').textContent === 'Play in step'")
    assert page.evaluate(TIMES) == pytest.approx([36 / 24, 48 / 24, 60 / 24], abs=FRAME_SECONDS)
    page.get_by_role("slider", name="Time in all takes of reel-00/1").fill("0.75")
    visit.until(f"{TIMES}.every((time) => Math.abs(time - 0.75) < 0.001)")
    page.locator("#review-0 .transport input").press("ArrowRight")
    visit.until(f"{TIMES}.every((time) => Math.abs(time - 0.75 - 1 / 24) < 0.001)")
    assert page.locator("#review-0 .time-words").inner_text() == "0.8 of 2.5 s"


def review_run_with_clips() -> ReportView:
    run = review_run(2)
    return run_of([with_clips(reel) for reel in run.reels])


def test_only_the_shot_that_is_looked_at_has_its_films_loaded(look: Look) -> None:
    visit = look(review_run_with_clips())
    assert visit.page.locator("video[src]").count() == 0
    for place in (0, 1):
        visit.page.locator(f"#review-{place} .play-all").click()
        visit.until(f"document.querySelector('#review-{place} video')?.currentTime > 0")
    assert visit.page.locator("#review-0 video[src]").count() == 0
    assert visit.page.locator("#review-1 video[src]").count() == 3


def test_one_take_is_heard_at_a_time(look: Look) -> None:
    visit = look(review_run_with_clips())
    muted = "[...document.querySelectorAll('#review-0 video')].map((film) => film.muted)"
    assert visit.page.evaluate(muted) == [True] * 3
    for number, heard in ((1, [False, True, True]), (3, [True, True, False]), (3, [True] * 3)):
        visit.page.locator("#review-0").get_by_role("button", name=f"Sound of take {number}").click()
        assert visit.page.evaluate(muted) == heard


def test_choices_are_made_by_mouse_and_taken_back_one_after_the_other(look: Look) -> None:
    visit = look(desk_run())
    page = visit.page
    harbour = page.get_by_role("article", name="Review of harbour/1")
    harbour.get_by_role("button", name="Choose take 3").click()
    harbour.get_by_role("button", name="Choose take 1").click()
    assert harbour.get_by_role("button", name="Take 1 chosen").get_attribute("aria-pressed") == "true"
    assert visit.text("#desk-counts") == "1 decision, not saved · 1 to go · 3 shots for $1.20–1.50 may be bought then"
    page.get_by_role("button", name="Undo").click()
    harbour.get_by_role("button", name="Take 3 chosen").wait_for()
    page.keyboard.press("u")
    assert harbour.locator("[aria-pressed=true].choose").count() == 0
    assert page.get_by_role("button", name="Save decisions").is_disabled()
    assert visit.text("#desk-said") == "harbour/1: taken back"


def test_a_key_decides_nothing_about_a_shot_that_is_out_of_sight(look: Look) -> None:
    visit = look(desk_run())
    visit.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    visit.page.keyboard.press("1")
    assert visit.text("#desk-counts").startswith("Nothing decided yet")
    assert visit.page.evaluate("document.activeElement.id") == "review-1"
    visit.page.keyboard.press("1")
    assert visit.text("#desk-counts").startswith("1 decision")


def test_a_digit_typed_into_a_field_is_text(look: Look) -> None:
    visit = look(desk_run())
    visit.page.get_by_role("textbox", name="Why, of harbour/1").fill("")
    visit.page.keyboard.type("2x1u")
    assert visit.text("#desk-counts").startswith("Nothing decided yet")


def test_unsaved_choices_outlive_a_refresh_and_one_is_asked_before_leaving(look: Look) -> None:
    visit = look(desk_run())
    page = visit.page
    page.keyboard.press("j")
    page.keyboard.press("3")
    page.reload()
    assert len(visit.questions) == 1
    assert visit.text("#desk-counts").startswith("1 decision, not saved")
    saved_file(visit)
    page.reload()
    assert len(visit.questions) == 1
    assert visit.text("#desk-counts").startswith("1 decision, saved")
    page.keyboard.press("u")
    assert visit.text("#desk-counts").startswith("Nothing decided yet")


def test_a_running_page_loads_itself_anew_without_a_question_and_keeps_what_was_chosen(look: Look) -> None:
    import time

    visit = look(desk_run(finished=False, written_at=time.time()), clock=True)
    visit.page.keyboard.press("j")
    visit.page.keyboard.press("2")
    with visit.page.expect_navigation():
        visit.page.clock.run_for(9000)
    assert visit.questions == []
    assert visit.text("#desk-counts").startswith("1 decision, not saved")
    assert visit.page.locator("#review-1 .take.taken").get_attribute("data-number") == "2"


def test_a_choice_whose_take_has_other_bytes_now_is_dropped_and_said(look: Look, output: Path) -> None:
    from longtake.reports.run.page import render_page

    run = desk_run()
    visit = look(run)
    visit.page.keyboard.press("j")
    visit.page.keyboard.press("2")
    shots = list(run.reels[2].shots)
    other = shots[0].takes[1].model_copy(update={"sha256": "0" * 64})
    shots[0] = shots[0].model_copy(update={"takes": [shots[0].takes[0], other, shots[0].takes[2]]})
    reels = [*run.reels[:2], run.reels[2].model_copy(update={"shots": shots}), run.reels[3]]
    path = Path(visit.page.evaluate("decodeURI(location.pathname)"))
    path.write_text(render_page(run.model_copy(update={"reels": reels})), encoding="utf-8")
    visit.page.reload()
    assert "1 choice of yours was dropped" in visit.text("#desk")
    assert visit.text("#desk-counts").startswith("Nothing decided yet")


def test_a_decision_that_arrived_is_no_longer_ours_to_save(look: Look) -> None:
    from longtake.reports.run.page import render_page

    run = desk_run()
    visit = look(run)
    visit.page.keyboard.press("j")
    visit.page.keyboard.press("2")
    saved_file(visit)
    arrived = review_reel("harbour", "chosen", chosen=2)
    reels = [*run.reels[:2], with_clips(arrived), run.reels[3]]
    path = Path(visit.page.evaluate("decodeURI(location.pathname)"))
    path.write_text(render_page(run.model_copy(update={"reels": reels})), encoding="utf-8")
    visit.page.reload()
    assert visit.text("#desk-counts").startswith("Nothing decided yet")
    assert visit.text("#desk-words").startswith("1 shot waits for you")


def test_another_choice_than_the_one_in_force_says_that_what_follows_is_bought_again(look: Look) -> None:
    visit = look(run_of([review_reel("tram", "chosen", chosen=2, follows=0)]))
    visit.page.get_by_text("Decided, and other takes: 1 shot").click()
    words = "What was bought after the first choice is bought again after another"
    assert not visit.page.get_by_text(words).is_visible()
    visit.page.get_by_role("button", name="Choose take 3").click()
    visit.page.get_by_text(words).wait_for()
    visit.page.get_by_role("button", name="Choose take 2").click()
    assert not visit.page.get_by_text(words).is_visible()
    assert visit.text("#desk-counts").startswith("Nothing decided yet")


def test_where_nothing_can_be_kept_a_running_page_waits_for_the_unsaved_choices(browser: Any, output: Path) -> None:
    import time

    from longtake.reports.run.page import render_page

    page = browser.new_page()
    page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('not here'); } })")
    (output / "no-store.html").write_text(render_page(desk_run(finished=False, written_at=time.time())), "utf-8")
    page.goto((output / "no-store.html").as_uri())
    page.keyboard.press("j")
    page.keyboard.press("2")
    page.get_by_text("Refresh waits until your decisions are saved").wait_for()
    with page.expect_download():
        page.get_by_role("button", name="Save decisions").click()
    page.get_by_text("Refreshes every 5 s").wait_for()
    page.close()


def test_a_take_that_cannot_be_played_leaves_a_link_and_the_others_play(look: Look) -> None:
    run = review_run(1)
    shots = list(run.reels[0].shots)
    takes = [take.model_copy(update={"clip": f"clips/{take.number}.mp4"}) for take in shots[0].takes]
    takes[1] = takes[1].model_copy(update={"clip": "clips/gone.mp4"})
    lost = takes[2].model_copy(update={"clip": None, "verdict": "bad_clip", "warnings": "41 black pictures"})
    shots[0] = shots[0].model_copy(update={"takes": [*takes[:2], lost]})
    visit = look(run_of([run.reels[0].model_copy(update={"shots": shots})]))
    visit.page.locator("#review-0 .play-all").click()
    visit.until("document.querySelector('#review-0 video')?.currentTime > 0")
    assert visit.page.get_by_role("link", name="Open the file").get_attribute("href") == "./clips/gone.mp4"
    third = visit.page.locator(".take").nth(2)
    assert "Bad clip" in third.inner_text()
    assert third.get_by_role("button", name="Choose").count() == 0
    visit.page.keyboard.press("3")
    assert visit.text("#desk-counts").startswith("Nothing decided yet")
    assert [said for said in visit.complaints if "ERR_FILE_NOT_FOUND" not in said] == []
    visit.complaints.clear()


@pytest.mark.parametrize("takes", [1, 3, 9])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_of_the_desk_sticks_out_of_a_phone_and_takes_stand_side_by_side(
    look: Look, takes: int, scheme: str
) -> None:
    visit = look(review_run(2, takes), viewport=PHONE, color_scheme=scheme, has_touch=True)
    visit.page.locator("#review-0.built").wait_for()
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    tops = visit.page.locator("#review-0 .take").evaluate_all("(all) => all.map((one) => one.offsetTop)")
    assert tops.count(tops[0]) == min(2, takes)
    visit.page.get_by_role("button", name="Choose take 1").first.tap()
    assert visit.text("#desk-counts").startswith("1 decision")
    heights = visit.page.locator("#review-0 .choose").evaluate_all("(all) => all.map((one) => one.offsetHeight)")
    assert min(heights) >= 44


def test_sixty_reels_of_three_takes_are_laid_out_but_only_those_in_sight_are_made(look: Look) -> None:
    visit = look(review_run(60))
    assert visit.page.locator(".review").count() == 60
    visit.page.locator("#review-0.built").wait_for()
    assert visit.page.locator(".review.built").count() < 10
    for _ in range(30):
        visit.page.keyboard.press("j")
        visit.page.keyboard.press("2")
    assert visit.text("#desk-counts").startswith("30 decisions, not saved · 30 to go")
    assert visit.page.locator("video[src]").count() == 0


def test_a_page_without_takes_has_no_desk(look: Look) -> None:
    visit = look(run_of([reel_of("harbour", ["done"])]))
    assert visit.page.locator("#desk").count() == 0
    visit.page.keyboard.press("u")
    visit.page.keyboard.press("1")


@pytest.mark.skipif("AXE_PATH" not in os.environ, reason="AXE_PATH names no copy of axe.min.js")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_no_serious_fault_of_the_desk(look: Look, scheme: str, viewport: dict[str, int]) -> None:
    visit = look(desk_run(), viewport=viewport, color_scheme=scheme)
    for key in ("j", "2", "j", "x"):
        visit.page.keyboard.press(key)
    visit.page.evaluate("for (const box of document.querySelectorAll('details')) box.open = true")
    visit.page.wait_for_timeout(200)
    visit.page.evaluate(Path(os.environ["AXE_PATH"]).read_text(encoding="utf-8"))
    found = visit.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    grave = [fault for fault in found["violations"] if fault["impact"] in ("serious", "critical")]
    assert [(fault["id"], [node["html"] for node in fault["nodes"]][:3]) for fault in grave] == []
