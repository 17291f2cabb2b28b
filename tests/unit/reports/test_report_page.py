"""The page as text: what it says without a browser, and that no data can act in it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from longtake.reports.run.page import render_page
from longtake.reports.run.payload import MOST_INLINE_BYTES, href
from longtake.reports.run.summary import concerns, verdict_counts
from longtake.reports.run.together import together
from tests.unit.reports.report_runs import hostile_run, large_run, reel_of, run_of
from tests.unit.reports.review_runs import review_run


class Page(HTMLParser):
    """Elements, attributes and texts of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[str] = []
        self.scripts: list[str] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.inside.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.inside and self.inside[-1] == "script":
            self.scripts[-1] += data
        else:
            self.words += data

    def data(self) -> dict[str, Any]:
        return json.loads(self.scripts[1])


def test_totals_vendors_and_what_wants_a_person_are_there_without_javascript() -> None:
    view = run_of([reel_of("orchard", ["done", "content_refused", "blocked"])])
    shown = Page(render_page(view)).words
    vendors = [vendor.vendor for vendor in view.by_vendor]
    for words in ("Autumn storyboard", "Content refused", "moderation refused the output", "orchard/2", *vendors):
        assert words in shown


def test_every_field_of_a_shot_reaches_the_script() -> None:
    view = run_of([reel_of("harbour", ["done"])])
    told = Page(render_page(view)).data()["reels"][0]["shots"][0]
    shot = view.shots[0]
    for name, value in shot.model_dump(exclude_none=True, exclude={"reel", "clip", "poster"}).items():
        if value not in ("", {}, [], "none", False):
            assert told[name] == value


def test_every_take_of_a_shot_under_review_reaches_the_script_with_what_a_decision_binds_to() -> None:
    view = review_run(3)
    told = Page(render_page(view)).data()["reels"][0]["shots"][0]
    shot = view.shots[0]
    for name in ("review", "follows", "follows_low_usd", "follows_high_usd"):
        assert told[name] == getattr(shot, name)
    assert [take["clip"] for take in told["takes"]] == [href(take.clip) for take in shot.takes]
    for take, shown in zip(shot.takes, told["takes"], strict=True):
        assert (shown["number"], shown["purchase"], shown["sha256"]) == (take.number, take.purchase, take.sha256)


def test_the_page_of_several_outputs_names_where_decisions_wait_and_takes_none() -> None:
    view = together({"spring": review_run(3), "autumn": run_of([reel_of("harbour", ["done"])])}, "/srv")
    assert not any(shot.takes or shot.is_waiting for shot in view.shots)
    assert "spring: 3 shots await a decision: open its own report" in view.notices


def test_an_unfinished_page_loads_itself_anew_also_without_javascript() -> None:
    view = run_of([reel_of("harbour", ["running"])], finished=False)
    assert '<noscript><meta http-equiv="refresh"' in render_page(view)
    assert 'http-equiv="refresh"' not in render_page(view.model_copy(update={"finished": True}))


def test_the_policy_allows_the_pages_own_scripts_and_no_network() -> None:
    page = Page(render_page(hostile_run()))
    policy = next(told["content"] for tag, told in page.elements if told.get("http-equiv") == "Content-Security-Policy")
    allowed = re.findall(r"sha256-([^']+)'", policy or "")
    for script in (page.scripts[0], page.scripts[2]):
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in allowed
    assert len(allowed) == 2
    assert "http" not in (policy or "")
    assert "default-src 'none'" in (policy or "")


def test_a_hostile_run_adds_no_element_no_handler_and_no_link_outwards() -> None:
    tame = Page(render_page(run_of([reel_of("r", ["done", "failed"], film="f.mp4")])))
    evil = Page(render_page(hostile_run()))
    assert len(evil.scripts) == len(tame.scripts) == 3
    assert {tag for tag, _ in evil.elements} - {tag for tag, _ in tame.elements} <= {"code", "rect", "section", "i"}
    for _, attributes in evil.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("href", "src"):
            assert (attributes.get(name) or "#").startswith(("#", "./", "data:,"))
    evil.words.encode()


def test_the_data_survives_its_way_through_the_script_element() -> None:
    view = hostile_run()
    for reel, told in zip(view.reels, Page(render_page(view)).data()["reels"], strict=True):
        assert told["name"] == reel.name
        assert told["shots"][0]["prompt"] == reel.shots[0].prompt
        assert "clip" not in told["shots"][0]
        assert told["contact_sheet"] == "./javascript%3Awindow.harmed%3D1"


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("clips/a~b/1.mp4", "./clips/a~b/1.mp4"),
        ("clips/50% #1?.mp4", "./clips/50%25%20%231%3F.mp4"),
        ("clips/ä/日.mp4", "./clips/%C3%A4/%E6%97%A5.mp4"),
        ("https://evil.example/x", "./https%3A//evil.example/x"),
        ("//evil.example/x", None),
        ("/etc/passwd", None),
        ("../../secret.mp4", None),
        ("", None),
        (None, None),
    ],
)
def test_links_lead_to_files_below_the_output_only(path: str | None, link: str | None) -> None:
    assert href(path) == link


def test_pictures_can_be_put_into_the_page_while_there_is_room() -> None:
    reel = reel_of("harbour", ["done"] * 4)
    shots = [shot.model_copy(update={"poster": f"posters/{place}.jpg"}) for place, shot in enumerate(reel.shots)]
    pictures: dict[str, bytes | None] = {
        "posters/0.jpg": b"\xff\xd8\xff small",
        "posters/1.jpg": b"\xff\xd8\xff" + bytes(MOST_INLINE_BYTES),
        "posters/2.jpg": b"<svg onload='harm()'>",
        "posters/3.jpg": None,
    }
    view = run_of([reel.model_copy(update={"shots": shots})])
    told = Page(render_page(view, pictures.get)).data()["reels"][0]["shots"]
    assert [shot["poster"][:23] for shot in told] == [
        "data:image/jpeg;base64,",
        *(f"./posters/{n}.jpg" for n in (1, 2, 3)),
    ]


def test_an_unknown_price_is_called_unknown_and_never_nothing() -> None:
    view = run_of([reel_of("harbour", ["done"])])
    blank = view.totals.model_copy(update={"spent_low_usd": None, "spent_high_usd": None})
    assert "unknown" in Page(render_page(view.model_copy(update={"totals": blank}))).words


def test_a_thousand_reels_make_a_page_of_a_few_megabytes() -> None:
    assert len(render_page(large_run(1000, 3))) < 4_000_000


def test_counts_go_from_the_best_to_the_worst_and_unheard_of_verdicts_are_shown() -> None:
    view = run_of([reel_of("r", ["failed", "done", "held", "done", "odd_one"])])
    assert [(count.label, count.count) for count in verdict_counts(view)] == [
        ("Done", 2), ("Held", 1), ("Failed", 1), ("odd one", 1),
    ]  # fmt: skip


def test_open_money_comes_first_and_consequences_last() -> None:
    view = run_of([reel_of("r", ["blocked", "blocked", "failed", "failed", "unknown_outcome", "done"])])
    assert [concern.verdict for concern in concerns(view)] == ["unknown_outcome", "failed", "blocked"]


def test_shots_whose_turn_will_come_are_no_concern_while_the_run_goes_on() -> None:
    view = run_of([reel_of("r", ["not_started", "still_running", "waiting"])])
    assert len(concerns(view)) == 2
    assert concerns(view.model_copy(update={"finished": False})) == []


def test_an_empty_run_makes_a_page_too() -> None:
    assert "Reels" in render_page(run_of([]))
