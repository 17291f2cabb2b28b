"""How a decoded picture becomes one of another size, shape, pixel format and colour: one chain of filters for all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from av import VideoFrame
from av.filter import Graph
from av.filter.context import FilterContext

from longtake.media.reading.colour import RGB, Colour, Tags, check_convertible, decided, needs_table
from longtake.media.reading.light import cube_file

_TURNS = {
    0: (),
    90: (("transpose", "clock"),),
    180: (("hflip", ""), ("vflip", "")),
    270: (("transpose", "cclock"),),
}
_FLAGS = "flags=lanczos+accurate_rnd+full_chroma_int"


class Canvas(NamedTuple):
    """What pictures are made into; `size` in px as coded."""

    size: tuple[int, int]
    pixel_format: str
    colour: Colour


def tags_of(frame: VideoFrame) -> Tags:
    """What a decoded picture says of its colours: by its stream, and where that is silent, by its container."""
    return int(frame.color_range), int(frame.colorspace), int(frame.color_primaries), int(frame.color_trc)


class Fitter:
    """Makes decoded pictures into those of a canvas: turned upright, scaled, fitted, colours converted.

    Args:
        canvas: What comes out.
        turned: Degrees clockwise by which they are turned for display.
        inner: Size in px of the picture within the canvas where their ratios differ; the canvas's own if None.
    """

    def __init__(self, canvas: Canvas, *, turned: int = 0, inner: tuple[int, int] | None = None) -> None:
        self._canvas, self._turned, self._inner = canvas, turned, inner or canvas.size
        self._kind: tuple[object, ...] = ()
        self._graph = Graph()

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """The picture, converted.

        Raises:
            UnfitClipError: Its colours cannot be converted.
        """
        kind = (frame.width, frame.height, frame.format.name, tags_of(frame))
        if kind != self._kind:
            self._kind, self._graph = kind, self._made_for(frame)
        self._graph.vpush(frame)
        return self._graph.vpull()

    def _made_for(self, frame: VideoFrame) -> Graph:
        source = decided(tags_of(frame), (frame.width, frame.height), frame.format.name)
        check_convertible(source, self._canvas.colour)
        graph, size = Graph(), "{}:{}".format(*self._canvas.size)
        clock = Fraction(1, 90_000)
        chain = [graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=clock)]
        chain += [graph.add(name, argument) for name, argument in _TURNS[self._turned]]
        colours = source, self._canvas.colour
        with cube_file(*colours) if needs_table(*colours) else nullcontext() as table:
            chain += self._converting(graph, source, table)
        if self._inner != self._canvas.size:
            is_larger = any(inner > outer for inner, outer in zip(self._inner, self._canvas.size, strict=True))
            chain.append(graph.add("crop", size) if is_larger else graph.add("pad", f"{size}:(ow-iw)/2:(oh-ih)/2"))
        chain.append(graph.add("buffersink"))
        graph.link_nodes(*chain).configure()
        return graph

    def _converting(self, graph: Graph, source: Colour, table: Path | None) -> Iterator[FilterContext]:
        """Scales and converts; every filter is told what its numbers mean, for left alone the scaler takes BT.601."""
        canvas, size, target = self._canvas, self._inner, self._canvas.colour
        (matrix, spread), (to_matrix, to_spread) = source.scaler_options, target.scaler_options
        scaled = f"{size[0]}:{size[1]}:{_FLAGS}:in_color_matrix={matrix}:in_range={spread}"
        coded = f"out_color_matrix={to_matrix}:out_range={to_spread}"
        if table is None and (RGB in (source.matrix, target.matrix) or (matrix, spread) == (to_matrix, to_spread)):
            yield graph.add("scale", f"{scaled}:{coded}")
        else:
            yield graph.add("scale", scaled)
            # Through 8 bits, as the scaler would go by itself, a colour comes out up to 2.5 of 255 off.
            yield graph.add("format", "gbrpf32le")
            if table is not None:
                yield graph.add("lut3d", file=str(table), interp="tetrahedral")
            yield graph.add("scale", f"{_FLAGS}:{coded}")
        yield graph.add("format", canvas.pixel_format)
