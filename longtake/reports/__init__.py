"""What people read: the page of a run, the plan, progress, the tables of vendors. Pure views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake._speed import face

if TYPE_CHECKING:
    from longtake.reports.figures import duration, money
    from longtake.reports.plan.parquet import plan_parquet
    from longtake.reports.plan.table import plan_json, plan_rows, print_plan
    from longtake.reports.progress.display import Progress
    from longtake.reports.run.page import render_page
    from longtake.reports.run.rewrite import rewrite_report, told_before, write_report
    from longtake.reports.run.view import ReelView, ReportView, ShotView
else:
    __getattr__ = face(
        __name__,
        {
            "figures": "duration money",
            "run.view": "ReelView ReportView ShotView",
            "run.page": "render_page",
            "run.rewrite": "rewrite_report told_before write_report",
            "plan.table": "plan_json plan_rows print_plan",
            "plan.parquet": "plan_parquet",
            "progress.display": "Progress",
        },
    )

__all__ = [
    "Progress",
    "ReelView",
    "ReportView",
    "ShotView",
    "duration",
    "money",
    "plan_json",
    "plan_parquet",
    "plan_rows",
    "print_plan",
    "render_page",
    "rewrite_report",
    "told_before",
    "write_report",
]
