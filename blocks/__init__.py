"""What is stored on the Prefect server. A class exported here is registered there."""

from blocks.credentials import (
    AnyfastCredentials,
    EvoLinkCredentials,
    JimmyAICredentials,
    PowerTokensCredentials,
    load_account,
)
from blocks.storage import ClipStore

__all__ = [
    "AnyfastCredentials",
    "ClipStore",
    "EvoLinkCredentials",
    "JimmyAICredentials",
    "PowerTokensCredentials",
    "load_account",
]
