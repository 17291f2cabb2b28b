"""Commands about finished films: as timelines, and what they claim of themselves."""
