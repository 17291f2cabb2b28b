"""Rows of text into columns of text, under the bounds of `sizes`: what CSV and workbooks share."""

from __future__ import annotations

from collections.abc import Sequence
from sys import getsizeof

from longtake.manifests.headers import check_names
from longtake.manifests.sizes import MAX_BLANK_ROWS, MAX_TEXT_BYTES, check_bytes, check_shape, stop

_BATCH_ROWS = 1000
_BATCH_CHARACTERS = 8 << 20
_FEW_VALUES = 5000


class GrowingColumns:
    """Columns that grow row by row, and what they weigh. A value that comes again is kept once.

    Args:
        source: What messages call the manifest.
        header: The names, empty ones among them.
    """

    def __init__(self, source: str, header: Sequence[str]) -> None:
        check_shape(source, 0, len(header))
        check_names(source, [name for name in header if name.strip()] if any(header) else header)
        self._source = source
        self._header = header
        self._columns: list[list[str]] = [[] for _ in header]
        self._known: list[dict[str, str] | None] = [{} for _ in header]
        self._batch: list[Sequence[str]] = []
        self._batch_characters = self._blank = self._bytes = 0
        self.rows = 0

    def add(self, row: Sequence[str]) -> None:
        """Takes a row with one cell for each name; one without any text is left out.

        A single column's empty cell is a row: only that tells it from a blank line.
        """
        text = "".join(row)
        if len(row) > 1 and not text.strip():
            self.skip_blank()
            return
        self._batch.append(row)
        self._batch_characters += len(text)
        self.rows += 1
        if len(self._batch) == _BATCH_ROWS or self._batch_characters > _BATCH_CHARACTERS:
            self._take_batch()

    def skip_blank(self) -> None:
        """Counts a row that is none."""
        self._blank += 1
        if self._blank > MAX_BLANK_ROWS:
            stop(self._source, f"it has more than {MAX_BLANK_ROWS:,} blank rows; take them out")

    def finished(self) -> dict[str, list[str]]:
        """Every column's cells; columns with neither name nor text are left out."""
        self._take_batch()
        if not self.rows:
            stop(self._source, "there is no row below the header")
        kept = [
            (name, cells)
            for name, cells in zip(self._header, self._columns, strict=True)
            if name.strip() or any(cell.strip() for cell in cells)
        ]
        check_names(self._source, [name for name, _ in kept])
        return dict(kept)

    def _take_batch(self) -> None:
        check_shape(self._source, self.rows, len(self._columns))
        for place, cells in enumerate(zip(*self._batch, strict=True)):
            known = self._known[place]
            if known is None:
                self._bytes += sum(map(getsizeof, filter(None, cells)))
                self._columns[place].extend(cells)
                continue
            new = set(cells) - known.keys()
            self._bytes += sum(map(getsizeof, new))
            known.update(zip(new, new, strict=True))
            self._columns[place].extend(map(known.__getitem__, cells))
            if len(known) > _FEW_VALUES:
                self._known[place] = None
        check_bytes(self._source, self._bytes, MAX_TEXT_BYTES)
        self._batch, self._batch_characters = [], 0
