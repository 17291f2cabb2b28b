"""Checking manifests: every problem of every row in one pass, and what good rows become."""

from __future__ import annotations

import csv
import gc
import pickle
import random
import unicodedata
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longtake.domain.identity import Identities
from longtake.domain.request import Role
from longtake.domain.violations import Violation
from longtake.files.names import file_name
from longtake.files.sources import content_digest
from longtake.manifests.checker import CheckedManifest, check_manifest
from longtake.manifests.reader import read_manifest
from longtake.manifests.schema import COLUMNS, ManifestRow, natural_key


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def check(folder: Path, rows: list[dict[str, object]], **options: object) -> CheckedManifest:
    """Checks rows written as CSV; cells that a row leaves out are empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with (folder / "m.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.DictWriter(file, columns, restval="", quoting=csv.QUOTE_ALL)
        lines.writeheader()
        lines.writerows(rows)
    return check_manifest(read_manifest(str(folder / "m.csv")), **options)  # type: ignore[arg-type]


def row_of(folder: Path, **cells: object) -> ManifestRow:
    """The one row that these cells make, without a problem."""
    checked = check(folder, [{"prompt": "p"} | cells])
    assert checked.violations == []
    return checked.rows[0]


def problems(folder: Path, **cells: object) -> list[Violation]:
    """What is wrong with one row."""
    return check(folder, [{"prompt": "p"} | cells]).violations


class TestCells:
    def test_a_row_becomes_what_it_says(self, folder: Path) -> None:
        (folder / "a.png").write_bytes(b"a")
        row = row_of(
            folder,
            reel=" r ",
            shot="1",
            vendor="evolink/studio",
            model="seedance-2.0",
            duration_seconds="5",
            resolution="720p",
            ratio="16:9",
            seed="-1",
            generate_audio="Yes",
            watermark="0",
            web_search="FALSE",
            content_filter="1",
            return_last_frame="no",
            safety_identifier="tag",
            callback_url="https://example.com/cb",
            reference_images="a.png | https://example.com/b.png",
            reference_videos="asset://v-1",
            take="3",
            variants="2",
        )
        assert (row.row, row.reel, row.shot, row.shot_id, row.take, row.variants) == (1, "r", "1", "r/1", 3, 2)
        assert not row.lone
        written, request = row.written, row.written.request
        assert (written.vendor, written.model, written.continue_from) == ("evolink/studio", "seedance-2.0", None)
        assert request.given_options() == {
            "duration_seconds": 5,
            "resolution": "720p",
            "ratio": "16:9",
            "seed": -1,
            "generate_audio": True,
            "watermark": False,
            "web_search": False,
            "content_filter": True,
            "return_last_frame": False,
            "safety_identifier": "tag",
            "callback_url": "https://example.com/cb",
        }
        assert [(item.role, item.source) for item in request.references] == [
            (Role.REFERENCE_IMAGE, str(folder / "a.png")),
            (Role.REFERENCE_IMAGE, "https://example.com/b.png"),
            (Role.REFERENCE_VIDEO, "asset://v-1"),
        ]

    def test_empty_cells_are_not_given(self, folder: Path) -> None:
        row = row_of(folder, **dict.fromkeys(COLUMNS.keys() - {"prompt"}, ""))
        assert row.written.request.given_options() == {}
        assert row.written.request.references == ()
        assert (row.written.vendor, row.written.model, row.take, row.variants, row.lone) == (None, None, 1, 1, True)

    def test_cells_of_blanks_are_not_given(self, folder: Path) -> None:
        row = row_of(folder, reel="  ", vendor=" ", seed="\t", reference_images=" | ")
        assert row.lone
        assert row.written.vendor is None
        assert row.written.request.seed is None

    def test_auto_is_a_duration(self, folder: Path) -> None:
        assert row_of(folder, duration_seconds="auto").written.request.duration_seconds == "auto"

    def test_numbers_are_read_as_pandas_and_bigquery_write_them(self, folder: Path) -> None:
        numbers = {"duration_seconds": "5.0", "take": "2.000000000", "variants": "3.0", "seed": "-7.0"}
        (row,) = check(folder, [{"prompt": "p", "watermark": "1.0", "web_search": "0.0", **numbers}]).rows
        request = row.written.request
        assert (request.duration_seconds, row.take, row.variants, request.seed) == (5, 2, 3, -7)
        assert (request.watermark, request.web_search) == (True, False)

    def test_words_for_nothing_are_prompts(self, folder: Path) -> None:
        words = ["NA", "None", "null", "nan", "N/A", "", "-", "#N/A", "=1+1"]
        checked = check(folder, [{"prompt": word, "id": f"r{place}"} for place, word in enumerate(words)])
        assert [row.written.request.prompt for row in checked.rows] == words
        assert checked.violations == []

    def test_a_prompt_keeps_every_blank_and_line_end(self, folder: Path) -> None:
        assert row_of(folder, prompt=" a\r\n\tb\n ").written.request.prompt == " a\r\n\tb\n "

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            *[
                ("seed", value)
                for value in ("1.5", "1.0.0", "1.", "1e3", "+1", "1_000", "１", "0x1", "a", "9" * 30, "--1")
            ],
            *[("duration_seconds", value) for value in ("5s", "5.5", "0.0", "0", "-1", "five", "1" * 40)],
            *[("take", value) for value in ("0", "-1", "1.5", "x")],
            *[("variants", value) for value in ("0", "101", "-1", "two")],
            *[("generate_audio", value) for value in ("on", "y", "2", "t", "ja", "None")],
            ("watermark", "maybe"),
            ("web_search", "?"),
            ("content_filter", "NA"),
            ("return_last_frame", "truefalse"),
            *[("vendor", value) for value in ("evo link", "evolink/", "/x", "a/b/c", "évolink", "../x", "a\nb")],
            *[("callback_url", value) for value in ("ftp://h/x", "h/x", "https://", "https://u:p@h/x", "https://h:x/")],
            *[("callback_url", value) for value in ("http://[::1", "https://h/a b", "javascript:alert(1)")],
            *[("continue_from", value) for value in ("Clip", "frame", "1", "last frame")],
            *[("reference_tail_seconds", value) for value in ("0", "-1", "nan", "inf", "4s", "1e3", "4")],
            *[("reel", value) for value in ("a\0b", "a\x1bb", "a\nb", "x" * 201, "a\u202eb", "a\u2028b")],
            *[("id", value) for value in ("a\tb", "x" * 201)],
        ],
    )
    def test_a_bad_cell_is_named_with_rule_and_fix(self, folder: Path, column: str, value: str) -> None:
        place = {"shot": "1"} if column == "reel" else {}
        checked = check(folder, [{"prompt": "fine", "id": "other"}, {"prompt": "p", column: value, **place}])
        found = [violation for violation in checked.violations if violation.column == column]
        assert found, checked.violations
        assert all(violation.row == 2 and violation.rule and violation.fix for violation in found)
        assert found[0].shot_id == checked.rows[1].shot_id
        assert checked.refused == {2}
        assert str(found[0]).isprintable()

    def test_a_shot_name_follows_the_same_rules_as_a_reels(self, folder: Path) -> None:
        assert [(item.column, item.row) for item in problems(folder, reel="r", shot="a\x07")] == [("shot", 1)]

    @pytest.mark.parametrize("name", ["a/b", "../..", "😀👩‍🚀", "C:\\x", "con", "ß", "名前", "a:b*?", "x" * 200])
    def test_any_printable_name_is_a_reel_and_a_shot(self, folder: Path, name: str) -> None:
        row = row_of(folder, reel=name, shot=name)
        assert (row.reel, row.shot) == (name, name)

    def test_a_cell_with_a_secret_is_not_repeated_in_a_violation(self, folder: Path) -> None:
        value = "https://user:hunter2@h/x?X-Amz-Signature=hunter2"
        found = problems(folder, callback_url=value, first_frame=value)
        assert [violation.column for violation in found] == ["callback_url", "first_frame"]
        assert "hunter2" not in repr(found)

    def test_a_data_uri_is_not_repeated_in_a_violation(self, folder: Path) -> None:
        (found,) = problems(folder, first_frame="data:image/png;base64," + "A" * 5001)
        assert len(found.value) < 100

    def test_the_last_seconds_of_a_clip_need_a_clip(self, folder: Path) -> None:
        rows = [
            {"reel": "r", "shot": "1"},
            {"reel": "r", "shot": "2", "continue_from": "clip", "reference_tail_seconds": "4.5"},
            {"reel": "r", "shot": "3", "continue_from": "last_frame", "reference_tail_seconds": "4"},
            {"reel": "r", "shot": "4", "reference_tail_seconds": "4"},
        ]
        checked = check(folder, [{"prompt": "p"} | row for row in rows])
        assert [(item.row, item.column) for item in checked.violations] == [
            (3, "reference_tail_seconds"),
            (4, "reference_tail_seconds"),
        ]
        assert checked.rows[1].written.reference_tail_seconds == 4.5


class TestParquetCells:
    def test_lists_and_strings_mean_the_same(self, folder: Path) -> None:
        (folder / "a.png").write_bytes(b"a")
        table = pyarrow.table(
            {
                "prompt": ["{mood}", "{mood}"],
                "mood": [["dark", "wet"], ["bright"]],
                "reference_images": [["a.png", "asset://x"], ["asset://y"]],
                "generate_audio": [True, None],
                "duration_seconds": [5.0, None],
                "first_frame": pyarrow.array([None, ["a.png"]], pyarrow.list_(pyarrow.string())),
            }
        )
        pyarrow.parquet.write_table(table, folder / "m.parquet")
        checked = check_manifest(read_manifest(str(folder / "m.parquet")))
        assert checked.violations == []
        first, second = (row.written.request for row in checked.rows)
        assert (first.prompt, second.prompt) == ("dark, wet", "bright")
        assert [item.source for item in first.references] == [str(folder / "a.png"), "asset://x"]
        assert [item.role for item in second.references] == [Role.FIRST_FRAME, Role.REFERENCE_IMAGE]
        assert (first.generate_audio, first.duration_seconds) == (True, 5)

    def test_a_list_where_one_value_belongs_is_refused(self, folder: Path) -> None:
        pyarrow.parquet.write_table(pyarrow.table({"prompt": ["p"], "seed": [[1, 2]]}), folder / "m.parquet")
        (found,) = check_manifest(read_manifest(str(folder / "m.parquet"))).violations
        assert (found.column, found.value) == ("seed", "1|2")

    def test_a_separator_inside_a_listed_value_is_refused(self, folder: Path) -> None:
        table = pyarrow.table({"prompt": ["p"], "reference_images": [["https://h/a|b.png"]]})
        pyarrow.parquet.write_table(table, folder / "m.parquet")
        (found,) = check_manifest(read_manifest(str(folder / "m.parquet"))).violations
        assert "%7C" in found.fix


class TestTemplates:
    def test_columns_fill_in_from_their_own_row(self, folder: Path) -> None:
        rows = [
            {"prompt": "{who} in {city}, {{really}}", "who": "{city}", "city": "Rome", "reel": "r", "shot": "1"},
            {"prompt": "{reel} {shot} {take}{who}", "reel": "r", "shot": "2", "take": "4"},
        ]
        checked = check(folder, rows)
        assert [row.written.request.prompt for row in checked.rows] == ["{city} in Rome, {really}", "r 2 4"]

    @pytest.mark.parametrize(
        "prompt", ["{a.__class__}", "{a[0]}", "{a!r}", "{a:>5}", '{"a": 1}', "{", "{prompt}", "{no}"]
    )
    def test_anything_but_a_columns_name_is_refused(self, folder: Path, prompt: str) -> None:
        (found,) = problems(folder, prompt=prompt, a="x")
        assert (found.column, found.value, found.row) == ("prompt", prompt, 1)

    def test_a_missing_column_names_those_there_are(self, folder: Path) -> None:
        (found,) = problems(folder, prompt="{subjekt}", subject="a", mood="b")
        assert "mood, subject" in found.rule


class TestBytes:
    def test_bytes_are_read_as_utf8_and_a_row_that_is_none_is_refused_by_name(self, tmp_path: Path) -> None:
        raw = [b"A fox in the snow", "Un caf\xe9".encode("latin-1"), "雪山".encode()]
        table = pyarrow.table({"id": ["a", "b", "c"], "prompt": pyarrow.array(raw), "own": pyarrow.array(raw)})
        pyarrow.parquet.write_table(table, tmp_path / "m.parquet")
        checked = check_manifest(read_manifest(str(tmp_path / "m.parquet")))
        assert [row.written.request.prompt for row in checked.rows] == ["A fox in the snow", "Un caf\ufffd", "雪山"]
        assert [(each.row, each.column, each.rule) for each in checked.violations] == [
            (2, "prompt", "its bytes are not UTF-8")
        ]

    def test_a_prompt_that_fills_in_such_bytes_is_refused_too(self, tmp_path: Path) -> None:
        raw = pyarrow.array([b"fox", b"\xff", b"\xff"])
        prompts = ["{who} runs", "{who} runs", "nobody"]
        table = pyarrow.table({"id": ["a", "b", "c"], "prompt": prompts, "who": raw, "thumbnail": raw})
        pyarrow.parquet.write_table(table, tmp_path / "m.parquet")
        checked = check_manifest(read_manifest(str(tmp_path / "m.parquet")))
        assert [(each.row, each.column) for each in checked.violations] == [(2, "prompt")]


class TestColumns:
    def test_other_columns_pass_without_a_word(self, folder: Path) -> None:
        assert problems(folder, scene="a", notes="b", weight="1", title="c", author="d") == []

    def test_no_warning_where_the_column_itself_is_there(self, folder: Path) -> None:
        assert problems(folder, prompts="x", seeds="1", seed="1") == []

    def test_a_file_without_any_known_column_is_refused_as_a_whole(self, folder: Path) -> None:
        checked = check(folder, [{"a": "x", "b": "y"}, {"a": "x", "b": "y"}])
        assert [(item.row, item.warning) for item in checked.violations] == [(0, False)]
        assert checked.refused == {1, 2}


class TestReels:
    def test_shots_come_in_natural_order_and_reels_in_order_of_appearance(self, folder: Path) -> None:
        shots = [("b", "10"), ("a", "2"), ("b", "2"), ("a", "1"), ("b", "1b"), ("b", "1a"), ("a", "30")]
        checked = check(folder, [{"prompt": "p", "reel": reel, "shot": shot} for reel, shot in shots])
        assert {reel: [row.shot for row in rows] for reel, rows in checked.reels().items()} == {
            "b": ["1a", "1b", "2", "10"],
            "a": ["1", "2", "30"],
        }
        assert list(checked.reels()) == ["b", "a"]
        assert [row.row for row in checked.rows] == list(range(1, 8))

    def test_names_that_differ_only_in_zeros_case_or_normalisation_are_two(self, folder: Path) -> None:
        shots = ["01", "1", "001", "a", "A", "é", unicodedata.normalize("NFD", "é"), "ß", "ss"]
        checked = check(folder, [{"prompt": "p", "reel": "r", "shot": shot} for shot in shots])
        assert checked.violations == []
        assert len({file_name(row.shot).casefold() for row in checked.rows}) == len(shots)
        assert [row.shot for row in checked.reels()["r"]][:3] == ["001", "01", "1"]

    @given(st.lists(st.text(max_size=6) | st.from_regex(r"[a-c]?0{0,2}[0-9]{1,3}", fullmatch=True), unique=True))
    def test_natural_order_is_total_and_does_not_depend_on_where_it_starts(self, names: list[str]) -> None:
        shuffled = random.Random(1).sample(names, len(names))
        assert sorted(shuffled, key=natural_key) == sorted(names, key=natural_key)

    def test_natural_order_takes_numbers_of_any_length(self) -> None:
        names = ["9" * 5000, "1", "10" * 3000, "2"]
        assert sorted(names, key=natural_key) == ["1", "2", "9" * 5000, "10" * 3000]

    def test_the_same_shot_twice_is_refused_on_both_rows(self, folder: Path) -> None:
        rows = [("r", "1"), ("r", "2"), ("r", " 1 ")]
        checked = check(folder, [{"prompt": "p", "reel": reel, "shot": shot} for reel, shot in rows])
        assert [(item.row, item.column) for item in checked.violations] == [(1, "shot"), (3, "shot")]
        assert "row 3" in checked.violations[0].rule
        assert "row 1" in checked.violations[1].rule

    def test_two_places_that_read_as_one_shot_id_are_refused(self, folder: Path) -> None:
        rows = [("a/b", "c"), ("a", "b/c")]
        checked = check(folder, [{"prompt": "p", "reel": reel, "shot": shot} for reel, shot in rows])
        assert [item.row for item in checked.violations] == [1, 2]

    def test_a_reel_without_shot_is_refused(self, folder: Path) -> None:
        checked = check(folder, [{"prompt": "p", "reel": "r", "shot": ""}, {"prompt": "q", "reel": "r", "shot": ""}])
        assert [(item.row, item.column) for item in checked.violations] == [(1, "shot"), (2, "shot")]

    def test_the_first_shot_of_a_reel_continues_nothing(self, folder: Path) -> None:
        shots = [("10", "clip"), ("2", "clip"), ("9", "last_frame")]
        checked = check(folder, [{"prompt": "p", "reel": "r", "shot": s, "continue_from": c} for s, c in shots])
        assert [(item.row, item.column, item.value) for item in checked.violations] == [(2, "continue_from", "clip")]

    def test_a_row_alone_continues_nothing(self, folder: Path) -> None:
        assert [item.column for item in problems(folder, continue_from="clip")] == ["continue_from"]

    def test_a_refused_row_keeps_its_place_in_the_chain(self, folder: Path) -> None:
        shots = [("1", ""), ("2", "x"), ("3", "")]
        checked = check(folder, [{"prompt": "p", "reel": "r", "shot": shot, "seed": seed} for shot, seed in shots])
        assert [row.shot for row in checked.reels()["r"]] == ["1", "2", "3"]
        assert checked.refused == {2}
        assert checked.refused_reels == {"r"}

    def test_names_in_violations_can_be_printed(self, folder: Path) -> None:
        checked = check(folder, [{"prompt": "p", "reel": "a\x1b[2Jb\u202e" + "x" * 500, "shot": "1\x07"}])
        assert all(str(item).isprintable() for item in checked.violations)
        assert len(checked.rows[0].reel) == 200


class TestLoneRows:
    def test_an_id_names_the_reel(self, folder: Path) -> None:
        row = row_of(folder, id="hero")
        assert (row.reel, row.shot, row.lone) == ("hero", "1", True)
        assert row_of(folder, id="hero", shot="7").shot_id == "hero/7"

    def test_a_row_with_a_reel_is_not_named_by_its_id(self, folder: Path) -> None:
        assert row_of(folder, id="hero", reel="r", shot="2").shot_id == "r/2"

    def test_the_request_names_a_row_without_id(self, folder: Path) -> None:
        row = row_of(folder)
        assert row.reel == f"row-{Identities(content_digest).of_request(row.written)}"

    def test_identical_rows_are_numbered_and_a_new_row_renames_none(self, folder: Path) -> None:
        def names(*prompts: str) -> dict[str, list[str]]:
            found: dict[str, list[str]] = {}
            for row in check(folder, [{"prompt": prompt} for prompt in prompts]).rows:
                found.setdefault(row.written.request.prompt, []).append(row.reel)
            return found

        before = names("a", "b", "a", "a")
        assert before["a"] == [before["a"][0], f"{before['a'][0]}-2", f"{before['a'][0]}-3"]
        after = names("new", "b", "a", "a", "a")
        assert {prompt: after[prompt] for prompt in "ab"} == before

    def test_other_columns_take_and_variants_do_not_rename_a_row(self, folder: Path) -> None:
        assert row_of(folder).reel == row_of(folder, take="2", variants="3", note="x").reel

    def test_a_refused_row_does_not_take_part_in_the_numbering(self, folder: Path) -> None:
        broken = check(folder, [{"prompt": "a", "first_frame": "none.png"}, {"prompt": "a", "first_frame": ""}])
        assert broken.refused == {1}
        assert broken.rows[1].reel == row_of(folder, prompt="a").reel
        assert broken.rows[0].reel.startswith("refused-")

    def test_a_reference_that_cannot_be_hashed_is_refused(self, folder: Path) -> None:
        (folder / "a.png").write_bytes(b"a")

        def digest(source: str) -> str:
            raise PermissionError(13, "denied", source)

        checked = check(folder, [{"prompt": "p", "first_frame": "a.png"}], digest=digest)
        assert [(item.row, item.column) for item in checked.violations] == [(1, "first_frame")]

    @pytest.mark.parametrize(
        "rows",
        [
            [{"id": "x"}, {"id": "x"}],
            [{"id": "x", "shot": "1"}, {"id": "x", "shot": "2"}],
        ],
    )
    def test_two_rows_of_one_id_are_refused_on_both(self, folder: Path, rows: list[dict[str, str]]) -> None:
        checked = check(folder, [{"prompt": "p"} | row for row in rows])
        assert [(item.row, item.column) for item in checked.violations] == [(1, "id"), (2, "id")]

    def test_a_row_alone_does_not_join_a_reel_of_its_name(self, folder: Path) -> None:
        checked = check(folder, [{"prompt": "p", "id": "x"}, {"prompt": "p", "reel": "x", "shot": "2"}])
        assert [(item.row, item.column) for item in checked.violations] == [(1, "id")]

    def test_each_reference_is_hashed_once(self, folder: Path) -> None:
        (folder / "a.png").write_bytes(b"a")
        asked: list[str] = []

        def digest(source: str) -> str:
            asked.append(source)
            return content_digest(source)

        checked = check(folder, [{"prompt": f"p{n}", "first_frame": "a.png"} for n in range(50)], digest=digest)
        assert [checked.digest(str(folder / "a.png")) for _ in range(3)] == [content_digest(str(folder / "a.png"))] * 3
        assert asked == [str(folder / "a.png")]


class TestWhole:
    def test_every_problem_of_every_row_is_found_in_one_pass(self, folder: Path) -> None:
        bad = {
            "vendor": "a b",
            "duration_seconds": "x",
            "seed": "x",
            "generate_audio": "x",
            "watermark": "x",
            "web_search": "x",
            "content_filter": "x",
            "return_last_frame": "x",
            "callback_url": "x",
            "first_frame": "../x",
            "last_frame": "/etc/passwd",
            "reference_images": "file:///x|~/x",
            "reference_videos": "none.mp4",
            "reference_audios": "C:\\x.mp3",
            "continue_from": "x",
            "reference_tail_seconds": "x",
            "take": "0",
            "variants": "0",
        }
        rows = [{"prompt": "{no}", "reel": "r", "shot": str(number)} | bad for number in (1, 2)]
        checked = check(folder, rows)
        found = [(item.row, item.column) for item in checked.violations]
        columns = [column for column in COLUMNS if column in bad or column == "prompt"]
        columns.insert(columns.index("reference_images"), "reference_images")
        assert found == [(row, column) for row in (1, 2) for column in columns]
        assert {item.shot_id for item in checked.violations} == {"r/1", "r/2"}

    def test_thousands_of_rows_are_checked(self, folder: Path) -> None:
        rows = [{"prompt": f"p {n}", "reel": f"r{n // 7}", "shot": n % 7, "seed": n} for n in range(10_000)]
        checked = check(folder, rows)
        assert checked.violations == []
        assert len(checked.reels()) == 1429
        assert [row.written.request.seed for row in checked.rows] == list(range(10_000))

    def test_the_collector_is_left_as_it_was(self, folder: Path) -> None:
        assert gc.isenabled()
        check(folder, [{"prompt": "p"}])
        assert gc.isenabled()
        gc.disable()
        try:
            check(folder, [{"prompt": "p"}])
            assert not gc.isenabled()
        finally:
            gc.enable()

    def test_a_checked_manifest_survives_pickling(self, folder: Path) -> None:
        checked = check(folder, [{"prompt": "p", "id": "x"}, {"prompt": "{", "id": "y"}])
        again = pickle.loads(pickle.dumps(checked))
        assert (again.rows, again.violations, again.refused) == (checked.rows, checked.violations, checked.refused)

    @settings(max_examples=150, deadline=None)
    @given(
        st.lists(
            st.fixed_dictionaries(
                {}, optional=dict.fromkeys(COLUMNS, st.text(max_size=12) | st.sampled_from(["1", "a"]))
            ),
            min_size=1,
            max_size=6,
        )
    )
    def test_no_text_in_any_cell_makes_it_crash(
        self, tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]
    ) -> None:
        rows[0].setdefault("prompt", "p")
        checked = check(tmp_path_factory.mktemp("m"), [row | {"note": "no row is blank"} for row in rows])
        assert len(checked.rows) == len(rows)
        assert sum(map(len, checked.reels().values())) == len(rows)
        sound = [row for row in checked.rows if row.row not in checked.refused]
        assert len({row.shot_id for row in sound}) == len(sound)
        for row in sound:
            Identities(checked.digest).of_shot(reel=row.reel, shot=row.shot, take=row.take, row=row.written)
