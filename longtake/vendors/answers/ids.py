"""What in an answer names a job: ids by any of their names, at any depth, in any spelling; and which one is certain.

Pure; takes parsed JSON of any shape and never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from longtake.vendors.answers.bodies import json_in

MOST_NODES = 200_000
MOST_IDS = 5

# The surer a name says "this job", the earlier it counts; `id` may be anything's.
_TASK, _JOB, _ID, _VALUE, _NEVER = range(5)
_JOB_NAMES = {"jobid", "videoid", "generationid", "predictionid", "operationid", "renderid", "orderid", "clipid"}
# What identifies the call, the caller or a part of the house, not what was bought.
_OTHERS = (
    *("request", "trace", "span", "log", "ray", "correlation", "user", "group", "channel", "token", "account", "org"),
    *("organization", "project", "team", "tenant", "app", "api", "model", "endpoint", "client", "session", "customer"),
    *("error", "errors", "key", "region", "node", "instance", "server", "usage"),
)
_NAMED = re.compile(r"(?:^|[_\-. ])id$|^[a-z]+id$|[a-z0-9]I[dD]$|ID$", re.IGNORECASE | re.ASCII)
_ID_TEXT = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9_][\w.:~+=/@-]{0,199}", re.ASCII)
_NO_ID = {
    *("0", "-1", "null", "none", "nil", "undefined", "nan", "na", "n/a", "true", "false", "error", "failed", "fail"),
    *("failure", "success", "ok", "unknown"),
}
JOB_TOKEN = re.compile(
    r"(?<![A-Za-z0-9_-])(?:asyn\w*task|task|cgt|job|video|vid|gen|generation|pred|prediction)[-_](?=[\w-]*\d)[\w-]{6,100}",
    re.ASCII | re.IGNORECASE,
)
"""How vendors spell a job's id: known wherever it stands, in words too."""
_WHOLE_TOKEN = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?=\w*\d)[0-9a-f]{16,64}", re.I | re.ASCII)
_PROSE = {"message", "msg", "code", "type", "param", "detail", "reason", "error", "model"}
_IN_TEXT = re.compile(
    r"""["']id["']\s*:\s*["']?([\w.:-]{3,200})|\b(?:task|job|video|generation)[_-]?id\W{1,6}([\w.:-]{3,200})""",
    re.ASCII | re.IGNORECASE,
)


class Ids(NamedTuple):
    """`certain` is the job's id or ""; `named` all that may be one; `is_sign`: something in there speaks of a job."""

    certain: str
    named: tuple[str, ...]
    is_sign: bool


class _Entry(NamedTuple):
    rank: int
    depth: int
    value: str

    def order(self) -> tuple[int, int]:
        """The surest first, and of these the nearest."""
        return self.rank, self.depth


def job_id_of(value: object) -> str:
    """An id as text: a positive number, or a text of the letters ids are made of; else ""."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if 0 < value < 10**30 else ""
    text = value.strip() if isinstance(value, str) else ""
    is_id = _ID_TEXT.fullmatch(text) and text.lower() not in _NO_ID and "://" not in text
    return text if is_id else ""


def job_ids(body: object, *, refused: bool, certain_data: bool = False) -> Ids:
    """Everything in an answer that may name a job.

    Args:
        body: The parsed answer.
        refused: It tells of a failure: what identifies the call itself then says nothing of a job.
        certain_data: It says success, so that a bare text as `data` is the id.
    """
    entries: list[_Entry] = []
    is_sign = False
    for depth, parent, name, value in _leaves(body):
        text = job_id_of(value)
        rank = _rank(parent, name)
        if rank is None:
            is_others = refused and name.lower() in _OTHERS
            token = isinstance(value, str) and (
                JOB_TOKEN.search(value) or (not is_others and _is_whole_token(name, value))
            )
            if certain_data and (depth, name) == (1, "data") and len(text) >= 6 and re.search(r"\d", text):
                entries.append(_Entry(_JOB, depth, text))
            elif token and isinstance(value, str):
                found = JOB_TOKEN.search(value)
                entries.append(_Entry(_VALUE if found else _NEVER, depth, found[0] if found else text))
                is_sign = True
            continue
        if rank == _NEVER and refused and not JOB_TOKEN.search(text):
            continue
        if text:
            entries.append(_Entry(rank, depth, text))
        is_sign = is_sign or bool(text) or _is_odd_text(value)
    named = tuple(dict.fromkeys(entry.value for entry in sorted(entries, key=_Entry.order)))[:MOST_IDS]
    return Ids(_certain(entries), named, is_sign or bool(named))


def _certain(entries: Iterable[_Entry]) -> str:
    for rank in (_TASK, _JOB, _ID):
        ranked = [entry for entry in entries if entry.rank == rank]
        if rank == _ID and ranked:
            nearest = min(entry.depth for entry in ranked)
            ranked = [entry for entry in ranked if entry.depth == nearest]
        values = {entry.value for entry in ranked}
        if values:
            return values.pop() if len(values) == 1 else ""
    return ""


def _rank(parent: str, name: str) -> int | None:
    """How surely a field of this name holds the job's id, None where its name does not speak of an id."""
    if not _NAMED.search(name):
        return None
    plain = re.sub(r"[^a-z]", "", name.lower())
    whose = plain.removesuffix("id")
    if plain == "taskid":
        return _TASK
    if plain in _JOB_NAMES:
        return _JOB
    if plain in ("id", "uuid", "guid"):
        return _NEVER if parent.lower() in _OTHERS else _ID
    is_known = whose in _OTHERS or any(whose.endswith(other) for other in _OTHERS)
    if is_known or name.lower().endswith(("_id", "-id", ".id", " id")) or re.search(r"[a-z0-9]I[dD]$", name):
        return _NEVER
    return None


def _is_whole_token(name: str, value: str) -> bool:
    return name.lower() not in _PROSE and _WHOLE_TOKEN.fullmatch(value.strip()) is not None


def _is_odd_text(value: object) -> bool:
    return isinstance(value, str) and value.strip().lower() not in (_NO_ID | {""})


def _leaves(body: object) -> Iterator[tuple[int, str, str, object]]:
    """Depth, parent's name, name and value of every text and number, JSON in texts opened."""
    open_nodes: list[tuple[int, str, str, object]] = [(0, "", "", body)]
    for _ in range(MOST_NODES):
        if not open_nodes:
            return
        depth, parent, name, node = open_nodes.pop()
        if isinstance(node, str) and (inner := json_in(node)) is not None:
            node = inner
        if isinstance(node, Mapping):
            open_nodes += [(depth + 1, name, str(key), value) for key, value in list(node.items())[::-1]]
        elif isinstance(node, list):
            open_nodes += [(depth + 1, parent, name, value) for value in reversed(node)]
        elif node is not None:
            yield depth, parent, name, node


def names(body: object, job_id: str) -> bool:
    """Whether an answer names this job anywhere."""
    return any(job_id in str(value) for *_, value in _leaves(body) if isinstance(value, str | int))


def ids_in_text(text: str) -> tuple[str, ...]:
    """What a text that is no whole JSON calls a job."""
    is_page = re.match(r"\s*<(?:!doctype|html|head|body)", text, re.IGNORECASE) is not None
    found = [match[1] or match[2] for match in _IN_TEXT.finditer(text)]
    found += [] if is_page else JOB_TOKEN.findall(text)
    return tuple(dict.fromkeys(each for each in found if job_id_of(each)))[:MOST_IDS]
