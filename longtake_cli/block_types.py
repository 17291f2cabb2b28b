"""What each process of Prefect imports to know our block types; says so where another package `blocks` hides them."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

from longtake_cli.entry import HOME


def register() -> None:
    """Imports our `blocks`, at which Prefect learns of its classes; another package of that name is left alone."""
    found = importlib.util.find_spec("blocks")
    places = [*(found.submodule_search_locations or ()), found.origin or ""] if found else []
    if any(Path(place).resolve() == (HOME / "blocks").resolve() for place in places):
        importlib.import_module("blocks")
        return
    print(  # noqa: T201 - Prefect has no log yet, and its standard output is read by programs
        f"longtake: another package `blocks` hides its block types ({next(iter(places), 'nowhere')}): take that folder "
        "out of PYTHONPATH, or run this command in another folder",
        file=sys.stderr,
    )


register()
