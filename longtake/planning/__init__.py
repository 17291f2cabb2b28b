"""Before the first cent: options, plan, prices, probes of references, fixes and forecast. Nothing here buys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake._speed import face

if TYPE_CHECKING:
    from longtake.planning.forecast import Forecast
    from longtake.planning.options import RenderOptions
    from longtake.planning.plan import Plan, Shot, Standing
    from longtake.planning.planner import Planner
    from longtake.planning.prepare import PreparedRun, WouldReplaceError
    from longtake.planning.preview import PlanPreview
else:
    __getattr__ = face(
        __name__,
        {
            "options": "RenderOptions",
            "plan": "Plan Shot Standing",
            "planner": "Planner",
            "preview": "PlanPreview",
            "prepare": "PreparedRun WouldReplaceError",
            "forecast": "Forecast",
        },
    )

__all__ = [
    "Forecast",
    "Plan",
    "PlanPreview",
    "Planner",
    "PreparedRun",
    "RenderOptions",
    "Shot",
    "Standing",
    "WouldReplaceError",
]
