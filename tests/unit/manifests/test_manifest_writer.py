"""Results and retries as files: exact for programs, harmless for spreadsheets, and the same identities again."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longtake.domain.identity import Identities
from longtake.domain.verdicts import Verdict
from longtake.manifests.checker import CheckedManifest, check_manifest
from longtake.manifests.reader import read_manifest
from longtake.manifests.results.retry_rows import retry_csv
from longtake.manifests.results.row_result import RowResult
from longtake.manifests.results.writer import RESULT_COLUMNS, results_files, results_table
from longtake.manifests.schema import Manifest

CONTRACT_COLUMNS = (
    "shot_id, take, verdict, vendor, wire_model, job_id, clip, sha256, width, height, clip_seconds, price_low_usd, "
    "price_high_usd, submitted_at, finished_at, error, next_action"
)


def manifest_of(folder: Path, rows: list[dict[str, object]]) -> Manifest:
    folder.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with (folder / "m.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.DictWriter(file, columns, restval="", quoting=csv.QUOTE_ALL)
        lines.writeheader()
        lines.writerows(rows)
    return read_manifest(str(folder / "m.csv"))


def results_of(checked: CheckedManifest, verdicts: dict[int, str] | str = "done") -> list[RowResult]:
    given = verdicts if isinstance(verdicts, dict) else {}
    return [
        RowResult(
            row=row.row,
            shot_id=row.shot_id,
            verdict="refused" if row.row in checked.refused else given.get(row.row, "done"),
        )
        for row in checked.rows
    ]


def csv_rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def identities(checked: CheckedManifest) -> dict[str, str]:
    return {
        row.shot_id: Identities(checked.digest).of_shot(reel=row.reel, shot=row.shot, take=row.take, row=row.written)
        for row in checked.rows
    }


class TestResults:
    def test_the_columns_are_those_of_the_contract(self) -> None:
        later = "reported_usage, warnings, spent_usd, attempts, chosen_take, marks"
        assert ", ".join(RESULT_COLUMNS) == f"{CONTRACT_COLUMNS}, {later}"

    def test_there_is_one_row_per_manifest_row_in_its_order(self, tmp_path: Path) -> None:
        manifest = manifest_of(tmp_path, [{"prompt": "b"}, {"prompt": "a"}, {"prompt": "c"}])
        results = [
            RowResult(row=3, shot_id="z/1", verdict="failed", error="no"),
            RowResult(
                row=1,
                shot_id="x/1",
                verdict="done",
                take=2,
                width=1280,
                submitted_at=0,
                finished_at="2026-01-02T03:04:05Z",
            ),
        ]
        table = results_table(manifest, results)
        assert list(table.columns) == ["prompt", *RESULT_COLUMNS]
        assert table["prompt"].tolist() == ["b", "a", "c"]
        assert table["shot_id"].fillna("").tolist() == ["x/1", "", "z/1"]
        first = table.iloc[0]
        assert (first["verdict"], first["take"], first["width"]) == ("done", 2, 1280)
        assert first["submitted_at"] == datetime(1970, 1, 1, tzinfo=UTC)
        assert first["finished_at"] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def test_own_columns_come_first_and_make_way_for_results(self, tmp_path: Path) -> None:
        row = {"verdict": "mine", "prompt": "p", "take": "2", "manifest_verdict": "other", "vendor": "evolink"}
        manifest = manifest_of(tmp_path, [row])
        table = results_table(manifest, results_of(check_manifest(manifest)))
        own = ["manifest_manifest_verdict", "prompt", "manifest_take", "manifest_verdict", "manifest_vendor"]
        assert list(table.columns) == [*own, *RESULT_COLUMNS]
        assert table.iloc[0][own].tolist() == ["mine", "p", "2", "other", "evolink"]

    def test_parquet_brings_every_type_back(self, tmp_path: Path) -> None:
        columns = {
            "prompt": ["=a", None],
            "n": pyarrow.array([1, None], pyarrow.int16()),
            "l": [["x", None], None],
            "deep": [{"x": 1.5}, None],
            "when": pyarrow.array([datetime(2026, 1, 1, tzinfo=UTC), None]),
            "word": pyarrow.array(["a", None]).dictionary_encode(),
        }
        pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "m.parquet")
        manifest = read_manifest(str(tmp_path / "m.parquet"))
        data, _ = results_files(manifest, results_of(check_manifest(manifest)))
        back = pyarrow.parquet.read_table(io.BytesIO(data))
        assert (
            back.select(list(columns)).cast(pyarrow.table(columns).schema).to_pydict()
            == pyarrow.table(columns).to_pydict()
        )
        assert [back.schema.field(name).type for name in columns] == [
            pyarrow.table(columns)[name].type for name in columns
        ]
        types = {name: str(back.schema.field(name).type) for name in RESULT_COLUMNS}
        assert types["take"] == types["width"] == "int64"
        assert types["price_low_usd"] == types["clip_seconds"] == "double"
        assert types["submitted_at"] == "timestamp[us, tz=UTC]"
        assert types["error"] == types["sha256"] == "string"

    def test_text_that_a_spreadsheet_would_run_is_marked(self, tmp_path: Path) -> None:
        starts = [
            "=",
            "+",
            "-",
            "@",
            "\t=",
            "\r=",
            " =",
            '"=',
            "'=",
            "\n=",
            "\u00a0=",
            "＝",
            "\t",
            "=cmd|' /C calc'!",
            "'-",
        ]
        formulas = [f"{start}A1" for start in starts]
        manifest = manifest_of(
            tmp_path, [{"prompt": text, "=header": "x", "id": f"r{n}"} for n, text in enumerate(formulas)]
        )
        results = [RowResult(row=n, shot_id=text, verdict="failed", error=text) for n, text in enumerate(formulas, 1)]
        _, data = results_files(manifest, results)
        rows = csv_rows(data)
        assert [row["prompt"] for row in rows] == [f"'{text}" for text in formulas]
        assert [row["error"] for row in rows] == [f"'{text}" for text in formulas]
        assert [row["shot_id"] for row in rows] == [f"'{text}" for text in formulas]
        assert list(rows[0])[1] == "'=header"

    def test_harmless_text_and_numbers_stay_as_they_are(self, tmp_path: Path) -> None:
        texts = ["a=b", "-5", "+3.5e-7", "1.", 'a\nb, "c"', "海", "x -1", "", "5"]
        manifest = manifest_of(tmp_path, [{"prompt": text, "id": f"r{n}"} for n, text in enumerate(texts)])
        results = [
            RowResult(row=n, shot_id="x", verdict="done", price_low_usd=-0.25, take=1) for n in range(1, len(texts) + 1)
        ]
        rows = csv_rows(results_files(manifest, results)[1])
        assert [row["prompt"] for row in rows] == texts
        assert {row["price_low_usd"] for row in rows} == {"-0.25"}
        assert {row["take"] for row in rows} == {"1"}

    def test_csv_writes_lists_flags_and_times_as_text(self, tmp_path: Path) -> None:
        columns = {"prompt": ["p"], "l": [["=x", "y"]], "flag": [True], "n": [7], "deep": [{"x": "ü"}], "none": [None]}
        pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "m.parquet")
        result = RowResult(row=1, shot_id="a/1", verdict="done", submitted_at=0.5)
        (row,) = csv_rows(results_files(read_manifest(str(tmp_path / "m.parquet")), [result])[1])
        assert (row["l"], row["flag"], row["n"], row["deep"], row["none"]) == ("'=x|y", "true", "7", '{"x": "ü"}', "")
        assert row["submitted_at"].startswith("1970-01-01 00:00:00.5")

    @settings(max_examples=60, deadline=None)
    @given(text=st.text(st.characters(exclude_categories=["Cs"])))
    def test_no_text_starts_a_formula(self, tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
        manifest = manifest_of(tmp_path_factory.mktemp("m"), [{"prompt": text, "id": "x"}])
        parquet, data = results_files(manifest, [])
        (row,) = csv_rows(data)
        assert row["prompt"] in (text, f"'{text}")
        bare = row["prompt"].lstrip('"` \n\x0b\x0c\u00a0')
        assert not re.match(r"[=+@\t\r]", bare) or float(row["prompt"]) is not None
        assert pyarrow.parquet.read_table(io.BytesIO(parquet))["prompt"].to_pylist() == [text]


class TestRetry:
    def read_back(self, out: Path, data: bytes, base: Path) -> CheckedManifest:
        out.mkdir(exist_ok=True)
        (out / "retry.csv").write_bytes(data)
        return check_manifest(read_manifest(str(out / "retry.csv")), reference_roots=[str(base)])

    def test_every_row_keeps_its_identity(self, tmp_path: Path) -> None:
        base = tmp_path / "in"
        (base / "refs").mkdir(parents=True)
        (base / "refs" / "a.png").write_bytes(b"a")
        (base / "refs" / "b ü.png").write_bytes(b"b")
        mixed = "refs/a.png| ./refs/b ü.png |https://h/x.png?X-Amz-Signature=s|asset://x|data:image/png;base64,AAEC"
        rows: list[dict[str, object]] = [
            {"prompt": "{who} {{x}} {reel}/{shot}/{take}", "who": "{a} {", "reel": "r", "shot": "1", "take": "2"},
            {"prompt": "p", "reel": "r", "shot": "10", "continue_from": "clip", "reference_tail_seconds": "4.0"},
            {"prompt": "lone {reel}{shot}{take}", "reference_images": mixed, "generate_audio": "no", "seed": "007"},
            {"prompt": "twin"},
            {"prompt": "twin"},
            {"prompt": "twin", "shot": "3"},
            {"prompt": "named", "id": "hero/1", "shot": "2/1"},
            {"prompt": "a\rb\r\nc\n", "id": "newlines", "note": "=1+1"},
            {
                "prompt": "=1+1",
                "id": "formula",
                "vendor": "evolink",
                "model": "seedance-2.0",
                "duration_seconds": "auto",
            },
        ]
        manifest = manifest_of(base, rows)
        checked = check_manifest(manifest)
        assert checked.violations == []
        verdicts = dict.fromkeys(range(1, len(rows) + 1), "failed")
        again = self.read_back(tmp_path / "out", retry_csv(manifest, results_of(checked, verdicts), []), base)
        assert again.violations == []
        assert identities(again) == identities(checked)
        assert again.rows[7].reel == "newlines"
        twice = check_manifest(manifest_of(base, rows))
        retry = read_manifest(str(tmp_path / "out" / "retry.csv"))
        third = self.read_back(tmp_path / "out", retry_csv(retry, results_of(again, verdicts), []), base)
        assert identities(third) == identities(twice)

    def test_a_raised_take_changes_the_identity_of_that_row_alone(self, tmp_path: Path) -> None:
        rows: list[dict[str, object]] = [
            {"prompt": "a", "reel": "r", "shot": "1"},
            {"prompt": "b", "reel": "r", "shot": "2", "take": "4", "variants": "2"},
            {"prompt": "c"},
        ]
        manifest = manifest_of(tmp_path / "in", rows)
        checked = check_manifest(manifest)
        data = retry_csv(manifest, results_of(checked, {2: "failed", 3: "lost"}), {2, 3})
        again = self.read_back(tmp_path / "out", data, tmp_path / "in")
        assert [(row.take, row.variants) for row in again.rows] == [(1, 1), (5, 2), (2, 1)]
        before, after = identities(checked), identities(again)
        assert before.keys() == after.keys()
        assert [before[shot] == after[shot] for shot in before] == [True, False, False]

    def test_whole_reels_that_are_not_done_come_in_order(self, tmp_path: Path) -> None:
        places = [("a", "1"), ("b", "1"), ("a", "2"), ("c", "1"), ("b", "2"), ("d", "1")]
        manifest = manifest_of(tmp_path, [{"prompt": "p", "reel": reel, "shot": shot} for reel, shot in places])
        results = results_of(check_manifest(manifest), {5: "held"})[:5]
        rows = csv_rows(retry_csv(manifest, results, []))
        assert [(row["reel"], row["shot"]) for row in rows] == [("b", "1"), ("b", "2"), ("d", "1")]

    @pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict is not Verdict.DONE])
    def test_every_verdict_but_done_wants_another_run(self, tmp_path: Path, verdict: Verdict) -> None:
        manifest = manifest_of(tmp_path, [{"prompt": "a"}, {"prompt": "b"}])
        results = results_of(check_manifest(manifest), {2: verdict})
        assert [row["prompt"] for row in csv_rows(retry_csv(manifest, results, []))] == ["b"]

    def test_when_all_is_done_the_header_is_left(self, tmp_path: Path) -> None:
        manifest = manifest_of(tmp_path, [{"prompt": "a", "note": "x"}])
        assert retry_csv(manifest, results_of(check_manifest(manifest)), []) == b'"prompt","note"\r\n'

    def test_a_refused_row_is_left_as_it_was_written(self, tmp_path: Path) -> None:
        rows: list[dict[str, object]] = [
            {"prompt": "{no}", "first_frame": "../x.png", "reference_images": "a.png", "seed": "x"},
            {"prompt": "{seed} {{", "first_frame": "", "reference_images": "", "seed": "5"},
        ]
        (tmp_path / "a.png").write_bytes(b"a")
        manifest = manifest_of(tmp_path, rows)
        checked = check_manifest(manifest)
        assert checked.refused == {1}
        first, second = csv_rows(retry_csv(manifest, results_of(checked, {2: "held"}), []))
        assert (first["prompt"], first["first_frame"], first["seed"], first["reel"]) == ("{no}", "../x.png", "x", "")
        assert first["reference_images"] == f"{tmp_path}/a.png"
        assert (second["prompt"], second["reel"], second["shot"]) == ("5 {{", checked.rows[1].reel, "1")

    def test_nothing_is_escaped_and_lists_are_joined(self, tmp_path: Path) -> None:
        table = pyarrow.table({"prompt": ["=1", "b"], "l": [["x", "y"], None], "n": [1.0, None], "id": ["a", "b"]})
        pyarrow.parquet.write_table(table, tmp_path / "m.parquet")
        manifest = read_manifest(str(tmp_path / "m.parquet"))
        first, second = csv_rows(retry_csv(manifest, [], []))
        assert (first["prompt"], first["l"], first["n"]) == ("=1", "x|y", "1")
        assert (second["l"], second["n"]) == ("", "")

    def test_references_out_of_the_first_manifests_folder_need_it_as_a_root(self, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "a.png").write_bytes(b"a")
        manifest = manifest_of(tmp_path / "in", [{"prompt": "p", "first_frame": "a.png"}])
        data = retry_csv(manifest, [], [])
        assert self.read_back(tmp_path / "out", data, tmp_path / "in").violations == []
        assert self.read_back(tmp_path / "out", data, tmp_path / "elsewhere").refused == {1}
