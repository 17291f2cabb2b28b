"""What a purchase costs, what a vendor reports of it, and what an output may still spend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake._speed import face

if TYPE_CHECKING:
    from longtake.costs.budget import Budget
    from longtake.costs.budget_draft import BudgetDraft, BudgetLimits
    from longtake.costs.budget_log import BudgetLog, Reservation
    from longtake.costs.price_book import PriceBook
    from longtake.costs.quote import Quote, Span
else:
    __getattr__ = face(
        __name__,
        {
            "quote": "Quote Span",
            "price_book": "PriceBook",
            "budget": "Budget",
            "budget_draft": "BudgetDraft BudgetLimits",
            "budget_log": "BudgetLog Reservation",
        },
    )

__all__ = ["Budget", "BudgetDraft", "BudgetLimits", "BudgetLog", "PriceBook", "Quote", "Reservation", "Span"]
