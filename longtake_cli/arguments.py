"""The arguments of the command line: how they are read, and `{date}`, the day on which a command is typed."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

PLACEHOLDER = "{date}"


class CommandParser(argparse.ArgumentParser):
    """Of an option that a command does not know it tells with that command's usage."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Reads the arguments; what this command does not know it refuses itself, not the parser above it."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, unknown


def fill_dates(chosen: argparse.Namespace) -> None:
    """Fills `{date}` in where a command names a manifest or an output, so that what it prints can be opened.

    The day is that in UTC, as a run without a schedule has it.
    """
    today = datetime.now(UTC).date().isoformat()
    for name in ("manifest", "output", "outputs"):
        written = getattr(chosen, name, None)
        if isinstance(written, str):
            setattr(chosen, name, written.replace(PLACEHOLDER, today))
        elif isinstance(written, list):
            setattr(chosen, name, [str(each).replace(PLACEHOLDER, today) for each in written])
