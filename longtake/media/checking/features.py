"""What one decoding pass notes of a clip for later steps: its look (drift), small pictures (echo) and its poster.

The notes lie in a folder of the run; what is missing or torn there is measured again.
"""

from __future__ import annotations

import contextlib
import uuid
import zipfile
from collections import deque
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from av import VideoFrame
from numpy.typing import NDArray

from longtake.media.checking.looks import Look, mean, measured, sampled_pictures
from longtake.media.feature_folder import poster_of
from longtake.media.reading.keyframes import NearestKeyframe, save_poster
from longtake.media.reading.pictures import all_pictures, grey
from longtake.media.reading.probe import ClipFacts, probe_clip

WIDTH, HEIGHT = 96, 54
"""Small enough to forget the fine detail that re-compression changes, large enough for a slow pan to show."""
REACH = 248
"""So many pictures are kept from the start and from the end of a clip; all of most clips."""

Thumbnails = NDArray[np.uint8]
"""Grey pictures in order, shape (pictures, HEIGHT, WIDTH)."""


class ClipFeatures(NamedTuple):
    """A clip's features. `thumbnails` are of all its pictures, or of the first and the last `REACH`."""

    fps: Fraction
    look: Look
    thumbnails: Thumbnails

    def save(self, note: Path) -> None:
        """Writes them, whole or not at all.

        Raises:
            OSError: There is no room, or no folder.
        """
        draft = note.with_name(f"{uuid.uuid4().hex}.draft")
        try:
            with draft.open("wb") as file:
                np.savez(file, fps=np.array(str(self.fps)), look=np.array(self.look), thumbnails=self.thumbnails)
            draft.replace(note)
        finally:
            draft.unlink(missing_ok=True)


def read_features(note: Path) -> ClipFeatures | None:
    """What was noted before; None where there is nothing sound."""
    try:
        with np.load(note, allow_pickle=False) as kept:
            look = Look(*cast("list[float]", kept["look"].tolist()))
            return ClipFeatures(Fraction(str(kept["fps"])), look, cast(Thumbnails, kept["thumbnails"]))
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile):
        return None


def features_of(clip: Path, note: Path | None = None) -> ClipFeatures:
    """A clip's features, from its note where there is one, else from a pass over its pictures, which is noted then.

    Raises:
        UnreadableClipError: It does not decode to its end.
    """
    if note is not None and (known := read_features(note)) is not None:
        return known
    watch = FeatureWatch()
    watch.begin(probe_clip(clip))
    for frame in all_pictures(clip):
        watch.see(frame, 0.0)
    features = watch.features()
    if note is not None:
        with contextlib.suppress(OSError):
            features.save(note)
    return features


class FeatureWatch:
    """Gathers the features of a clip whose pictures pass by in order."""

    def __init__(self) -> None:
        self._number = 0
        self._looks: list[Look] = []
        self._first: list[Thumbnails] = []
        self._last: deque[Thumbnails] = deque(maxlen=REACH)

    def begin(self, facts: ClipFacts) -> None:
        """Before the first picture."""
        self._facts = facts
        self._sampled = sampled_pictures(facts.frames)

    def see(self, frame: VideoFrame, seconds: float) -> None:
        """The next picture, which is shown so many seconds after the first."""
        del seconds
        small = grey(frame, WIDTH, HEIGHT)
        (self._first if len(self._first) < REACH else self._last).append(small)
        if self._number in self._sampled:
            self._looks.append(measured(frame))
        self._number += 1

    def features(self) -> ClipFeatures:
        """After the last picture."""
        return ClipFeatures(self._facts.fps, mean(self._looks), np.array([*self._first, *self._last], np.uint8))


class NotingWatch(FeatureWatch):
    """Notes features and poster of a clip beside the gate's own look; whatever goes wrong in it is no finding."""

    def __init__(self, note: Path) -> None:
        super().__init__()
        self._note = note
        self._is_broken = False

    def begin(self, facts: ClipFacts) -> None:
        super().begin(facts)
        self._keyframe = NearestKeyframe(facts.duration_seconds / 2)

    def see(self, frame: VideoFrame, seconds: float) -> None:
        if self._is_broken:
            return
        try:
            super().see(frame, seconds)
            if cast(Any, frame).key_frame:
                self._keyframe.see(frame, seconds)
        except Exception:  # then later steps look for themselves
            self._is_broken = True

    def finish(self, *, is_whole: bool) -> None:
        """Writes down what was seen; features only of a clip that decoded to its end."""
        with contextlib.suppress(Exception):
            if self._keyframe.found is not None:
                frame, seconds = self._keyframe.found
                save_poster(frame, self._facts.sample_aspect, seconds, poster_of(self._note))
        with contextlib.suppress(Exception):
            if is_whole and not self._is_broken:
                self.features().save(self._note)
