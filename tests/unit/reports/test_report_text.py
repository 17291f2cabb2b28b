"""Text and figures for people: nothing acts, nothing is lost, and numbers read as a person writes them."""

from __future__ import annotations

import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.domain.text import one_line, visible
from longtake.reports.figures import duration, money, share
from longtake.reports.run.receipt_facts import receipt_facts, shot_starts
from longtake.reports.run.view import ShotView
from tests.unit.reports.report_runs import EVIL, receipt, reel_of

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)


@given(ANY_TEXT)
def test_shown_text_can_be_encoded_and_holds_no_control_and_no_override(text: str) -> None:
    shown = visible(text)
    shown.encode()
    for character in shown.replace("\n", "").replace("\t", ""):
        assert unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")
        assert unicodedata.bidirectional(character) not in (
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        )


@given(ANY_TEXT)
def test_one_line_stays_on_one_line(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1


@given(st.text(st.characters(categories=("L", "N", "P", "S", "M", "Zs")), max_size=200))
def test_letters_signs_and_marks_of_any_language_stay_as_they_are(text: str) -> None:
    kept = text.replace("\ufffe", "").replace("\uffff", "")
    assert visible(kept) == kept


def test_controls_are_shown_and_not_dropped() -> None:
    assert visible("a\x1b[2J\x07b\u202ec") == "a␛[2J␇b\ufffdc"


def test_joined_emoji_and_language_marks_survive() -> None:
    assert visible("👩‍👩‍👧 \u200f") == "👩‍👩‍👧 \u200f"


def test_long_text_is_cut_and_says_so() -> None:
    assert visible("x" * 30, 10) == "x" * 10 + "… (20 more characters)"


def test_a_view_takes_missing_numbers_and_foreign_values_as_tables_write_them() -> None:
    shot = ShotView(
        row=1, reel="r", shot="1", shot_id="r/1", verdict="done", price_low_usd=math.nan, job_id=None,
        extra={"n": 3, "when": None, "flag": True},
    )  # fmt: skip
    assert (shot.price_low_usd, shot.job_id) == (None, "")
    assert shot.extra == {"n": "3", "when": "", "flag": "True"}


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (None, None, "unknown"),
        (0, 0, "$0.00"),
        (1.2, 1.44, "$1.20–1.44"),
        (0.076, 0.0913, "$0.0760–0.0913"),
        (0.4, 0.4, "$0.400"),
        (None, 12.5, "$12.50"),
        (1234.5, 1234.5, "$1,234.50"),
    ],
)
def test_money_reads_as_a_person_writes_it(low: float | None, high: float | None, words: str) -> None:
    assert money(low, high) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (4.23, "4.2 s"), (59.6, "1 min"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (273_600, "3 d 4 h")],
)
def test_durations_read_as_a_person_says_them(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def test_a_trace_is_not_nothing() -> None:
    assert (share(1, 1000), share(0, 1000), share(1, 0), share(500, 1000)) == ("<1 %", "0 %", "0 %", "50 %")


def test_a_receipt_tells_how_the_film_was_joined() -> None:
    told = receipt(reel_of("r", ["done"] * 3))
    facts = dict(receipt_facts(told))
    assert facts["Joined"] == "3 copied"
    assert facts["Pictures"] == "363, of which 363 are the clips' own, bit for bit"
    assert facts["Format"] == "1280×720 px, 24 pictures a second, 15 s"
    assert shot_starts(told) == {"r/1": 0.0, "r/2": 5.042, "r/3": 10.083}


def test_a_receipt_tells_what_marks_the_film_has_and_which_of_its_clips_it_lost() -> None:
    clips = [{"marks_lost": ["the C2PA manifest", "AIGC Note"]}, {"marks_lost": ["the C2PA manifest"]}, {}]
    fields = [{"Label": "1", "ContentProducer": "A; B"}]
    facts = dict(receipt_facts({"clips": clips, "marks": {"c2pa": None, "aigc": fields, "other": []}}))
    assert facts["Marks"] == "AIGC by A; B"
    assert facts["Marks lost"] == "the C2PA manifest of 2 clips, AIGC Note of 1 clip"
    kept = receipt_facts({"clips": [{}], "marks": {"c2pa": {"size_bytes": 9}, "aigc": [], "other": ["x"]}})
    assert dict(kept) == {"Marks": "C2PA, x"}


def test_the_receipt_of_a_lone_clip_says_what_little_it_says() -> None:
    assert receipt_facts({"how": "the only clip, untouched", "frames": 121, "clips": [{"shot_id": "r/1"}]}) == [
        ("Joined", "the only clip, untouched")
    ]


@pytest.mark.parametrize("text", EVIL)
def test_a_receipt_of_any_other_shape_does_no_harm(text: str) -> None:
    odd = {"clips": [text, {"frames_used": text, "action": text}], "joins": text, "format": [text], "missing": [text]}
    marks = {"aigc": [text, {"ContentProducer": text}], "other": [text, 3], "c2pa": text}
    for each in (text, {"aigc": text, "other": text}, marks):
        told = dict(receipt_facts({"marks": each, "clips": [{"marks_lost": text}, {"marks_lost": [text, 3, [text]]}]}))
        assert all("\n" not in words and "\x1b" not in words for words in told.values())
    for words in receipt_facts(odd | {"loudness_after": text}):
        "".join(words).encode()
    assert receipt_facts(None) == []
