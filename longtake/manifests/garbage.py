"""Making many objects at once without the garbage collector walking them all, again and again."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Generator[None]:
    """Holds the collector off while some hundred thousand objects are made, none of them garbage.

    Measured on 100,000 rows: it would take more than half of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if gc.get_freeze_count() == 0:
                # Puts the new objects among the old ones, else the first small collection would walk them all.
                gc.freeze()
                gc.unfreeze()
            gc.enable()
