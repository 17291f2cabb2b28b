"""Loudness of a film's sound by EBU R128, the one gain that brings it to a level, and the peaks kept under it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from av import AudioFrame
from av.error import BlockingIOError as NothingYet
from av.filter import Graph

from longtake.media.stitching.receipt import LoudnessReceipt
from longtake.media.stitching.sound import Sound

_SILENCE_LUFS = -70.0
_MARGIN_DB = 0.3


class Meter:
    """Measures sound that passes by. Silence has no loudness: it is never amplified."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._graph = _graph(rate_hz, ("ebur128", "peak=true:metadata=1:framelog=quiet"))
        self._samples = 0
        self._metadata: dict[str, str] = {}
        self._peak = 0.0

    def add(self, block: Sound) -> None:
        """Takes the next block."""
        self._pull(_frame(block, self._rate_hz, self._samples))
        self._samples += block.shape[1]

    def _pull(self, frame: AudioFrame | None) -> None:
        for measured in _through(self._graph, frame):
            self._metadata.update(measured.metadata)
            # True peaks are told per block, as a ratio to full scale.
            peaks = [float(measured.metadata.get(f"lavfi.r128.true_peaks_ch{channel}", 0)) for channel in (0, 1)]
            self._peak = max(self._peak, *peaks)

    def result(self) -> LoudnessReceipt:
        """The figures of all that was added. The meter is spent."""
        self._pull(None)
        integrated = float(self._metadata.get("lavfi.r128.I", _SILENCE_LUFS))
        if integrated <= _SILENCE_LUFS or math.isnan(integrated):
            return LoudnessReceipt(integrated_lufs=None, true_peak_dbtp=None)
        peak = round(20 * math.log10(self._peak), 2) if self._peak > 0 else None
        return LoudnessReceipt(integrated_lufs=round(integrated, 2), true_peak_dbtp=peak)


def amplified(blocks: Iterable[Sound], gain_db: float) -> Iterator[Sound]:
    """The same sound by one gain."""
    factor = np.float32(10 ** (gain_db / 20))
    for block in blocks:
        yield block * factor


def limited(blocks: Iterable[Sound], rate_hz: int, true_peak_dbtp: float) -> Iterator[Sound]:
    """The same sound, of the same length and place, with no true peak above the bound.

    Limited at four times the rate: peaks between the samples count.
    """
    limit = 10 ** ((true_peak_dbtp - _MARGIN_DB) / 20)
    graph = _graph(
        rate_hz,
        ("aresample", f"{4 * rate_hz}"),
        ("alimiter", f"limit={limit:.6f}:attack=5:release=50:level=false:latency=true"),
        ("aresample", f"{rate_hz}"),
        ("aformat", f"sample_fmts=fltp:sample_rates={rate_hz}:channel_layouts=stereo"),
    )
    taken = given = 0
    for block in blocks:
        frame = _frame(block, rate_hz, taken)
        taken += block.shape[1]
        for out in _through(graph, frame):
            given += out.samples
            yield out.to_ndarray()
    for out in _through(graph, None):
        rest = out.to_ndarray()[:, : taken - given]
        given += rest.shape[1]
        yield rest
    if given < taken:
        yield np.zeros((2, taken - given), np.float32)


def _graph(rate_hz: int, *filters: tuple[str, str]) -> Graph:
    graph = Graph()
    chain: list[Any] = [graph.add_abuffer(sample_rate=rate_hz, format="fltp", layout="stereo")]
    chain += [graph.add(name, arguments) for name, arguments in filters]
    chain.append(graph.add("abuffersink"))
    for one, following in pairwise(chain):
        one.link_to(following)
    graph.configure()
    return graph


def _frame(block: Sound, rate_hz: int, position: int) -> AudioFrame:
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout="stereo")
    frame.sample_rate, frame.pts = rate_hz, position
    return frame


def _through(graph: Graph, frame: AudioFrame | None) -> Iterator[Any]:
    graph.push(frame)
    while True:
        try:
            yield graph.pull()
        except (NothingYet, EOFError):
            return
