"""The vendors as tables: models, options, references, prices, documents; as plain rows, for a terminal and for pages.

`python -m longtake.vendors.table NAME PAGE` brings the tables of a vendor's page (`docs/vendors/NAME.md`) up to date.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table as Drawing

from longtake.limits import MB, Limits, MediaLimits
from longtake.pricing import PriceRule
from longtake.request import Mode
from longtake.vendors import VENDORS, Adapter, Model, adapter_named

MARKS = ("<!-- tables: made by longtake.vendors.table -->", "<!-- end of the tables -->")
UNKNOWN_PRICE = "not published"
MODE_WORDS = {
    Mode.TEXT: "text",
    Mode.FIRST_FRAME: "first frame",
    Mode.FIRST_AND_LAST_FRAME: "first + last",
    Mode.REFERENCE: "references",
}
UNIT_WORDS = {"second": "s", "task": "clip", "million_tokens": "million tokens"}
Prices = Mapping[str, PriceRule]
"""Overrides of the built-in prices, by wire model."""


class Table(NamedTuple):
    """A table as plain words. The first column of `rows` may name several wire models, a line each."""

    title: str
    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]


def tables(adapter: Adapter, prices: Prices | None = None) -> list[Table]:
    """Everything that the data says about one vendor."""
    known = {model.wire: (prices or {}).get(model.wire, model.price) for model in adapter.models}
    media = ("wire model", "pictures", "videos", "sounds")
    price = ("wire model", "USD per unit", "with reference video", "beside it", "source")
    return [
        model_table(adapter, prices),
        Table("Options", ("wire model", "prompt", "ratios", "options"), _grouped(adapter, _option_cells)),
        Table("References", media, _grouped(adapter, _media_cells)),
        Table("Prices", price, _grouped(adapter, lambda model: _price_cells(known[model.wire]))),
    ]


def model_table(adapter: Adapter, prices: Prices | None = None) -> Table:
    """One row per wire model: the neutral name it answers to, its modes, seconds, resolutions and price in brief."""
    headings = ("model", "wire model", "modes", "seconds", "resolutions", "price in USD")
    rows = [
        (
            model.neutral or "",
            model.wire,
            ", ".join(words for mode, words in MODE_WORDS.items() if mode in model.limits.modes),
            _seconds(model.limits),
            _with_default(model.limits.resolutions, model.limits.default_resolution),
            _price_brief((prices or {}).get(model.wire, model.price)),
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
    lines.append("A job cannot be cancelled." if adapter.cancel("id") is None else "A job can be cancelled.")
    return lines + [f"Read {each.read_on}: {each.title}, {each.address}" for each in adapter.documents]


def describe(name: str | None = None, *, prices: Mapping[str, Prices] | None = None, width: int = 140) -> str:
    """The tables as text for a terminal of `width` columns: the models of all vendors, or one vendor in full.

    Raises:
        UnknownVendorError: The registry has no vendor `name`.
    """
    file = io.StringIO()
    screen = Console(file=file, width=width, no_color=True)
    for adapter in [adapter_named(name)] if name else VENDORS.values():
        screen.print(f"{adapter.title} ({adapter.name})")
        own = (prices or {}).get(adapter.name)
        for table in tables(adapter, own) if name else [model_table(adapter, own)]:
            drawing = Drawing(box=box.SIMPLE_HEAD, title=table.title if name else None, title_justify="left")
            for heading in table.headings:
                drawing.add_column(heading, no_wrap=heading in ("model", "wire model"))
            for row in table.rows:
                drawing.add_row(*row)
            screen.print(drawing)
        if name:
            screen.print("\n".join(facts(adapter)), soft_wrap=True)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


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
        (limits.min_side_px, limits.max_side_px, "px a side"),
        (limits.min_pixels, limits.max_pixels, "pixels"),
        (limits.min_aspect, limits.max_aspect, "wide to high"),
        (limits.min_seconds, limits.max_seconds, "s"),
        (limits.min_fps, limits.max_fps, "fps"),
    ):
        if low is not None and high is not None:
            yield f"{low:.10g}–{high:.10g} {unit}"
    if limits.max_total_seconds:
        yield f"≤ {limits.max_total_seconds:g} s in all"


def _figures(prices: Mapping[str, float]) -> str:
    return ", ".join(f"{usd:g}" if size == "*" else f"{size} {usd:g}" for size, usd in prices.items())


def _price_brief(rule: PriceRule | None) -> str:
    return f"{_figures(rule.usd)} /{UNIT_WORDS[rule.unit]}" if rule else UNKNOWN_PRICE


def _price_cells(rule: PriceRule | None) -> tuple[str, ...]:
    if rule is None:
        return UNKNOWN_PRICE, "", "", ""
    video = "the same" if rule.usd_with_video is None else _figures(rule.usd_with_video) or UNKNOWN_PRICE
    beside = {
        "free": [],
        "added": ["reference seconds are added"],
        "at_least_output": ["reference seconds are added, at least as many as the output's"],
    }[rule.reference_seconds]
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
