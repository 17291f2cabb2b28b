"""Records of paid jobs that an output could not keep: held on this machine, brought in by the next run."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, unquote

from longtake.files.exclusive import create_whole
from longtake.files.private_folder import private_folder
from longtake.files.store import Store

log = logging.getLogger("longtake.ledger.spill")

FOLDER = "jobs"


def keep_elsewhere(store: Store, key: str, data: bytes) -> Path:
    """Keeps a record outside of its output; durable on return.

    Raises:
        OSError: There is no room for it anywhere.
    """
    trouble: OSError | None = None
    for folder in _folders(store, make=True):
        try:
            path = folder / quote(key, safe="")
            create_whole(path, [data])
        except OSError as error:
            trouble = error
        else:
            return path
    raise trouble or OSError("no folder to keep it in")


def bring_in(store: Store, beside: Callable[[str, bytes], bool] = lambda key, data: False) -> None:
    """Gives an output the records that were kept elsewhere, where it can take them now. What stands there stays.

    Args:
        store: The output.
        beside: Puts a record beside what has its key; False where it has no place there.
    """
    for folder in _folders(store, make=False):
        for path in folder.iterdir():
            key = unquote(path.name)
            if path.name.startswith("."):
                continue
            try:
                data = path.read_bytes()
                if store.create(key, data) or store.read(key) == data or beside(key, data):
                    log.warning("%s was kept on this machine and is in the output now", key)
                else:
                    log.warning("%s: another record stands there; the one kept in %s is left", key, path)
                    continue
                path.unlink(missing_ok=True)
            except Exception as error:  # the output is still full or away: the next run tries again
                log.warning("%s is still kept in %s: %s", key, path, error)


def _folders(store: Store, *, make: bool) -> Iterator[Path]:
    """The user's folder for what outlives a restart of the machine, then the one that does not."""
    name = hashlib.sha256(store.url.encode(errors="replace")).hexdigest()[:24]
    with contextlib.suppress(OSError, RuntimeError):
        state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state")
        folder = state / "longtake" / FOLDER / name
        if make:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if folder.is_dir() and folder.stat().st_uid == os.getuid():
            yield folder
    with contextlib.suppress(OSError):
        if not make and not (Path(tempfile.gettempdir()) / f"longtake-{os.getuid()}").exists():
            return
        folder = private_folder() / f"{FOLDER}-{name}"
        if make:
            folder.mkdir(exist_ok=True, mode=0o700)
        if folder.is_dir():
            yield folder
