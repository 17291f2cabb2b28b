"""results.parquet, results.csv and the sidecars: one row per manifest row, in its order, with a verdict for each."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import UTC, datetime

import pyarrow
import pyarrow.parquet
import pytest

from longtake.domain.errors import InvalidManifestError
from longtake.sandbox.faults import Fault
from longtake.sandbox.vendors.prices import fictitious_prices
from tests.e2e.quick_steps import quick_check
from tests.plain_render import render_plain, sandbox_accounts
from tests.sandbox.conftest import MediaShop
from tests.unit.media_server import media_server

SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}
ADDED = [
    *("shot_id", "take", "verdict", "vendor", "wire_model", "job_id", "clip", "sha256", "width", "height"),
    *("clip_seconds", "price_low_usd", "price_high_usd", "submitted_at", "finished_at", "error", "next_action"),
    *("reported_usage", "warnings", "spent_usd", "attempts", "chosen_take", "marks"),
]
MINI = "seedance-2.0-mini-text-to-video"


@pytest.fixture
def sandbox(quick_sandbox):
    return quick_sandbox


@pytest.fixture
def render(tmp_path, sandbox):
    """Renders into `out`; returns the results as Parquet's table and as CSV's rows."""

    async def run(manifest, **options):
        account = {name: options.pop(name) for name in ("prices", "max_wait_seconds") if name in options}
        load = sandbox_accounts(sandbox, **account)
        await render_plain(manifest, tmp_path / "out", load, check=quick_check, **options)
        table = pyarrow.parquet.read_table(tmp_path / "out/results.parquet")
        text = (tmp_path / "out/results.csv").read_bytes().decode("utf-8-sig")
        return table, list(csv.DictReader(io.StringIO(text, newline="")))

    return run


async def test_every_verdict_stands_in_its_row_with_reason_and_next_action(sandbox, write_manifest, render):
    faults = {
        "fails": ("failed", "look"),
        "cancelled": ("cancelled", "look"),
        "moderated": ("moderation", "submit"),
        "runs on": ("stuck", "look"),
        "unknown": ("answer_lost_after_accept", "submit"),
        "rejected": ("bad_request", "submit"),
    }
    for prompt, (kind, step) in faults.items():
        sandbox.faults.add(Fault(kind=kind, step=step, prompt=prompt))
    sandbox.faults.add(Fault(kind="no_balance", step="submit", vendor="anyfast"))
    rows = [
        *({"id": prompt, "prompt": prompt} for prompt in faults),
        {"reel": "r", "shot": "1", "prompt": "fine"},
        {"reel": "q", "shot": "2", "prompt": "follows", "continue_from": "clip"},
        {"reel": "q", "shot": "1", "prompt": "stumbles"},
        {"id": "wrong", "prompt": "wrong", "duration_seconds": 99},
        {"id": "poor", "prompt": "poor", "vendor": "anyfast"},
    ]
    sandbox.faults.add(Fault(kind="failed", step="look", prompt="stumbles"))
    table, texts = await render(write_manifest([SHOT | row for row in rows]), skip_refused=True, max_wait_seconds=5)
    expected = {
        "fails/1": "failed",
        "cancelled/1": "cancelled",
        "moderated/1": "content_refused",
        "runs on/1": "still_running",
        "unknown/1": "unknown_outcome",
        "rejected/1": "refused",
        "r/1": "done",
        "q/2": "blocked",
        "q/1": "failed",
        "wrong/1": "refused",
        "poor/1": "held",
    }
    results = table.to_pylist()
    assert {row["shot_id"]: row["verdict"] for row in results} == expected
    assert [row["shot_id"] for row in results] == [row["shot_id"] for row in texts] == list(expected)
    for row in results:
        is_done = row["verdict"] == "done"
        assert bool(row["error"]) != is_done, row
        assert bool(row["next_action"]) != is_done
        assert (row["clip"] is not None) == is_done
    by_id = {row["shot_id"]: row for row in results}
    assert by_id["wrong/1"]["error"].startswith("row 10")
    assert "duration_seconds" in by_id["wrong/1"]["error"]
    assert by_id["wrong/1"]["job_id"] is None
    assert "q/1 is failed" in by_id["q/2"]["error"]
    for shot_id in ("fails/1", "cancelled/1", "runs on/1", "r/1", "q/1"):
        assert sandbox.job(by_id[shot_id]["job_id"])
    assert by_id["unknown/1"]["job_id"] is None
    assert "--adopt" in by_id["unknown/1"]["next_action"]


async def test_columns_are_the_manifests_own_first_with_their_types(tmp_path, render):
    table = pyarrow.table(
        {
            "prompt": ["a", "b"],
            "vendor": ["evolink", "evolink"],
            "take": pyarrow.array([3, None], pyarrow.int32()),
            "verdict": ["mine", None],
            "duration_seconds": pyarrow.array([4, 4], pyarrow.int64()),
            "resolution": ["480p", "480p"],
            "cost": pyarrow.array([1.5, None], pyarrow.float64()),
            "when": pyarrow.array([datetime(2026, 1, 2, tzinfo=UTC), None], pyarrow.timestamp("ms", "UTC")),
            "tags": pyarrow.array([["x", "y"], []], pyarrow.list_(pyarrow.string())),
            "manifest_take": ["there already", ""],
            "reference_images": pyarrow.array([None, None], pyarrow.list_(pyarrow.string())),
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "m.parquet")
    results, texts = await render(tmp_path / "m.parquet")
    own = ["prompt", "manifest_vendor", "manifest_manifest_take", "manifest_verdict", "duration_seconds", "resolution"]
    own += ["cost", "when", "tags", "manifest_take", "reference_images"]
    assert results.column_names == [*own, *ADDED]
    assert list(texts[0]) == [*own, *ADDED]
    for before, after in zip(table.column_names, own, strict=True):
        assert results[after].to_pylist() == table[before].to_pylist(), after
        assert results.schema.field(after).type in (
            table.schema.field(before).type,
            pyarrow.large_string() if pyarrow.types.is_string(table.schema.field(before).type) else None,
        ), after
    assert results["take"].to_pylist() == [3, 1]
    assert results["verdict"].to_pylist() == ["done", "done"]


async def test_a_done_rows_figures_are_the_clips_and_the_vendors(tmp_path, sandbox, write_manifest, render):
    prices = fictitious_prices()["evolink"]
    before = datetime.now(UTC)
    table, _ = await render(write_manifest([SHOT | {"id": "x", "prompt": "p", "take": 2}]), prices=prices)
    (row,) = table.to_pylist()
    (job,) = sandbox.jobs()
    clip = tmp_path / "out" / row["clip"]
    assert row["clip"] == "clips/x/1.mp4"
    assert row["sha256"] == hashlib.sha256(clip.read_bytes()).hexdigest()
    assert (row["width"], row["height"], row["clip_seconds"]) == (864, 496, round(97 / 24, 4))
    assert (row["vendor"], row["wire_model"], row["job_id"]) == ("evolink", MINI, job.job_id)
    assert (row["shot_id"], row["take"], row["verdict"]) == ("x/1", 2, "done")
    (entry,) = sandbox.bill.entries
    assert row["price_low_usd"] <= entry.price_usd <= row["price_high_usd"]
    assert before < row["submitted_at"] < row["finished_at"] < datetime.now(UTC)
    assert row["error"] is None


async def test_a_sidecar_tells_where_its_clip_comes_from(tmp_path, sandbox, write_manifest, render):
    (tmp_path / "still.png").write_bytes(MediaShop.image_bytes())
    digest = hashlib.sha256(MediaShop.image_bytes()).hexdigest()
    rows = [
        SHOT | {"reel": "r", "shot": 1, "prompt": "one", "first_frame": "still.png"},
        SHOT | {"reel": "r", "shot": 2, "prompt": "two", "continue_from": "clip"},
    ]
    with media_server() as media:
        media.files["/still.png"] = MediaShop.image_bytes()
        rows[1]["reference_images"] = f"{media.url}/still.png?Expires=9&Signature=secret"
        await render(write_manifest(rows))
    first, second = (json.loads((tmp_path / f"out/clips/r/{n}.json").read_text()) for n in (1, 2))
    assert first["request"]["references"] == [{"role": "first_frame", "source": f"sha256:{digest}"}]
    parent = {"role": "reference_video", "source": f"clip:{first['identity']}"}
    signed = {"role": "reference_image", "source": f"{media.url}/still.png"}
    assert second["request"]["references"] == [parent, signed]
    assert (second["parent"], second["parent_shot"]) == (first["identity"], "r/1")
    assert (first["parent"], first["row"], second["row"], second["take"], second["attempt"]) == (None, 1, 2, 1, 1)
    for sidecar, job in zip((first, second), sandbox.jobs(), strict=True):
        assert (sidecar["job_id"], sidecar["wire_model"]) == (job.job_id, job.order.model)
        assert sidecar["submitted_at"] <= sidecar["finished_at"] <= sidecar["downloaded_at"]
        assert sidecar["request"]["duration_seconds"] == 4
    for path in (tmp_path / "out").rglob("*.json"):
        assert "Signature" not in path.read_text(), path


FORMULAS = {
    "=1+1": "'=1+1",
    "+cmd|' /C calc'!A0": "'+cmd|' /C calc'!A0",
    "-2+3": "'-2+3",
    "@SUM(A1)": "'@SUM(A1)",
    "\t=1+1": "'\t=1+1",
    " =1+1": "' =1+1",
    "＝1+1": "'＝1+1",
    "-5": "-5",
    "plain": "plain",
}


async def test_no_cell_of_results_csv_is_a_formula_and_parquet_is_exact(write_manifest, render):
    rows = [
        SHOT | {"id": f"={n}", "prompt": f"p {n}", "note": note, "=1+1 column": "x"} for n, note in enumerate(FORMULAS)
    ]
    table, texts = await render(write_manifest(rows))
    assert [row["note"] for row in texts] == list(FORMULAS.values())
    assert table["note"].to_pylist() == list(FORMULAS)
    assert table["id"].to_pylist() == [f"={n}" for n in range(len(FORMULAS))]
    for row in texts:
        for name, cell in row.items():
            assert not name.startswith(("=", "+", "-", "@"))
            assert not cell.startswith(("=", "+", "@", "\t"))


async def test_refused_rows_stand_in_the_results_when_they_are_skipped(sandbox, write_manifest, render):
    rows = [
        SHOT | {"reel": "bad", "shot": 1, "prompt": "fine in itself"},
        SHOT | {"reel": "bad", "shot": 2, "prompt": "bad", "seed": 1},
        SHOT | {"reel": "good", "shot": 1, "prompt": "good"},
    ]
    manifest = write_manifest(rows)
    with pytest.raises(InvalidManifestError):
        await render(manifest)
    table, _ = await render(manifest, skip_refused=True)
    results = table.to_pylist()
    assert [row["verdict"] for row in results] == ["not_started", "refused", "done"]
    assert "seed" in results[1]["error"]
    assert all(row["error"] and row["next_action"] for row in results[:2])
    assert sandbox.bill.count() == 1


async def test_variants_of_a_row_stand_in_it_together(tmp_path, sandbox, write_manifest, render):
    sandbox.faults.add(Fault(kind="failed", step="look", prompt="some"))
    rows = [
        SHOT | {"id": "all", "prompt": "all", "variants": 3},
        SHOT | {"id": "some", "prompt": "some", "variants": 2},
    ]
    table, _ = await render(write_manifest(rows))
    every, some = table.to_pylist()
    clips = ["clips/all/1.mp4", "clips/all/1.take-2.mp4", "clips/all/1.take-3.mp4"]
    assert (every["verdict"], every["clip"].split("|")) == ("done", clips)
    assert all((tmp_path / "out" / clip).is_file() for clip in clips)
    assert some["verdict"] == "failed"
    assert len(some["clip"].split("|")) == 1


async def test_price_job_and_hash_of_a_row_are_those_of_all_its_variants(tmp_path, sandbox, write_manifest, render):
    rows = [SHOT | {"id": "all", "prompt": "all", "variants": 3}]
    table, _ = await render(write_manifest(rows), prices=fictitious_prices()["evolink"])
    (row,) = table.to_pylist()
    assert sorted(row["job_id"].split("|")) == sorted(job.job_id for job in sandbox.jobs())
    clips = [tmp_path / "out" / clip for clip in row["clip"].split("|")]
    assert row["sha256"].split("|") == [hashlib.sha256(clip.read_bytes()).hexdigest() for clip in clips]
    billed = sum(entry.price_usd for entry in sandbox.bill.entries)
    assert row["price_low_usd"] <= billed <= row["price_high_usd"]
    assert (row["attempts"], row["spent_usd"]) == (3, row["price_high_usd"])


async def test_the_column_spent_usd_adds_up_to_the_bill(sandbox, write_manifest, render):
    """Failed takes, failed attempts and other manifests' rows included, nothing for what was never bought."""
    prices = fictitious_prices()["evolink"]
    sandbox.faults.add(Fault(kind="failed", step="look", prompt="fails at first", times=1))
    sandbox.faults.add(Fault(kind="failed", step="look", prompt="twice", times=2))
    sandbox.faults.add(Fault(kind="moderation", step="submit", prompt="refused at once"))
    sandbox.faults.add(Fault(kind="bad_request", step="submit", prompt="rejected"))
    other = [SHOT | {"id": "other", "prompt": "of another manifest"}]
    await render(write_manifest(other, "other.csv"), prices=prices)
    names = ("fails at first", "twice", "refused at once", "rejected", "fine")
    rows = [SHOT | {"id": name, "prompt": name} for name in names]
    rows.append(SHOT | {"reel": "twice", "shot": "2", "prompt": "behind it", "continue_from": "clip"})
    rows[1] |= {"reel": "twice", "shot": "1", "id": ""}
    await render(write_manifest(rows), prices=prices, max_attempts=2)
    rows[1]["take"] = 2
    table, texts = await render(write_manifest(rows), prices=prices, budget_usd=0.01)
    by_id = {row["shot_id"]: row for row in table.to_pylist()}
    billed = [entry.price_usd for entry in sandbox.bill.entries]
    assert sum(row["attempts"] for row in by_id.values()) == len(billed) == 6
    assert sum(row["spent_usd"] for row in by_id.values()) == pytest.approx(sum(billed))
    assert sum(float(row["spent_usd"]) for row in texts) == pytest.approx(sum(billed))
    assert (by_id["fails at first/1"]["attempts"], by_id["twice/1"]["attempts"]) == (2, 2)
    assert by_id["twice/1"]["verdict"] == "held"
    for shot in ("twice/2", "refused at once/1", "rejected/1"):
        row = by_id[shot]
        told = row["price_low_usd"], row["price_high_usd"], row["spent_usd"], row["attempts"]
        assert told == (None, None, 0.0, 0), shot


async def test_a_price_that_nobody_knows_is_no_zero(sandbox, write_manifest, render):
    table, texts = await render(write_manifest([SHOT | {"id": "x", "prompt": "p"}]))
    assert (table["spent_usd"].to_pylist(), table["attempts"].to_pylist()) == ([None], [1])
    assert (texts[0]["spent_usd"], texts[0]["attempts"]) == ("", "1")


async def test_results_of_two_manifests_in_one_folder_tell_of_the_one_at_hand_first(sandbox, write_manifest, render):
    one = write_manifest([SHOT | {"id": "one", "prompt": "one"}], "one.csv")
    two = write_manifest([SHOT | {"id": "two", "prompt": "two"}], "two.csv")
    for manifest, shots in ((one, ["one/1"]), (two, ["two/1", "one/1"]), (one, ["one/1", "two/1"])):
        table, _ = await render(manifest)
        assert table["shot_id"].to_pylist() == shots
        assert set(table["verdict"].to_pylist()) == {"done"}
    assert sandbox.bill.count() == 2
