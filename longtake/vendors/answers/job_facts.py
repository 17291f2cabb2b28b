"""What a vendor's answer to a look says of the job itself: model, prompt, seconds, and when it was made.

Read by the names that the vendors' documents and relays give these, at any depth; what is not there is left open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

MODELS = frozenset({"model", "model_name", "origin_model_name", "upstream_model_name"})
PROMPTS = frozenset({"prompt", "input"})
SECONDS = frozenset({"duration", "video_duration", "seconds"})
MADE = frozenset({"created", "created_at", "submit_time", "create_time"})
DEEPEST = 8
LONGEST_SECONDS = 60.0
"""More is no clip's length: relays tell how long a job took under the same names."""
FIRST_MOMENT, FIRST_MILLISECOND = 1.5e9, 1.5e12


@dataclass(frozen=True)
class JobFacts:
    """All that was told, each as often as different places tell it."""

    models: frozenset[str] = frozenset()
    prompts: frozenset[str] = frozenset()
    seconds: frozenset[float] = frozenset()
    made_at: frozenset[float] = frozenset()


def facts_in(body: object) -> JobFacts:
    """The facts in an answer's parsed JSON."""
    pairs = list(_pairs(body, DEEPEST))
    texts = [(name, value.strip()) for name, value in pairs if isinstance(value, str) and value.strip()]
    numbers = [(name, number) for name, value in pairs if (number := _number(value)) is not None]
    moments = [number / 1000 if number >= FIRST_MILLISECOND else number for name, number in numbers if name in MADE]
    return JobFacts(
        models=frozenset(text for name, text in texts if name in MODELS),
        prompts=frozenset(text for name, text in texts if name in PROMPTS),
        seconds=frozenset(number for name, number in numbers if name in SECONDS and 0 < number <= LONGEST_SECONDS),
        made_at=frozenset(moment for moment in moments if moment >= FIRST_MOMENT),
    )


def _pairs(value: object, depth: int) -> Iterator[tuple[str, object]]:
    if depth == 0:
        return
    if isinstance(value, Mapping):
        for name, inner in value.items():  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
            yield str(name).lower(), inner  # pyright: ignore[reportUnknownArgumentType]
            yield from _pairs(inner, depth - 1)  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _pairs(inner, depth - 1)  # pyright: ignore[reportUnknownArgumentType]


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None
