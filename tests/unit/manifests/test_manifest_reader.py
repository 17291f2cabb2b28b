"""Reading manifests: what a file says, to the character, and a clear reason where it says nothing."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import hashlib
import io
import os
from decimal import Decimal
from pathlib import Path

import pandas
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longtake.domain.errors import UnreadableManifestError
from longtake.files.sources import KnownDigests, content_digest
from longtake.manifests.reader import read_manifest


def write(path: Path, data: str | bytes) -> str:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return str(path)


def reason(source: str) -> str:
    with pytest.raises(UnreadableManifestError) as raised:
        read_manifest(source)
    return str(raised.value)


def parquet(path: Path, **columns: object) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return str(path)


class TestCsv:
    def test_every_cell_is_text_and_no_word_means_missing(self, tmp_path: Path) -> None:
        source = write(tmp_path / "m.csv", "prompt,seed,note\nNA,007,null\nNone,1e3,\nnan,TRUE,#N/A\n")
        manifest = read_manifest(source)
        assert manifest.text == [
            {"prompt": "NA", "seed": "007", "note": "null"},
            {"prompt": "None", "seed": "1e3", "note": ""},
            {"prompt": "nan", "seed": "TRUE", "note": "#N/A"},
        ]
        assert manifest.source == source
        assert manifest.base == str(tmp_path)
        assert len(manifest) == 3

    def test_the_frame_holds_the_same_text_in_order(self, tmp_path: Path) -> None:
        frame = read_manifest(write(tmp_path / "m.csv", "prompt,n\nb,2\na,\n")).frame
        assert list(frame.columns) == ["prompt", "n"]
        assert frame["prompt"].tolist() == ["b", "a"]
        assert frame["n"].tolist() == ["2", ""]

    @pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
    @pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
    def test_a_byte_order_mark_and_any_line_end_are_read(self, tmp_path: Path, bom: bytes, newline: bytes) -> None:
        source = write(tmp_path / "m.csv", bom + newline.join([b"prompt,reel", "海,r".encode(), b"b,s"]))
        assert read_manifest(source).text == [{"prompt": "海", "reel": "r"}, {"prompt": "b", "reel": "s"}]

    def test_quoted_newlines_commas_and_quotes_stay_as_they_are(self, tmp_path: Path) -> None:
        source = write(tmp_path / "m.csv", 'prompt,reel\n"one\r\ntwo, ""three""\n",r\n')
        assert read_manifest(source).text == [{"prompt": 'one\r\ntwo, "three"\n', "reel": "r"}]

    def test_blank_lines_are_no_rows(self, tmp_path: Path) -> None:
        source = write(tmp_path / "m.csv", "\nprompt,reel\n\na,r\n\n\nb,s\n\n")
        assert [row["prompt"] for row in read_manifest(source).text] == ["a", "b"]

    @pytest.mark.parametrize("blank", [",,", ", ,\t", '"","",""'])
    def test_rows_of_nothing_but_commas_are_no_rows(self, tmp_path: Path, blank: str) -> None:
        text = f"prompt,reel,shot\n{blank}\na,r,1\n{blank}\n{blank}\nb,r,2\n{blank}\n"
        assert read_manifest(write(tmp_path / "m.csv", text)).cells["prompt"] == ["a", "b"]

    def test_columns_with_neither_name_nor_text_are_no_columns(self, tmp_path: Path) -> None:
        text = "prompt,,reel, ,\na,,r,,\nb,,r, ,\n"
        assert read_manifest(write(tmp_path / "m.csv", text)).cells == {"prompt": ["a", "b"], "reel": ["r", "r"]}
        assert "''" in reason(write(tmp_path / "m.csv", "prompt,,\na,x,y\n"))

    def test_a_short_row_is_told_to_get_its_commas(self, tmp_path: Path) -> None:
        assert "a comma for every empty cell" in reason(write(tmp_path / "m.csv", "prompt,reel,shot\na,r\n"))

    def test_a_quoted_empty_cell_in_a_single_column_is_a_row(self, tmp_path: Path) -> None:
        assert read_manifest(write(tmp_path / "m.csv", 'prompt\n""\na\n')).cells == {"prompt": ["", "a"]}

    def test_gzip_is_known_by_its_bytes(self, tmp_path: Path) -> None:
        for name in ("m.csv.gz", "m.csv"):
            source = write(tmp_path / name, gzip.compress(b"prompt\na\n"))
            assert read_manifest(source).cells == {"prompt": ["a"]}

    def test_a_cell_may_hold_megabytes(self, tmp_path: Path) -> None:
        data = "data:image/png;base64," + "A" * 3_000_000
        assert (
            read_manifest(write(tmp_path / "m.csv", f'prompt,first_frame\na,"{data}"\n')).text[0]["first_frame"] == data
        )

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            # A row without any text is no row.
            st.tuples(*[st.text(st.characters(exclude_categories=["Cs"]), max_size=20)] * 2).filter(
                lambda row: "".join(row).strip()
            ),
            min_size=1,
            max_size=5,
        )
    )
    def test_whatever_is_written_is_read_back(
        self, tmp_path_factory: pytest.TempPathFactory, rows: list[tuple]
    ) -> None:
        text = io.StringIO(newline="")
        lines = csv.writer(text, quoting=csv.QUOTE_ALL)
        lines.writerows([("prompt", "reel"), *rows])
        source = write(tmp_path_factory.mktemp("m") / "m.csv", text.getvalue())
        assert [(row["prompt"], row["reel"]) for row in read_manifest(source).text] == rows

    def test_thousands_of_rows_keep_their_order(self, tmp_path: Path) -> None:
        source = write(tmp_path / "m.csv", "prompt\n" + "\n".join(f"p{row}" for row in range(20_000)))
        assert read_manifest(source).cells["prompt"] == [f"p{row}" for row in range(20_000)]

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"", "the file is empty"),
            (b"\n\n", "the file is empty"),
            (b"prompt,reel\n", "no row"),
            (b"\xef\xbb\xbfprompt\n", "no row"),
            (b"prompt,reel\na,b\nc\n", "line 3 (row 2) has 1 cells, the header has 2"),
            (b'prompt,reel\n"a\nb",r\nc,d,e\n', "line 4 (row 2) has 3 cells"),
            (b"prompt,reel,prompt\na,b,c\n", "more than one column is called 'prompt'"),
            (b"prompt,reel\na,b\nc,\xff\n", "line 3: byte 0xff is not UTF-8"),
            ("prompt,reel\né,b\n".encode("latin-1"), "line 2: byte 0xe9 is not UTF-8"),
            ("prompt,reel\na,b\n".encode("utf-16"), "UTF-16"),
            (b'prompt,reel\n"a,b\n', "unexpected end of data"),
            (b'prompt,reel\n"he said "hi"",b\n', "written twice"),
            (b"BZh91AY&SY", "bzip2"),
            (b"\xfd7zXZ\x00", "xz"),
            (b"\x28\xb5\x2f\xfd\x04", "zstd"),
            (b"PK\x03\x04rest of a workbook", "Excel"),
            (b"\x1f\x8bnot gzip", "m.csv"),
            (b"PAR1 but no Parquet", "m.csv"),
        ],
    )
    def test_what_is_no_manifest_is_refused_with_the_reason(self, tmp_path: Path, data: bytes, words: str) -> None:
        assert words in reason(write(tmp_path / "m.csv", data))

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        assert "there is no such file" in reason(str(tmp_path / "none.csv"))

    @pytest.mark.parametrize(
        "source", ["file:///etc/passwd", "http://host/m.csv", "simplecache::s3://b/m.csv", "zip://m.csv::x", "m\0.csv"]
    )
    def test_other_schemes_and_chained_addresses_are_not_opened(self, source: str) -> None:
        assert "neither a path nor s3://" in reason(source)

    def test_a_fifo_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "m.csv")
        assert "no such file" in reason(str(tmp_path / "m.csv"))

    @pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
    def test_a_file_that_may_not_be_read_says_so(self, tmp_path: Path) -> None:
        source = write(tmp_path / "m.csv", "prompt\na\n")
        Path(source).chmod(0)
        assert "denied" in reason(source)


class TestParquet:
    def test_types_become_the_text_a_person_would_write(self, tmp_path: Path) -> None:
        source = parquet(
            tmp_path / "m.parquet",
            prompt=["NA", None],
            duration_seconds=pyarrow.array([5.0, None]),
            seed=pyarrow.array([None, 4294967295], pyarrow.int64()),
            watermark=[True, None],
            nan=[float("nan"), 0.1],
            single=pyarrow.array([0.1, None], pyarrow.float32()),
            amount=[Decimal("1.50"), None],
            day=[dt.date(2026, 1, 2), None],
            word=pyarrow.array(["a", None]).dictionary_encode(),
            raw=[b"bytes", None],
            nothing=pyarrow.nulls(2),
            deep=[{"x": ["ü"]}, None],
        )
        first, second = read_manifest(source).text
        assert first == {
            "prompt": "NA",
            "duration_seconds": "5",
            "seed": "",
            "watermark": "true",
            "nan": "",
            "single": "0.1",
            "amount": "1.50",
            "day": "2026-01-02",
            "word": "a",
            "raw": "bytes",
            "nothing": "",
            "deep": '{"x": ["ü"]}',
        }
        assert second["seed"] == "4294967295"
        assert {name: text for name, text in second.items() if text} == {"seed": "4294967295", "nan": "0.1"}

    def test_lists_stay_lists_without_their_nulls(self, tmp_path: Path) -> None:
        source = parquet(
            tmp_path / "m.parquet",
            prompt=["a", "b", "c", "d"],
            reference_images=[["x.png", None, "y.png"], [], None, ["z.png"]],
            numbers=pyarrow.array([[1], None, [2, 3], []], pyarrow.large_list(pyarrow.int8())),
            pair=pyarrow.array([[1, 2], [3, 4], None, [7, 8]], pyarrow.list_(pyarrow.int8(), 2)),
        )
        manifest = read_manifest(source)
        assert manifest.cells["reference_images"] == [["x.png", "y.png"], [], [], ["z.png"]]
        assert manifest.cells["numbers"] == [["1"], [], ["2", "3"], []]
        assert manifest.cells["pair"] == [["1", "2"], ["3", "4"], [], ["7", "8"]]

    def test_a_list_sliced_over_chunks_is_read_right(self, tmp_path: Path) -> None:
        lists = [[f"{row}a", f"{row}b"][: row % 3] for row in range(1000)]
        pyarrow.parquet.write_table(pyarrow.table({"prompt": ["p"] * 1000, "l": lists}), tmp_path / "m.parquet", 7)
        assert read_manifest(str(tmp_path / "m.parquet")).cells["l"] == lists

    def test_the_frame_keeps_every_type(self, tmp_path: Path) -> None:
        columns = {
            "prompt": ["a", None],
            "n": pyarrow.array([1, None], pyarrow.int32()),
            "l": [["x"], None],
            "when": pyarrow.array([dt.datetime(2026, 1, 1, tzinfo=dt.UTC), None]),
            "d": pyarrow.array(["a", "b"]).dictionary_encode(),
        }
        frame = read_manifest(parquet(tmp_path / "m.parquet", **columns)).frame
        back = pyarrow.Table.from_pandas(frame, preserve_index=False)
        assert back.schema.remove_metadata() == pyarrow.table(columns).schema
        assert back.to_pydict() == pyarrow.table(columns).to_pydict()

    def test_pandas_own_parquet_with_missing_numbers_is_read(self, tmp_path: Path) -> None:
        frame = pandas.DataFrame({"prompt": ["a", None], "seed": [7, None], "take": [1, 2]})
        frame.to_parquet(tmp_path / "m.parquet")
        assert read_manifest(str(tmp_path / "m.parquet")).text == [
            {"prompt": "a", "seed": "7", "take": "1"},
            {"prompt": "", "seed": "", "take": "2"},
        ]

    def test_a_file_without_the_ending_is_known_by_its_bytes(self, tmp_path: Path) -> None:
        assert read_manifest(parquet(tmp_path / "m", prompt=["a"])).cells == {"prompt": ["a"]}

    def test_a_folder_is_read_in_the_order_of_names(self, tmp_path: Path) -> None:
        for name in ("part-2", "part-1", "part-3"):
            parquet(tmp_path / "m" / f"{name}.parquet", prompt=[name])
        write(tmp_path / "m" / "_SUCCESS", "")
        parquet(tmp_path / "m" / ".hidden.parquet", prompt=["hidden"])
        manifest = read_manifest(str(tmp_path / "m"))
        assert manifest.cells["prompt"] == ["part-1", "part-2", "part-3"]
        assert manifest.base == str(tmp_path / "m")
        assert read_manifest(f"{tmp_path}/m/").base == str(tmp_path / "m")

    def test_a_glob_starts_where_its_first_wild_part_does(self, tmp_path: Path) -> None:
        for name in ("a/1", "a/2", "b/1"):
            parquet(tmp_path / f"{name}.parquet", prompt=[name])
        assert read_manifest(f"{tmp_path}/a/*.parquet").cells["prompt"] == ["a/1", "a/2"]
        deep = read_manifest(f"{tmp_path}/**/*.parquet")
        assert deep.cells["prompt"] == ["a/1", "a/2", "b/1"]
        assert deep.base == str(tmp_path)

    def test_a_file_whose_name_has_wild_letters_is_that_file(self, tmp_path: Path) -> None:
        assert read_manifest(write(tmp_path / "m[1].csv", "prompt\na\n")).cells == {"prompt": ["a"]}

    def test_files_with_other_columns_are_joined_with_empty_cells(self, tmp_path: Path) -> None:
        parquet(tmp_path / "m" / "1.parquet", prompt=["a"], seed=[1])
        parquet(tmp_path / "m" / "2.parquet", prompt=["b"], reel=["r"], seed=[2.0])
        assert read_manifest(str(tmp_path / "m")).text == [
            {"prompt": "a", "seed": "1", "reel": ""},
            {"prompt": "b", "seed": "2", "reel": "r"},
        ]

    def test_what_is_no_parquet_is_refused_with_the_reason(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        assert "no Parquet file" in reason(str(tmp_path / "empty"))
        assert "no file matches" in reason(f"{tmp_path}/*.parquet")
        assert "no row" in reason(parquet(tmp_path / "m.parquet", prompt=pyarrow.array([], pyarrow.string())))
        write(tmp_path / "m.csv", "prompt\na\n")
        assert "only Parquet is read as many files" in reason(f"{tmp_path}/*.csv")
        parquet(tmp_path / "x" / "1.parquet", prompt=["a"], seed=[1])
        parquet(tmp_path / "x" / "2.parquet", prompt=["a"], seed=["one"])
        assert "do not fit together" in reason(str(tmp_path / "x"))
        table = pyarrow.table([pyarrow.array(["a"]), pyarrow.array(["b"])], names=["prompt", "prompt"])
        pyarrow.parquet.write_table(table, tmp_path / "twice.parquet")
        assert "'prompt'" in reason(str(tmp_path / "twice.parquet"))
        data = Path(parquet(tmp_path / "cut.parquet", prompt=["a"])).read_bytes()
        assert "cut.parquet" in reason(write(tmp_path / "cut.parquet", data[:-10]))


class TestDigests:
    def test_the_digest_is_of_the_bytes_and_follows_them(self, tmp_path: Path) -> None:
        source = write(tmp_path / "a.png", b"one")
        assert content_digest(source) == hashlib.sha256(b"one").hexdigest()
        write(tmp_path / "a.png", b"two")
        os.utime(source, ns=(1, 1))
        assert content_digest(source) == hashlib.sha256(b"two").hexdigest()
        with pytest.raises(FileNotFoundError):
            content_digest(str(tmp_path / "none"))

    def test_an_unchanged_file_is_not_read_again(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        source = write(tmp_path / "a.png", b"one")
        first = content_digest(source)
        monkeypatch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("it was read again"))
        assert content_digest(source) == first

    def test_known_digests_hold_still_while_a_file_changes(self, tmp_path: Path) -> None:
        source = write(tmp_path / "a.png", b"one")
        digests = KnownDigests()
        first = digests(source)
        write(tmp_path / "a.png", b"other")
        assert digests(source) == first != content_digest(source)


def test_a_relative_path_that_is_not_there_is_told_with_the_folder_it_was_looked_for_in(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnreadableManifestError) as raised:
        read_manifest("spring.csv")
    assert str(raised.value) == f"spring.csv: there is no such file in {tmp_path}, where this process runs"
    with pytest.raises(UnreadableManifestError, match=r"no such file$"):
        read_manifest(str(tmp_path / "spring.csv"))
