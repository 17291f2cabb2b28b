"""Fitted copies of pictures look as their originals do, whatever those hold, and the receipt names what was changed."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, ImageCms

from longtake.media.cutting.fit import make_picture_fit

SMALLER: dict[str, Any] = {"min_side_px": 100, "max_side_px": 200}
"""Makes every 400 × 320 picture be scaled, and so be written anew."""


def ramp(most: float, kind: Any) -> np.ndarray:
    """A grey ramp from left to right."""
    return (np.mgrid[0:320, 0:400][1] * (most / 400)).astype(kind)


def middle(path: Path, mode: str = "RGB") -> list[tuple[int, ...]]:
    """Five colours along the middle."""
    image = Image.open(path)
    assert "icc_profile" not in image.info
    pixels = np.asarray(image.convert(mode))
    row = pixels[pixels.shape[0] // 2].reshape(pixels.shape[1], -1)
    return [tuple(row[pixels.shape[1] * share // 10].tolist()) for share in (1, 3, 5, 7, 9)]


GREYS = [
    ("depth.png", lambda: Image.fromarray(ramp(65535, np.uint16)), "65535 as white"),
    ("depth.tif", lambda: Image.fromarray(ramp(65535, np.uint16)), "65535 as white"),
    ("depth32.tif", lambda: Image.fromarray(ramp(65535, np.int32)), "65535 as white"),
    ("float.tif", lambda: Image.fromarray(ramp(1.0, np.float32)), "floats, 1 as white"),
    ("float255.tif", lambda: Image.fromarray(ramp(255, np.float32)), "floats, 255 as white"),
    ("near.tif", lambda: Image.fromarray(ramp(40, np.float32)), "grey values of 0 to 39.9 spread"),
    ("metres.tif", lambda: Image.fromarray(ramp(90_000, np.float32) - 10), "grey values of -10 to 89765 spread"),
]


@pytest.mark.parametrize("target", ["out.png", "out.jpg"])
@pytest.mark.parametrize(("name", "make", "words"), GREYS)
def test_pictures_of_16_bits_and_floats_keep_their_greys(
    name: str, make: Any, words: str, target: str, tmp_path: Path
) -> None:
    make().save(tmp_path / name)
    receipt = make_picture_fit(tmp_path / name, tmp_path / target, **SMALLER)
    for (red, green, blue), due in zip(middle(tmp_path / target), (25, 77, 128, 179, 230), strict=True):
        assert red == green == blue
        assert abs(red - due) <= 2
    assert words in "; ".join(receipt.changes)


def test_a_dark_depth_map_stays_dark(tmp_path: Path) -> None:
    Image.fromarray(ramp(200, np.uint16)).save(tmp_path / "depth.png")
    make_picture_fit(tmp_path / "depth.png", tmp_path / "out.png", **SMALLER)
    assert np.asarray(Image.open(tmp_path / "out.png")).max() <= 1


def cut_out(mode: str) -> Image.Image:
    """A red disc on nothing; what is transparent is black beneath, as most programs leave it."""
    rows, columns = np.mgrid[0:320, 0:400]
    inside = np.hypot(rows - 160, columns - 200) < 120
    pixels = np.zeros((320, 400, 4), np.uint8)
    pixels[inside] = (200, 30, 40, 255)
    image = Image.fromarray(pixels)
    if mode == "P":
        image = image.quantize(4)
    return image.convert(mode)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("mode", "suffix"), [("RGBA", "png"), ("LA", "png"), ("P", "png"), ("RGBA", "webp")])
def test_a_cut_out_stays_one_as_png_and_lies_on_white_as_jpeg(mode: str, suffix: str, tmp_path: Path) -> None:
    source = tmp_path / f"in.{suffix}"
    cut_out(mode).save(source)
    kept = make_picture_fit(source, tmp_path / "out.png", **SMALLER)
    assert Image.open(tmp_path / "out.png").convert("RGBA").getchannel("A").getextrema() == (0, 255)
    assert not any("transparent" in change for change in kept.changes)
    laid = make_picture_fit(source, tmp_path / "out.jpg", **SMALLER)
    assert min(middle(tmp_path / "out.jpg")[0]) >= 250
    assert middle(tmp_path / "out.jpg")[2][0] < 220
    assert "what is transparent laid on white" in laid.changes


def test_colours_of_16_bits_keep_what_8_can_hold_and_the_receipt_says_so(tmp_path: Path) -> None:
    colours = np.zeros((320, 400, 3), np.uint16)
    colours[:] = (198 * 257, 90 * 257, 60 * 257)
    encoder: Any = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 400, 320, "rgb48be", Fraction(1, 24)
    frame = av.VideoFrame.from_ndarray(colours, format="rgb48be")
    (tmp_path / "in.png").write_bytes(b"".join(map(bytes, [*encoder.encode(frame), *encoder.encode(None)])))
    receipt = make_picture_fit(tmp_path / "in.png", tmp_path / "out.png", **SMALLER)
    assert middle(tmp_path / "out.png")[2] == (198, 90, 60)
    assert "8 bits a colour instead of 16" in receipt.changes


def test_a_picture_whose_alpha_hides_nothing_is_no_cut_out(tmp_path: Path) -> None:
    Image.new("RGBA", (400, 320), (200, 30, 40, 255)).save(tmp_path / "in.png")
    receipt = make_picture_fit(tmp_path / "in.png", tmp_path / "out.jpg", **SMALLER)
    assert not any("transparent" in change for change in receipt.changes)


def profile(name: bytes = b"Display P3") -> bytes:
    """An ICC profile (version 2) of Display P3's primaries, adapted to D50, with a gamma of 2.2."""

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    text = b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + bytes(1 + 4 + 4 + 2 + 1 + 67)
    tags = {
        b"desc": text,
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": xyz(0.9642, 1, 0.8249),
        b"rXYZ": xyz(0.51512, 0.24120, -0.00105),
        b"gXYZ": xyz(0.29198, 0.69225, 0.04189),
        b"bXYZ": xyz(0.15710, 0.06657, 0.78407),
    } | {tag: b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) for tag in (b"rTRC", b"gTRC", b"bTRC")}
    table, body = struct.pack(">I", len(tags)), b""
    for tag, data in tags.items():
        table += tag + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = 128 + len(table) + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x02400000, b"mntr", b"RGB ", b"XYZ ") + bytes(12) + b"acsp"
    head = head.ljust(68, b"\0") + struct.pack(">iii", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + body


def from_p3(colour: tuple[int, int, int]) -> np.ndarray:
    """Display P3 at gamma 2.2 into sRGB, by the formulas."""
    light = np.array([(value / 255) ** 2.2 for value in colour])
    turn = np.array([[1.22494, -0.22494, 0], [-0.042057, 1.042057, 0], [-0.019638, -0.078636, 1.098274]])
    light = (turn @ light).clip(0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("target", ["out.png", "out.jpg"])
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_wide_colours_are_converted_by_their_profile_and_the_receipt_names_it(
    suffix: str, target: str, tmp_path: Path
) -> None:
    for colour in ((198, 90, 60), (60, 160, 90), (128, 128, 128)):
        image = Image.new("RGB", (400, 320), colour)
        options: dict[str, Any] = {"lossless": True} if suffix == "webp" else {"quality": 100}
        image.save(tmp_path / f"in.{suffix}", icc_profile=profile(), **options)
        receipt = make_picture_fit(tmp_path / f"in.{suffix}", tmp_path / target, **SMALLER)
        assert np.abs(np.array(middle(tmp_path / target)[2]) - from_p3(colour)).max() <= 3
        assert "colours converted from Display P3 to sRGB" in receipt.changes


def test_a_cut_out_of_wide_colours_keeps_both(tmp_path: Path) -> None:
    Image.new("RGBA", (400, 320), (198, 90, 60, 100)).save(tmp_path / "in.png", icc_profile=profile())
    receipt = make_picture_fit(tmp_path / "in.png", tmp_path / "out.png", **SMALLER)
    *colour, alpha = middle(tmp_path / "out.png", "RGBA")[2]
    assert alpha == 100
    assert np.abs(np.array(colour) - from_p3((198, 90, 60))).max() <= 3
    assert "colours converted from Display P3 to sRGB" in receipt.changes


def test_an_srgb_profile_changes_nothing_and_a_broken_one_is_told(tmp_path: Path) -> None:
    colours = Image.new("RGB", (400, 320), (198, 90, 60))
    file = io.BytesIO(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for data, words in ((file.getvalue(), ""), (b"no profile", "its colour profile left out")):
        colours.save(tmp_path / "in.png", icc_profile=data)
        receipt = make_picture_fit(tmp_path / "in.png", tmp_path / "out.png", **SMALLER)
        assert middle(tmp_path / "out.png")[2] == (198, 90, 60)
        assert words in "; ".join(receipt.changes)
        assert len(receipt.changes) == 1 + bool(words)


def test_prints_colours_grey_levels_depth_and_films_are_named(tmp_path: Path) -> None:
    Image.new("CMYK", (400, 320), (0, 200, 200, 20)).save(tmp_path / "print.jpg", quality=100)
    Image.fromarray(np.full((320, 400, 3), 90, np.uint8)).convert("RGB").save(
        tmp_path / "film.gif", save_all=True, append_images=[Image.new("RGB", (400, 320))]
    )
    Image.new("LAB", (400, 320), (128, 160, 160)).save(tmp_path / "lab.tif")
    for name, words in (
        ("print.jpg", "converted from CMYK to RGB"),
        ("film.gif", "its first picture alone"),
        ("lab.tif", "converted from LAB to sRGB"),
    ):
        receipt = make_picture_fit(tmp_path / name, tmp_path / "out.jpg", **SMALLER)
        assert words in receipt.changes
    assert Image.open(tmp_path / "out.jpg").mode == "RGB"
    make_picture_fit(tmp_path / "print.jpg", tmp_path / "out.png", **SMALLER)
    red, green, blue = middle(tmp_path / "out.png")[2]
    assert red > 200
    assert max(green, blue) < 90


def test_a_legal_picture_of_any_colours_stays_as_it_is(tmp_path: Path) -> None:
    Image.new("RGB", (400, 320), (198, 90, 60)).save(tmp_path / "in.png", icc_profile=profile())
    Image.fromarray(ramp(65535, np.uint16)).save(tmp_path / "depth.png")
    for name in ("in.png", "depth.png"):
        assert make_picture_fit(tmp_path / name, tmp_path / "out.png").changes == ()
        assert (tmp_path / "out.png").read_bytes() == (tmp_path / name).read_bytes()
