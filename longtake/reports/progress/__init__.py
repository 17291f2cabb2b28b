"""A run while it runs: what is counted, and how a terminal shows it."""
