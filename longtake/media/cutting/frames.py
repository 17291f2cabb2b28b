"""Pictures taken out of clips: the exact last one, a quick poster, and a contact sheet of several clips."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from av import VideoFrame
from PIL import Image, ImageDraw, ImageFont

from longtake.domain.errors import MediaError, UnreadableClipError
from longtake.media.reading.clock import exact
from longtake.media.reading.colour import SCREEN, check_convertible
from longtake.media.reading.keyframes import POSTER_WIDTH_PX, NearestKeyframe, save_poster
from longtake.media.reading.opening import reading
from longtake.media.reading.pictures import PictureFacts, as_seen, last_pictures, published, save_picture
from longtake.media.reading.probe import open_clip, probe_clip

_INK, _PAPER, _EMPTY = (232, 232, 232), (24, 24, 24), (64, 64, 64)
_GAP_PX, _LABEL_PX = 8, 15
POSTER_SUFFIX = ".jpg"


def last_frame(clip: Path, target_png: Path) -> PictureFacts:
    """Writes the picture that is shown last, as exactly as it decodes; upright and in square pixels.

    Args:
        clip: A local clip.
        target_png: Where the picture goes, whole or not at all.

    Raises:
        UnreadableClipError: The clip does not decode to its last picture.
        UnfitClipError: Its colours cannot be converted.
    """
    facts = probe_clip(clip)
    check_convertible(facts.colour_meant, SCREEN, clip.name)
    frame = deque(last_pictures(clip, 1), maxlen=1)[0]
    at_seconds = float((facts.frames - 1) / facts.fps)
    return save_picture(as_seen(frame, facts.sample_aspect), target_png, at_seconds)


def poster(
    clip: Path,
    target_jpeg: Path,
    at_seconds: float | None = None,
    width_px: int = POSTER_WIDTH_PX,
    *,
    ready: Path | None = None,
) -> PictureFacts:
    """Writes the keyframe nearest to a moment; quick, because nothing else is decoded.

    Args:
        clip: A local clip.
        target_jpeg: Where the picture goes, whole or not at all.
        at_seconds: The moment, from the first picture on; the middle of the clip if None.
        width_px: Width of the result; never wider than the clip.
        ready: Where this picture may lie already, from a pass over the whole clip; then it is taken as it is.

    Raises:
        UnreadableClipError: No keyframe decodes.
    """
    if ready is not None and (shown := _opened(ready)) is not None:
        with published(target_jpeg) as draft:
            shutil.copyfile(ready, draft)
        return PictureFacts(width_px=shown.width, height_px=shown.height, bytes=target_jpeg.stat().st_size)
    frame, pixel_ratio, seconds = _keyframe(clip, at_seconds)
    return save_poster(frame, pixel_ratio, seconds, target_jpeg, width_px)


def contact_sheet(
    clips: Sequence[Path],
    target_jpeg: Path,
    columns: int = 4,
    labels: Sequence[str] | None = None,
    width_px: int = 320,
) -> PictureFacts:
    """Writes one sheet with a picture of every clip, in order; one row is a strip.

    A clip that does not decode is an empty place, so that the others keep theirs.

    Args:
        clips: Local clips or their posters, at least one.
        target_jpeg: Where the sheet goes, whole or not at all.
        columns: Most pictures side by side.
        labels: A line of text under each picture. The font at hand has Latin letters only.
        width_px: Width of each picture.
    """
    pictures = [_small(clip, width_px) or Image.new("RGB", (width_px, width_px * 9 // 16), _EMPTY) for clip in clips]
    columns = max(1, min(columns, len(pictures)))
    rows = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
    heights = [max(picture.height for picture in row) for row in rows]
    foot = _GAP_PX + (_LABEL_PX + 6 if labels else 0)
    size = (columns * (width_px + _GAP_PX) + _GAP_PX, sum(heights) + len(rows) * foot + _GAP_PX)
    sheet = Image.new("RGB", size, _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_LABEL_PX)
    words, top = iter(labels or ()), _GAP_PX
    for row, height in zip(rows, heights, strict=True):
        for column, picture in enumerate(row):
            left = _GAP_PX + column * (width_px + _GAP_PX)
            sheet.paste(picture, (left, top + (height - picture.height) // 2))
            draw.text((left, top + height + 2), _shortened(next(words, ""), draw, font, width_px), _INK, font)
        top += height + foot
    return save_picture(sheet, target_jpeg)


def _small(clip: Path, width_px: int) -> Image.Image | None:
    if clip.suffix == POSTER_SUFFIX:
        shown = _opened(clip)
        size = (width_px, max(1, round(shown.height * width_px / shown.width))) if shown else (0, 0)
        return shown.resize(size, Image.Resampling.LANCZOS) if shown else None
    try:
        frame, pixel_ratio, _ = _keyframe(clip, None)
        return as_seen(frame, pixel_ratio, width_px)
    except MediaError:
        return None


def _opened(poster_file: Path) -> Image.Image | None:
    """A poster that was written before; None where it is missing or damaged."""
    try:
        with Image.open(poster_file, formats=["JPEG"]) as picture:
            return picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _keyframe(clip: Path, at_seconds: float | None) -> tuple[VideoFrame, Fraction, float]:
    """The keyframe nearest to a moment, its pixel ratio, and its time from the first picture on."""
    with reading(clip), open_clip(clip) as opened:
        tick = float(exact(opened.video.time_base))
        first = opened.video.start_time or 0
        wanted = opened.facts.duration_seconds / 2 if at_seconds is None else at_seconds
        opened.container.seek(first + round(wanted / tick), stream=opened.video, backward=True)
        opened.video.codec_context.skip_frame = "NONKEY"
        nearest = NearestKeyframe(wanted)
        for frame in opened.container.decode(opened.video):
            nearest.see(frame, ((frame.pts or 0) - first) * tick)
            if nearest.is_decided:
                break
        if nearest.found is not None:
            frame, seconds = nearest.found
            return frame, opened.facts.sample_aspect, seconds
        raise UnreadableClipError("no keyframe decodes")


def _shortened(
    text: str, draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, px: int
) -> str:
    line = " ".join(text.split())
    while line and draw.textlength(line, font) > px:
        line = line[:-2] + "…" if len(line) > 2 else ""
    return line
