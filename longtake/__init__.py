"""Longtake: from a prompt manifest to finished reels, paying for every shot at most once.

Plain Python; nothing here imports Prefect. The floors above are `blocks`, `tasks` and `flows`.
"""

__version__ = "0.1.0"
