"""Every page can be followed literally: each command is typed, each file saved, each output compared."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.conftest import LOCAL, free_port
from tests.docs.pages import ROOT, Block, Terminal, blocks_of, prints

README = ROOT / "README.md"
FOLLOWED = [ROOT / "docs" / "own-flows.md", *sorted((ROOT / "docs" / "guides").glob("*.md"))]
"""The first one starts a Prefect server that the others find running."""
DONE_HERE = {"make setup", "make test"}
"""Lines that are not typed: the environment is there, and this is the test suite."""
NAMED = ("csv", "python", "yaml")


@pytest.fixture
def terminal(checkout: Path, environment: dict[str, str]) -> Iterator[Terminal]:
    opened = Terminal(checkout, environment, {"4200": free_port(), "4280": free_port()})
    (checkout / ".terminal").unlink(missing_ok=True)
    yield opened
    opened.close()


def follow(page: Path, terminal: Terminal) -> None:
    """Types and saves everything on a page, in its order."""
    blocks = blocks_of(page)
    for block, after in zip(blocks, [*blocks[1:], None], strict=True):
        expected = after if after is not None and after.language == "text" else None
        if block.language == "sh" and "background" in block.marks:
            assert expected is not None, f"{block}: a command that stays is followed by what it prints"
            if block.text.strip() != LOCAL:
                terminal.type_elsewhere(block, expected.text)
        elif block.language == "sh" and "no-run" not in block.marks:
            printed = terminal.type(without_done(block))
            if expected is not None:
                wanted = terminal.here(expected.text)
                assert prints(wanted, printed), f"{block} prints:\n{printed}\nThe page says:\n{wanted}"
        elif block.language in NAMED and block.marks:
            terminal.save(block, block.marks[0])


def without_done(block: Block) -> Block:
    lines = [line for line in block.text.splitlines(keepends=True) if line.split("#")[0].strip() not in DONE_HERE]
    return Block(block.page, block.line, block.language, block.marks, "".join(lines), block.before)


@pytest.mark.slow  # half a minute each, and more: demo, cancelled runs, runs that wait for one another
@pytest.mark.parametrize("page", [*FOLLOWED, README], ids=lambda page: page.stem)
def test_the_page_can_be_followed_to_its_end(page: Path, terminal: Terminal, request: pytest.FixtureRequest) -> None:
    if LOCAL in page.read_text("utf-8"):
        terminal.instead = request.getfixturevalue("local")
    follow(page, terminal)


@pytest.mark.parametrize("page", [README, *FOLLOWED], ids=lambda page: page.stem)
def test_what_is_not_run_says_that_it_is_for_production(page: Path) -> None:
    for block in blocks_of(page):
        if "no-run" in block.marks:
            assert "production" in block.before.lower(), f"{block} is not run, and the page does not say why"
        if block.language in NAMED:
            assert block.marks, f"{block} is neither saved nor run"
            assert f"`{block.marks[0]}`" in block.before, f"{block}: a reader cannot know that this is {block.marks[0]}"


@pytest.mark.parametrize("client", ["openai", "Ark|volcengine-ark", "fal-client", "LiteLLM", "Prefect", "Longtake"])
def test_the_bill_in_the_readme_is_the_one_that_was_measured(client: str) -> None:
    def bill(page: Path) -> list[str]:
        table = page.read_text("utf-8").partition("answer lost |")[2].partition("\n\n")[0]
        row = next(row for row in table.splitlines() if re.search(client, row, re.IGNORECASE))
        return [cell.strip(" *") for cell in row.strip("|").split("|")][1:4]

    assert bill(README) == bill(ROOT / "docs" / "performance.md")


@pytest.mark.parametrize("page", [README, *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda page: page.stem)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        name, _, heading = target.partition("#")
        place = Path(os.path.normpath(page.parent / name)) if name else page
        assert place.exists(), f"{page.name} links to {target}"
        if heading:
            assert heading in headings(place), f"{page.name} links to {target}"


def headings(page: Path) -> set[str]:
    """The headings of a page as its addresses have them."""
    found = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}
