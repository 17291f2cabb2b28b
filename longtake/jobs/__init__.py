"""One purchase's life: ordered, submitted once, waited for, downloaded and checked; and reconciled where it was not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake._speed import face

if TYPE_CHECKING:
    from longtake.jobs.decisions import Decisions, settle
    from longtake.jobs.download import download_clip
    from longtake.jobs.keeping import GateResult
    from longtake.jobs.order import Order
    from longtake.jobs.reconcile import ReconcileReport, dying_links, outputs_at
    from longtake.jobs.resources import RunResources, open_resources
    from longtake.jobs.submit import buy, submits_under_way
    from longtake.jobs.wait import await_end
else:
    __getattr__ = face(
        __name__,
        {
            "order": "Order",
            "submit": "buy submits_under_way",
            "resources": "RunResources open_resources",
            "wait": "await_end",
            "download": "download_clip",
            "keeping": "GateResult",
            "decisions": "Decisions settle",
            "reconcile": "ReconcileReport dying_links outputs_at",
        },
    )

__all__ = [
    "Decisions",
    "GateResult",
    "Order",
    "ReconcileReport",
    "RunResources",
    "await_end",
    "buy",
    "download_clip",
    "dying_links",
    "open_resources",
    "outputs_at",
    "settle",
    "submits_under_way",
]
