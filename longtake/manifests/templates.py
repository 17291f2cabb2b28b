"""Prompts with `{column}` in them: filled in once from the row, never evaluated.

A placeholder is a column's exact name and nothing more. What looks like attribute access, an index, a conversion, a
format or JSON is refused with the way to write it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
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


@dataclass(frozen=True)
class Template:
    """A prompt taken apart: `literals` has one entry more than `names`, and they alternate."""

    literals: tuple[str, ...]
    names: tuple[str, ...]

    def fill(self, values: Collection[str]) -> str:
        """The prompt with one value per name, in the order of `names`. Values are never expanded again."""
        filled = [self.literals[0]]
        for value, literal in zip(values, self.literals[1:], strict=True):
            filled += (value, literal)
        return "".join(filled)


def parse_template(prompt: str, columns: Collection[str]) -> Template:
    """Takes a prompt apart.

    Args:
        prompt: The prompt as written.
        columns: The names that may be filled in.

    Raises:
        TemplateError: A name that is not among them, or braces that are no placeholder.
    """
    literals, names, end = [""], list[str](), 0
    for token in _TOKEN.finditer(prompt):
        literals[-1] += prompt[end : token.start()]
        end = token.end()
        text = token.group()
        if text in ("{{", "}}"):
            literals[-1] += text[0]
        elif len(text) == 1:
            raise TemplateError(f"a single {text} at character {token.start() + 1} is no placeholder", BRACES_FIX)
        else:
            names.append(_known(token.group(1), columns))
            literals.append("")
    literals[-1] += prompt[end:]
    return Template(tuple(literals), tuple(names))


def _known(name: str, columns: Collection[str]) -> str:
    if name in columns:
        return name
    shown = name if len(name) <= 40 else f"{name[:37]}..."
    if name == "prompt":
        raise TemplateError("{prompt} cannot be filled into itself", "name another column")
    if _PLAIN_NAME.fullmatch(name):
        there = ", ".join(sorted(columns)) or "none"
        raise TemplateError(f"there is no column {shown!r} for {{{shown}}}; there are: {there}", "name one of these")
    rule = f"{{{shown}}} is not a column's plain name (nothing is evaluated, indexed or formatted)"
    raise TemplateError(rule, f"name a column alone, or {BRACES_FIX}")


def escaped(text: str) -> str:
    """The template that fills in to exactly this text."""
    return text.replace("{", "{{").replace("}", "}}")
