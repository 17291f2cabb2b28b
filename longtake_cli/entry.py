"""Where the installed command begins: its own packages are found beside this one, whatever a project calls its own.

`flows`, `tasks` and `blocks` are names that projects have too, and PYTHONPATH goes before what is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

HOME = Path(__file__).parents[1]
OWN_PACKAGES = ("longtake", "longtake_cli", "flows", "tasks", "blocks", "deployments")


class _BesideUs(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(fullname, [str(HOME)], target) if fullname in OWN_PACKAGES else None


def main() -> int:
    """The console script `longtake`."""
    sys.meta_path.insert(0, _BesideUs())
    from longtake_cli import main as command  # noqa: PLC0415 - it imports the others

    return command.main()
