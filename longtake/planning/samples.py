"""Which reels a run is about: named ones, patterns of names, and the first so many that still want something."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase

from longtake.domain.errors import ConfigurationError
from longtake.planning.options import RenderOptions
from longtake.planning.plan import Plan, Shot, Standing


def named_reels(wanted: Sequence[str], reels: Collection[str]) -> tuple[str, ...]:
    """The reels that are named, in manifest order where a pattern names several.

    Args:
        wanted: Names, or patterns with `*`, `?` and `[…]`; a reel of exactly that name goes first.
        reels: All reels of the manifest, in its order.

    Raises:
        ConfigurationError: A name or pattern that no reel has.
    """
    found: dict[str, None] = {}
    unknown: list[str] = []
    for name in wanted:
        matching = [name] if name in reels else [reel for reel in reels if fnmatchcase(reel, name)]
        found |= dict.fromkeys(matching)
        if not matching:
            unknown.append(name)
    if unknown:
        some = ", ".join(list(reels)[:5]) + (", …" if len(reels) > 5 else "")
        raise ConfigurationError(
            f"the manifest has no reel {', '.join(unknown)}. It has {some}; 'sku00*' names several"
        )
    return tuple(found)


def first_reels(plan: Plan, options: RenderOptions) -> tuple[tuple[str, ...], list[str]]:
    """The first `limit_reels` reels that still want something, and in a line what lies beyond them.

    Reels with a refused shot count, and refuse the run, unless `skip_refused` passes them over.
    """
    most, only = options.limit_reels, frozenset(options.reels)
    wanting = [
        (name, shots)
        for name, shots in plan.reels.items()
        if (not only or name in only)
        and any(_wants_something(shot, options) for shot in shots)
        and not (options.skip_refused and any(shot.is_refused for shot in shots))
    ]
    if most is None or not wanting:  # nothing to choose from: the run finds everything as it stands
        return options.reels, []
    beyond = wanting[most:]
    count = sum(len(shots) for _, shots in beyond)
    words = f"{len(beyond)} more reels ({count} shots) lie beyond the first {most}; the next run goes on with them"
    return tuple(name for name, _ in wanting[:most]), [words] if beyond else []


def _wants_something(shot: Shot, options: RenderOptions) -> bool:
    match shot.standing:
        case Standing.DONE | Standing.UNREADABLE | Standing.AWAITS | Standing.OVER:
            return False
        case Standing.UNKNOWN:
            intent = shot.purchase.intent if shot.purchase else None
            return options.on_unknown == "resubmit" or (intent is not None and intent.token != "")
        case _:
            return True
