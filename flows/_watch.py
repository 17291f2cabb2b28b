"""Who wants to hear of a run while it goes, in the same process: the command line's display."""

from __future__ import annotations

from collections.abc import Callable

from longtake.production import Production
from longtake.run import OnEvent

BEGINNERS: list[Callable[[Production], None]] = []
"""Called once a run is planned and about to spend."""
WATCHERS: list[OnEvent] = []
"""Called with event, shot and words, beside the flow run's own log."""
