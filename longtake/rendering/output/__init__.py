"""What a run leaves in its output: reels, posters, results, findings."""
