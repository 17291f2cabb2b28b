"""Posters: which keyframe shows what a clip is about, and that picture as people see it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from av import VideoFrame

from longtake.media.reading.pictures import PictureFacts, as_seen, save_picture

POSTER_WIDTH_PX = 640


class NearestKeyframe:
    """Of the keyframes that pass by in order, the one nearest to a moment; holds no more than one picture."""

    def __init__(self, wanted_seconds: float) -> None:
        self._wanted_seconds = wanted_seconds
        self.found: tuple[VideoFrame, float] | None = None
        self.is_decided = False

    def see(self, frame: VideoFrame, seconds: float) -> None:
        """Looks at a keyframe that is shown so many seconds after the first picture."""
        if self.is_decided:
            return
        self.is_decided = seconds >= self._wanted_seconds
        if frame.is_corrupt:
            return
        if self.found is None or abs(seconds - self._wanted_seconds) < abs(self.found[1] - self._wanted_seconds):
            self.found = frame, seconds


def save_poster(
    frame: VideoFrame, pixel_ratio: Fraction, seconds: float, target: Path, width_px: int = POSTER_WIDTH_PX
) -> PictureFacts:
    """Writes a picture as it is seen, no wider than it is.

    Raises:
        UnfitClipError: Its colours cannot be converted.
    """
    upright = frame.height if frame.rotation % 180 else round(frame.width * max(float(pixel_ratio), 1))
    return save_picture(as_seen(frame, pixel_ratio, min(width_px, upright)), target, seconds)
