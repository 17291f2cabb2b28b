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
from blocks.labels import ContentCredentials
from blocks.storage import ClipStore

__all__ = [
    "AnyfastCredentials",
    "BytePlusCredentials",
    "ClipStore",
    "ContentCredentials",
    "EvoLinkCredentials",
    "JimmyAICredentials",
    "PowerTokensCredentials",
    "VolcengineCredentials",
    "load_account",
]
