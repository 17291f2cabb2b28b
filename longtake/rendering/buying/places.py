"""How many purchases a run may make: a place is taken where it is checked, and given back where nothing was bought.

Places go to the first in line, whether they have asked yet or not, so that whole reels are bought in manifest order
however long a chain takes. Whoever stands behind waits until it is certain that no place comes back.
"""

from __future__ import annotations

import asyncio
import heapq
from bisect import bisect_left, insort
from collections.abc import Iterable


class Places:
    """The places of one run.

    Args:
        most: How many there are; None: no bound.
        line: Who will want one, by their turns. Whoever asks besides (another attempt) stands in line by its turn.
    """

    def __init__(self, most: int | None, line: Iterable[int] = ()) -> None:
        self._most = most
        self._line = sorted(line)
        self._taken = 0
        self._bought = 0
        self._asking: dict[int, asyncio.Future[bool]] = {}
        self._turns: list[int] = []

    async def take(self, turn: int) -> bool:
        """Takes a place; False where all are used up for good. Waits while that is not decided."""
        if self._most is None:
            return True
        self._stand(turn)
        answer = self._asking[turn] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._turns, turn)
        self._serve()
        try:
            return await answer
        except asyncio.CancelledError:
            if self._asking.pop(turn, None) is None and answer.done() and not answer.cancelled() and answer.result():
                self.give_back()
            raise

    def has_room(self, turn: int) -> bool:
        """Whether one who stands in line would be given a place at once."""
        if self._most is None:
            return True
        return self._bought < self._most and bisect_left(self._line, turn) < self._most - self._taken

    def keep(self) -> None:
        """A taken place was used: something was bought, or may have been."""
        self._bought += 1
        self._serve()

    def give_back(self) -> None:
        """A taken place was not used: nothing was bought."""
        self._taken -= 1
        self._serve()

    def leave(self, turn: int) -> None:
        """Leaves the line without a place, where one stands in it."""
        if self._most is None:
            return
        place = bisect_left(self._line, turn)
        if place < len(self._line) and self._line[place] == turn:
            del self._line[place]
            self._serve()

    def _stand(self, turn: int) -> None:
        place = bisect_left(self._line, turn)
        if place == len(self._line) or self._line[place] != turn:
            insort(self._line, turn)

    def _serve(self) -> None:
        most = self._most
        while most is not None and self._turns:
            turn = self._turns[0]
            if turn not in self._asking:  # cancelled
                heapq.heappop(self._turns)
                continue
            place = bisect_left(self._line, turn)
            none_left = self._bought >= most
            if not none_left and place >= most - self._taken:
                return
            heapq.heappop(self._turns)
            del self._line[place]
            self._taken += not none_left
            self._asking.pop(turn).set_result(not none_left)
