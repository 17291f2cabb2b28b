"""Pictures, clips and reels as files: what they are, and how clips become a reel.

PyAV codes and decodes; the decisions are ours. Everything is synchronous; async callers use `child.in_child`.
"""
