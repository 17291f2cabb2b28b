"""A command measured as a whole: time, CPU and memory of its process, of what it starts, and of its Prefect server."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from longtake.vendors import VENDORS
from tests.benchmarks.whole_runs.vendors import ROOT

SAMPLE_SECONDS = 0.25
MIB = 2**20


@dataclass
class Usage:
    """What a command took. `began` and `ended` are of `time.monotonic`, which all processes of a machine share."""

    began: float
    ended: float = 0.0
    exit_code: int = 0
    output: str = ""
    cpu_seconds: float = 0.0
    """Of the process itself."""
    helpers_cpu_seconds: float = 0.0
    """Of the processes it started, such as those that decode."""
    peak_mib: float = 0.0
    server_cpu_seconds: float = 0.0
    server_peak_mib: float = 0.0
    memory: list[tuple[float, float]] = field(default_factory=list)
    """(seconds since the start, resident MiB) of the process itself."""

    @property
    def wall_seconds(self) -> float:
        """From start to end."""
        return self.ended - self.began


class _Sampler(threading.Thread):
    """Looks at a process and its descendants as long as it lives."""

    def __init__(self, pid: int, usage: Usage, home: Path | None) -> None:
        super().__init__(daemon=True)
        self._process, self._usage = psutil.Process(pid), usage
        self._address = home / "longtake" / "server.json" if home else None
        self._helpers: dict[int, float] = {}
        self._server: tuple[psutil.Process, float] | None = None

    def run(self) -> None:
        while self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE:
            with contextlib.suppress(psutil.Error):
                self._look()
            with contextlib.suppress(psutil.Error, OSError, ValueError):  # not started yet, or gone
                self._look_at_server()
            time.sleep(SAMPLE_SECONDS)
        self._usage.helpers_cpu_seconds = sum(self._helpers.values())

    def _look(self) -> None:
        usage = self._usage
        memory = self._process.memory_info().rss / MIB
        usage.memory.append((time.monotonic() - usage.began, memory))
        usage.peak_mib = max(usage.peak_mib, memory)
        for child in self._process.children(recursive=True):
            if self._server is None or child.pid != self._server[0].pid:
                with contextlib.suppress(psutil.Error):
                    self._helpers[child.pid] = _cpu_seconds(child)

    def _look_at_server(self) -> None:
        if self._address is None:
            return
        if self._server is None:
            server = psutil.Process(json.loads(self._address.read_bytes())["pid"])
            self._server = server, _cpu_seconds(server)
        server, before = self._server
        self._usage.server_cpu_seconds = _cpu_seconds(server) - before
        self._usage.server_peak_mib = max(self._usage.server_peak_mib, server.memory_info().rss / MIB)


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def measured(command: Sequence[str], environment: Mapping[str, str], home: Path | None = None) -> Usage:
    """Runs a Python module or file with this interpreter.

    Args:
        command: What follows the interpreter.
        environment: All of its environment.
        home: The `PREFECT_HOME` whose server is measured with it.
    """
    with tempfile.TemporaryFile() as told:
        usage = Usage(time.monotonic())
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=dict(environment), stdout=told, stderr=subprocess.STDOUT
        )
        sampler = _Sampler(process.pid, usage, home)
        sampler.start()
        _, status, spent = os.wait4(process.pid, 0)
        usage.ended = time.monotonic()
        process.returncode = usage.exit_code = os.waitstatus_to_exitcode(status)
        sampler.join()
        usage.cpu_seconds = max(0.0, spent.ru_utime + spent.ru_stime - usage.helpers_cpu_seconds)
        told.seek(0)
        usage.output = told.read().decode(errors="replace")
    if usage.exit_code:
        words = [line for line in usage.output.splitlines() if not line.endswith(".mp4")]
        raise SystemExit("\n".join([f"{' '.join(command)} ended with {usage.exit_code}:", *words[-40:]]))
    return usage


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without settings of Prefect, Longtake or a vendor, and `more`."""
    foreign = ("PREFECT_", "LONGTAKE_", *(f"{vendor.upper()}_" for vendor in VENDORS))
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | more


@contextlib.contextmanager
def prefect_homes() -> Iterator[Homes]:
    """Prefect homes whose database is there already, so that no run pays for making it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        first = Path(folder) / "first"
        first.mkdir()
        code = "from deployments.local.server.join import ensure_server; ensure_server().close()"
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=clean_environment(PREFECT_HOME=str(first)), check=True
        )
        address = first / "longtake" / "server.json"
        with contextlib.suppress(psutil.Error, OSError, ValueError):
            psutil.Process(json.loads(address.read_bytes())["pid"]).wait(timeout=30)
        yield Homes(Path(folder))


class Homes:
    """Gives out new homes, all alike."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._given = folder, 0

    def new(self) -> Path:
        """A home that nobody has used."""
        self._given += 1
        home = self._folder / str(self._given)
        home.mkdir()
        for file in (self._folder / "first").glob("prefect.db*"):
            shutil.copy(file, home / file.name)
        return home


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """The median and, of several values, the least and the most: `1.04 (1.02–1.07)`."""
    middle = format(statistics.median(values), form)
    return middle if len(values) == 1 else f"{middle} ({min(values):{form}}–{max(values):{form}})"
