"""A picture file as other programs expect one: sRGB, 8 bits a colour, upright; and in words what that did to it."""

from __future__ import annotations

import io
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

_LEVELS = (1.0, 255.0, 65535.0)
"""What white is in pictures of numbers: of floats, of 8 and of 16 bits; the first that holds them all."""


def as_srgb(opened: Image.Image, *, keeps_alpha: bool) -> tuple[Image.Image, list[str]]:
    """A picture turned upright as RGB, or RGBA where it is a cut-out, and what was done to its colours.

    Args:
        opened: A picture that was opened by Pillow, not yet loaded.
        keeps_alpha: Whether what it is written as can hold a cut-out; else it is laid on white.
    """
    # Only before a picture is loaded it tells how it is stored.
    is_deep = any(";16" in str(tile) for tile in getattr(opened, "tile", ()))
    several = opened.format != "MPO" and getattr(opened, "n_frames", 1) > 1
    changes = ["its first picture alone"] if several else []
    image = ImageOps.exif_transpose(opened)
    profile = cast(bytes | None, image.info.get("icc_profile"))
    if image.mode in ("F", "I") or image.mode.startswith("I;"):
        image, note = _of_numbers(image, opened.format == "PNG")
        changes.append(note)
    elif is_deep:
        changes.append("8 bits a colour instead of 16")
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


def _of_numbers(image: Image.Image, is_png: bool) -> tuple[Image.Image, str]:
    """A grey picture of 16 bits, 32 bits or floats: Pillow alone would cut off all above 255."""
    values = np.nan_to_num(np.asarray(image, np.float32), posinf=0.0, neginf=0.0)
    least, most = float(values.min()), float(values.max())
    if is_png or image.mode.startswith("I;16"):
        white = _LEVELS[-1]
    else:
        white = next((level for level in _LEVELS if least >= 0 and most <= level), 0.0)
        # Floats up to 40 are metres rather than a picture that is nearly black.
        white = 0.0 if image.mode == "F" and 1 < most <= white / 2 else white
    if white:
        words = f"8 bits of grey instead of {'floats' if image.mode == 'F' else '16 or 32 bits'}, {white:g} as white"
        scaled = values * (255 / white)
    else:
        words = f"grey values of {least:g} to {most:g} spread over 8 bits"
        scaled = (values - least) * (255 / ((most - least) or 1))
    grey: NDArray[np.uint8] = np.round(scaled).astype(np.uint8)
    return Image.fromarray(grey), words


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
