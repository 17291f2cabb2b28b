"""What is stored on the Prefect server. A class exported here is registered there."""

from blocks.credentials import (
    AnyfastCredentials,
    BytePlusCredentials,
    EvoLinkCredentials,
    JimmyAICredentials,
    PowerTokensCredentials,
    VolcengineCredentials,
    load_account,
)
from blocks.storage import ClipStore

__all__ = [
    "AnyfastCredentials",
    "BytePlusCredentials",
    "ClipStore",
    "EvoLinkCredentials",
    "JimmyAICredentials",
    "PowerTokensCredentials",
    "VolcengineCredentials",
    "load_account",
]
