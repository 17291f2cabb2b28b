"""`{date}` on the command line: the day on which a command is typed, in UTC, as a run without a schedule has it."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

PLACEHOLDER = "{date}"


def fill_dates(chosen: argparse.Namespace) -> None:
    """Fills `{date}` in where a command names a manifest or an output, so that what it prints can be opened."""
    today = datetime.now(UTC).date().isoformat()
    for name in ("manifest", "output", "outputs"):
        written = getattr(chosen, name, None)
        if isinstance(written, str):
            setattr(chosen, name, written.replace(PLACEHOLDER, today))
        elif isinstance(written, list):
            setattr(chosen, name, [str(each).replace(PLACEHOLDER, today) for each in written])
