"""`longtake timeline OUT`: the films of an output as timelines for editing programs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

FORMS = ("otio", "fcpxml", "edl")


def add_timeline_command(commands: Any, run: Callable[[argparse.Namespace], int]) -> None:
    """Adds the command to the command line."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "timeline",
        help="the films of an output as timelines for editing programs",
        epilog="Beside every film stands its .otio already. Another format is written beside it too, with the full "
        "addresses of the clips, and needs `pip install 'longtake[timeline]'`; what it cannot hold is told.",
    )
    parser.add_argument("output", metavar="OUT", help="directory or s3://")
    parser.add_argument("--format", choices=FORMS, default="otio", help="otio is the default")
    parser.add_argument(
        "--reel", action="append", default=[], metavar="REEL", help="this one, or a pattern; may be repeated"
    )
    parser.add_argument(
        "--output", dest="target", metavar="PATH", help="a folder, or a file for one film; else beside the films"
    )
    parser.set_defaults(command=run)


def export_timelines(chosen: argparse.Namespace, show: Callable[[str], None]) -> int:
    """Writes the timelines of an output's films, all or none.

    Raises:
        ConfigurationError: There is no such film, or the format cannot be written or hold one of them.
    """
    from longtake.files.open_store import open_store  # noqa: PLC0415
    from longtake.rendering.timeline.export import require_library  # noqa: PLC0415
    from longtake.rendering.timeline.files import write_timelines  # noqa: PLC0415
    from longtake.rendering.timeline.stored import stored_films  # noqa: PLC0415

    require_library(chosen.format)
    store = open_store(chosen.output)
    films = stored_films(store, chosen.reel)
    for written in write_timelines(store, films, chosen.format, Path(chosen.target) if chosen.target else None):
        show(
            "\n  ".join(
                [written.place, *(f"not in it: {words}" for words in written.lost), *filter(None, [written.told])]
            )
        )
    return 0
