"""Cells as spreadsheets, data frames and people write them: read as what they are, or called by what was done."""

from __future__ import annotations

import csv
import unicodedata
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from longtake.domain.violations import Violation
from longtake.manifests.checker import CheckedManifest, check_manifest
from longtake.manifests.reader import read_manifest


def check(folder: Path, **cells: str) -> CheckedManifest:
    row = {"prompt": "A fox", **cells}
    with (folder / "m.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([row.keys(), row.values()])
    return check_manifest(read_manifest(str(folder / "m.csv")))


def only(checked: CheckedManifest) -> Violation:
    [violation] = checked.violations
    return violation


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("duration_seconds", "5.000000000", 5),
        ("duration_seconds", "1.5E+1", 15),
        ("duration_seconds", "5e0", 5),
        ("duration_seconds", "\u00a05\u00a0", 5),
        ("seed", "-7.0", -7),
        ("generate_audio", "1.000000000", True),
        ("generate_audio", "FALSE", False),
    ],
)
def test_numbers_and_flags_are_read_as_data_frames_and_databases_write_them(
    folder: Path, column: str, text: str, value: object
) -> None:
    checked = check(folder, **{column: text})
    assert not checked.violations
    assert getattr(checked.rows[0].written.request, column) == value


def test_seconds_may_have_as_many_decimals_as_a_database_writes(folder: Path) -> None:
    rows = "reel,shot,prompt,continue_from,reference_tail_seconds\nr,1,a,,\nr,2,b,clip,4.500000000\n"
    (folder / "m.csv").write_text(rows)
    checked = check_manifest(read_manifest(str(folder / "m.csv")))
    assert not checked.violations
    assert checked.rows[1].written.reference_tail_seconds == 4.5


def test_a_number_that_a_spreadsheet_shortened_is_called_one(folder: Path) -> None:
    assert "shortened" in only(check(folder, seed="4.00638E+12")).rule


def test_a_decimal_comma_is_told_with_the_way_to_write_it(folder: Path) -> None:
    checked = check(folder, continue_from="clip", reel="r", shot="2", reference_tail_seconds="4,5")
    assert [one.fix for one in checked.violations if one.column == "reference_tail_seconds"] == ["write 4.5"]


@pytest.mark.parametrize(
    ("value", "rule", "fix"),
    [
        ("['a.jpg', 'b.jpg']", "a list written as text", "write a.jpg|b.jpg"),
        ('["a.jpg"]', "a list written as text", "write a.jpg"),
        ("array(['a.jpg', 'b.jpg'])", "a list written as text", "write a.jpg|b.jpg"),
        ("('a.jpg', 'b.jpg')", "a list written as text", "write a.jpg|b.jpg"),
        ("a.jpg\nb.jpg", "the cell holds 2 lines", "write a.jpg|b.jpg"),
        ("a.jpg\r\n\r\nb.jpg\r\n", "the cell holds 2 lines", "write a.jpg|b.jpg"),
        ("a.jpg, b.jpg", "several values stand between |", "write a.jpg|b.jpg"),
        ("a.jpg;b.jpg", "several values stand between |", "write a.jpg|b.jpg"),
        ('"a.jpg"', "stands in quotes", "write a.jpg"),
        ("'a.jpg'", "stands in quotes", "write a.jpg"),
        ("“a.jpg”", "stands in quotes", "write a.jpg"),
        ("a\u200b.jpg", "U+200B ZERO WIDTH SPACE", "take that character out"),
        ("\ufeffa.jpg", "U+FEFF ZERO WIDTH NO-BREAK SPACE", "take that character out"),
        ("a\u00a0.jpg", "U+00A0 NO-BREAK SPACE", "take that character out"),
        ("A.JPG", "there is no such file", "write a.jpg"),
        ('{"bytes": null, "path": "a.jpg"}', "Hugging Face", "write each picture to a file"),
        ("{'bytes': b'..', 'path': None}", "Hugging Face", "write each picture to a file"),
    ],
)
def test_a_reference_that_is_written_in_another_way_is_called_by_it_with_the_way_to_write_it(
    folder: Path, value: str, rule: str, fix: str
) -> None:
    found = only(check(folder, reference_images=value))
    assert rule in found.rule
    assert fix in found.fix


def test_a_file_whose_name_looks_like_a_list_is_that_file(folder: Path) -> None:
    for name in ("['x'].jpg", "'y'", "a, b.jpg"):
        (folder / name).write_bytes(b"x")
        assert not check(folder, reference_images=name).violations


def test_pictures_inside_parquet_are_called_that_in_every_shape(tmp_path: Path) -> None:
    picture = {"bytes": b"\xff\xd8" * 50, "path": "a.jpg"}
    table = pyarrow.table({"prompt": ["a"], "first_frame": [picture], "reference_images": [[picture, picture]]})
    pyarrow.parquet.write_table(table, tmp_path / "m.parquet")
    checked = check_manifest(read_manifest(str(tmp_path / "m.parquet")))
    assert {one.column for one in checked.violations} == {"first_frame", "reference_images"}
    assert all("Hugging Face" in one.rule for one in checked.violations)


@pytest.mark.parametrize(
    "column", ["vendor", "model", "resolution", "ratio", "duration_seconds", "take", "generate_audio"]
)
def test_a_hidden_sign_or_quotes_in_a_word_or_number_are_named(folder: Path, column: str) -> None:
    value = {"vendor": "evolink", "model": "seedance-2.0", "resolution": "480p", "ratio": "16:9"}.get(column, "1")
    assert "U+200B ZERO WIDTH SPACE" in only(check(folder, **{column: f"{value}\u200b"})).rule
    assert "stands in quotes" in only(check(folder, **{column: f'"{value}"'})).rule


@pytest.mark.parametrize("name", ["opening\u200b", "ope\u00adning", "two\u00a0words", "\u2060x", "ㅤ"])
def test_a_name_with_a_sign_that_nobody_sees_is_warned_about(folder: Path, name: str) -> None:
    found = only(check(folder, reel=name, shot="1"))
    assert found.warning
    assert "invisible" in found.rule


@pytest.mark.parametrize("name", ["👨‍👩‍👧", "می‌خواهم", "ＡＢ　Ｃ", "Öffnung 1", "שלום\u200f"])
def test_what_languages_and_emoji_need_in_a_name_is_not(folder: Path, name: str) -> None:
    assert not check(folder, reel=name, shot="1").violations


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("er lÃ¤uft", "'ä'"),
        ("itâ€™s late", "'’'"),
        ("å±±æ°´", "'山水'"),
        ("雪山".encode().decode("latin-1"), "'雪山'"),
        ("ѩɽ at dawn", "'雪山'"),
        ("ðŸ˜€ smile", "'😀'"),
        ("鐙愮嫺鍦ㄩ洩涓�"[:3], "wrong encoding"),
        ("a \ufffd b", "U+FFFD"),
        ("a \x1b[31m b", "U+001B"),
        ("a \0 b", "U+0000"),
        ("a \x08 b", "U+0008"),
    ],
)
def test_a_prompt_that_came_through_a_wrong_encoding_or_holds_controls_is_warned_about_and_sent_as_it_is(
    folder: Path, prompt: str, words: str
) -> None:
    checked = check(folder, prompt=prompt)
    assert any(words in one.rule for one in checked.violations)
    assert all(one.warning and one.column == "prompt" for one in checked.violations)
    assert not checked.refused
    assert checked.rows[0].written.request.prompt == prompt


@pytest.mark.parametrize(
    "prompt",
    [
        *(
            "läuft schnell, „Spaß“ – Ärger",
            "Où est l’été ? À « CAFÉ»",
            "лиса в снегу",
            "雪山の朝、『光』",
            "Việt Nam ươn ướt",
        ),
        *(
            "ελληνικά άσπρο",
            "🦊👨‍👩‍👧",
            "naïve façade ÀÉÈ",
            "עברית שלום",
            "5 × 3 °C µm Ω",
            "İstanbul ışığı",
            "Қазақстан әлем",
        ),
        *("한국어 프롬프트", "狐狸在雪中奔跑，光线柔和", "a\tb\r\nc", "ñandú ¿qué? ¡sí!"),
    ],
)
def test_prompts_of_any_language_pass_without_a_word(folder: Path, prompt: str) -> None:
    assert not check(folder, prompt=prompt).violations


@pytest.mark.parametrize(("on_disk", "written"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_a_file_is_found_however_its_letters_are_composed(tmp_path: Path, on_disk: str, written: str) -> None:
    name = "Bücher/café à la carte.jpg"
    path = tmp_path / unicodedata.normalize(on_disk, name)
    path.parent.mkdir()
    path.write_bytes(b"x")
    checked = check(tmp_path, first_frame=unicodedata.normalize(written, name))
    assert not checked.violations
    [reference] = checked.rows[0].written.request.references
    assert reference.source == str(path.resolve())


def test_a_manifest_is_found_however_the_letters_of_its_path_are_composed(tmp_path: Path) -> None:
    path = tmp_path / unicodedata.normalize("NFD", "Bücher") / unicodedata.normalize("NFC", "März.csv")
    path.parent.mkdir()
    path.write_text("prompt\na\n")
    manifest = read_manifest(unicodedata.normalize("NFC", str(path)))
    assert manifest.base == str(path.parent)


def test_composition_leads_out_of_no_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / unicodedata.normalize("NFD", "é.jpg")).write_bytes(b"x")
    (tmp_path / "in" / unicodedata.normalize("NFD", "é.jpg")).symlink_to(
        tmp_path / unicodedata.normalize("NFD", "é.jpg")
    )
    assert "outside" in only(check(tmp_path / "in", first_frame=unicodedata.normalize("NFC", "é.jpg"))).rule
