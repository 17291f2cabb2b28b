"""Prompts with `{column}` in them: filled in once from the row, never evaluated.

A placeholder is a column's exact name and nothing more. What looks like attribute access, an index, a conversion, a
format or JSON is refused with the way to write it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
FILLED_MAX_CHARACTERS = 100_000
"""Of a prompt with placeholders, filled in: a short one may name a long cell a thousand times."""
BRACES_FIX = "write {{ and }} where braces are meant"


class TemplateError(ValueError):
    """A prompt that cannot be filled in.

    Args:
        rule: What is wrong.
        fix: What to write instead.
    """

    def __init__(self, rule: str, fix: str) -> None:
        super().__init__(rule, fix)
        self.rule = rule
        self.fix = fix


def fill_in(prompt: str, columns: Collection[str], value_of: Callable[[str], str]) -> str:
    """The prompt with its placeholders filled in; values are never expanded again.

    Args:
        prompt: The prompt as written.
        columns: The names that may be filled in.
        value_of: Gives the row's text for one of these names.

    Raises:
        TemplateError: A name that is not among them, or braces that are no placeholder.
    """

    size = 0

    def filled(token: re.Match[str]) -> str:
        nonlocal size
        text = token.group()
        if text in ("{{", "}}"):
            return text[0]
        if len(text) == 1:
            raise TemplateError(f"a single {text} at character {token.start() + 1} is no placeholder", BRACES_FIX)
        if (name := token.group(1)) not in columns:
            raise _unknown(name, columns)
        value = value_of(name)
        size += len(value)
        if size > FILLED_MAX_CHARACTERS:
            rule = f"filled in it has more than {FILLED_MAX_CHARACTERS:,} characters"
            raise TemplateError(rule, "fill in shorter cells, or fewer")
        return value

    return _TOKEN.sub(filled, prompt) if "{" in prompt or "}" in prompt else prompt


def _unknown(name: str, columns: Collection[str]) -> TemplateError:
    shown = name if len(name) <= 40 else f"{name[:37]}..."
    if name == "prompt":
        return TemplateError("{prompt} cannot be filled into itself", "name another column")
    if _PLAIN_NAME.fullmatch(name):
        there = ", ".join(sorted(columns)) or "none"
        return TemplateError(f"there is no column {shown!r} to fill in; there are: {there}", "name one of these")
    rule = f"{{{shown}}} is not a column's plain name (nothing is evaluated, indexed or formatted)"
    return TemplateError(rule, f"name a column alone, or {BRACES_FIX}")


def escaped(text: str) -> str:
    """The template that fills in to exactly this text."""
    return text.replace("{", "{{").replace("}", "}}")
