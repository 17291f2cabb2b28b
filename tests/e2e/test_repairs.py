"""A repair never destroys the table: results tell of every row that was rendered into an output, with their types."""

from __future__ import annotations

import csv
import datetime
from collections import Counter

import pandas
import pyarrow.parquet
import pytest

from longtake.files.open_store import open_store
from longtake.manifests.reader import read_manifest
from longtake.reports.run.rewrite import told_before
from longtake.sandbox.faults import Fault
from tests.e2e.quick_steps import quick_check
from tests.plain_render import render_plain, sandbox_accounts

SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}
DAY = datetime.date(2026, 3, 1)


@pytest.fixture
def sandbox(quick_sandbox):
    return quick_sandbox


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def render(sandbox, out):
    async def run(manifest, **options):
        before = len(sandbox.bill.entries)
        load = sandbox_accounts(sandbox)
        end = await render_plain(manifest, out, load, check=quick_check, **options)
        return end, Counter(entry.body["prompt"] for entry in sandbox.bill.entries[before:])

    return run


@pytest.fixture
def catalogue(tmp_path):
    """Three films of two shots each, with columns of the person's own."""
    path, rows = tmp_path / "catalogue.parquet", []
    for n in (1, 2, 3):
        film = SHOT | {"reel": f"r{n}", "sku": 7000 + n, "tags": ["a", f"b{n}"], "day": DAY, "weight": n / 4}
        rows.append(film | {"shot": 1, "prompt": f"p{n}1", "in_stock": None if n == 2 else True})
        rows.append(film | {"shot": 2, "prompt": f"p{n}2", "continue_from": "clip"})
    pandas.DataFrame(rows).to_parquet(path, index=False)
    return path


def fail(sandbox, prompt):
    sandbox.faults.add(Fault(kind="failed", step="look", prompt=prompt, retryable=False))


def results(out):
    return pyarrow.parquet.read_table(out / "results.parquet")


def verdicts(out):
    return {row["shot_id"]: row["verdict"] for row in results(out).to_pylist()}


ALL_DONE = {f"r{n}/{shot}": "done" for n in (1, 2, 3) for shot in (1, 2)}


@pytest.mark.parametrize("name", ["retry.csv", "retry.parquet"])
async def test_after_a_repair_the_table_has_all_rows_with_their_types_and_the_first_manifest_buys_nothing(
    sandbox, render, out, catalogue, name
):
    fail(sandbox, "p21")
    await render(catalogue)
    first = results(out)
    assert verdicts(out) == ALL_DONE | {"r2/1": "failed", "r2/2": "blocked"}
    end, bought = await render(out / name)
    assert end.all_done
    assert sum(bought.values()) == 2
    table = results(out)
    assert verdicts(out) == ALL_DONE
    assert [row["reel"] for row in table.to_pylist()][:2] == ["r2", "r2"]  # the manifest at hand first
    for field in first.schema:
        assert table.schema.field(field.name).type == field.type, field
    mine = ["reel", "shot", "prompt", "sku", "tags", "day", "weight", "in_stock"]
    assert sorted(map(str, table.select(mine).to_pylist())) == sorted(map(str, first.select(mine).to_pylist()))
    view = told_before(open_store(str(out)))
    assert [reel.name for reel in view.reels] == ["r2", "r1", "r3"]
    assert (view.totals.done, view.totals.all, [one.all for one in view.by_vendor]) == (6, 6, [6])
    with (out / "results.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 6

    again, bought = await render(catalogue)
    assert again.all_done, again.line
    assert bought == {}
    assert results(out).select(mine) == first.select(mine)
    assert any("r2/1 (take 2)" in notice for notice in again.notices)
    takes = {row["shot_id"]: row["take"] for row in results(out).to_pylist()}
    assert takes == dict.fromkeys(ALL_DONE, 1) | {"r2/1": 2}
    view = told_before(open_store(str(out)))
    assert [reel.name for reel in view.reels] == ["r1", "r2", "r3"]
    assert len((out / "retry.csv").read_text().splitlines()) == 1


async def test_retry_parquet_has_the_types_of_the_manifest_and_buys_what_retry_csv_would(
    sandbox, render, out, catalogue
):
    fail(sandbox, "p21")
    await render(catalogue)
    typed, text = read_manifest(str(out / "retry.parquet")), read_manifest(str(out / "retry.csv"))
    assert (typed.typed["sku"].to_pylist(), typed.typed["day"].to_pylist()) == ([7002, 7002], [DAY, DAY])
    assert typed.typed["tags"].to_pylist() == [["a", "b2"], ["a", "b2"]]
    for row, other in zip(typed.text, text.text, strict=True):
        assert {name: "|".join(cell) if isinstance(cell, list) else cell for name, cell in row.items()} == other
    _, bought = await render(out / "retry.parquet")
    assert sum(bought.values()) == 2
    assert verdicts(out) == ALL_DONE


async def test_a_mended_row_of_retry_csv_stands_for_the_first_manifest_s_row_too(sandbox, render, out, catalogue):
    sandbox.faults.add(Fault(kind="moderation_failed", step="look", prompt="p22"))
    await render(catalogue)
    retry = out / "retry.csv"
    retry.write_text(retry.read_text().replace("p22", "mended"))
    end, bought = await render(retry)
    assert end.all_done
    assert sum(bought.values()) == 1
    again, bought = await render(catalogue)
    assert again.all_done, again.line
    assert bought == {}


async def test_a_repair_that_failed_too_is_repaired_by_the_next_one(sandbox, render, out, catalogue):
    fail(sandbox, "p21")
    await render(catalogue)
    fail(sandbox, "p21")
    await render(out / "retry.csv")
    assert verdicts(out)["r2/1"] == "failed"
    _, bought = await render(catalogue)
    assert bought == {}
    takes = [row["take"] for row in read_manifest(str(out / "retry.csv")).text if row["shot"] == "1"]
    assert takes == ["3"]
    end, bought = await render(out / "retry.csv")
    assert end.all_done
    again, bought = await render(catalogue)
    assert again.all_done
    assert bought == {}


async def test_a_copy_of_a_retry_table_is_a_repair_as_well(sandbox, render, out, catalogue, tmp_path):
    fail(sandbox, "p21")
    await render(catalogue)
    fail(sandbox, "p21")
    (tmp_path / "mine.csv").write_bytes((out / "retry.csv").read_bytes())
    await render(tmp_path / "mine.csv")
    (tmp_path / "mine.parquet").write_bytes((out / "retry.parquet").read_bytes())
    end, bought = await render(tmp_path / "mine.parquet")
    assert end.all_done
    assert sum(bought.values()) == 2
    again, bought = await render(catalogue)
    assert again.all_done, again.line
    assert bought == {}
    assert any("r2/1 (take 3)" in notice for notice in again.notices)


async def test_a_repair_counts_though_another_manifest_was_rendered_in_between(
    sandbox, render, out, catalogue, write_manifest
):
    fail(sandbox, "p21")
    await render(catalogue)
    await render(write_manifest([SHOT | {"id": "other", "prompt": "other"}]))
    end, bought = await render(out / "retry.csv")
    assert end.all_done
    assert sum(bought.values()) == 2
    again, bought = await render(catalogue)
    assert again.all_done, again.line
    assert bought == {}


async def test_a_take_that_nobody_raised_is_no_repair_of_another_manifest_s_row(
    sandbox, render, out, catalogue, write_manifest
):
    fail(sandbox, "p21")
    await render(catalogue)
    await render(write_manifest([SHOT | {"reel": "r2", "shot": 1, "prompt": "of another film"}]), replace=True)
    again, bought = await render(catalogue)
    assert not again.all_done
    assert bought == {}


async def test_parts_of_a_manifest_and_other_manifests_add_to_the_table(render, out, write_manifest, tmp_path):
    def manifest(name, *rows):
        return write_manifest([SHOT | {"id": row, "prompt": row, name: f"{row} of {name}"} for row in rows]).rename(
            tmp_path / f"{name}.csv"
        )

    await render(manifest("one", "a", "b"))
    await render(manifest("two", "c"))
    assert list(verdicts(out)) == ["c/1", "a/1", "b/1"]
    _, bought = await render(manifest("part", "b"))
    assert bought == {}
    assert list(verdicts(out)) == ["b/1", "c/1", "a/1"] or list(verdicts(out)) == ["b/1", "a/1", "c/1"]
    rows = {row["shot_id"]: row for row in results(out).to_pylist()}
    assert (rows["a/1"]["one"], rows["c/1"]["two"], rows["b/1"]["part"]) == ("a of one", "c of two", "b of part")


async def test_rows_of_other_manifests_that_want_another_run_stay_in_retry_csv(
    sandbox, render, out, write_manifest, tmp_path, catalogue
):
    fail(sandbox, "p21")
    await render(catalogue)
    other = write_manifest([SHOT | {"id": "x", "prompt": "x"}])
    await render(other)
    assert {row["reel"] for row in read_manifest(str(out / "retry.csv")).text} == {"r2"}
    end, bought = await render(out / "retry.csv")
    assert end.all_done
    assert sum(bought.values()) == 2
    assert verdicts(out) == ALL_DONE | {"x/1": "done"}


async def test_a_row_of_which_one_variant_is_here_is_not_told_done_by_another_manifest_s_run(
    render, out, write_manifest, tmp_path
):
    both = write_manifest([SHOT | {"id": "a", "prompt": "a", "variants": 2}]).rename(tmp_path / "both.csv")
    end, _ = await render(both, limit=1)
    assert end.verdicts == {"not_started": 1}
    await render(write_manifest([SHOT | {"id": "b", "prompt": "b"}]))
    assert verdicts(out) == {"a/1": "not_started", "b/1": "done"}
    assert {row["reel"] for row in read_manifest(str(out / "retry.csv")).text} == {"a"}
    end, bought = await render(out / "retry.csv")
    assert (end.all_done, bought) == (True, {"a": 1})


async def test_columns_that_have_no_type_in_common_come_back_as_text(render, out, write_manifest, tmp_path):
    pandas.DataFrame([SHOT | {"id": "a", "prompt": "a", "sku": 7}]).to_parquet(tmp_path / "typed.parquet")
    await render(tmp_path / "typed.parquet")
    await render(write_manifest([SHOT | {"id": "b", "prompt": "b", "sku": "B-7"}]))
    assert {row["shot_id"]: row["sku"] for row in results(out).to_pylist()} == {"a/1": "7", "b/1": "B-7"}


async def test_an_output_of_the_last_release_keeps_its_table_when_a_part_is_rendered(
    sandbox, render, out, catalogue, tmp_path
):
    await render(catalogue)
    for path in sorted((out / "manifests").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    frame = pandas.read_parquet(catalogue)
    frame[frame["reel"] == "r2"].to_parquet(tmp_path / "part.parquet", index=False)
    for _ in range(2):
        _, bought = await render(tmp_path / "part.parquet")
        assert bought == {}
        assert verdicts(out) == ALL_DONE
