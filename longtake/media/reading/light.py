"""Light behind the numbers: tables that convert between gamuts and between HDR and SDR, for FFmpeg's `lut3d`.

SDR among itself goes by the BT.709 camera curve. Where HDR is involved, light is that of a reference screen, in nits:
SDR white is 203 nits (BT.2408), HLG is shown at 1,000 (BT.2100), and brighter light is rolled off by BT.2390.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Generator
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from longtake.domain.errors import MachineError
from longtake.media.reading.colour import BT709, BT2020, HLG, P3, PQ, Colour

Values = NDArray[np.float64]
"""Shape (..., 3): red, green, blue."""

STEPS = 53
"""Grid of the table along each axis; fewer leave saturated colours more than 1 of 255 off, 2 with JPEG's rounding."""
WHITE_NITS, PEAK_NITS = 203.0, 1000.0
_HLG_SYSTEM_GAMMA, _SCREEN_GAMMA = 1.2, 2.4
_PRIMARIES = {
    BT709: ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    P3: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_D65 = (0.3127, 0.3290)
_BT2020_LUMA = np.array([0.2627, 0.6780, 0.0593])


@contextlib.contextmanager
def cube_file(source: Colour, target: Colour) -> Generator[Path]:
    """A table of RGB in, RGB out as a `.cube` file, there as long as the block runs.

    Raises:
        MachineError: It cannot be written; no fault of the clip.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".cube", encoding="ascii"))
            file.write(_cube(source.gamut, source.curve, target.gamut, target.curve))
            file.flush()
        except OSError as error:
            raise MachineError(f"no table of colours can be written: {error}") from error
        yield Path(file.name)


@lru_cache(maxsize=4)
def _cube(gamut: int, curve: int, to_gamut: int, to_curve: int) -> str:
    axis = np.linspace(0, 1, STEPS)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    signal = np.stack([red, green, blue], axis=-1).reshape(-1, 3)
    values = convert(signal, (gamut, curve), (to_gamut, to_curve))
    lines = "%.6f %.6f %.6f\n" * len(values) % tuple(values.ravel())
    return f"LUT_3D_SIZE {STEPS}\n{lines}"


def convert(signal: Values, source: tuple[int, int], target: tuple[int, int]) -> Values:
    """RGB signals of 0 to 1 by gamut and curve into those of another; what the other cannot show is cut off."""
    (gamut, curve), (to_gamut, to_curve) = source, target
    turn = np.linalg.inv(_to_xyz(to_gamut)) @ _to_xyz(gamut)
    if curve == to_curve == BT709:
        return _camera(np.clip(_scene(signal) @ turn.T, 0, 1))
    light = np.maximum(_nits(signal, curve) @ turn.T, 0)
    if to_curve == BT709:
        light = rolled_off(light)
    return np.clip(_signal(light, to_curve), 0, 1)


def rolled_off(light: Values) -> Values:
    """Light of up to `PEAK_NITS` within `WHITE_NITS`, by the knee of BT.2390; hue and saturation stay."""
    brightest = light.max(axis=-1, keepdims=True)
    peak = _to_pq(np.array(PEAK_NITS))
    most = float(_to_pq(np.array(WHITE_NITS)) / peak)
    level = np.minimum(_to_pq(brightest) / peak, 1)
    knee = 1.5 * most - 0.5
    share = np.clip((level - knee) / (1 - knee), 0, 1)
    bent = (
        (2 * share**3 - 3 * share**2 + 1) * knee
        + (share**3 - 2 * share**2 + share) * (1 - knee)
        + (-2 * share**3 + 3 * share**2) * most
    )
    toned = _from_pq(np.where(level < knee, level, bent) * peak)
    return light * toned / np.maximum(brightest, 1e-6)


def _to_xyz(gamut: int) -> Values:
    corners = np.array([[x / y, 1, (1 - x - y) / y] for x, y in _PRIMARIES[gamut]]).T
    x, y = _D65
    return corners * np.linalg.solve(corners, np.array([x / y, 1, (1 - x - y) / y]))


def _scene(signal: Values) -> Values:
    return np.where(signal < 0.081, signal / 4.5, ((signal + 0.099) / 1.099) ** (1 / 0.45))


def _camera(light: Values) -> Values:
    return np.where(light < 0.018, light * 4.5, 1.099 * light**0.45 - 0.099)


def _nits(signal: Values, curve: int) -> Values:
    if curve == PQ:
        return _from_pq(signal)
    if curve == HLG:
        scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12)
        luma = (scene @ _BT2020_LUMA)[..., None]
        return PEAK_NITS * scene * np.maximum(luma, 1e-9) ** (_HLG_SYSTEM_GAMMA - 1)
    return WHITE_NITS * signal**_SCREEN_GAMMA


def _signal(light: Values, curve: int) -> Values:
    if curve == PQ:
        return _to_pq(light)
    if curve == HLG:
        shown = np.minimum(light / PEAK_NITS, 1)
        luma = (shown @ _BT2020_LUMA)[..., None]
        scene = shown * np.maximum(luma, 1e-9) ** (1 / _HLG_SYSTEM_GAMMA - 1)
        bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
        return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)
    return (light / WHITE_NITS) ** (1 / _SCREEN_GAMMA)


_M1, _M2, _C1, _C2, _C3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def _from_pq(signal: Values) -> Values:
    power = np.maximum(signal, 0) ** (1 / _M2)
    return 10_000 * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1)


def _to_pq(light: Values) -> Values:
    power = (np.maximum(light, 0) / 10_000) ** _M1
    return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2
