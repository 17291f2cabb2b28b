"""The options of `longtake render`, those of them that `plan` takes too, and the parameters that they stand for."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import ValidationError

from longtake.domain.errors import ConfigurationError
from longtake.media.checking.policy import CHECKS, DriftLimits
from longtake.planning.options import RenderOptions

DRIFT_LIMITS = tuple(DriftLimits.model_fields)
_OF_SEVERAL_OPTIONS = frozenset({"reel_style", "gate", "drift_limits"})
_NOT_ASKED = frozenset({"run"})
PLANNED = (
    "vendor",
    "model",
    "resolution",
    "budget_usd",
    "reels",
    "limit_reels",
    "order",
    "route",
    "on_refused",
    "replace",
    "keep_followers",
    "max_attempts",
    "review",
    "choose",
    "extension_template",
)
"""What changes which shots a plan tells as bought, their price, or how long they take."""
_SPELLED: dict[str, tuple[str, dict[str, Any]]] = {
    "manifest": ("manifest", {}),
    "output": ("--output", {"required": True}),
    "budget_usd": ("--budget", {"metavar": "USD"}),
    "reels": ("--only", {"nargs": "+", "metavar": "REEL"}),
    "extension_template": ("--extension-template", {"metavar": "TEXT"}),
}
"""Options that are not spelled as their field, and what their field does not tell."""


def add_render_options(render: argparse.ArgumentParser) -> None:
    """Adds all options of `longtake render` to its parser."""
    for name in RenderOptions.model_fields:
        if name not in _OF_SEVERAL_OPTIONS | _NOT_ASKED:
            _add(render, name)
    render.add_argument("--reels-per-run", type=int, default=0, metavar="N", help="spread reels over child runs")
    render.add_argument("--json", action="store_true", help="one JSON line per event on standard output")

    film = render.add_argument_group("reels")
    film.add_argument("--size", metavar="WxH", help="width and height in px; else the most frequent among the clips")
    film.add_argument("--fps", metavar="RATE", help="24, 30000/1001, …; else the most frequent among the clips")
    film.add_argument("--fit", choices=("pad", "crop", "scale"), help="how a clip of another ratio is fitted")
    film.add_argument("--crossfade", type=float, metavar="SECONDS", help="overlap at every join; shortens the reel")
    film.add_argument("--loudness", type=float, metavar="LUFS", help="loudness of the reels (EBU R128), such as -16")

    checks = render.add_argument_group("checks of clips")
    checks.add_argument(
        "--gate",
        nargs="+",
        type=_setting(CHECKS),
        metavar="CHECK=LEVEL",
        help=f"strict, warn or off, for {', '.join(CHECKS)}; duration and size: also far (their default), "
        "strict where a clip is far from what was ordered",
    )
    checks.add_argument(
        "--hold-drift",
        nargs="*",
        type=_setting(DRIFT_LIMITS),
        metavar="LIMIT=VALUE",
        help=f"hold a chain whose last clip has drifted; limits are {', '.join(DRIFT_LIMITS)}",
    )


def add_plan_options(plan: argparse.ArgumentParser) -> None:
    """Adds to the parser of `longtake plan` what changes a plan beside the manifest and the output."""
    for name in PLANNED:
        _add(plan, name)


def plan_options(chosen: argparse.Namespace) -> RenderOptions:
    """What a plan is asked for.

    Raises:
        ConfigurationError: An option has a value that cannot be.
    """
    asked: dict[str, Any] = {name: getattr(chosen, name) for name in PLANNED}
    asked |= {"manifest": chosen.manifest, "output": chosen.output or "", "reels": chosen.reels or ()}
    try:
        return RenderOptions(**asked)
    except ValidationError as error:
        problems = [f"{each['loc'][0]}: {each['msg']}" for each in error.errors(include_url=False)]
        raise ConfigurationError("; ".join(problems)) from None


def render_parameters(chosen: argparse.Namespace) -> dict[str, Any]:
    """The parameters of the flow `render-manifest`."""
    style = {
        "size": chosen.size,
        "fps": chosen.fps,
        "fit": chosen.fit,
        "crossfade_seconds": chosen.crossfade,
        "loudness_lufs": chosen.loudness,
    }
    plain = [name for name in RenderOptions.model_fields if name not in _OF_SEVERAL_OPTIONS | _NOT_ASKED]
    return {name: getattr(chosen, name) for name in plain} | {
        "reels_per_run": chosen.reels_per_run,
        "reel_style": {name: value for name, value in style.items() if value is not None} or None,
        "gate": dict(chosen.gate) if chosen.gate else None,
        "drift_limits": None if chosen.hold_drift is None else dict(chosen.hold_drift),
    }


def _add(command: argparse.ArgumentParser, name: str) -> None:
    """Adds the option of one field: its docstring is the help, its type what the option takes."""
    field = RenderOptions.model_fields[name]
    spelled, more = _SPELLED.get(name, (f"--{name.replace('_', '-')}", {}))
    known: dict[str, Any] = {"help": field.description, "dest": name}
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not type(None)]
    kinds = [get_args(kind)[0] if get_origin(kind) is Annotated else kind for kind in kinds]
    if get_origin(field.annotation) is Literal:
        known |= {"choices": kinds, "default": field.default}
    elif kinds == [bool]:
        known["action"] = "store_true"
    elif kinds[0] in (int, float):
        known |= {"type": kinds[0], "metavar": "N", "default": field.default}
    if known.get("default") is not None:
        known["help"] = f"{field.description} (%(default)s if not given)"
    if not spelled.startswith("-"):
        del known["dest"]
    command.add_argument(spelled, **known | more)


def _setting(names: Sequence[str]) -> Callable[[str], tuple[str, str]]:
    """Reads NAME=VALUE where NAME is one of these."""

    def read(written: str) -> tuple[str, str]:
        name, _, value = written.partition("=")
        if name not in names or not value:
            raise argparse.ArgumentTypeError(f"{written!r}: give NAME=VALUE, NAME one of {', '.join(names)}")
        return name, value

    return read
