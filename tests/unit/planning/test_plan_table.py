"""The plan for people and for programs: what each row will be, the exact request, sums, violations, forecast."""

from __future__ import annotations

import io
import json

import pandas
from rich.console import Console

from longtake.costs.quote import Quote
from longtake.domain.request import Reference, Role
from longtake.domain.violations import caution
from longtake.planning.forecast import forecast
from longtake.planning.preview import PlanPreview, sent_call
from longtake.reports.plan.parquet import SCHEMA, plan_frame, plan_parquet
from longtake.reports.plan.table import plan_json, plan_rows, print_plan, summary_line
from tests.unit.planning.test_plan import bought, made, prices, row

SIGNED = "https://bucket.example.com/a.png?X-Amz-Signature=topsecret"
INLINE = f"data:image/png;base64,{'QUJD' * 50}"


def view(**more):
    pictures = (Reference(role=Role.REFERENCE_IMAGE, source=SIGNED),)
    rows = [
        row(1, "a", duration_seconds=5),
        row(2, "a", continues="clip", duration_seconds=15),
        row(3, "a", continues="clip"),
        row(1, "b", references=pictures),
        row(1, "c", resolution="8k"),
    ]
    plan = made(*rows, quote=prices(0.1))
    plan.violations.append(caution("prompt", "x", "long", "shorten"))
    return PlanPreview(plan, forecast=forecast(plan.shots, {}), **more)


def printed(shown, width=200, **more):
    console = Console(file=io.StringIO(), width=width, no_color=True)
    print_plan(shown, console, **more)
    return console.file.getvalue()


def test_the_table_tells_rows_prices_sums_violations_time_and_notices():
    text = printed(view(notices=["the block beats the environment"], held={"b": "the budget: too small"}))
    assert "seedance-2.0-mini-reference-to-video" in text
    assert "clip of 2 (cut to its last 15.00 s)" in text
    assert "held: b: the budget: too small" in text
    assert "the block beats the environment" in text
    assert "column resolution = '8k'" in text
    assert "warning: column prompt" in text
    assert text.splitlines()[-1].startswith("5 shots, 3 to buy for ")
    assert "1 violation" in text
    assert "topsecret" not in text


def test_prices_stand_as_low_and_high_and_unknown_ones_as_such():
    shown = view()
    assert summary_line(shown).startswith("5 shots, 4 to buy for 6.0000–6.1000 USD; ")
    plan = made(row(1), row(2))
    assert summary_line(PlanPreview(plan)) == "2 shots, 2 to buy for unknown; no violations"
    plan.shots[0].quote = Quote(low_usd=0.5, high_usd=0.5)
    assert summary_line(PlanPreview(plan)) == "2 shots, 2 to buy for 0.5000 USD and 1 unknown price; no violations"


def test_a_budget_and_what_was_spent_are_told():
    line = summary_line(view(budget_usd=10.0, spent_usd=2.5, held={"a": "x"}))
    assert "budget 10.0000 USD, 2.5000 spent before; 1 reel held" in line


def test_long_plans_are_cut_on_screen_only():
    plan = made(*(row(number, f"reel{number}") for number in range(50)))
    text = printed(PlanPreview(plan), shown_rows=10)
    assert "and 40 more rows" in text
    assert len(plan_rows(PlanPreview(plan))) == 50


def test_what_a_manifest_writes_cannot_act_on_the_terminal():
    text = printed(PlanPreview(made(row(1, prompt="[red]\x1b[31m evil\u202e"))))
    assert "\x1b[31m" not in text
    assert "\u202e" not in text
    assert "[red]" in text


def test_json_holds_the_exact_body_of_every_request_without_secrets():
    data = json.loads(json.dumps(plan_json(view())))
    first, second, third, image, bad = data["rows"]
    assert first["request"] == {
        "method": "POST",
        "path": "/v1/videos/generations",
        "body": {"model": "seedance-2.0-mini-text-to-video", "prompt": "shot 1 begins", "duration": 5},
    }
    assert second["request"]["body"]["video_urls"] == ["<clip of a/1>"]
    assert third["request"]["body"]["video_urls"] == ["<clip of a/2, its last 15.000 s>"]
    assert image["request"]["body"]["image_urls"] == ["https://bucket.example.com/a.png"]
    assert bad["request"] is None
    assert bad["violations"]
    assert data["violations"][0]["column"] == "resolution"
    assert data["warnings"][0]["rule"] == "long"
    assert data["reels"]["a"]["bought"] == 3
    assert data["accounts"]["evolink/default"]["shots"] == 5
    assert data["forecast"]["jobs"] == 4
    assert "topsecret" not in json.dumps(data)


def test_inline_data_is_not_shown():
    references = (Reference(role=Role.FIRST_FRAME, source=INLINE),)
    plan = made(row(1, vendor="anyfast", references=references))
    assert not plan.refusals
    assert "QUJDQUJD" not in json.dumps(sent_call(plan.shots[0]))


def test_a_local_file_is_named_and_said_to_be_hosted(tmp_path):
    references = (Reference(role=Role.REFERENCE_IMAGE, source=str(tmp_path / "cat.png")),)
    call = sent_call(made(row(1, references=references)).shots[0])
    assert call["body"]["image_urls"] == ["<cat.png, hosted when it is bought>"]


def test_a_shot_that_is_done_sends_nothing():
    before = made(row(1))
    after = made(row(1), purchases={before.shots[0].identity: bought(before.shots[0])})
    assert sent_call(after.shots[0]) is None
    assert summary_line(PlanPreview(after)) == "1 shot, 0 to buy for 0.0000 USD; no violations"


def test_the_plan_is_a_frame_and_a_parquet_file():
    rows = plan_rows(view())
    frame = plan_frame(rows)
    assert list(frame.columns) == SCHEMA.names == list(rows[0])
    assert frame["standing"].tolist() == ["new", "new", "new", "new", "refused"]
    again = pandas.read_parquet(io.BytesIO(plan_parquet(rows)))
    assert json.loads(again["request"][0])["body"]["duration"] == 5
    assert again["price_high_usd"][0] == 0.5
    assert plan_frame([]).shape == (0, len(SCHEMA.names))
