"""Lists and maps of packed objects behave as lists and dicts do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from longtake._speed import Packed, PackedMap

THINGS = [("reel", number, {"note": None}) for number in range(3 * Packed.EACH + 5)]


def test_a_packed_list_is_the_list():
    packed = Packed(THINGS)
    assert len(packed) == len(THINGS)
    assert list(packed) == THINGS == packed
    assert [packed[place] for place in (0, 63, 64, -1, -6)] == [THINGS[place] for place in (0, 63, 64, -1, -6)]
    assert packed[62:67] == THINGS[62:67]
    assert packed != THINGS[1:]
    for place in (len(THINGS), -len(THINGS) - 1):
        with pytest.raises(IndexError):
            packed[place]
    assert list(Packed([])) == []


def test_a_packed_map_is_the_dict_in_the_order_asked_for():
    packed = PackedMap()
    for word, number, _ in THINGS:
        packed[number] = word, number
    packed[3] = "anew", 3
    del packed[5]
    assert dict(packed) == {number: (word, number) for word, number, _ in THINGS if number != 5} | {3: ("anew", 3)}
    some = packed.of([9, 5, 3])
    packed[9] = "later", 9
    assert list(some.items()) == [(9, ("reel", 9)), (3, ("anew", 3))]
    assert 5 not in packed


def test_what_arrow_frees_goes_back_to_the_system():
    code = "import longtake, pyarrow; print(pyarrow.default_memory_pool().backend_name)"
    environment = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "system"
