"""`longtake review` and `longtake decide`: what waits for a person, and what people decided about it."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

OK, WAITS = 0, 1
Run = Callable[[argparse.Namespace], int]


def add_review_commands(commands: Any, review: Run, decide: Run) -> None:
    """Adds both commands to the command line."""
    waiting = commands.add_parser("review", help="what waits for a person's decision, with the price of what follows")
    waiting.add_argument("output", help="directory or s3://")
    waiting.set_defaults(command=review)

    giving = commands.add_parser(
        "decide",
        help="choose, approve or reject finished takes; the next render goes on from there",
        epilog="All is checked before anything is written. A table has the columns shot_id and choice (approve, reject "
        "or a take's number), and may have take, purchase, sha256, by, why and expires_at, as the report saves it.",
    )
    giving.add_argument("--output", required=True, help="directory or s3://")
    giving.add_argument("--by", help="who decides; else the user of this machine")
    giving.add_argument("--why", default="", help="the reason, where a row gives none")
    giving.add_argument(
        "decisions",
        nargs="+",
        metavar="DECISION",
        help="SHOT=2 for take 2, SHOT=approve, SHOT=reject, or a decisions.csv; - reads standard input",
    )
    giving.set_defaults(command=decide)


def show_reviews(output: str, show: Callable[[str], None]) -> int:
    """Tells what waits in an output; returns 1 where anything does.

    Raises:
        ConfigurationError: Nothing was rendered there.
    """
    from longtake.domain.errors import ConfigurationError  # noqa: PLC0415
    from longtake.files.open_store import open_store  # noqa: PLC0415
    from longtake.ledger.ledger import Ledger  # noqa: PLC0415
    from longtake.reports.review.waiting import waiting_reviews  # noqa: PLC0415

    found = waiting_reviews(Ledger(open_store(output)))
    if found is None:
        raise ConfigurationError(f"{output}: nothing was rendered there; `longtake render … --output {output}` does")
    show("\n".join(found.lines))
    return WAITS if found.shots else OK


def decide(chosen: argparse.Namespace, show: Callable[[str], None]) -> int:
    """Takes decisions; all or none of them.

    Raises:
        RefusedDecisionsError: One of them cannot be taken; nothing was written.
        ConfigurationError: A table cannot be read, or nothing was bought in the output.
    """
    from longtake.files.open_store import open_store  # noqa: PLC0415
    from longtake.ledger.ledger import Ledger  # noqa: PLC0415
    from longtake.reports.review.given import give_decisions  # noqa: PLC0415

    given, place = _texts(chosen.decisions)
    ledger = Ledger(open_store(chosen.output))
    by = _user() if chosen.by is None else chosen.by
    end = give_decisions(ledger, given, by=by, why=chosen.why, place=place)
    show("\n".join([*end.lines, end.line]))
    return OK


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user has no name
        return ""


def _texts(decisions: Sequence[str]) -> tuple[list[str], str]:
    """Words as they are, files by what stands in them; and what to call a table."""
    from longtake.domain.errors import ConfigurationError  # noqa: PLC0415

    given: list[str] = []
    files: list[str] = []
    for each in decisions:
        path = Path(each)
        if each == "-":
            given.append(sys.stdin.read())
        elif "=" in each and not path.is_file():
            given.append(each)
            continue
        else:
            try:
                given.append(path.read_text("utf-8-sig"))
            except (OSError, ValueError) as error:
                words = getattr(error, "strerror", None) or "it is no UTF-8 text"
                raise ConfigurationError(
                    f"{each}: {words}; give a decisions.csv, or a decision such as SHOT=2"
                ) from None
        files.append(each)
    return given, files[0] if len(files) == 1 else "decisions"
