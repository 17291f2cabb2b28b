"""A request that is made of another one is equal to a plain copy of it, and small."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

from longtake.domain.request import Reference, Role, ShotRequest

GIVEN = ShotRequest(prompt="a cat", model="m", duration_seconds=5, resolution="480p", ratio="1:1", references=())
MEASURE = """
import tracemalloc
from longtake.domain.request import ShotRequest
given = ShotRequest(prompt="a cat", model="m", duration_seconds=5, resolution="480p", ratio="1:1")
given.with_changes(prompt="warms up")
tracemalloc.start()
made = [given.with_changes(prompt="one and the same") for _ in range(500)]
print(tracemalloc.get_traced_memory()[0] / len(made))
"""
PICTURE = Reference(role=Role.FIRST_FRAME, source="/a.png")


@pytest.mark.parametrize(
    "changes", [{}, {"prompt": "a dog"}, {"seed": 0, "references": (PICTURE,)}, {"duration_seconds": None}], ids=str
)
def test_a_request_with_changes_is_what_a_plain_copy_is(changes: dict[str, object]) -> None:
    made, plain = GIVEN.with_changes(**changes), GIVEN.model_copy(update=changes)
    assert (made, made.model_fields_set) == (plain, plain.model_fields_set)
    assert made.model_dump_json(exclude_unset=True) == plain.model_dump_json(exclude_unset=True)
    assert pickle.loads(pickle.dumps(made)) == plain
    assert (
        made.with_changes(prompt="x")
        == plain.model_copy(update={"prompt": "x"})
        == made.model_copy(update={"prompt": "x"})
    )


def test_requests_of_one_make_up_share_all_but_their_prompt() -> None:
    # In a process of its own: what others did to a class decides about what its objects share.
    measured = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    assert float(measured.stdout) < 400  # a plain copy has over a thousand
