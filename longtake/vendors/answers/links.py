"""The film's link in an answer: at a documented place, else wherever the one address of a film stands."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping

from longtake.domain.redaction import STRUCK
from longtake.vendors.answers.bodies import json_in

MOST_NODES = 50_000

_LINK = re.compile(r"https?://[^\s\"'<>\\^`{|}]+", re.IGNORECASE)
_FILM = re.compile(r"\.(?:mp4|mov|webm|m4v|mkv)$", re.IGNORECASE)
_OTHER_FILE = re.compile(
    r"\.(?:png|jpe?g|webp|gif|bmp|tiff?|heic|svg|mp3|wav|m4a|json|txt|html?|srt|vtt)$", re.IGNORECASE
)
_INPUT = re.compile(r"input|request|reference|param|prompt|callback|webhook|last_?frame|first_?frame", re.IGNORECASE)
"""Names of what was put in, or asked for beside the film: never the film, even where it is missing."""
_BESIDE = re.compile(
    r"frame|image|cover|poster|thumb|preview|(?<!re)source|origin(?!al_result)|hook|avatar|docs?$|help|support|next|self"
    r"|audio|first_|model",
    re.IGNORECASE,
)
"""Names of what may stand beside a film: the film only where nothing else is."""
_FILMS_NAME = re.compile(r"video|film|mp4|result|output|download|url|content|works?$|data", re.IGNORECASE)


def plain_link(value: object) -> str | None:
    """A text that is one http(s) address, without the spaces round it; None for anything else, or a struck one."""
    text = value.strip() if isinstance(value, str) else ""
    return text if _LINK.fullmatch(text) and STRUCK not in text else None


def film_link(body: object) -> str | None:
    """The first address that ends like a film, else the first under a name that a film has."""
    found: dict[str, int] = {}
    for names, text in _texts(body):
        if any(_INPUT.search(name) for name in names):
            continue
        is_beside = any(_BESIDE.search(name) for name in names)
        for link in _links(text):
            path = re.split(r"[?#]", link, maxsplit=1)[0]
            if STRUCK in link or _OTHER_FILE.search(path):
                continue
            rank = 0 if _FILM.search(path) else 1 if names and _FILMS_NAME.search(names[-1]) else 2
            rank += 3 if is_beside else 0
            found[link] = min(rank, found.get(link, rank))
    # Of several that are equally likely the first.
    return min(found, key=lambda link: found[link], default=None)


def _links(text: str) -> list[str]:
    if (whole := plain_link(text)) is not None:
        return [whole]
    return [link.rstrip(".,;:)]，。") for link in _LINK.findall(html.unescape(text))]


def _texts(body: object) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text with the names above it, in the order of the answer; JSON in texts is opened."""
    open_nodes: list[tuple[tuple[str, ...], object]] = [((), body)]
    for _ in range(MOST_NODES):
        if not open_nodes:
            return
        names, node = open_nodes.pop()
        if isinstance(node, str):
            inner = json_in(node)
            if inner is None:
                yield names, node
                continue
            node = inner
        if isinstance(node, Mapping):
            # An item with a role is one of the inputs, told again.
            if "role" not in node:
                open_nodes += [((*names[-8:], str(name)), value) for name, value in list(node.items())[::-1]]
        elif isinstance(node, list):
            open_nodes += [(names, value) for value in reversed(node)]
