"""Longtake: from a prompt manifest to finished reels, paying for every shot at most once.

Plain Python; nothing here imports Prefect. The floors above are `blocks`, `tasks` and `flows`.
"""

import os

__version__ = "0.1.0"

# Arrow's own allocator keeps what was freed, some 30 MiB after a table of a few; it must be told before it is loaded.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
