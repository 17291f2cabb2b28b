"""BytePlus, one of the makers' two platforms; all but its model ids is in `makers`."""

from __future__ import annotations

from longtake.sandbox.vendors.makers.dialect import Maker


class BytePlus(Maker):
    """The server's side."""

    name = "byteplus"
    prefix = "dreamina"
