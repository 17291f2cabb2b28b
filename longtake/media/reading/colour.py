"""What the numbers of a picture mean: matrix, range, primaries and transfer (ITU-T H.273), as tagged or as decided."""

from __future__ import annotations

from typing import NamedTuple

from longtake.domain.errors import UnfitClipError

Tags = tuple[int, int, int, int]
"""Range, matrix, primaries and transfer as a file names them, by FFmpeg's numbers; 0 and 2 say nothing."""

LIMITED, FULL = 1, 2
RGB, BT709, UNSPECIFIED, PAL, NTSC, BT2020, P3 = 0, 1, 2, 5, 6, 9, 12
PQ, HLG, BT2020_TRANSFER = 16, 18, 14

_MATRICES = {BT709: "bt709", 4: "fcc", PAL: "bt470bg", NTSC: "smpte170m", 7: "smpte240m", BT2020: "bt2020nc"}
"""By what name the scaler knows a matrix; the others (constant luminance, ICtCp, YCgCo) it does not know."""
_MATRIX_NAMES = {RGB: "RGB", BT709: "BT.709", PAL: "BT.601", NTSC: "BT.601", 7: "SMPTE 240M", BT2020: "BT.2020"}
_GAMUT_NAMES = {BT2020: "BT.2020", P3: "Display P3"}
_TRANSFER_NAMES = {PQ: "HDR (PQ)", HLG: "HDR (HLG)"}
_NARROW = frozenset({BT709, UNSPECIFIED, PAL, NTSC, 7, 22})
"""The primaries of BT.601 and BT.709: not told apart where clips meet, as most players and tools do not either."""
_VIDEO = frozenset({1, 2, 4, 5, 6, 7, 11, 12, 13, 14, 15})
"""Transfers of SDR video: shown alike by players, whatever curve they name."""


class Colour(NamedTuple):
    """What is meant, nothing left open."""

    range: int
    matrix: int
    primaries: int
    transfer: int

    @property
    def is_hdr(self) -> bool:
        """Whether it is brighter than a screen of today's office shows."""
        return self.transfer in (PQ, HLG)

    @property
    def gamut(self) -> int:
        """The primaries, where BT.601 and BT.709 count as one."""
        return BT709 if self.primaries in _NARROW else self.primaries

    @property
    def curve(self) -> int:
        """The transfer, where all of SDR video count as one."""
        return BT709 if self.transfer in _VIDEO else self.transfer

    @property
    def scaler_options(self) -> tuple[str, str]:
        """Names of matrix and range for FFmpeg's scaler."""
        return _MATRICES.get(self.matrix, "bt709"), "pc" if self.range == FULL else "tv"

    def __str__(self) -> str:
        matrix = _MATRIX_NAMES.get(self.matrix, f"matrix {self.matrix}")
        gamut = _GAMUT_NAMES.get(self.gamut, matrix)
        words = [matrix, "" if gamut == matrix else gamut, _TRANSFER_NAMES.get(self.transfer, "")]
        return " ".join(filter(None, [*words, "full range" if self.range == FULL else ""]))


SDR = Colour(LIMITED, BT709, BT709, BT709)
SCREEN = Colour(FULL, RGB, BT709, 13)
"""sRGB: a picture file without a profile."""


def decided(tags: Tags, size: tuple[int, int], pixel_format: str) -> Colour:
    """What a clip's colours mean: as tagged; what it leaves open as players take it, by its other tags and its size.

    Args:
        tags: As the file says.
        size: Width and height as coded. From 1280 wide or 577 high on, an untagged clip is BT.709, below BT.601.
        pixel_format: FFmpeg's name; RGB and the old `yuvj` formats are of full range.
    """
    spread, matrix, primaries, transfer = tags
    is_rgb = pixel_format.startswith(("gbr", "rgb", "bgr", "argb", "abgr"))
    if spread not in (LIMITED, FULL):
        spread = FULL if is_rgb or pixel_format.startswith("yuvj") else LIMITED
    if is_rgb:
        matrix = RGB
    elif matrix in (RGB, UNSPECIFIED, 3):
        is_wide = primaries == BT2020 or transfer in (PQ, HLG)
        by_size = BT709 if size[0] >= 1280 or size[1] > 576 else NTSC
        matrix = BT2020 if is_wide else primaries if primaries in (PAL, NTSC) else by_size
    family = {PAL: PAL, NTSC: NTSC, 7: 7, BT2020: BT2020}.get(matrix, BT709)
    if primaries in (0, UNSPECIFIED, 3):
        primaries = family
    if transfer in (0, UNSPECIFIED, 3):
        transfer = {PAL: NTSC, BT2020: BT2020_TRANSFER}.get(family, family)
    return Colour(spread, matrix, primaries, transfer)


def check_convertible(source: Colour, target: Colour, name: str = "a clip") -> None:
    """Nothing is relabelled: colours that are not converted here are refused.

    Raises:
        UnfitClipError: Says what cannot be converted, and of which clip.
    """
    strange = {
        f"matrix {colour.matrix}": colour.matrix not in (RGB, *_MATRICES) for colour in (source, target)
    }  # fmt: skip
    if needs_table(source, target):
        for colour in (source, target):
            strange[f"primaries {colour.primaries}"] = colour.gamut not in (BT709, BT2020, P3)
            strange[f"transfer {colour.transfer}"] = colour.curve not in (BT709, PQ, HLG)
    if found := " and ".join(words for words, applies in strange.items() if applies):
        raise UnfitClipError(
            f"{name}: its colours have {found} (numbers of ITU-T H.273), which cannot be "
            "converted here: convert it to BT.709 first"
        )


def is_kept_in_8_bits(colour: Colour) -> bool:
    """Whether a new encoding of 8 bits may hold such colours as they are; RGB and HDR become `SDR`."""
    return colour.curve == BT709 and colour.matrix in _MATRICES


def needs_table(source: Colour, target: Colour) -> bool:
    """Whether more than matrix and range differ: light itself must be converted."""
    return (source.gamut, source.curve) != (target.gamut, target.curve)


def conversion(source: Colour, target: Colour) -> str:
    """What happens to the colours on the way, for a receipt; "" if they stay what they are."""
    if needs_table(source, target):
        toned = source.is_hdr and not target.is_hdr
        return f"{'tone-mapped' if toned else 'colours converted'} from {source} to {target}"
    same = _MATRIX_NAMES.get(source.matrix) == _MATRIX_NAMES.get(target.matrix) and source.range == target.range
    return "" if same else f"colours converted from {source} to {target}"
