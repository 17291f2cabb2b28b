"""What a file is by its first bytes, whatever it is called: in words, and as a media type."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from longtake.domain.request import MediaKind

_HEIF_BRANDS = {
    "avif": frozenset({b"avif", b"avis"}),
    "heic": frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}),
}
_HEIF_FAMILY = frozenset({b"mif1", b"msf1", b"miaf"})
"""Brands of stills that do not name their coding; the brands behind them do."""

_MARKS = (
    (b"<svg", "an SVG drawing"),
    (b"<", "an HTML or XML page"),
    (b"{", "JSON text"),
    (b"[", "JSON text"),
    (b"#EXT", "a playlist"),
    (b"#?RADIANCE", "a Radiance picture (HDR)"),
    (b"#!AMR", "AMR sound"),
    (b"version https://git-lfs", "the pointer of a Git LFS file, not the file"),
    (b"\x1a\x45\xdf\xa3", "WebM or Matroska"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"BM", "a BMP picture"),
    (b"II*\0\x10\0\0\0CR", "a camera's raw file (CR2)"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"II+\0", "a TIFF picture"),
    (b"MM\0+", "a TIFF picture"),
    (b"8BPS", "a Photoshop file (PSD)"),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\0\0\1\0", "an icon (ICO)"),
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript drawing"),
    (b"PK\3\4", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"RIFX", "a big-endian WAV (RIFX)"),
    (b"RIFF", "a RIFF file"),
    (b"riff\x2e\x91\xcf\x11", "Wave64 sound"),
    (b"FORM", "AIFF sound"),
    (b"OggS", "Ogg"),
    (b"fLaC", "FLAC"),
    (b"caff", "Core Audio sound (CAF)"),
    (b".snd", "AU sound"),
    (b"\x30\x26\xb2\x75", "Windows Media (ASF)"),
    (b"FLV", "Flash video"),
    *((b"P%d" % number, "a Netpbm picture (PPM, PGM, PBM)") for number in range(1, 8)),
    (b"G", "an MPEG transport stream"),
)
_RIFF = {b"WEBP": "a WebP picture", b"WAVE": "WAV sound", b"AVI ": "an AVI film"}
_READABLE = frozenset(f"a {name} picture" for name in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WebP"))
_MEDIA_TYPES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),
    (b"MM\0+", "image/tiff"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
)
_SUFFIXES = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/bmp": ".bmp",
    "image/tiff": ".tiff",
    "image/webp": ".webp",
    "image/avif": ".avif",
    "image/heic": ".heic",
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "audio/mp4": ".m4a",
    "audio/ogg": ".ogg",
    "audio/flac": ".flac",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
}


def described(head: bytes) -> str:
    """Words for what a file begins with."""
    if (still := heif_container(head)) is not None:
        return f"{'an AVIF' if still == 'avif' else 'a HEIC'} picture"
    if is_adts(head):
        return "bare AAC sound (ADTS)"
    if head[:4] == b"RIFF" and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    found = (words for mark, words in _MARKS if (text if mark[:1] in b"<{[#" else head).startswith(mark))
    return next(found, "text" if _is_text(head) else "something else")


def is_readable_picture(words: str) -> bool:
    """Whether words of `described` name a kind of picture that is read here where it is sound."""
    return words in _READABLE


def _is_text(head: bytes) -> bool:
    return bool(head) and all(byte >= 0x20 or byte in b"\t\r\n" for byte in head) and 0x7F not in head


def is_adts(head: bytes) -> bool:
    """Whether a file begins as AAC without a container does."""
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0


def is_mp3(head: bytes) -> bool:
    """Whether a file begins with a tag or a packet of MP3."""
    return head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2)


def is_wav(head: bytes) -> bool:
    """Whether a file begins as a WAV does, also as one of 64-bit lengths (RF64, BW64)."""
    return head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE"


def heif_container(head: bytes) -> str | None:
    """`avif` or `heic` where a file is such a still picture, by all the brands that it names."""
    if head[4:8] != b"ftyp":
        return None
    end = int.from_bytes(head[:4], "big")
    brands = {head[8:12], *(head[place : place + 4] for place in range(16, min(end, len(head)), 4))}
    if head[8:12] not in _HEIF_FAMILY | _HEIF_BRANDS["avif"] | _HEIF_BRANDS["heic"]:
        return None
    return next((name for name, known in _HEIF_BRANDS.items() if known & brands), "heic")


def media_type(head: bytes, kind: MediaKind) -> str | None:
    """The media type of a file by its first 64 bytes, None where they tell nothing.

    Args:
        head: The first bytes.
        kind: What it is used as; the same box structure holds films and sounds.
    """
    if (still := heif_container(head)) is not None:
        return f"image/{still}"
    if head[4:8] == b"ftyp" or head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip"):
        is_quicktime = head[8:12] == b"qt  " or head[4:8] != b"ftyp"
        return "audio/mp4" if kind == "audio" else "video/quicktime" if is_quicktime else "video/mp4"
    if is_wav(head):
        return "audio/wav"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    found = next((name for mark, name in _MEDIA_TYPES if head.startswith(mark)), None)
    return found or ("audio/mpeg" if is_mp3(head) else None)


def told_as(path: Path, kind: MediaKind) -> tuple[str, str]:
    """The name and the media type under which a file is given away, by its content; blocking.

    Its name is kept where its ending is right: hosts and vendors go by either.
    """
    with path.open("rb") as file:
        found = media_type(file.read(64), kind)
    by_name = "image/webp" if path.suffix.lower() == ".webp" else mimetypes.guess_type(path.name)[0]
    if found is None or found == by_name or found not in _SUFFIXES:
        return path.name, found or by_name or "application/octet-stream"
    return f"{path.stem or 'file'}{_SUFFIXES[found]}", found
