"""A picture file as other programs expect one: sRGB, 8 bits a colour, upright; and in words what that did to it."""

from __future__ import annotations

import io
import re
from typing import Any, cast

from PIL import Image, ImageCms, ImageOps

from longtake.media.reading.grey_levels import Numbers

_SRGB_PRIMARIES, _SRGB_TRANSFERS = (1, 2), (1, 2, 6, 13)
"""BT.709 or nothing named; the curves of SDR video count as sRGB's, as browsers take them."""
_SRGB_GAMMA, _SAME_GAMMA = 0.45455, 0.02
_HEAD_BYTES = 1 << 16
_PNG_CODING = re.compile(rb"\0\0\0\x04cICP(..)", re.DOTALL)
_AVIF_CODING = re.compile(rb"colrnclx(..)(..)", re.DOTALL)
_DEEP_AV1 = re.compile(rb"av1C..[\x40-\x7f\xc0-\xff]", re.DOTALL)


def as_srgb(opened: Image.Image, *, keeps_alpha: bool) -> tuple[Image.Image, list[str]]:
    """A picture turned upright as RGB, or RGBA where it is a cut-out, and what was done to its colours.

    Args:
        opened: A picture that was opened by Pillow, not yet loaded.
        keeps_alpha: Whether what it is written as can hold a cut-out; else it is laid on white.

    Raises:
        UnreadableClipError: Its numbers would be read wrongly.
    """
    # Only before a picture is loaded it tells how it is stored.
    numbers, head = Numbers(opened), _head(opened)
    changes = _pictures_left_out(opened)
    image = opened
    ImageOps.exif_transpose(image, in_place=True)  # a second one of a hundred megapixels is too much
    profile = cast(bytes | None, image.info.get("icc_profile"))
    if numbers.are_in(image):
        image, notes = numbers.as_grey(image)
        changes += notes
    elif numbers.is_deep:
        changes.append("8 bits a colour instead of 16")
    changes += _left_out(opened, head, numbers)
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    image, words = _without_profile(image, profile)
    changes += words
    if alpha is not None and cast(int, alpha.getextrema()[0]) < 255:
        if keeps_alpha:
            image.putalpha(alpha)
        else:
            ground = Image.new("RGB", image.size, "white")
            ground.paste(image, mask=alpha)
            image = ground
            changes.append("what is transparent laid on white")
    image.info = {}
    return image, changes


def _pictures_left_out(opened: Image.Image) -> list[str]:
    if getattr(opened, "n_frames", 1) < 2:
        return []
    phone = opened.format == "MPO"
    return [
        "its first picture alone, without those behind it (depth, gain map)" if phone else "its first picture alone"
    ]


def _left_out(opened: Image.Image, head: bytes, numbers: Numbers) -> list[str]:
    """What a file tells beside its pixels that would change how they look, and is not kept."""
    words: list[str] = []
    if numbers.left_out:
        words.append(f"{numbers.left_out} further channels left out")
    if opened.format == "AVIF" and _DEEP_AV1.search(head):
        words.append("8 bits a colour instead of 10 or 12")
    if "icc_profile" in opened.info:
        return words
    coding = _coding(opened, head)
    gamma = float(opened.info.get("gamma") or _SRGB_GAMMA)
    if coding is not None and (coding[0] not in _SRGB_PRIMARIES or coding[1] not in _SRGB_TRANSFERS):
        words.append(f"read as sRGB, its colour code {coding[0]}/{coding[1]} (ITU-T H.273) left out")
    elif coding is None and "srgb" not in opened.info and abs(gamma - _SRGB_GAMMA) > _SAME_GAMMA:
        words.append(f"read as sRGB, its gamma of {gamma:g} left out")
    return words


def _coding(opened: Image.Image, head: bytes) -> tuple[int, int] | None:
    """Primaries and transfer by their numbers, where a PNG or AVIF names them so."""
    if opened.format == "PNG" and (found := _PNG_CODING.search(head)):
        return found[1][0], found[1][1]
    if opened.format == "AVIF" and (found := _AVIF_CODING.search(head)):
        return int.from_bytes(found[1], "big"), int.from_bytes(found[2], "big")
    return None


def _head(opened: Image.Image) -> bytes:
    file = cast(Any, opened).fp
    place = file.tell()
    file.seek(0)
    head = cast(bytes, file.read(_HEAD_BYTES))
    file.seek(place)
    return head


def _without_profile(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, list[str]]:
    """The same colours in sRGB, as RGB without alpha."""
    mode = {"1": "L", "P": "RGB", "PA": "RGB", "RGBA": "RGB", "RGBX": "RGB", "LA": "L"}.get(image.mode, image.mode)
    # By way of RGBA: straight to RGB, Pillow warns on the screen of a palette's transparency.
    plain = (image.convert("RGBA") if image.has_transparency_data else image).convert(mode)
    if mode == "LAB":
        lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        return _transformed(plain, lab), ["converted from LAB to sRGB"]
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            name = ImageCms.getProfileDescription(source).strip() or "its own profile"
            if "srgb" in name.lower() and mode == "RGB":
                return plain, []
            return _transformed(plain, source), [f"colours converted from {name} to sRGB"]
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            return plain.convert("RGB"), ["its colour profile left out, for it cannot be used"]
    return plain.convert("RGB"), [] if mode in ("RGB", "L") else [f"converted from {mode} to RGB"]


def _transformed(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    made = ImageCms.profileToProfile(
        image,
        profile,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    return cast(Image.Image, made)
