"""The options of a render are one model: the flow's parameters, its form and the command line say the same."""

from __future__ import annotations

import argparse
import contextlib
import inspect
from typing import Any

import pytest
from pydantic import TypeAdapter

from flows import plan_manifest as plan_flow
from flows import render_manifest as render_flow
from flows.plan_manifest import plan_manifest
from flows.render_manifest import render_manifest
from flows.render_reel import render_reel
from longtake.domain.errors import ConfigurationError
from longtake.planning.options import RenderOptions
from longtake_cli.options import PLANNED, add_plan_options, add_render_options, render_parameters

FIELDS = {name: field for name, field in RenderOptions.model_fields.items() if name != "run"}
FLOWS: list[Any] = [render_manifest, plan_manifest, render_reel]
OF_A_FLOW_ALONE = {"reels_per_run", "reel"}
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "enum", "minLength", "pattern")


def bounds(schema: object) -> list[tuple[str, object]]:
    """What a JSON schema bounds its values by, wherever in it."""
    if isinstance(schema, dict):
        own = [(name, schema[name]) for name in BOUNDS if name in schema]
        return own + [each for name, value in schema.items() if name not in BOUNDS for each in bounds(value)]
    return [each for value in schema for each in bounds(value)] if isinstance(schema, list) else []


def parameters(flow: Any) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(flow.fn, eval_str=True).parameters)


def _is_chosen(default: object) -> bool:
    return default is not None and default != type(default)()


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser()
    add_render_options(made)
    return made


def test_a_plan_by_flow_and_by_command_line_take_the_same_options() -> None:
    assert set(parameters(plan_manifest)) == {"manifest", "output", *PLANNED}


def test_an_option_with_a_choice_tells_what_stands_where_nothing_is_given() -> None:
    plan = argparse.ArgumentParser()
    add_plan_options(plan)
    told = [each for made in (parser(), plan) for each in made._actions if each.choices and each.dest in FIELDS]
    assert {"route", "on_refused", "order", "review", "choose", "on_unknown"} == {each.dest for each in told}
    for each in told:
        assert str(each.help).endswith("(%(default)s if not given)")
        assert each.default == FIELDS[each.dest].default


def test_every_option_is_a_parameter_of_the_flow_and_no_parameter_is_more_than_an_option() -> None:
    assert set(parameters(render_manifest)) - OF_A_FLOW_ALONE == set(FIELDS)
    for flow in FLOWS:
        assert set(parameters(flow)) <= set(FIELDS) | OF_A_FLOW_ALONE


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
@pytest.mark.parametrize("name", FIELDS)
def test_a_parameter_takes_the_values_of_its_field_and_starts_with_the_same(flow: Any, name: str) -> None:
    if (given := parameters(flow).get(name)) is None:
        return
    field = FIELDS[name]
    asked = TypeAdapter(given.annotation).json_schema()
    own = RenderOptions.model_json_schema()
    assert bounds(asked) == bounds(own["properties"][name] | {"$defs": asked.get("$defs", {})})
    if field.is_required() or given.default is inspect.Parameter.empty:
        assert name in ("manifest", "output")
    else:
        # A form has no empty tuple or model of defaults: nothing given stands for them.
        assert given.default == field.default or (
            given.default is None and field.default in ((), type(field.default)())
        )


@pytest.mark.parametrize("name", FIELDS)
def test_a_command_line_that_gives_nothing_asks_what_the_model_asks(name: str) -> None:
    chosen = render_parameters(parser().parse_args(["m.csv", "--output", "o"]))
    given = {key: value for key, value in chosen.items() if value is not None and key != "reels_per_run"}
    asked = RenderOptions.model_validate(given)
    assert getattr(asked, name) == getattr(RenderOptions(manifest="m.csv", output="o"), name)


@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if field.description])
def test_the_help_of_an_option_is_its_fields_docstring(name: str) -> None:
    action = next(each for each in parser()._actions if each.dest == name)
    assert (action.help or "").startswith(FIELDS[name].description or "no help")


@pytest.mark.parametrize(
    "wrong",
    [{"budget_usd": -1}, {"limit": -1}, {"limit_reels": 0}, {"brake": -1}, {"max_attempts": 0}, {"on_unknown": "buy"}],
    ids=str,
)
def test_what_the_model_refuses_every_flow_that_has_the_option_refuses(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RenderOptions.model_validate({"manifest": "m", "output": "o"} | wrong)
    for flow in FLOWS:
        if set(wrong) <= set(parameters(flow)):
            with pytest.raises(Exception, match=next(iter(wrong))):
                flow.validate_parameters({"manifest": "m", "output": "o", "reel": "r"} | wrong)


CHOSEN: dict[str, Any] = {
    "manifest": "m.csv",
    "output": "o",
    "vendor": "evolink|anyfast",
    "model": "seedance-2.0-fast",
    "resolution": "720p",
    "budget_usd": 3.0,
    "on_unknown": "resubmit",
    "reels": ["a"],
    "limit": 1,
    "limit_reels": 2,
    "order": "manifest",
    "route": "cheapest",
    "on_refused": "next",
    "brake": 7,
    "skip_refused": True,
    "replace": True,
    "keep_followers": True,
    "verify": True,
    "max_attempts": 4,
    "review": "all",
    "choose": "best",
    "partial_reels": True,
    "fix_references": True,
    "label": True,
    "extension_template": "off",
}


@pytest.mark.parametrize("flow", [plan_manifest, render_manifest], ids=lambda flow: flow.name)
async def test_what_a_flow_is_given_is_what_it_asks(flow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[RenderOptions] = []

    async def asking(options: RenderOptions, *_: object, **__: object) -> None:
        asked.append(options)
        raise ConfigurationError("asked")

    async def as_it_is(text: str) -> str:
        return text

    async def nothing(*_: object) -> None:
        return None

    monkeypatch.setattr(plan_flow, "prepare", asking)
    monkeypatch.setattr(render_flow, "render_prepared", asking)
    monkeypatch.setattr(plan_flow, "fill_date", as_it_is)
    for name in ("rename_flow_run", "load_clip_store"):
        monkeypatch.setattr(plan_flow, name, nothing)
    given = {name: value for name, value in CHOSEN.items() if name in parameters(flow)}
    with contextlib.suppress(ConfigurationError):
        await flow.fn(**given)
    assert {name: getattr(asked[0], name) for name in given} == given | {"reels": ("a",)}
    styles = {"reel_style", "gate", "drift_limits"}
    assert set(parameters(flow)) - OF_A_FLOW_ALONE - styles == set(given)
    assert [name for name in given if given[name] == FIELDS[name].default] == []
