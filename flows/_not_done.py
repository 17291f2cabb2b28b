"""What a flow of ours raises, called as a function, where not all came to a good end."""

from __future__ import annotations

from longtake.domain.errors import LongtakeError


class NotDoneError(LongtakeError):
    """A run that refused, or whose rows are not all done.

    Args:
        message: All in a line.
        end: How it ended: a `RenderEnd`, or the figures of a plan.
    """

    def __init__(self, message: str, end: object = None) -> None:
        super().__init__(message, end)
        self.end = end

    def __str__(self) -> str:
        """The line."""
        return str(self.args[0])
