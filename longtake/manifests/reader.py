"""Reads a manifest of any kind from disk or `s3://`, without guessing: every cell is text, nothing means "NA"."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar, cast

import pyarrow
import pyarrow.ipc

from longtake._speed import uncollected
from longtake.domain.addresses import has_scheme, is_s3
from longtake.domain.errors import DecoderError, MediaError, UnreadableManifestError
from longtake.files.sources import file_system
from longtake.manifests.formats.arrow_cells import cells_of, undecoded
from longtake.manifests.formats.csv_text import first_bytes, read_csv
from longtake.manifests.formats.json_lines import read_json_lines
from longtake.manifests.formats.kinds import kind_of
from longtake.manifests.formats.parquet import Part, partition, read_parts
from longtake.manifests.formats.workbook import read_workbook, require_reader
from longtake.manifests.headers import check_names
from longtake.manifests.schema import Cell, Manifest
from longtake.manifests.sizes import MAX_FILES, check_bytes, stop
from longtake.manifests.spelling import spelled_on_disk
from longtake.media.workers import in_child

READ_SECONDS = 300.0
PARQUET_ENDINGS = (".parquet", ".parq", ".pq")
T = TypeVar("T")
_GLOB = re.compile(r"[*?\[]")


def read_manifest(source: str) -> Manifest:
    """Reads a manifest.

    Args:
        source: A CSV or JSON Lines file (UTF-8, also packed by gzip), an Excel workbook (.xlsx), a Parquet file, or a
            folder or glob of Parquet files (read in the order of their names). What a file is, its bytes tell. A local
            path or `s3://` (the standard AWS variables apply).

    Raises:
        UnreadableManifestError: There is no such file, or it is not a manifest; the message says why and where.
    """
    if "::" in source or "\0" in source or (has_scheme(source) and not is_s3(source)):
        raise UnreadableManifestError(f"{source!r} is neither a path nor s3://")
    try:
        with uncollected():
            return _read(source)
    except UnreadableManifestError:
        raise
    except FileNotFoundError:
        absolute = source.startswith(("/", "~")) or is_s3(source)
        where = "" if absolute else f" in {Path.cwd()}, where this process runs"
        raise UnreadableManifestError(f"{source}: there is no such file{where}") from None
    except Exception as error:  # whatever a file system, botocore or Arrow says about a file that is not ours
        raise UnreadableManifestError(f"{source}: {str(error).strip() or type(error).__name__}") from error


def _read(source: str) -> Manifest:
    files = file_system(source)
    path = source if is_s3(source) else str(Path(source).expanduser().absolute())
    if not is_s3(source) and not path.isascii() and not files.exists(path):
        path = spelled_on_disk(path) or path
    if files.isfile(path):
        base = path.rpartition("/")[0]
        with files.open(path, "rb") as file:
            kind = kind_of(source, first_bytes(source, file))
            if kind == "csv":
                return Manifest(source, base, cast("dict[str, list[Cell]]", read_csv(source, file)))
            if kind == "json_lines":
                cells, typed = read_json_lines(source, file)
                check_names(source, list(cells))
                return Manifest(source, base, cells, typed=typed)
        if kind == "workbook":
            return _from_workbook(source, base, files, path)
        return _from_parquet(source, base, files, [path])
    if files.isdir(path):
        base = path.rstrip("/")
        names = _below(files, path)
        if not names:
            rule = "no Parquet file lies in this folder or its key=value folders; for others give a glob such as"
            raise UnreadableManifestError(f"{source}: {rule} {source.rstrip('/')}/**/*.parquet")
    elif _GLOB.search(path):
        base = path[: _first_wild(path)].rpartition("/")[0]
        names = [name for name in map(str, files.glob(path)) if not _is_hidden(name, base) and not files.isdir(name)]
        if not names:
            raise UnreadableManifestError(f"{source}: no file matches")
    else:
        raise FileNotFoundError
    if len(names) > MAX_FILES:
        stop(source, f"these are more than {MAX_FILES:,} files; write fewer, larger ones")
    return _from_parquet(source, base, files, sorted(names))


def _below(files: Any, folder: str) -> list[str]:
    """The Parquet files of a folder and of those below it that name a column's value, as `resolution=480p` does."""
    found: list[str] = []
    for each in files.ls(folder, detail=True):
        name = str(each["name"])
        if name.rstrip("/") == folder.rstrip("/") or _is_hidden(name, folder):
            continue
        if each["type"] == "directory" or (each.get("islink") and files.isdir(name)):
            if partition(name.rstrip("/").rpartition("/")[2]) is not None:
                found += _below(files, name)
        elif name.endswith(PARQUET_ENDINGS):
            found.append(name)
    return found


def _folders(path: str, base: str) -> tuple[tuple[str, str | None], ...]:
    """What the folders above a file say of it: those below `base`, and those that `base` itself ends with."""
    own = _plain(path).removeprefix(_plain(base)).split("/")[:-1]
    above = list(takewhile(partition, reversed(_plain(base).split("/"))))
    found = [pair for folder in (*reversed(above), *own) if (pair := partition(folder)) is not None]
    if len(dict(found)) < len(found):
        stop(path, "its folders name one column twice; keep one of them")
    return tuple(found)


def _plain(path: str) -> str:
    return path.removeprefix("s3://").rstrip("/")


def _from_workbook(source: str, base: str, files: Any, path: str) -> Manifest:
    """Reads a workbook in a child, whose memory is bounded."""
    require_reader(source)
    with tempfile.TemporaryDirectory(prefix="longtake-manifest-") as place:
        with files.open(path, "rb") as file:
            check_bytes(source, file.seek(0, 2))
        own = path
        if is_s3(source):
            own = f"{place}/workbook.xlsx"
            _copy(files, path, own)
        target = f"{place}/table"
        failed = _read_in_child(source, "workbook", read_workbook, source, own, target)
        with pyarrow.memory_map(target) as stream:
            table = pyarrow.ipc.open_stream(stream).read_all()
        cells = {name: cells_of(table.column(name)) for name in table.column_names}
    return Manifest(source, base, cells, failed=failed)


def _copy(files: Any, name: str, path: str) -> None:
    with files.open(name, "rb") as file, Path(path).open("wb") as copy:
        shutil.copyfileobj(file, copy, 1 << 20)


def _read_in_child(source: str, what: str, read: Callable[..., T], *args: Any) -> T:
    fix = "split it, or write the file anew"
    with ThreadPoolExecutor(1) as threads:  # a loop may run in this thread already
        work = in_child(read, *args, deadline_seconds=READ_SECONDS)
        try:
            return threads.submit(asyncio.run, work).result()
        except UnreadableManifestError:
            raise
        except DecoderError:
            stop(source, f"its {what} reader crashed, most often for want of memory, which is bounded; {fix}")
        except MediaError as error:
            stop(source, f"its {what} reader failed ({error}); {fix}")


def _from_parquet(source: str, base: str, files: Any, names: Sequence[str]) -> Manifest:
    """Reads Parquet files in a child, whose memory is bounded."""
    with tempfile.TemporaryDirectory(prefix="longtake-manifest-") as place:
        parts: list[Part] = []
        size = 0
        for number, name in enumerate(names):
            with files.open(name, "rb") as file:
                if file.read(4) != b"PAR1":
                    stop(name, "this is not Parquet; only Parquet is read as many files")
                size += file.seek(0, 2)
                check_bytes(source, size)
                path = name
                if is_s3(source):
                    path = f"{place}/{number}.parquet"
                    _copy(files, name, path)
            parts.append(Part(name, path, _folders(name, base)))
        target = f"{place}/table"
        _read_in_child(source, "Parquet", read_parts, source, parts, target)
        with pyarrow.memory_map(target) as stream:
            table = pyarrow.ipc.open_stream(stream).read_all()
    check_names(source, table.column_names)
    if table.num_rows == 0:
        stop(source, "there is no row")
    cells = {name: cells_of(table.column(name)) for name in table.column_names}
    bad = {name: rows for name in table.column_names if (rows := undecoded(table.column(name)))}
    return Manifest(source, base, cells, typed=table, undecoded=bad)


def _is_hidden(name: str, base: str) -> bool:
    """Whether the file or a folder between it and `base` is nobody's data: `_SUCCESS`, `.ipynb_checkpoints`."""
    own = _plain(name).removeprefix(_plain(base)).strip("/")
    return any(part.startswith((".", "_")) for part in own.split("/"))


def _first_wild(path: str) -> int:
    match = _GLOB.search(path)
    return match.start() if match else len(path)
