"""What a run shows while it runs: artifacts, events, progress."""
