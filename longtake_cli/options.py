"""The options of `longtake render`, and the flow's parameters that they stand for."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from longtake.media.checking.policy import CHECKS, DriftLimits
from longtake.planning.options import IN_A_ROW

DRIFT_LIMITS = tuple(DriftLimits.model_fields)


def add_render_options(render: argparse.ArgumentParser) -> None:
    """Adds all options of `longtake render` to its parser."""
    render.add_argument("manifest", help="CSV or Parquet file, folder or glob of Parquet; local or s3://")
    render.add_argument("--output", required=True, help="directory or s3://")
    render.add_argument("--vendor", help="vendor for rows that name none")
    render.add_argument(
        "--budget", type=float, metavar="USD", help="most that the output may cost, earlier runs included"
    )
    render.add_argument("--only", nargs="+", metavar="REEL", help="only these reels; 'sku00*' names several")
    render.add_argument("--limit", type=int, metavar="N", help="at most N purchases in this run, whole reels first")
    render.add_argument(
        "--limit-reels", type=int, metavar="N", help="only the first N reels that still want something: a sample"
    )
    render.add_argument(
        "--brake",
        type=int,
        default=IN_A_ROW,
        metavar="N",
        help=f"hold a vendor's account once N of its clips in a row were paid and not got; {IN_A_ROW}, 0 is off",
    )
    render.add_argument("--skip-refused", action="store_true", help="render the reels without a violation")
    render.add_argument("--replace", action="store_true", help="buy changed shots again without a raised take")
    render.add_argument("--on-unknown", choices=("hold", "resubmit"), default="hold", help="resubmit may pay twice")
    render.add_argument("--max-attempts", type=int, default=1, metavar="N", help="purchases of one shot take in all")
    render.add_argument("--partial-reels", action="store_true", help="make reels although shots are missing")
    render.add_argument("--fix-references", action="store_true", help="make references fit the vendor's limits")
    add_extension_option(render)
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


def add_extension_option(command: argparse.ArgumentParser) -> None:
    """Adds `--extension-template`, the same for every command that plans."""
    command.add_argument(
        "--extension-template",
        metavar="TEXT",
        help="wording of shots that continue from a clip, such as 'Extend video {index}: {prompt}'; off for none",
    )


def render_parameters(chosen: argparse.Namespace) -> dict[str, Any]:
    """The parameters of the flow `render-manifest`."""
    style = {
        "size": chosen.size,
        "fps": chosen.fps,
        "fit": chosen.fit,
        "crossfade_seconds": chosen.crossfade,
        "loudness_lufs": chosen.loudness,
    }
    return {
        "manifest": chosen.manifest,
        "output": chosen.output,
        "vendor": chosen.vendor,
        "budget_usd": chosen.budget,
        "on_unknown": chosen.on_unknown,
        "reels": chosen.only,
        "reels_per_run": chosen.reels_per_run,
        "limit": chosen.limit,
        "limit_reels": chosen.limit_reels,
        "brake": chosen.brake,
        "skip_refused": chosen.skip_refused,
        "replace": chosen.replace,
        "max_attempts": chosen.max_attempts,
        "partial_reels": chosen.partial_reels,
        "fix_references": chosen.fix_references,
        "reel_style": {name: value for name, value in style.items() if value is not None} or None,
        "gate": dict(chosen.gate) if chosen.gate else None,
        "drift_limits": None if chosen.hold_drift is None else dict(chosen.hold_drift),
        "extension_template": chosen.extension_template,
    }


def _setting(names: Sequence[str]) -> Callable[[str], tuple[str, str]]:
    """Reads NAME=VALUE where NAME is one of these."""

    def read(written: str) -> tuple[str, str]:
        name, _, value = written.partition("=")
        if name not in names or not value:
            raise argparse.ArgumentTypeError(f"{written!r}: give NAME=VALUE, NAME one of {', '.join(names)}")
        return name, value

    return read
