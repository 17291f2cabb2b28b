"""What is wrong with a row or request, as data: which column, which value, which rule, and how to mend it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Violation(BaseModel):
    """A request or row breaks a limit. `row` counts data rows from 1; 0 means the manifest or request as a whole.

    A `warning` refuses nothing: the vendor takes the request, but perhaps not as meant.
    """

    model_config = ConfigDict(frozen=True)

    column: str
    value: str
    rule: str
    fix: str
    row: int = 0
    shot_id: str = ""
    warning: bool = False

    def __str__(self) -> str:
        place = f"row {self.row}" + (f" ({self.shot_id})" if self.shot_id else "") if self.row else self.shot_id
        value = self.value if len(self.value) <= 80 else f"{self.value[:77]}..."
        end = "" if self.rule.endswith("?") else "."
        return f"{place + ', ' if place else ''}column {self.column} = {value!r}: {self.rule}{end} Fix: {self.fix}."


def refusal(column: str, value: object, rule: str, fix: str) -> Violation:
    """A violation that is not yet bound to a row."""
    return Violation(column=column, value="" if value is None else str(value), rule=rule, fix=fix)


def caution(column: str, value: object, rule: str, fix: str) -> Violation:
    """A warning that is not yet bound to a row."""
    return refusal(column, value, rule, fix).model_copy(update={"warning": True})
