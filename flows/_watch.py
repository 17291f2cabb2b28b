"""Who wants to hear of shots while a run goes: the command line's display, in the same process."""

from __future__ import annotations

from longtake.plan import Shot
from longtake.run import OnEvent

WATCHERS: list[OnEvent] = []
"""Called with event, shot and words, beside the flow run's own log."""


def tell(event: str, shot: Shot, words: str) -> None:
    """Tells every watcher."""
    for watcher in WATCHERS:
        watcher(event, shot, words)
