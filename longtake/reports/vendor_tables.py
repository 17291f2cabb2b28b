"""The vendors as tables: models, options, references, prices, documents; as plain rows, for a terminal and for pages.

`python -m longtake.reports.vendor_tables NAME PAGE` brings the tables of `docs/vendors/NAME.md` up to date.
"""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as Drawing
from rich.text import Text

from longtake.domain.request import Mode
from longtake.vendors import VENDORS, Adapter, Model, adapter_named
from longtake.vendors.limits import MB, Limits, MediaLimits
from longtake.vendors.price_rule import CnyPrice, PriceRule

MARKS = ("<!-- tables: made by longtake.reports.vendor_tables -->", "<!-- end of the tables -->")
UNKNOWN_PRICE = "not published"
MODE_WORDS = {
    Mode.TEXT: "text",
    Mode.FIRST_FRAME: "first frame",
    Mode.FIRST_AND_LAST_FRAME: "first + last",
    Mode.REFERENCE: "references",
}
UNBROKEN = ("model", "wire model")
"""Headings of columns that are no use when cut."""
DITTO, NOTHING = "″", "–"
LEGEND = f"* default; {DITTO} as above; {NOTHING} none"
SET_BY_HAND = " (set by hand)"
LEGIBLE_COLUMNS = 16
UNBOUNDED_COLUMNS = 10_000
BESIDE: Mapping[str, str] = {
    "free": "",
    "added": "reference seconds are added",
    "at_least_output": "reference seconds are added, at least as many as the output's",
    "at_least_floor": "reference seconds are added, with the output's at least 5/3 of these",
}
"""How reference videos are billed beside the output, in words."""
UNIT_WORDS = {"second": "s", "task": "clip", "million_tokens": "million tokens"}
Prices = Mapping[str, PriceRule]
"""Overrides of the built-in prices, by wire model."""
Price = PriceRule | CnyPrice | None


class Table(NamedTuple):
    """A table as plain words. The first column of `rows` may name several wire models, a line each."""

    title: str
    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]


def tables(adapter: Adapter, prices: Prices | None = None) -> list[Table]:
    """Everything that the data says about one vendor."""
    media = ("wire model", "pictures", "videos", "sounds")
    price = ("wire model", f"{_currencies(adapter)} per unit", "with reference video", "beside it", "source")
    return [
        model_table(adapter, prices),
        Table("Options", ("wire model", "prompt", "ratios", "options"), _grouped(adapter, _option_cells)),
        Table("References", media, _grouped(adapter, _media_cells)),
        Table("Prices", price, _grouped(adapter, lambda model: _price_cells(model, prices))),
    ]


def model_table(adapter: Adapter, prices: Prices | None = None) -> Table:
    """One row per wire model: the neutral name it answers to, its modes, seconds, resolutions and price in brief."""
    headings = ("model", "wire model", "modes", "seconds", "resolutions", f"price in {_currencies(adapter)}")
    rows = [
        (
            model.neutral or "",
            model.wire,
            ", ".join(words for mode, words in MODE_WORDS.items() if mode in model.limits.modes),
            _seconds(model.limits),
            _with_default(model.limits.resolutions, model.limits.default_resolution),
            _price_brief(_price_of(model, prices)) + _by_hand(model, prices),
        )
        for model in adapter.models
    ]
    return Table("Models", headings, rows)


def facts(adapter: Adapter) -> list[str]:
    """What holds for all of a vendor's models, and where it was read, a sentence each."""
    lines = [f"A finished clip's link lives {adapter.link_seconds / 3600:g} hours."]
    if adapter.job_seconds:
        lines.append(f"A job can be asked about for {adapter.job_seconds / 86400:g} days.")
    if adapter.upload_kinds:
        kept = f"kept {adapter.upload_seconds / 3600:g} hours"
        size = f"up to {adapter.upload_max_bytes / MB:g} MB" if adapter.upload_max_bytes else "any size"
        lines.append(f"The vendor hosts files for free: {size}, {kept}.")
    else:
        lines.append("The vendor hosts no files for free.")
    can_cancel = adapter.cancel("id") is not None
    lines.append(f"A job {'that stands queued can' if can_cancel else 'cannot'} be cancelled.")
    return lines + [f"Read {each.read_on}: {each.title}, {each.address}" for each in adapter.documents]


def describe(name: str | None = None, *, prices: Mapping[str, Prices] | None = None, width: int | None = None) -> str:
    """The tables as text for a terminal: the models of all vendors, or one vendor in full.

    Args:
        name: One vendor alone.
        prices: Prices set by hand, which stand above the built-in ones, by vendor and wire model.
        width: Columns of the terminal; None: those of the one that is written to, without bound where it is none.

    Raises:
        UnknownVendorError: The registry has no vendor `name`.
    """
    width = width or (shutil.get_terminal_size().columns if sys.stdout.isatty() else UNBOUNDED_COLUMNS)
    file = io.StringIO()
    screen = Console(file=file, width=width, no_color=True, markup=False, highlight=False)
    adapters = [adapter_named(name)] if name else list(VENDORS.values())
    told = {
        adapter.name: (tables if name else _models_alone)(adapter, (prices or {}).get(adapter.name))
        for adapter in adapters
    }
    fits = all(_needed_columns(table) <= width for each in told.values() for table in each)
    for adapter in adapters:
        screen.print(f"{adapter.title} ({adapter.name})")
        for table in told[adapter.name]:
            title = table.title if name else None
            screen.print(_drawing(table, title) if fits else _records(table, title))
        if name:
            screen.print(f"{LEGEND}\n\n" + "\n".join(facts(adapter)))
    if not name:
        screen.print(LEGEND)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def _models_alone(adapter: Adapter, prices: Prices | None) -> list[Table]:
    return [model_table(adapter, prices)]


def _drawing(table: Table, title: str | None) -> Drawing:
    drawing = Drawing(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    for heading in table.headings:
        drawing.add_column(heading, no_wrap=heading in UNBROKEN, overflow="fold")
    for first, *rest in table.rows:
        name, *alike = first.split("\n")
        drawing.add_row(*(cell or NOTHING for cell in (name, *rest)))
        for other in alike:
            drawing.add_row(other, *(DITTO for _ in rest))
    return drawing


def _records(table: Table, title: str | None) -> Group:
    """The rows one under the other, a line for each cell: for terminals that are too narrow for columns."""
    parts: list[RenderableType] = [Text(title, "italic")] if title else []
    for row in table.rows:
        named = dict(zip(table.headings, row, strict=True))
        record = Drawing.grid(padding=(0, 2, 0, 0))
        record.add_column(no_wrap=True)
        record.add_column(overflow="fold")
        for heading, cell in named.items():
            if heading != "wire model" and cell:
                record.add_row(heading, cell)
        parts += [Text(named["wire model"], "bold"), Padding(record, (0, 0, 1, 2))]
    return Group(Text(), *parts)


def _needed_columns(table: Table) -> int:
    """How wide a terminal must be for the table to be read: whole names, and no column squeezed to shreds."""
    needed = 2
    for place, heading in enumerate(table.headings):
        cells = [heading, *(row[place] for row in table.rows)]
        widest = max(cell_len(line) for cell in cells for line in cell.split("\n"))
        needed += 2 + (widest if heading in UNBROKEN else min(widest, LEGIBLE_COLUMNS))
    return needed


def markdown(adapter: Adapter) -> str:
    """The tables as Markdown, with the built-in prices only."""
    parts: list[str] = []
    for table in tables(adapter):
        lines = [table.headings, ("---",) * len(table.headings), *table.rows]
        parts.append(f"### {table.title}\n\n" + "\n".join(_markdown_row(line) for line in lines))
    parts.append("### Facts\n\n" + "\n".join(f"- {fact}" for fact in facts(adapter)))
    return "\n\n".join(parts) + "\n"


def page_with_tables(page: str, adapter: Adapter) -> str:
    """A vendor's page with what stands between its two marks replaced by the tables.

    Raises:
        ValueError: The page lacks a mark.
    """
    before, begin, rest = page.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not begin or not end:
        raise ValueError(f"the page of {adapter.name} lacks {MARKS[0]} or {MARKS[1]}")
    return f"{before}{begin}\n\n{markdown(adapter)}\n{end}{after}"


def _markdown_row(cells: Sequence[str]) -> str:
    escaped = [cell.replace("|", "\\|").replace("\n", "<br>") for cell in cells]
    return f"| {' | '.join(escaped)} |"


def _grouped(adapter: Adapter, cells_of: Callable[[Model], tuple[str, ...]]) -> list[tuple[str, ...]]:
    """One row per distinct set of cells, headed by the wire models that share it."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for model in adapter.models:
        groups.setdefault(cells_of(model), []).append(model.wire)
    return [("\n".join(wires), *cells) for cells, wires in groups.items()]


def _seconds(limits: Limits) -> str:
    span = f"{limits.durations[0]}–{limits.durations[-1]}"
    return f"{span}, auto" if limits.auto_duration else span


def _with_default(choices: Sequence[str], default: str | None) -> str:
    return ", ".join(f"{choice}*" if choice == default and len(choices) > 1 else choice for choice in choices)


def _option_cells(model: Model) -> tuple[str, ...]:
    limits = model.limits
    prompt = ["required" if limits.prompt_required else "optional with media"]
    if limits.prompt_max_characters:
        prompt.append(f"≤ {limits.prompt_max_characters} characters")
    if limits.prompt_max_tokens:
        prompt.append(f"≤ {limits.prompt_max_tokens} tokens")
    ratios = _with_default(limits.ratios, limits.default_ratio)
    if limits.default_ratio_text not in (None, limits.default_ratio):
        ratios += f"; {limits.default_ratio_text} where there is text alone"
    options = [
        f"{name} ({', '.join(sorted(modes))} only)" if (modes := limits.modes_of_option.get(name)) else name
        for name in sorted(limits.options)
    ]
    options += [f"{name} is required" for name in sorted(limits.required)]
    return ", ".join(prompt), ratios, ", ".join(options) or "none"


def _media_cells(model: Model) -> tuple[str, ...]:
    limits = model.limits
    return tuple(
        ", ".join(_media_bounds(each)) if each.max_count else "none"
        for each in (limits.image, limits.video, limits.audio)
    )


def _media_bounds(limits: MediaLimits) -> Iterator[str]:
    yield f"≤ {limits.max_count}"
    for names in (limits.schemes, limits.containers, limits.codecs):
        if names:
            yield "/".join(sorted(names))
    if limits.max_bytes:
        yield f"≤ {limits.max_bytes / MB:g} MB"
    if limits.max_total_bytes:
        yield f"≤ {limits.max_total_bytes / MB:g} MB in all"
    for low, high, unit in (
        (limits.min_side_px, limits.max_side_px, "px a side" if limits.max_shorter_side_px is None else ""),
        (limits.min_side_px, limits.max_shorter_side_px, "px the shorter side"),
        (limits.min_pixels, limits.max_pixels, "pixels"),
        (limits.min_aspect, limits.max_aspect, "wide to high"),
        (limits.min_seconds, limits.max_seconds, "s"),
        (limits.min_fps, limits.max_fps, "fps"),
    ):
        if low is not None and high is not None and unit:
            yield f"{low:.10g}–{high:.10g} {unit}"
    if limits.max_total_seconds:
        yield f"≤ {limits.max_total_seconds:g} s in all"


def _figures(prices: Mapping[str, float]) -> str:
    return ", ".join(f"{usd:g}" if size == "*" else f"{size} {usd:g}" for size, usd in prices.items())


def _currencies(adapter: Adapter) -> str:
    """What prices are in; one that is not in US dollars says so itself."""
    return "USD or CNY" if any(model.cny_price for model in adapter.models) else "USD"


def _price_of(model: Model, prices: Prices | None) -> Price:
    return (prices or {}).get(model.wire, model.price) or model.cny_price


def _by_hand(model: Model, prices: Prices | None) -> str:
    return SET_BY_HAND if model.wire in (prices or {}) else ""


def _price_brief(rule: Price) -> str:
    if isinstance(rule, CnyPrice):
        return f"{_figures(rule.cny)} CNY /{UNIT_WORDS['million_tokens']}"
    return f"{_figures(rule.usd)} /{UNIT_WORDS[rule.unit]}" if rule else UNKNOWN_PRICE


def _price_cells(model: Model, prices: Prices | None) -> tuple[str, ...]:
    rule = _price_of(model, prices)
    if rule is None:
        return UNKNOWN_PRICE, "", "", ""
    beside = BESIDE[rule.reference_seconds]
    if isinstance(rule, CnyPrice):
        return _price_brief(rule), f"{_figures(rule.cny_with_video)} CNY", beside, f"{rule.source}, {rule.date}"
    brief, *rest = _usd_cells(rule, [beside] if beside else [])
    return brief + _by_hand(model, prices), *rest


def _usd_cells(rule: PriceRule, beside: list[str]) -> tuple[str, ...]:
    video = "the same" if rule.usd_with_video is None else _figures(rule.usd_with_video) or UNKNOWN_PRICE
    if rule.unfiltered_factor != 1:
        beside = [*beside, f"×{rule.unfiltered_factor:g} with content_filter off"]
    if rule.search_usd:
        beside = [*beside, f"{rule.search_usd:g} a web search"]
    made_up = "fictitious: " if rule.fictitious else ""
    source = f"{made_up}{rule.source}{', ' + rule.date if rule.date else ''}"
    return _price_brief(rule), video, "; ".join(beside), source


if __name__ == "__main__":
    place = Path(sys.argv[2])
    place.write_text(page_with_tables(place.read_text("utf-8"), adapter_named(sys.argv[1])), "utf-8")
