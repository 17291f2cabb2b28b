"""The vendors' pages and `longtake vendors` tell what the data says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from longtake.costs.price_file import with_price, write_to_file
from longtake.domain.errors import UnknownVendorError
from longtake.reports.vendor_tables import MARKS, UNKNOWN_PRICE, describe, markdown, page_with_tables, tables
from longtake.vendors import VENDORS, Adapter
from longtake.vendors.price_rule import PriceRule
from longtake_cli.main import main

PAGES = Path(__file__).parents[2] / "docs" / "vendors"
ADAPTERS = pytest.mark.parametrize("adapter", VENDORS.values(), ids=lambda adapter: adapter.name)


@ADAPTERS
def test_page_holds_the_tables_made_from_the_data(adapter: Adapter) -> None:
    page = (PAGES / f"{adapter.name}.md").read_text("utf-8")
    assert page_with_tables(page, adapter) == page


@ADAPTERS
def test_page_tells_the_paths_that_are_used(adapter: Adapter) -> None:
    page = (PAGES / f"{adapter.name}.md").read_text("utf-8")
    assert adapter.look("{task_id}").path.replace("%7B", "{").replace("%7D", "}") in page
    assert f"`{adapter.title}Credentials`" in page
    assert f"`{adapter.name.upper()}_…`" in page


def test_page_without_marks_is_an_error() -> None:
    with pytest.raises(ValueError, match="lacks"):
        page_with_tables(f"# Page\n{MARKS[0]}\n", VENDORS["evolink"])


@ADAPTERS
def test_every_wire_model_option_and_document_is_told(adapter: Adapter) -> None:
    for text in (markdown(adapter), describe(adapter.name, width=240)):
        for model in adapter.models:
            assert re.search(rf"(?<![\w-]){re.escape(model.wire)}(?![\w-])", text), model.wire
            for option in model.limits.options:
                assert option in text
        for document in adapter.documents:
            assert document.address in text
            assert document.read_on in text


def test_brief_table_names_every_vendor_and_the_neutral_names() -> None:
    text = describe()
    for adapter in VENDORS.values():
        assert f"{adapter.title} ({adapter.name})" in text
    assert re.search(r"seedance-2\.0-mini +seedance2\.0-mini-sp", text)
    assert re.search(r"seedance-2\.0-fast +seedance-fast", text)


def test_overrides_of_prices_are_told_with_their_source() -> None:
    rule = PriceRule(unit="task", usd={"*": 0.3}, source="my contract", fictitious=True)
    text = describe("jimmyai", prices={"jimmyai": {"seedance2.0-md": rule}}, width=240)
    assert "0.3 /clip" in text
    assert "fictitious: my contract" in text
    assert "0.3 /clip" not in describe("jimmyai", width=240)


def test_prices_that_were_set_by_hand_are_shown_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LONGTAKE_PRICE_FILE", raising=False)
    prices = with_price({}, "jimmyai", "seedance2.0-mini-sp", {"720p": 0.06}, unit="second", source="contract of May")
    write_to_file("jimmyai/default", prices)
    assert main(["vendors"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if " seedance2.0-mini-sp " in line)
    assert line.endswith("720p 0.06 /s (set by hand)")
    assert main(["vendors", "jimmyai"]) == 0
    told = capsys.readouterr().out
    assert told.count("720p 0.06 /s (set by hand)") == 2
    assert "contract of May" in told


def test_no_cell_of_a_table_is_empty_and_its_marks_are_explained() -> None:
    for name in (None, *VENDORS):
        assert "* default; ″ as above; – none" in describe(name)
    rows = [line.split() for line in describe("evolink").splitlines() if line.strip().startswith("seedance")]
    assert all(len(row) > 1 for row in rows)
    assert ["seedance-2.0-fast-text-to-video", "″", "″", "″"] in rows


def test_a_price_that_nobody_published_is_told_as_such() -> None:
    rows = {row[0]: row for row in tables(VENDORS["powertokens"])[-1].rows}
    assert rows["dreamina-seedance-2-0-mini-260615\ndreamina-seedance-2-0-260128"][1] == UNKNOWN_PRICE
    assert rows["dreamina-seedance-2-0-fast-260128"][2] == UNKNOWN_PRICE


@pytest.mark.parametrize("width", [40, 80, 120, 200])
@pytest.mark.parametrize("name", [None, *VENDORS])
def test_the_tables_keep_to_the_terminals_width_and_cut_no_name(name: str | None, width: int) -> None:
    text = describe(name, width=width)
    lines = [line for line in text.splitlines() if "http" not in line]
    assert max(map(cell_len, lines)) <= width
    assert "…" not in text
    for adapter in [VENDORS[name]] if name else VENDORS.values():
        assert all(model.wire in text for model in adapter.models)


def test_without_a_terminal_every_row_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    lines = [line for line in describe().splitlines() if "seedance-2.0-mini-image-to-video" in line]
    assert len(lines) == 1
    assert "first frame, first + last" in lines[0]


def test_a_terminal_is_asked_for_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert max(map(cell_len, describe("evolink").splitlines()[:60])) <= 70


def test_unknown_vendor_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(UnknownVendorError, match="evolink"):
        describe("nobody")
