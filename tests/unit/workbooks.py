"""Excel workbooks for tests, written part by part: what a spreadsheet program would write, and what none would."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

_SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_STYLES = f"""<styleSheet xmlns="{_SHEETS}"><fonts count="1"><font/></fonts><fills count="1"><fill/></fills>
<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>
<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>"""

Value = str | int | float | bool | None


class Raw(str):
    """A cell's own XML, its place left out: `<c{}>…</c>`."""

    __slots__ = ()


def cell(value: Value) -> str:
    """A cell's XML with `{}` where its place goes."""
    if value is None:
        return ""
    if isinstance(value, Raw):
        return value
    if isinstance(value, bool):
        return f'<c{{}} t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f"<c{{}}><v>{value!r}</v></c>"
    text = escape(value).replace("{", "{{").replace("}", "}}")
    return f'<c{{}} t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def error(word: str) -> Raw:
    """A formula that failed."""
    return Raw(f'<c{{}} t="e"><f>A1</f><v>{escape(word)}</v></c>')


def formula(value: str | None) -> Raw:
    """A formula, with the text that it last came to, or never calculated."""
    return Raw("<c{}><f>A1</f></c>" if value is None else f'<c{{}} t="str"><f>A1</f><v>{escape(value)}</v></c>')


def date(day: float) -> Raw:
    """A day, as Excel counts them, in a date's format."""
    return Raw(f'<c{{}} s="1"><v>{day!r}</v></c>')


def sheet(rows: Sequence[Sequence[Value]], first_row: int = 1, first_column: int = 1) -> str:
    """A sheet's XML."""
    lines: list[str] = []
    for number, row in enumerate(rows, first_row):
        cells = "".join(
            cell(value).format(f' r="{_letters(column)}{number}"') for column, value in enumerate(row, first_column)
        )
        lines.append(f'<row r="{number}">{cells}</row>')
    return f'<worksheet xmlns="{_SHEETS}"><sheetData>{"".join(lines)}</sheetData></worksheet>'


def write_workbook(path: Path, *sheets: tuple[str, str] | tuple[str, str, str], shared: Sequence[str] = ()) -> str:
    """Writes a workbook.

    Args:
        path: Where.
        sheets: Name, XML, and `hidden` where it is.
        shared: Texts that cells name by their number.

    Returns:
        The path as text.
    """
    listed = relations = kinds = ""
    texts = "".join(f"<si><t>{escape(text)}</t></si>" for text in shared)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (name, xml, *state) in enumerate(sheets, 1):
            shown = state[0] if state else "visible"
            listed += f'<sheet name="{escape(name)}" sheetId="{number}" r:id="r{number}" state="{shown}"/>'
            relations += (
                f'<Relationship Id="r{number}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{number}.xml"/>'
            )
            kinds += f'<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="x/worksheet+xml"/>'
            archive.writestr(f"xl/worksheets/sheet{number}.xml", xml)
        relations += f'<Relationship Id="s" Type="{_OFFICE}/styles" Target="styles.xml"/>'
        relations += f'<Relationship Id="t" Type="{_OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
        book = f'<workbook xmlns="{_SHEETS}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>'
        archive.writestr("xl/workbook.xml", book)
        archive.writestr("xl/styles.xml", _STYLES)
        archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{_SHEETS}">{texts}</sst>')
        archive.writestr(
            "xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{_PACKAGE}/relationships">{relations}</Relationships>'
        )
        root = f'<Relationship Id="b" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
        archive.writestr("_rels/.rels", f'<Relationships xmlns="{_PACKAGE}/relationships">{root}</Relationships>')
        archive.writestr("[Content_Types].xml", f'<Types xmlns="{_PACKAGE}/content-types">{kinds}</Types>')
    return str(path)


def far_workbook(path: Path) -> None:
    """Two cells, as far from each other as a sheet reaches."""
    xml = sheet([["prompt"], ["x"]]).replace('r="A2"', 'r="XFD1048576"').replace('<row r="2">', '<row r="1048576">')
    write_workbook(path, ("Shots", xml))


def shared_workbook(path: Path, text: str, times: int) -> None:
    """One long text, named by many cells."""
    rows = [["prompt"], *[[Raw('<c{} t="s"><v>0</v></c>')]] * times]
    write_workbook(path, ("Shots", sheet(rows)), shared=[text])


def packed_workbook(path: Path, block: bytes, times: int, claimed_bytes: int | None = None) -> None:
    """A sheet that holds a block again and again, and may say that it holds less."""
    write_workbook(path, ("Shots", sheet([["prompt"], ["a"]])))
    part = zipfile.ZipInfo("xl/worksheets/sheet2.xml")
    part.compress_type = zipfile.ZIP_DEFLATED
    write_workbook(path, ("Shots", sheet([["prompt"], ["a"]])), ("More", "<worksheet/>"))
    rest = path.with_suffix(".rest")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(rest, "w") as new:
        for name in old.namelist():
            if name != part.filename:
                new.writestr(name, old.read(name))
        with new.open(part, "w", force_zip64=True) as file:
            file.write(b"<worksheet>")
            for _ in range(times):
                file.write(block)
            file.write(b"</worksheet>")
        if claimed_bytes is not None:
            new.getinfo(part.filename).file_size = claimed_bytes
    rest.replace(path)


def _letters(column: int) -> str:
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
