"""Reasons of many shots as few categories: what differs from shot to shot (ids, figures, names, links) is left out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_VARIES = re.compile(
    r"https?://\S+"  # links
    r"|'[^']{1,200}'|\"[^\"]{1,200}\"|`[^`]{1,200}`"  # what is quoted
    r"|\S*[/_]\S*"  # shots, jobs, accounts, paths
    r"|\S*\d\S*"  # figures and ids
)
_COMPARED_CHARACTERS = 1000
"""Looking for what varies takes the square of a word's length, and a vendor's word may be megabytes."""
_REPEATED = re.compile(r"…(?:[\s,;:.()–-]*…)+")


@dataclass(frozen=True)
class Category:
    """Shots whose reasons are alike: how many, and the reason of the first."""

    count: int
    example: str


def category_of(reason: str) -> str:
    """What reasons of one kind have in common."""
    return _REPEATED.sub("…", _VARIES.sub("…", reason[:_COMPARED_CHARACTERS])).strip().lower()


def categories(reasons: Iterable[str]) -> list[Category]:
    """Reasons by kind, the most frequent first; empty ones are left out."""
    alike: dict[str, list[str]] = {}
    for reason in reasons:
        if reason:
            alike.setdefault(category_of(reason), []).append(reason)
    found = [Category(len(each), each[0]) for each in alike.values()]
    return sorted(found, key=lambda category: -category.count)
