"""Prompts with placeholders: a column's name and nothing more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.manifests.templates import TemplateError, escaped, fill_in


def fill(prompt: str, **values: str) -> str:
    return fill_in(prompt, values, values.__getitem__)


@pytest.mark.parametrize(
    ("prompt", "filled"),
    [
        ("{who} walks", "a fox walks"),
        ("{who}{who}", "a foxa fox"),
        ("{{who}}", "{who}"),
        ("{{{who}}}", "{a fox}"),
        ('{{"a": "{who}"}}', '{"a": "a fox"}'),
        ("no placeholder", "no placeholder"),
        ("", ""),
        ("{empty}", ""),
        ("{nested}", "{who} {{ {a.__class__}"),
        ("{col with space}", "spaced"),
        ("{a.b}", "dotted"),
        ("{名}", "海"),
    ],
)
def test_placeholders_are_filled_in_once(prompt: str, filled: str) -> None:
    values = {
        "who": "a fox",
        "empty": "",
        "nested": "{who} {{ {a.__class__}",
        "col with space": "spaced",
        "a.b": "dotted",
        "名": "海",
    }
    assert fill(prompt, **values) == filled


@pytest.mark.parametrize(
    "prompt",
    [
        "{a.__class__}",
        "{a[0]}",
        "{a!r}",
        "{a:>5}",
        "{}",
        "{ a }",
        "{0}",
        "{a",
        "a}",
        '{"a": 1}',
        '{"a": {"b": 1}}',
        "{a}}",
    ],
)
def test_what_only_looks_like_a_placeholder_is_refused(prompt: str) -> None:
    with pytest.raises(TemplateError) as raised:
        fill(prompt, a="x")
    assert "{{ and }}" in raised.value.fix


def test_a_missing_name_lists_the_columns_there_are() -> None:
    with pytest.raises(TemplateError, match=r"no column 'subjekt'.*mood, subject"):
        fill("{subjekt}", subject="a", mood="b")


def test_a_prompt_is_not_filled_into_itself() -> None:
    with pytest.raises(TemplateError, match="itself"):
        fill("{prompt}", subject="a")


@given(st.text())
def test_escaped_text_fills_in_to_itself(text: str) -> None:
    assert fill(escaped(text), a="x") == text


@given(st.text(alphabet="{}a.![]: "))
def test_a_template_is_filled_in_or_refused_and_nothing_else(prompt: str) -> None:
    try:
        filled = fill(prompt, a="X")
    except TemplateError:
        return
    assert filled == prompt.format(a="X")
