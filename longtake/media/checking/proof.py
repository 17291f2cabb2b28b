"""Whether decoding works on this machine at all: a small sound clip is made and decoded."""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np

from longtake.domain.errors import MachineError

PICTURES = 12


def prove_decoder(width: int, height: int) -> None:
    """Codes and decodes some pictures of a size, in memory.

    Args:
        width: Px.
        height: Px.

    Raises:
        MachineError: They do not come back.
    """
    width, height = width & ~1, height & ~1
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=24, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(PICTURES):
            grey = np.full((height * 3 // 2, width), 16 + 8 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="yuv420p")))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file, "r", format="mp4") as container:
        came = sum(1 for _ in container.decode(video=0))
    if came != PICTURES:
        raise MachineError(f"our machine: {came} of {PICTURES} pictures of a sound clip decode; install Longtake anew")
