"""Volcengine, one of the makers' two platforms; all but its model ids is in `makers`."""

from __future__ import annotations

from longtake.sandbox.vendors.makers.dialect import Maker


class Volcengine(Maker):
    """The server's side."""

    name = "volcengine"
    prefix = "doubao"
