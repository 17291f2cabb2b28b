"""What a process keeps on this machine's own disk while it works, and leaves none of."""
