"""`longtake status OUT`: how outputs stand, without a Prefect server, a key or the manifest."""

from __future__ import annotations

from collections.abc import Callable

from longtake.domain.errors import ConfigurationError
from longtake.files.open_store import open_store
from longtake.jobs.reconcile import outputs_at
from longtake.ledger.ledger import Ledger
from longtake.reports.status.lines import status_lines
from longtake.reports.status.standing import output_status

OK, NOT_DONE = 0, 1


def show_status(output: str, show: Callable[[str], None]) -> int:
    """Tells how an output, or each below a folder, stands; returns 0 where all is done, 1 where something is not.

    Raises:
        ConfigurationError: Nothing was rendered there.
    """
    code = OK
    for place in outputs_at(output):
        status = output_status(Ledger(open_store(place)))
        if status is None:
            raise ConfigurationError(f"{place}: nothing was rendered there; `longtake render … --output {place}` does")
        show("\n".join([*status_lines(place, status), ""]))
        code = code if status.is_done else NOT_DONE
    return code
