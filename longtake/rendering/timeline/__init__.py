"""Films as timelines: what a film uses of each clip, written for editing programs as OpenTimelineIO's JSON."""
