"""`longtake --print-completion SHELL`: what a shell needs to complete commands, options and paths."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

COMPLETION = "--print-completion"


class PrintCompletion(argparse.Action):
    """Prints the completion of a shell, made from the parser as it stands, and ends."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        import shtab  # noqa: PLC0415 - no other command needs it

        if values not in shtab.SUPPORTED_SHELLS:
            parser.error(f"{COMPLETION}: {values!r} is none of {', '.join(shtab.SUPPORTED_SHELLS)}")
        _complete_paths(parser, shtab.FILE)
        print(shtab.complete(parser, str(values)))  # noqa: T201 - what was asked for
        parser.exit(0)


def _complete_paths(parser: argparse.ArgumentParser, files: object) -> None:
    """Lets what names a manifest or an output be completed by files."""
    for action in parser._actions:  # pyright: ignore[reportPrivateUsage] - argparse tells its options in no other way
        if isinstance(action, argparse._SubParsersAction):  # pyright: ignore[reportPrivateUsage]
            for command in set(action.choices.values()):
                _complete_paths(command, files)
        elif action.dest in ("manifest", "output"):
            action.complete = files  # pyright: ignore[reportAttributeAccessIssue] - where shtab looks for it
