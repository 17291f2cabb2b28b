"""Pictures taken out of clips: the exact last one, a quick poster, and a contact sheet of several clips."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import closing
from math import ceil
from pathlib import Path

from av import VideoFrame
from PIL import Image, ImageDraw, ImageFont

from longtake.errors import UnreadableClipError
from longtake.media.clock import exact
from longtake.media.opening import reading
from longtake.media.pictures import PictureFacts, as_seen, last_pictures, save_picture
from longtake.media.probe import open_clip, probe_clip

_INK, _PAPER = (232, 232, 232), (24, 24, 24)
_GAP_PX, _LABEL_PX = 8, 15


def last_frame(clip: Path, target_png: Path) -> PictureFacts:
    """Writes the picture that is shown last, as exactly as it decodes; upright and in square pixels.

    Args:
        clip: A local clip.
        target_png: Where the picture goes, whole or not at all.

    Raises:
        UnreadableClipError: The clip does not decode to its last picture.
    """
    facts = probe_clip(clip)
    with closing(last_pictures(clip, 1)) as pictures:
        frame = deque(pictures, maxlen=1)[0]
    at_seconds = float((facts.frames - 1) / facts.fps)
    return save_picture(as_seen(frame, facts.sample_aspect), target_png, at_seconds)


def poster(clip: Path, target_jpeg: Path, at_seconds: float | None = None, width_px: int = 640) -> PictureFacts:
    """Writes the keyframe nearest to a moment; quick, because nothing else is decoded.

    Args:
        clip: A local clip.
        target_jpeg: Where the picture goes, whole or not at all.
        at_seconds: The moment, from the first picture on; the middle of the clip if None.
        width_px: Width of the result; never wider than the clip.

    Raises:
        UnreadableClipError: No keyframe decodes.
    """
    frame, pixel_ratio, seconds = _keyframe(clip, at_seconds)
    upright = frame.height if frame.rotation % 180 else round(frame.width * max(pixel_ratio, 1))
    image = as_seen(frame, pixel_ratio, min(width_px, upright))
    return save_picture(image, target_jpeg, seconds)


def contact_sheet(
    clips: Sequence[Path],
    target_jpeg: Path,
    columns: int = 4,
    labels: Sequence[str] | None = None,
    width_px: int = 320,
) -> PictureFacts:
    """Writes one sheet with a picture of every clip, in order; one row is a strip.

    A clip that does not decode has an empty place, so that the others keep theirs.

    Args:
        clips: Local clips, at least one.
        target_jpeg: Where the sheet goes, whole or not at all.
        columns: Most pictures side by side.
        labels: A line of text under each picture. The font at hand has Latin letters only.
        width_px: Width of each picture.
    """
    pictures = [_small(clip, width_px) for clip in clips]
    columns = max(1, min(columns, len(pictures)))
    cell_height = max((picture.height for picture in pictures if picture), default=width_px * 9 // 16)
    label_height = _LABEL_PX + 6 if labels else 0
    step_x, step_y = width_px + _GAP_PX, cell_height + label_height + _GAP_PX
    size = (columns * step_x + _GAP_PX, ceil(len(pictures) / columns) * step_y + _GAP_PX)
    sheet = Image.new("RGB", size, _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_LABEL_PX)
    for number, picture in enumerate(pictures):
        left, top = _GAP_PX + number % columns * step_x, _GAP_PX + number // columns * step_y
        if picture:
            sheet.paste(picture, (left, top + (cell_height - picture.height) // 2))
        if labels and number < len(labels):
            draw.text((left, top + cell_height + 2), _shortened(labels[number], draw, font, width_px), _INK, font)
    return save_picture(sheet, target_jpeg)


def _small(clip: Path, width_px: int) -> Image.Image | None:
    try:
        frame, pixel_ratio, _ = _keyframe(clip, None)
    except UnreadableClipError:
        return None
    return as_seen(frame, pixel_ratio, width_px)


def _keyframe(clip: Path, at_seconds: float | None) -> tuple[VideoFrame, float, float]:
    """The keyframe nearest to a moment, its pixel ratio, and its time from the first picture on."""
    with reading(clip), open_clip(clip) as opened:
        tick = float(exact(opened.video.time_base))
        first = opened.video.start_time or 0
        wanted = opened.facts.duration_seconds / 2 if at_seconds is None else at_seconds
        keys = [entry.timestamp for entry in opened.video.index_entries if entry.is_keyframe and not entry.is_discard]
        if keys:
            nearest = min(keys, key=lambda key: abs((key - first) * tick - wanted))
            opened.container.seek(nearest, stream=opened.video, backward=True)
        opened.video.codec_context.skip_frame = "NONKEY"
        for frame in opened.container.decode(opened.video):
            if not frame.is_corrupt:
                return frame, float(opened.facts.sample_aspect), ((frame.pts or 0) - first) * tick
        raise UnreadableClipError("no keyframe decodes")


def _shortened(
    text: str, draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, px: int
) -> str:
    line = " ".join(text.split())
    while line and draw.textlength(line, font) > px:
        line = line[:-2] + "…" if len(line) > 2 else ""
    return line
