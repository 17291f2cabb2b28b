"""The parameter sets (SPS, PPS, VPS) that an MP4 file keeps beside its video packets: taken apart and put together.

Two clips whose sets differ decode to garbage when joined blindly, often without any error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from longtake.domain.errors import UnreadableClipError

_H264_SETS, _H264_IDR = (7, 8), 5
_HEVC_SETS = (32, 33, 34)


class ParameterSets(NamedTuple):
    """What all packets of a video track are decoded with; `length_bytes` is the size of the length before each unit."""

    length_bytes: int
    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]
    vps: tuple[bytes, ...] = ()


def read_parameter_sets(codec: str, extradata: bytes) -> ParameterSets | None:
    """Takes `avcC` or `hvcC` apart; None for a codec that keeps no such sets.

    Raises:
        UnreadableClipError: The record is damaged.
    """
    reader = {"h264": _read_avcc, "hevc": _read_hvcc}.get(codec)
    if reader is None:
        return None
    try:
        sets = reader(extradata)
    except IndexError:
        sets = None
    if sets is None or not sets.sps or not sets.pps:
        raise UnreadableClipError(f"the {codec} decoder's setup (parameter sets) is missing or damaged")
    return sets


def _read_avcc(data: bytes) -> ParameterSets | None:
    if data[0] != 1:
        return None
    groups: list[tuple[bytes, ...]] = []
    offset = 5
    for mask in (0x1F, 0xFF):
        count, offset = data[offset] & mask, offset + 1
        units: list[bytes] = []
        for _ in range(count):
            unit, offset = _sized(data, offset)
            units.append(unit)
        groups.append(tuple(units))
    return ParameterSets((data[4] & 3) + 1, groups[0], groups[1])


def _read_hvcc(data: bytes) -> ParameterSets | None:
    if data[0] != 1:
        return None
    found: dict[int, list[bytes]] = {kind: [] for kind in _HEVC_SETS}
    offset = 23
    for _ in range(data[22]):
        kind, count, offset = data[offset] & 0x3F, data[offset + 1] << 8 | data[offset + 2], offset + 3
        for _ in range(count):
            unit, offset = _sized(data, offset)
            # x265 also puts a note with all its settings here; it differs where the stream does not.
            if kind in found:
                found[kind].append(unit)
    vps, sps, pps = (tuple(found[kind]) for kind in _HEVC_SETS)
    return ParameterSets((data[21] & 3) + 1, sps, pps, vps)


def _sized(data: bytes, offset: int) -> tuple[bytes, int]:
    end = offset + 2 + (data[offset] << 8 | data[offset + 1])
    if end > len(data):
        raise IndexError(end)
    return data[offset + 2 : end], end


def h264_set_ids(sets: ParameterSets) -> set[int]:
    """Every number by which an H.264 SPS or PPS of these is called; 0–31 for SPS, 0–255 for PPS."""
    # The id of an SPS follows profile, flags and level; that of a PPS comes first.
    return {_golomb(sps[4:]) for sps in sets.sps} | {_golomb(pps[1:]) for pps in sets.pps}


def _golomb(data: bytes) -> int:
    bits = "".join(f"{byte:08b}" for byte in data[:8])
    zeros = len(bits) - len(bits.lstrip("0"))
    return int(bits[zeros : 2 * zeros + 1] or "1", 2) - 1


_FORBIDDEN = (b"\0\0\0", b"\0\0\1", b"\0\0\2")


def split_annex_b(data: bytes) -> Iterator[bytes]:
    """The units of a byte stream that separates them by start codes."""
    for unit in re.split(b"\x00\x00\x01", data):
        if stripped := unit.rstrip(b"\x00"):
            yield stripped


def join_lengths(units: Iterable[bytes], length_bytes: int) -> bytes:
    """Units as an MP4 file keeps them, each behind its length."""
    return b"".join(len(unit).to_bytes(length_bytes, "big") + unit for unit in units)


def split_lengths(data: bytes, length_bytes: int) -> Iterator[bytes]:
    """The units of one packet of an MP4 file."""
    offset = 0
    while offset + length_bytes <= len(data):
        size = int.from_bytes(data[offset : offset + length_bytes], "big")
        yield data[offset + length_bytes : offset + length_bytes + size]
        offset += length_bytes + size


class KeyUnits(NamedTuple):
    """What a keyframe's packet holds beside its picture: whether decoding may start there, and sets of its own."""

    is_idr: bool
    sets: frozenset[bytes]


def damage_in_units(data: bytes, length_bytes: int) -> str:
    """Why these cannot be the units that an encoder wrote, "" where they can.

    An encoder never writes two zero bytes before 0, 1 or 2 (ITU-T H.264 and H.265, 7.4.1 and 7.4.2): a hole in a file
    shows, though a decoder may make a picture of it without a word.
    """
    offset = 0
    while offset < len(data):
        size = int.from_bytes(data[offset : offset + length_bytes], "big")
        unit = data[offset + length_bytes : offset + length_bytes + size]
        if not 0 < size == len(unit):
            return "its units do not fill it"
        if any(mark in unit.rstrip(b"\0") for mark in _FORBIDDEN):
            return "it holds bytes that no encoder writes"
        offset += length_bytes + size
    return ""


def key_units(codec: str, data: bytes, length_bytes: int) -> KeyUnits:
    """Looks into the packet of a keyframe. Only for H.264 it tells of IDR pictures."""
    is_idr, sets = False, set[bytes]()
    for unit in split_lengths(data, length_bytes):
        kind = (unit[0] >> 1 & 0x3F if codec == "hevc" else unit[0] & 0x1F) if unit else 0
        is_idr = is_idr or (codec == "h264" and kind == _H264_IDR)
        if kind in (_HEVC_SETS if codec == "hevc" else _H264_SETS):
            sets.add(unit)
    return KeyUnits(is_idr, frozenset(sets))


def write_avcc(groups: Sequence[ParameterSets], high_tail: bytes) -> bytes:
    """One `avcC` record with the sets of all groups, whose ids must not collide.

    Args:
        groups: Sets with the same `length_bytes`.
        high_tail: The four bytes on chroma format and bit depth that profiles above Main end with.
    """
    sps = list(dict.fromkeys(unit for group in groups for unit in group.sps))
    pps = list(dict.fromkeys(unit for group in groups for unit in group.pps))
    profile, level = max(unit[1] for unit in sps), max(unit[3] for unit in sps)
    flags = 0xFF
    for unit in sps:
        flags &= unit[2]
    head = bytes([1, profile, flags, level, 0xFC | groups[0].length_bytes - 1, 0xE0 | len(sps)])
    record = head + join_lengths(sps, 2) + bytes([len(pps)]) + join_lengths(pps, 2)
    return record + high_tail if profile not in (66, 77, 88) else record
