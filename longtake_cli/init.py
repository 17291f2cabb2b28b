"""`longtake init`: a manifest and what runs it in the sandbox, written into a folder; nothing there is overwritten."""

from __future__ import annotations

import argparse
import os
import shlex
from importlib.resources import files
from pathlib import Path
from typing import Any

WRITTEN = {
    "storyboard.csv": "storyboard.csv",
    "prefect.yaml": "prefect.yaml",
    "compose.yaml": "compose.yaml",
    ".env.example": "env.example",
}
"""The files, and the template of each."""


def add_init_command(commands: Any) -> None:
    """Adds the command to the command line's."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "init", help="write a manifest, prefect.yaml, compose.yaml and .env.example that run in the sandbox"
    )
    parser.add_argument("folder", nargs="?", default=".", metavar="DIR", help="where to; here if it is left out")
    parser.set_defaults(command=_init)


def _init(chosen: argparse.Namespace) -> int:
    folder = Path(chosen.folder).expanduser()
    write_templates(folder)
    print(_next_steps(chosen.folder))  # noqa: T201 - the command line speaks
    return 0


def write_templates(folder: Path) -> None:
    """Writes all files, or none.

    Raises:
        ConfigurationError: Some are there already, all of which are named, or the folder cannot be written to.
    """
    from longtake.domain.errors import ConfigurationError  # noqa: PLC0415 - slow, and needed here alone

    if there := [name for name in WRITTEN if os.path.lexists(folder / name)]:
        are = "is" if len(there) == 1 else "are"
        raise ConfigurationError(
            f"{', '.join(there)} {are} in {folder} already; nothing was written, give another folder"
        )
    templates = files("longtake_cli") / "templates"
    done: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, template in WRITTEN.items():
            with (folder / name).open("xb") as file:
                done.append(folder / name)
                file.write((templates / template).read_bytes())
    except OSError as error:
        for path in done:
            path.unlink(missing_ok=True)
        raise ConfigurationError(f"{error.filename or folder} cannot be written: {error.strerror}") from None


def _next_steps(folder: str) -> str:
    there = "" if folder == "." else f"cd {shlex.quote(folder)}\n"
    return f"""wrote {", ".join(WRITTEN)}. In the sandbox, without a key and without cost:

longtake sandbox --port 4280                        # in a terminal of its own
{there}cp .env.example .env; set -a; . ./.env; set +a
longtake plan storyboard.csv
longtake render storyboard.csv --output reels

prefect.yaml deploys the same to a Prefect server, compose.yaml brings server and worker along; each says how.
`longtake columns` lists what else a manifest may say."""
