"""Pictures and sounds as people have them, kind by kind: how each is made, what it is, and how a copy of it must look.

Tests hold each to its word; `python -m tests.benchmarks.bench_inputs` counts them.
"""

from __future__ import annotations

import io
import struct
import wave
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin

WIDTH, HEIGHT = 400, 300
Array = NDArray[Any]


@dataclass(frozen=True)
class Case:
    """One file.

    `container` and `size` are what it is, as displayed; `refused` the words of why it is not read. `copy_of` is the
    picture that a copy must look like, `named` what the copy's receipt must say (as PNG, as JPEG alike).
    """

    kind: str
    make: Callable[[], bytes]
    container: str = ""
    size: tuple[int, int] = (WIDTH, HEIGHT)
    refused: str = ""
    copy_of: Callable[[], Image.Image] | None = None
    named: str = ""
    not_copied: str = ""


@cache
def scene() -> Image.Image:
    """Rising to the right in red and downwards in green, so that every turn shows."""
    down, right = np.mgrid[0:HEIGHT, 0:WIDTH]
    blue = np.full((HEIGHT, WIDTH), 90)
    return Image.fromarray(np.dstack([right * 255 // WIDTH, down * 255 // HEIGHT, blue]).astype(np.uint8))


def grey() -> Image.Image:
    """The scene's brightness."""
    return scene().convert("L").convert("RGB")


def ramp() -> Array:
    """The scene's brightness from 0 to 1."""
    return np.asarray(scene().convert("L"), np.float32) / 255


def stretched() -> Image.Image:
    """The brightness with its least as black and its most as white."""
    values = ramp()
    spread = (values - values.min()) / (values.max() - values.min())
    return Image.fromarray(np.round(spread * 255).astype(np.uint8)).convert("RGB")


def cut_out() -> Image.Image:
    """The scene without its upper third."""
    image = scene().convert("RGBA")
    there = np.full((HEIGHT, WIDTH), 255, np.uint8)
    there[: HEIGHT // 3] = 0
    image.putalpha(Image.fromarray(there))
    return image


def saved(image: Image.Image, name: str, **options: Any) -> bytes:
    """A picture's file."""
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def turned(name: str, degree: int) -> bytes:
    """The scene as a camera stores it that was held so: displayed, it is the scene upright."""
    backwards = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[degree]
    stored = scene() if backwards is None else scene().transpose(backwards)
    if name == "TIFF":
        return saved(stored, name, tiffinfo={0x112: degree})
    exif = Image.Exif()
    exif[0x112] = degree
    if name == "MPO":
        return saved(stored, name, save_all=True, append_images=[stored.resize((80, 60))], exif=exif)
    return saved(stored, name, exif=exif)


def png_with(*chunks: tuple[bytes, bytes]) -> bytes:
    """The scene as PNG with chunks behind its header."""
    data = saved(scene(), "PNG")
    return data[:33] + b"".join(_chunk(kind, body) for kind, body in chunks) + data[33:]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def deep_png(pixels: Array) -> bytes:
    """16 bits a colour, from values of 0 to 1 of shape (height, width, channels)."""
    stored = np.round(pixels * 65535).astype(">u2")
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[stored.shape[2]]
    header = struct.pack(">IIBBBBB", stored.shape[1], stored.shape[0], 16, colour, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in stored))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def huge_png(side: int) -> bytes:
    """The header of a PNG of so many pixels; all that is looked at of one."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", b"x")


def tiff(pixels: Array, kind: int, meaning: int, *, apart: bool = False, extra: tuple[int, ...] = ()) -> bytes:
    """A plain TIFF as scientific programs write them.

    Args:
        pixels: Shape (height, width) or (height, width, channels).
        kind: 1 unsigned, 2 signed, 3 floats.
        meaning: 0 white is zero, 1 black is zero, 2 RGB.
        apart: Whether each colour is a plane of its own.
        extra: What channels beyond the colours are.
    """
    height, width = pixels.shape[:2]
    count = pixels.shape[2] if pixels.ndim == 3 else 1
    data = (pixels.transpose(2, 0, 1) if apart else pixels).astype(pixels.dtype.newbyteorder("<")).tobytes()
    pieces = count if apart else 1
    tags: list[tuple[int, int, list[int]]] = [
        (256, 4, [width]),
        (257, 4, [height]),
        (258, 3, [pixels.dtype.itemsize * 8] * count),
        (259, 3, [1]),
        (262, 3, [meaning]),
        (273, 4, [len(data) // pieces * number for number in range(pieces)]),
        (277, 3, [count]),
        (278, 4, [height]),
        (279, 4, [len(data) // pieces] * pieces),
        (284, 3, [2 if apart else 1]),
        *([(338, 3, list(extra))] if extra else []),
        (339, 3, [kind] * count),
    ]
    packed = [struct.pack("<" + {3: "H", 4: "I"}[form] * len(values), *values) for _, form, values in tags]
    place = 8 + 2 + 12 * len(tags) + 4
    start = place + sum(len(body) for body in packed if len(body) > 4)
    entries, beside = b"", b""
    for (tag, form, values), plain in zip(tags, packed, strict=True):
        body = struct.pack(f"<{len(values)}I", *(start + value for value in values)) if tag == 273 else plain
        if len(body) > 4:
            entries += struct.pack("<HHII", tag, form, len(values), place + len(beside))
            beside += body
        else:
            entries += struct.pack("<HHI", tag, form, len(values)) + body.ljust(4, b"\0")
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4) + beside + data


def display_p3() -> bytes:
    """The profile of a phone's wide colours, written by hand: matrix, curve, nothing else."""
    columns = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
    fixed = [struct.pack(">4sI3i", b"XYZ ", 0, *(round(value * 65536) for value in column)) for column in columns]
    white = struct.pack(">4sI3i", b"XYZ ", 0, 63190, 65536, 54061)
    curve = struct.pack(
        ">4sIHH5i", b"para", 0, 3, 0, *(round(v * 65536) for v in (2.4, 0.94787, 0.05213, 0.0774, 0.04045))
    )
    name = b"Display P3\0"
    words = struct.pack(">4sII", b"desc", 0, len(name)) + name + bytes(4 + 4 + 2 + 1 + 67)
    words += bytes(-len(words) % 4)
    tags = {b"desc": words, b"wtpt": white, b"rXYZ": fixed[0], b"gXYZ": fixed[1], b"bXYZ": fixed[2]}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    place, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for tag, content in tags.items():
        table += struct.pack(">4sII", tag, place + len(body), len(content))
        body += content
    size = place + len(body)
    head = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x02100000, b"mntr", b"RGB ", b"XYZ ") + bytes(12) + b"acsp"
    head = head.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def from_p3() -> Image.Image:
    """The scene's numbers read as Display P3, in sRGB, by the standards' formulas."""
    stored = np.asarray(scene(), np.float64) / 255
    light = np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)
    to_srgb = np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]])
    light = np.clip(light @ to_srgb.T, 0, 1)
    shown = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return Image.fromarray(np.round(shown * 255).astype(np.uint8))


def with_text(kind: str, size: int = 3_000_000) -> bytes:
    """The scene as PNG with megabytes beside it, as ComfyUI and Photoshop write."""
    about, text = PngImagePlugin.PngInfo(), "workflow " * (size // 9)
    if kind == "plain":
        about.add_text("workflow", text)
    if kind == "packed":
        about.add_text("workflow", text, zip=True)
    if kind == "international":
        about.add_itxt("XML:com.adobe.xmp", text, zip=True)
    profile = {"icc_profile": text.encode()} if kind == "profile" else {}
    return saved(scene(), "PNG", pnginfo=about, **profile)


def still(brands: bytes, properties: bytes = b"") -> bytes:
    """The boxes of a HEIF still; nothing here decodes it."""
    size = b"\0\0\0\x14ispe" + bytes(4) + struct.pack(">II", WIDTH, HEIGHT)
    content = bytes(4) + size + properties
    kinds = struct.pack(">I", 12 + len(brands)) + b"ftyp" + brands[:4] + bytes(4) + brands[4:]
    kinds = struct.pack(">I", len(kinds)) + kinds[4:]
    return kinds + struct.pack(">I", 8 + len(content)) + b"meta" + content + struct.pack(">I", 16) + b"mdat" + bytes(8)


def _lab() -> bytes:
    lab = ImageCms.profileToProfile(
        scene(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    return saved(lab, "TIFF")


def _several(name: str) -> bytes:
    return saved(scene(), name, save_all=True, append_images=[scene().rotate(90), scene().rotate(180)])


def _p3(name: str) -> bytes:
    return saved(scene(), name, icc_profile=display_p3())


_SIXTEEN = "8 bits a colour instead of 16"
_WHITE = "what is transparent laid on white"
_ALPHA = np.asarray(cut_out(), np.float64) / 255


def _like(kind: str, name: str, make: Callable[[], bytes], container: str, **more: Any) -> dict[str, Case]:
    return {f"{kind}, {name}": Case(kind, make, container, copy_of=more.pop("copy_of", scene), **more)}


PICTURES: dict[str, Case] = {
    **_like("JPEG", "plain", lambda: saved(scene(), "JPEG", quality=95), "jpeg"),
    **_like("JPEG", "progressive", lambda: saved(scene(), "JPEG", progressive=True, quality=95), "jpeg"),
    **_like("JPEG", "grey", lambda: saved(scene().convert("L"), "JPEG", quality=95), "jpeg", copy_of=grey),
    **_like("JPEG", "CMYK", lambda: saved(scene().convert("CMYK"), "JPEG", quality=95), "jpeg", named="CMYK"),
    **_like("JPEG", "bytes behind its end", lambda: saved(scene(), "JPEG", quality=95) + b"\r\n" * 40, "jpeg"),
    **_like("JPEG", "broken EXIF", lambda: saved(scene(), "JPEG", quality=95, exif=b"Exif\0\0rubbish!" * 9), "jpeg"),
    **_like(
        "phone (MPO)",
        "two pictures behind it",
        lambda: saved(scene(), "MPO", save_all=True, append_images=[scene().resize((80, 60))] * 2, quality=95),
        "jpeg",
        named="its first picture alone",
    ),
    **_like("phone (MPO)", "held upright", lambda: turned("MPO", 6), "jpeg", named="turned upright"),
    **{
        name: case
        for form, container in {"JPEG": "jpeg", "PNG": "png", "WEBP": "webp", "TIFF": "tiff", "AVIF": "avif"}.items()
        for degree in range(2, 9)
        for name, case in _like(
            "EXIF-turned",
            f"{container} {degree}",
            lambda form=form, degree=degree: turned(form, degree),
            container,
            named="turned upright",
        ).items()
    },
    **_like("profile", "Display P3 in JPEG", lambda: _p3("JPEG"), "jpeg", copy_of=from_p3, named="Display P3"),
    **_like("profile", "Display P3 in PNG", lambda: _p3("PNG"), "png", copy_of=from_p3, named="Display P3"),
    **_like("profile", "Display P3 in WebP", lambda: _p3("WEBP"), "webp", copy_of=from_p3, named="Display P3"),
    **_like("profile", "Display P3 in TIFF", lambda: _p3("TIFF"), "tiff", copy_of=from_p3, named="Display P3"),
    **_like(
        "profile",
        "rubbish",
        lambda: saved(scene(), "JPEG", icc_profile=b"rubbish" * 99),
        "jpeg",
        named="profile left out",
    ),
    **_like(
        "profile", "PNG, code of Display P3", lambda: png_with((b"cICP", bytes([12, 13, 0, 1]))), "png", named="12/13"
    ),
    **_like("profile", "PNG, code of HDR", lambda: png_with((b"cICP", bytes([9, 16, 0, 1]))), "png", named="9/16"),
    **_like(
        "profile", "PNG, gamma of 1", lambda: png_with((b"gAMA", struct.pack(">I", 100_000))), "png", named="gamma of 1"
    ),
    **_like("profile", "LAB", _lab, "tiff", named="LAB"),
    **_like(
        "16 bits", "grey PNG (depth map)", lambda: deep_png(ramp()[..., None]), "png", copy_of=grey, named="16 bits"
    ),
    **_like(
        "16 bits", "RGB PNG", lambda: deep_png(_ALPHA[..., :3] * 0 + np.asarray(scene()) / 255), "png", named=_SIXTEEN
    ),
    **_like("16 bits", "RGBA PNG", lambda: deep_png(_ALPHA), "png", copy_of=cut_out, named=_SIXTEEN),
    **_like("16 bits", "grey TIFF", lambda: tiff(_whole(ramp(), 16), 1, 1), "tiff", copy_of=grey, named="16 bits"),
    **_like(
        "16 bits",
        "grey TIFF, white is zero",
        lambda: tiff(_whole(1 - ramp(), 16), 1, 0),
        "tiff",
        copy_of=grey,
        named="turned over",
    ),
    **_like(
        "16 bits",
        "grey TIFF with a sign",
        lambda: tiff(np.round(ramp() * 32767).astype(np.int16), 2, 1),
        "tiff",
        copy_of=grey,
        named="32767 as white",
    ),
    **_like("16 bits", "RGB TIFF", lambda: tiff(_whole(np.asarray(scene()) / 255, 16), 1, 2), "tiff", named=_SIXTEEN),
    "16 bits, RGB TIFF, colours apart": Case(
        "16 bits",
        lambda: tiff(_whole(np.asarray(scene()) / 255, 16), 1, 2, apart=True),
        "tiff",
        not_copied="colours lie apart",
    ),
    **_like(
        "floats and 32 bits", "TIFF to 1", lambda: tiff(ramp(), 3, 1), "tiff", copy_of=grey, named="floats, 1 as white"
    ),
    **_like(
        "floats and 32 bits",
        "TIFF to 255",
        lambda: tiff(ramp() * 255, 3, 1),
        "tiff",
        copy_of=grey,
        named="255 as white",
    ),
    **_like(
        "floats and 32 bits",
        "TIFF of metres",
        lambda: tiff(ramp() * 40, 3, 1),
        "tiff",
        copy_of=stretched,
        named="spread",
    ),
    **_like(
        "floats and 32 bits",
        "TIFF from -1 to 1",
        lambda: tiff(ramp() * 2 - 1, 3, 1),
        "tiff",
        copy_of=stretched,
        named="spread",
    ),
    **_like(
        "floats and 32 bits",
        "TIFF with holes (NaN)",
        lambda: tiff(np.where(_ALPHA[..., 3] > 0, ramp(), np.nan).astype(np.float32), 3, 1),
        "tiff",
        copy_of=lambda: Image.fromarray((np.asarray(grey()) * (_ALPHA[..., 3:] > 0)).astype(np.uint8)),
        named="no numbers as black",
    ),
    **_like(
        "floats and 32 bits",
        "TIFF of 32 bits",
        lambda: tiff(np.round(ramp().astype(np.float64) * 0xFFFFFFFF).astype(np.uint32), 1, 1),
        "tiff",
        copy_of=stretched,
        named="spread",
    ),
    "floats and 32 bits, RGB TIFF of floats": Case(
        "floats and 32 bits",
        lambda: tiff((np.asarray(scene()) / 255).astype(np.float32), 3, 2),
        refused="a TIFF picture that",
    ),
    **_like("cut-out", "PNG", lambda: saved(cut_out(), "PNG"), "png", copy_of=cut_out),
    **_like("cut-out", "PNG of a palette", lambda: saved(cut_out().quantize(256), "PNG"), "png", copy_of=cut_out),
    **_like("cut-out", "WebP", lambda: saved(cut_out(), "WEBP", quality=95), "webp", copy_of=cut_out),
    **_like("cut-out", "GIF", lambda: saved(cut_out(), "GIF"), "gif", copy_of=cut_out),
    **_like("cut-out", "TIFF", lambda: saved(cut_out(), "TIFF"), "tiff", copy_of=cut_out),
    **_like("cut-out", "AVIF", lambda: saved(cut_out(), "AVIF", quality=95), "avif", copy_of=cut_out),
    **_like("several pictures", "GIF", lambda: _several("GIF"), "gif", named="first picture alone"),
    **_like("several pictures", "PNG", lambda: _several("PNG"), "png", named="first picture alone"),
    **_like("several pictures", "WebP", lambda: _several("WEBP"), "webp", named="first picture alone"),
    **_like("several pictures", "TIFF", lambda: _several("TIFF"), "tiff", named="first picture alone"),
    **_like(
        "several pictures",
        "TIFF of five channels",
        lambda: tiff(np.dstack([np.asarray(cut_out()), np.asarray(scene())[..., :1]]), 1, 2, extra=(0, 0)),
        "tiff",
        named="further channels left out",
    ),
    **_like("megabytes beside it", "text", lambda: with_text("plain"), "png"),
    **_like("megabytes beside it", "packed text", lambda: with_text("packed"), "png"),
    **_like("megabytes beside it", "XMP", lambda: with_text("international"), "png"),
    **_like("megabytes beside it", "profile", lambda: with_text("profile"), "png", named="profile left out"),
    "megabytes beside it, 80 MB of text": Case(
        "megabytes beside it", lambda: with_text("packed", 80_000_000), refused="more than 64 MiB"
    ),
    **_like("AVIF", "plain", lambda: saved(scene(), "AVIF", quality=95), "avif", named="converted from avif"),
    **_like("AVIF", "several", lambda: _several("AVIF"), "avif", named="first picture alone"),
    "AVIF, by its further brands": Case("AVIF", lambda: still(b"mif1avifmiaf"), "avif"),
    "HEIC, plain": Case("HEIC", lambda: still(b"heicmif1heic"), "heic", not_copied="HEIC"),
    "HEIC, held upright": Case(
        "HEIC", lambda: still(b"mif1mif1heic", b"\0\0\0\x09irot\x01"), "heic", (HEIGHT, WIDTH), not_copied="HEIC"
    ),
    **{
        f"other pictures, {name}": Case("other pictures", lambda data=data: data + bytes(60), refused=words)
        for name, data, words in (
            ("JPEG XL", b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
            ("JPEG XL, bare", b"\xff\x0a", "a JPEG XL picture"),
            ("JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
            ("PSD", b"8BPS\0\1", "a Photoshop file"),
            ("OpenEXR", b"\x76\x2f\x31\x01", "an OpenEXR picture"),
            ("Radiance", b"#?RADIANCE\n", "a Radiance picture"),
            ("Netpbm", b"P6\n640 480\n255\n", "a Netpbm picture"),
            ("icon", b"\0\0\1\0", "an icon"),
            ("PDF", b"%PDF-1.7\n", "a PDF document"),
            ("SVG", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
            ("page", b"<!doctype html><title>Sign in</title>", "an HTML or XML page"),
            ("Git LFS pointer", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
            ("ZIP", b"PK\3\4", "a ZIP archive"),
            ("damaged PNG", b"\x89PNG\r\n\x1a\n", "a PNG picture that is damaged"),
            ("damaged WebP", b"RIFF\0\0\0\0WEBP", "a WebP picture that is damaged"),
        )
    },
    **{
        f"too many pixels, {side}²": Case(
            "too many pixels", lambda side=side: huge_png(side), refused="px is more than is decoded here"
        )
        for side in (10_001, 13_400, 14_000, 60_000)
    },
}


def _whole(values: Array, bits: int) -> Array:
    return np.round(values.astype(np.float64) * (2**bits - 1)).astype(np.uint16)


SECONDS = 3.0
RATE_HZ = 24_000


@dataclass(frozen=True)
class Sound:
    """One sound: what it is, or why it is not read."""

    kind: str
    make: Callable[[], bytes]
    container: str = ""
    refused: str = ""


@cache
def wav() -> bytes:
    """Three seconds of a tone, mono, 16 bits."""
    file = io.BytesIO()
    tone = (8000 * np.sin(np.arange(int(SECONDS * RATE_HZ)) / 9)).astype("<i2")
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        writer.writeframes(tone.tobytes())
    return file.getvalue()


def claiming(riff: int, data: int) -> bytes:
    """The tone under other lengths."""
    file = bytearray(wav())
    struct.pack_into("<I", file, 4, riff & 0xFFFFFFFF)
    struct.pack_into("<I", file, 40, data & 0xFFFFFFFF)
    return bytes(file)


def rf64(mark: bytes = b"RF64", length: int | None = None) -> bytes:
    """The tone under 64-bit lengths."""
    plain, size = wav(), len(wav()) - 44 if length is None else length
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, size + 72, size, size // 2, 0)
    return mark + b"\xff" * 4 + b"WAVE" + sizes + plain[12:40] + b"\xff" * 4 + plain[44:]


def coded(container: str, codec: str, *, rate_hz: int = 44_100, layout: str = "stereo", **options: str) -> bytes:
    """Three seconds of near silence by an encoder."""
    file = io.BytesIO()
    with av.open(file, "w", format=container, options=options) as output:
        stream: Any = output.add_stream(codec, rate=rate_hz, layout=layout)
        form = stream.codec_context.format.name
        resampler = av.AudioResampler(form, layout, rate_hz, frame_size=stream.codec_context.frame_size or 1024)
        count = int(rate_hz * SECONDS)
        channels = av.AudioLayout(layout).nb_channels
        tone = np.tile((8000 * np.sin(np.arange(count) / 9)).astype(np.int16), (channels, 1))
        frame: Any = av.AudioFrame.from_ndarray(tone, "s16p", layout)
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
        for block in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(block))
        output.mux(stream.encode(None))
    return file.getvalue()


def _chunked(*chunks: bytes) -> bytes:
    plain = wav()
    return plain[:12] + b"".join(chunks) + plain[12:]


def _named(mark: bytes) -> Callable[[], bytes]:
    return lambda: mark + bytes(100)


_N = len(wav()) - 44
SOUNDS: dict[str, Sound] = {
    **{
        f"placeholder, {name}": Sound("placeholder lengths", lambda riff=riff, data=data: claiming(riff, data), "wav")
        for name, riff, data in (
            ("0x7FFFFFFF (ElevenLabs)", 0x7FFFFFFF, 0x7FFFFFFF),
            ("0x7FFFFFFF less the header", 0x7FFFFFFF, 0x7FFFFFFF - 36),
            ("0x7FFFF000 (sox)", 0x7FFFF024, 0x7FFFF000),
            ("0x80000000", 0x80000024, 0x80000000),
            ("0xFFFFFFFF (FFmpeg)", 0xFFFFFFFF, 0xFFFFFFFF),
            ("0xFFFFFFFF less the header", 0xFFFFFFFF, 0xFFFFFFFF - 36),
            ("0", 0, 0),
            ("0 in front alone", 0, _N),
            ("0 of data alone", _N + 36, 0),
            ("a billion samples (pocket-tts)", 2_000_000_036, 2_000_000_000),
            ("1 GiB", 0x40000024, 0x40000000),
            ("two hours", RATE_HZ * 2 * 7200 + 36, RATE_HZ * 2 * 7200),
        )
    },
    **{
        f"off, {place} {by:+}": Sound(
            "lengths a little off",
            lambda place=place, by=by: claiming(_N + 36 + by * (place == "front"), _N + by * (place == "data")),
            "wav",
        )
        for place in ("front", "data")
        for by in (-44, -8, -1, 1, 8, 36, 44)
    },
    "RF64": Sound("RF64", rf64, "wav"),
    "BW64": Sound("RF64", lambda: rf64(b"BW64"), "wav"),
    "RF64 with a placeholder": Sound("RF64", lambda: rf64(length=2**63 - 1), "wav"),
    "RF64 cut short": Sound("RF64", lambda: rf64()[: _N // 2], refused="cut short"),
    "chunks, JUNK and bext before": Sound(
        "further chunks",
        lambda: _chunked(b"JUNK\x1c\0\0\0" + bytes(28), b"bext" + struct.pack("<I", 603) + bytes(604)),
        "wav",
    ),
    "chunks, LIST of an odd length": Sound("further chunks", lambda: _chunked(b"LIST\5\0\0\0INFOx\0"), "wav"),
    "chunks, LIST behind": Sound("further chunks", lambda: wav() + b"LIST\4\0\0\0INFO", "wav"),
    "chunks, rubbish behind": Sound("further chunks", lambda: wav() + b"\0" * 333, "wav"),
    **{
        f"WAV, {codec}": Sound("codings of WAV", lambda codec=codec: coded("wav", codec), "wav")
        for codec in (
            "pcm_u8",
            "pcm_s16le",
            "pcm_s24le",
            "pcm_s32le",
            "pcm_f32le",
            "pcm_f64le",
            "pcm_alaw",
            "pcm_mulaw",
        )
    },
    "WAV, six channels": Sound("codings of WAV", lambda: coded("wav", "pcm_s16le", layout="5.1"), "wav"),
    "MP3": Sound("MP3, M4A", lambda: coded("mp3", "libmp3lame"), "mp3"),
    "MP3 without tags": Sound("MP3, M4A", lambda: coded("mp3", "libmp3lame", id3v2_version="0", write_xing="0"), "mp3"),
    "MP3 of 22 kHz": Sound("MP3, M4A", lambda: coded("mp3", "libmp3lame", rate_hz=22_050), "mp3"),
    "MP3 behind a picture of 1.5 MB": Sound(
        "MP3, M4A",
        lambda: b"ID3\x03\0\0\0\x60\0\0" + bytes(0x60 << 14) + coded("mp3", "libmp3lame", id3v2_version="0"),
        "mp3",
    ),
    "M4A": Sound("MP3, M4A", lambda: coded("mp4", "aac"), "m4a"),
    "M4A in fragments": Sound("MP3, M4A", lambda: coded("mp4", "aac", movflags="frag_keyframe+empty_moov"), "m4a"),
    "cut short": Sound("cut short", lambda: wav()[: _N // 2], refused="cut short"),
    "cut short by a thousand bytes": Sound("cut short", lambda: wav()[:-1000], refused="cut short"),
    "a header alone": Sound("cut short", lambda: wav()[:44], refused="cut short"),
    **{
        f"other sounds, {name}": Sound("other sounds", make, refused=words)
        for name, make, words in (
            ("FLAC", _named(b"fLaC"), "FLAC"),
            ("Ogg", _named(b"OggS"), "Ogg"),
            ("AIFF", _named(b"FORM\0\0\0\0AIFF"), "AIFF"),
            ("CAF", _named(b"caff\0\1"), "CAF"),
            ("AMR", _named(b"#!AMR\n"), "AMR"),
            ("Wave64", _named(b"riff\x2e\x91\xcf\x11"), "Wave64"),
            ("bare AAC", lambda: coded("adts", "aac"), "AAC"),
            ("WMA", _named(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"), "Windows Media"),
            ("WebM", _named(b"\x1a\x45\xdf\xa3"), "WebM"),
            ("big-endian WAV", lambda: b"RIFX" + wav()[4:], "RIFX"),
        )
    },
}
