"""A verdict is one row of one table: whoever asks about it, asks there."""

from __future__ import annotations

import ast
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import longtake
from longtake.domain.verdicts import Outcome, ShotStage, Verdict, facts_of

LIBRARY = Path(longtake.__file__).parent
FLOORS = [LIBRARY, *(LIBRARY.parent / name for name in ("blocks", "tasks", "flows", "deployments", "longtake_cli"))]

ANOTHER = """
    REJECTED = "rejected_by_the_director", VerdictFacts(
        label="Rejected by the director",
        tone="care",
        next_action="ask the director, then raise `take`",
        is_over=True,
        wants_take=True,
        blames_row=True,
        blames_account=True,
        was_downloaded=True,
    )


class ShotStage("""

ASKED_EVERYWHERE = """
import json

from longtake.domain.job import Job
from longtake.domain.verdicts import Outcome, Verdict
from longtake.ledger.records import Accepted, Intent, Purchase, VerdictRecord
from longtake.manifests.results.row_result import RowResult
from longtake.rendering.buying.brake import Brake
from longtake.rendering.output.results import rows_to_retake
from longtake.rendering.summary import Summary
from longtake.reports.run.page import render_page
from longtake.reports.run.payload import Pictures, payload_pieces
from longtake.reports.run.summary import concerns, verdict_counts
from longtake.reports.run.timeline import spans
from longtake.reports.run.view import ReelView, ReportView, ShotView, Totals

word = "rejected_by_the_director"
new = Verdict(word)
outcome = Outcome(verdict=new, evidence="too dark")
assert outcome.next_action == "ask the director, then raise `take`"
row = RowResult(row=3, shot_id="r/1", verdict=new, error="too dark", next_action=outcome.next_action)
assert rows_to_retake([row]) == {3}
assert not Summary(verdicts={word: 1}, reels_made=[], reels_missing={}, rows=[row], bought_now=0).all_done
assert Brake(1).note("evolink/default", "7-ab-1", "r/1", outcome) is not None

told = VerdictRecord(identity="7-ab-1", verdict=new)
read_again = VerdictRecord.model_validate_json(told.model_dump_json())
job = Job(
    vendor="v", account="v/default", base_url="u", wire_model="m",
    job_id="j", identity="7-ab-1", shot_id="r/1", submitted_at=1.0,
)
bought = Purchase(identity="7-ab-1", accepted=Accepted(identity="7-ab-1", job=job), verdict=read_again)
assert bought.is_charged and bought.is_replaced_by_a_changed_row

shot = ShotView(
    row=3, reel="r", shot="1", shot_id="r/1", verdict=word, evidence="too dark", next_action=outcome.next_action,
    submitted_at=10.0, finished_at=20.0, downloaded_at=25.0,
)
reels = [ReelView(name="r", shots=[shot])]
view = ReportView(title="t", output="o", written_at=30.0, finished=True, totals=Totals(done=0, all=1), reels=reels)
assert [(one.label, one.tone) for one in verdict_counts(view)] == [("Rejected by the director", "care")]
assert [one.next_action for one in concerns(view)] == [outcome.next_action]
script_is_told = json.loads("".join(payload_pieces(view, Pictures(None))))["verdicts"]
assert script_is_told == {word: {"label": "Rejected by the director", "tone": "care", "done": False}}
assert [span.stage for span in spans(shot, 30.0)] == ["running", "download"]
assert "Rejected by the director" in render_page(view)
"""


def test_a_verdict_that_is_added_is_one_row_and_all_that_ask_know_it(tmp_path: Path) -> None:
    shutil.copytree(LIBRARY, tmp_path / "longtake", ignore=shutil.ignore_patterns("__pycache__", "sandbox"))
    table = tmp_path / "longtake" / "domain" / "verdicts.py"
    text = table.read_text(encoding="utf-8")
    assert text.count("\n\n\nclass ShotStage(") == 1
    table.write_text(text.replace("\n\n\nclass ShotStage(", "\n" + ANOTHER.lstrip("\n")), encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-c", ASKED_EVERYWHERE], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr


def _modules() -> Iterator[Path]:
    for floor in FLOORS:
        yield from (path for path in floor.rglob("*.py") if "sandbox" not in path.parts)


def _named(node: ast.AST) -> set[str]:
    """The verdicts that an expression names, as members or as words."""
    words = {verdict.value for verdict in Verdict} - {ShotStage.RUNNING, "done", "failed", "cancelled", "held", "lost"}
    found: set[str] = set()
    for part in ast.walk(node):
        match part:
            case ast.Attribute(value=ast.Name(id="Verdict"), attr=member):
                found.add(member)
            case ast.Constant(value=str(word)) if word in words:
                found.add(word)
            case _:
                pass
    return found


def test_no_other_module_keeps_a_table_or_set_of_verdicts() -> None:
    kept = [
        f"{path.relative_to(LIBRARY.parent)}, line {node.lineno}: {', '.join(sorted(found))}"
        for path in _modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Dict | ast.Set | ast.List | ast.Tuple) and len(found := _named(node)) > 1
    ]
    assert [place for place in kept if "domain/verdicts.py" not in place] == []


@pytest.mark.parametrize("path", sorted((LIBRARY / "reports").rglob("assets/*.*")), ids=lambda path: path.name)
def test_the_page_of_the_report_names_no_verdict_of_its_own(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [word for word in Verdict if f'"{word.value}"' in text or f"'{word.value}'" in text] == []


def test_a_verdict_is_its_word_wherever_it_is_kept() -> None:
    for verdict in Verdict:
        assert pickle.loads(pickle.dumps(verdict)) is verdict is Verdict(verdict.value)
        assert Outcome.model_validate_json(Outcome(verdict=verdict).model_dump_json()).verdict is verdict
        assert f"{verdict}" == verdict.value == verdict.name.lower()


def test_every_verdict_but_done_tells_what_to_do_next() -> None:
    assert [verdict for verdict in Verdict if not verdict.facts.next_action] == [Verdict.DONE]
    assert len({verdict.facts.label for verdict in (*Verdict, *ShotStage)}) == len([*Verdict, *ShotStage])


def test_only_a_bought_shot_that_is_over_wants_a_take_or_blames_anyone() -> None:
    for verdict in Verdict:
        facts = verdict.facts
        assert facts.is_over or not (facts.wants_take or facts.blames_row or facts.blames_account)
        assert facts.is_done + facts.says_unbought + facts.is_over + bool(facts.open_money) >= 1
        assert not (facts.says_unbought and (facts.is_over or facts.is_done or facts.open_money))


def test_a_word_that_only_another_release_knows_shows_as_it_is_and_wants_a_look() -> None:
    facts = facts_of("eaten_by_\x1b[2Jmoths")
    assert facts.label.startswith("eaten by")
    assert "\x1b" not in facts.label
    assert (facts.tone, facts.shown_as_concern, facts.is_done, facts.is_over) == ("care", "at once", False, False)
    assert facts_of("").label == "Unknown"
