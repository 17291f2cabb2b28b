"""Hostile manifests and references that are small and unpack to much, and the memory that a look at them takes."""

from __future__ import annotations

import gzip
import struct
import subprocess
import sys
import time
import wave
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import psutil
import pyarrow
import pyarrow.parquet
from PIL import Image

from tests.unit.workbooks import far_workbook, packed_workbook, shared_workbook

READ = """
import sys
from longtake.domain.errors import UnreadableManifestError
from longtake.manifests.reader import read_manifest
try:
    print(len(read_manifest(sys.argv[1])), "rows")
except UnreadableManifestError as error:
    print("refused", str(error).removeprefix(sys.argv[1]))
"""
LOOK = """
import asyncio, sys
from longtake.files.web.guard import GuardedClient
from longtake.planning.references.measure import measure_references
async def main():
    async with GuardedClient() as media:
        facts, problems = await measure_references([(path, "image") for path in sys.argv[1:]], media=media)
    print(len(facts), "measured,", len(problems), "refused", *sorted(set(problems.values())))
asyncio.run(main())
"""


def peak_mib(program: str, *arguments: str) -> tuple[str, float, float]:
    """What a program printed, its peak memory and that of it with its children, in MiB."""
    process = subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True)
    own = together = 0
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        sizes = [_resident(each) for each in (watched, *_children(watched))]
        own, together = max(own, sizes[0]), max(together, sum(sizes))
        time.sleep(0.01)
    assert process.stdout
    assert process.returncode == 0
    return process.stdout.read().strip(), own / 2**20, together / 2**20


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def gzipped(path: Path, block: bytes, times: int, head: bytes = b"prompt\n", end: bytes = b"") -> None:
    """A CSV of one block again and again."""
    with gzip.open(path, "wb", 1) as file:
        file.write(head)
        for _ in range(times):
            file.write(block)
        file.write(end)


def _table(**columns: Any) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        made = {name: column() if callable(column) else column for name, column in columns.items()}
        pyarrow.parquet.write_table(pyarrow.table(made), path, compression="zstd", write_statistics=False)

    return write


def _packed_table(path: Path) -> None:
    table = pyarrow.table({"prompt": ["a" * 400_000_000]})
    pyarrow.parquet.write_table(table, path, compression="zstd", use_dictionary=False, write_statistics=False)


def _prefixes(path: Path) -> None:
    table = pyarrow.table({"prompt": ["x" * 50_000 + str(number) for number in range(20_000)]})
    encoding = {"prompt": "DELTA_BYTE_ARRAY"}
    pyarrow.parquet.write_table(table, path, compression="zstd", use_dictionary=False, column_encoding=encoding)


def _deep(path: Path) -> None:
    kind = pyarrow.string()
    for _ in range(300):
        kind = pyarrow.struct([("a", kind)])
    pyarrow.parquet.write_table(pyarrow.table({"prompt": pyarrow.nulls(1, kind)}), path)


def _wide_footer(path: Path) -> None:
    """A sound file with a footer of ten million bytes of nothing."""
    pyarrow.parquet.write_table(pyarrow.table({"prompt": ["a"]}), path)
    data = path.read_bytes()
    path.write_bytes(data[:-8] + bytes(10_000_000) + struct.pack("<I", 10_000_000) + b"PAR1")


def _long_list(path: Path) -> None:
    values = pyarrow.array(range(1)).take(pyarrow.array(bytes(20_000_000), pyarrow.int8()))
    lists = pyarrow.ListArray.from_arrays(pyarrow.array([0, len(values)], pyarrow.int32()), values)
    _table(prompt=["a"], weights=lists)(path)


def _many_lists(path: Path) -> None:
    gzipped(path, b'{"a":[' + b'"x",' * 9_999 + b'"x"]}\n', 800, b"")


def _new_keys(path: Path) -> None:
    with gzip.open(path, "wb", 1) as file:
        for line in range(3000):
            file.write(b'{"k%d":"v"}\n' % line)


def _names(count: int) -> bytes:
    return b",".join(b"c%d" % number for number in range(count)) + b"\n"


def _repeated(value: Any, times: int) -> Callable[[], Any]:
    # Made when it is written: every process that collects the tests reads this file.
    return lambda: pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * times, pyarrow.int32()), [value])


MANIFESTS: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "rows": (".csv.gz", lambda path: gzipped(path, b"a\n" * 500_000, 1000), "100,000 rows"),
    "one cell": (".csv.gz", lambda path: gzipped(path, b"a" * 1_000_000, 1000, b'prompt\n"'), "characters"),
    "one cell of lines": (".csv.gz", lambda path: gzipped(path, b"a\n" * 500_000, 200, b'prompt\n"'), "characters"),
    "one line": (".csv.gz", lambda path: gzipped(path, b"a" * 1_000_000, 1000), "characters"),
    "one line of emoji": (".csv.gz", lambda path: gzipped(path, "😀".encode() * 250_000, 500), "MiB"),
    "columns": (".csv.gz", lambda path: gzipped(path, b"a," * 500_000, 30, b""), "columns"),
    "cells": (
        ".csv.gz",
        lambda path: gzipped(path, b",".join([b"ab"] * 1999) + b"\n", 20_000, _names(1999)),
        "cells",
    ),
    "long rows": (".csv.gz", lambda path: gzipped(path, b"a" * 1_000_000 + b"\n", 1000), "128 MiB"),
    "blank rows": (".csv.gz", lambda path: gzipped(path, b"\n" * 1_000_000, 100), "blank rows"),
    "rows of commas": (".csv.gz", lambda path: gzipped(path, b",\n" * 500_000, 100, b"a,b\n"), "blank rows"),
    "zeros": (".csv.gz", lambda path: gzipped(path, bytes(1_000_000), 1000, b""), "characters"),
    "lines of values": (".jsonl.gz", lambda path: gzipped(path, b"{}," * 300_000, 20, b'{"a":[', b"{}]}\n"), "values"),
    "lists of lists": (".jsonl.gz", _many_lists, "values in its cells"),
    "new keys on every line": (".jsonl.gz", _new_keys, "columns"),
    "empty objects": (".jsonl.gz", lambda path: gzipped(path, b"{}\n" * 300_000, 40, b"{}\n"), "empty rows"),
    "a sheet of zeros": (".xlsx", lambda path: packed_workbook(path, b" " * 1_000_000, 1000), "MiB"),
    "a sheet whose size is a lie": (".xlsx", lambda path: packed_workbook(path, b" " * 1_000_000, 300, 99), "damaged"),
    "one text in every cell": (".xlsx", lambda path: shared_workbook(path, "x" * 1_000_000, 90_000), "128 MiB"),
    "a cell far away": (".xlsx", far_workbook, "1,048,576"),
    "one text 90,000 times": (".parquet", _table(prompt=_repeated("x" * 1_000_000, 90_000)), "128 MiB"),
    "one number 60 million times": (".parquet", _table(seed=_repeated(1, 60_000_000)), "100,000 rows"),
    "a packed page": (".parquet", _packed_table, "memory"),
    "a list of 50 million": (".parquet", _long_list, "memory"),
    "shared beginnings": (".parquet", _prefixes, "128 MiB"),
    "thousands of columns": (".parquet", _table(**{f"c{n}": ["a"] for n in range(9000)}), "columns"),
    "nested 300 deep": (".parquet", _deep, "nested"),
    "a huge footer": (".parquet", _wide_footer, "footer"),
}


def _picture(kind: str, width: int, height: int, mode: str = "RGB") -> Callable[[Path], None]:
    return lambda path: Image.new(mode, (width, height)).save(path, kind)


def _claimed_png(path: Path) -> None:
    """A PNG of 100 million pixels with as many bytes of them as it claims, all zero and packed."""
    width = height = 9_999

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(bytes(1 + width * 4)) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))


def _packed_profile(path: Path) -> None:
    Image.new("RGB", (64, 64)).save(path, "png", icc_profile=bytes(1_000_000_000))


def _claimed_samples(path: Path) -> None:
    """An MP4 whose index claims a hundred million pictures of one byte."""
    with av.open(str(path), "w", format="mp4") as output:
        stream: Any = output.add_stream("libx264", rate=24)
        stream.width = stream.height = 64
        for _ in range(4):
            output.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        output.mux(stream.encode(None))
    data = bytearray(path.read_bytes())
    sizes, times, chunks = data.index(b"stsz"), data.index(b"stts"), data.index(b"stsc")
    data[sizes + 8 : sizes + 16] = struct.pack(">II", 1, 100_000_000)
    data[times + 12 : times + 16] = struct.pack(">I", 100_000_000)
    data[chunks + 16 : chunks + 20] = struct.pack(">I", 100_000_000)
    path.write_bytes(data)


def _long_wav(path: Path) -> None:
    with wave.open(str(path), "wb") as writer:
        writer.setparams((1, 1, 8000, 0, "NONE", ""))
        writer.writeframes(bytes(30_000_000))


REFERENCES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "png": (".png", _claimed_png),
    "png, packed profile": (".png", _packed_profile),
    "jpeg": (".jpg", _picture("jpeg", 9_990, 9_990)),
    "webp": (".webp", _picture("webp", 9_990, 9_990)),
    "gif": (".gif", _picture("gif", 9_990, 9_990, "P")),
    "tiff": (".tiff", lambda path: Image.new("F", (9_990, 9_990)).save(path, "tiff", compression="tiff_lzw")),
    "tiff, plain": (".tiff", lambda path: Image.new("F", (9_990, 9_990)).save(path, "tiff")),
    "bmp": (".bmp", _picture("bmp", 5_000, 5_000)),
    "mp4": (".mp4", _claimed_samples),
    "wav": (".wav", _long_wav),
}
