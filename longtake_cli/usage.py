"""The parser of the command line: what is wrong with a command is told with the usage of that command."""

from __future__ import annotations

import argparse
from typing import Any


class CommandParser(argparse.ArgumentParser):
    """Of an option that a command does not know it tells with that command's usage."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Reads the arguments, as argparse does; the parsers of commands refuse what they do not know themselves."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, unknown
