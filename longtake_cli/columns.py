"""`longtake columns`: the columns of a manifest, for a terminal or as a JSON schema of a row."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from typing import Any

_NOT_A_TERMINAL_COLUMNS = 160


def add_columns_command(commands: Any) -> None:
    """Adds the command to the command line's."""
    parser: argparse.ArgumentParser = commands.add_parser("columns", help="the columns of a manifest, what they take")
    parser.add_argument("--json", action="store_true", help="as a JSON schema of a row")
    parser.set_defaults(command=_columns)


def _columns(chosen: argparse.Namespace) -> int:
    from longtake.manifests.column_help import columns_text, row_schema  # noqa: PLC0415 - Arrow, for this alone

    if chosen.json:
        print(json.dumps(row_schema(), indent=1, ensure_ascii=False))  # noqa: T201 - the command line speaks
        return 0
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _NOT_A_TERMINAL_COLUMNS
    print(columns_text(width))  # noqa: T201 - the command line speaks
    return 0
