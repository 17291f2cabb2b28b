"""The command line as a person starts it, against a sandbox whose bill is what counts."""

from __future__ import annotations

import csv
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from longtake.files.open_store import open_store
from longtake.ledger.ledger import Ledger
from longtake.sandbox.app import Fault, Sandbox
from tests.flows.conftest import ROOT
from tests.warm import warm

HEADER = "id,vendor,prompt,duration_seconds,resolution,ratio"


@dataclass
class CommandLine:
    """`longtake` with one output, pointed at one sandbox and one Prefect server."""

    sandbox: Sandbox
    folder: Path
    environment: Mapping[str, str]
    names: tuple[str, ...] = ("fox", "hare")
    account: str = "default"
    options: str = ""
    python: tuple[str, ...] = field(default_factory=warm)
    """How Python is started: `(sys.executable,)` for what is about its start."""
    output: Path = field(init=False)
    manifest: Path = field(init=False)

    def __post_init__(self) -> None:
        self.output, self.manifest = self.folder / "out", self.folder / "m.csv"
        rows = [f"{name},evolink/{self.account},A {name} {self.folder.name},4,480p,16:9" for name in self.names]
        self.manifest.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")

    @property
    def variables(self) -> dict[str, str]:
        return {**os.environ, **self.environment, "LONGTAKE_ALLOW_HOSTS": "127.0.0.1"} | {
            "LONGTAKE_SANDBOX_URL": self.sandbox.url
        }

    @property
    def render(self) -> str:
        return f"render {self.manifest} --output {self.output} {self.options}".strip()

    def shell(self, words: str, *, seconds: float = 120, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs words of the shell in which `longtake` is the command."""
        longtake = f'longtake() {{ {shlex.join(self.python)} -m longtake_cli.main "$@"; }}; '
        command = ["bash", "-c", longtake + words]
        environment = self.variables | variables
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=seconds, check=False
        )

    def start(self, **arguments: object) -> subprocess.Popen[str]:
        """Starts the render; its words are kept in `render.err`."""
        command = [*self.python, "-m", "longtake_cli.main", *self.render.split()]
        with (self.folder / "render.err").open("w") as words:
            return subprocess.Popen(
                command, cwd=ROOT, env=self.variables, stdout=words, stderr=words, text=True, **arguments
            )

    @property
    def words(self) -> str:
        return (self.folder / "render.err").read_text()

    def verdicts(self) -> dict[str, str]:
        """Verdicts of the results, by reel."""
        with (self.output / "results.csv").open(newline="", encoding="utf-8-sig") as file:
            return {row["id"]: row["verdict"] for row in csv.DictReader(file)}

    def jobs_in_ledger(self) -> set[str]:
        """Ids of the jobs that the ledger knows."""
        purchases = Ledger(open_store(str(self.output))).load().values()
        return {one.accepted.job.job_id for one in purchases if one.accepted is not None}

    def billed(self) -> set[str]:
        """Ids of the jobs of this folder's prompts that the vendor bills."""
        mine = [entry for entry in self.sandbox.bill.entries if self.folder.name in str(entry.body)]
        return {entry.job_id for entry in mine}


def wait_until(met: Callable[[], object], process: subprocess.Popen[str], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert process.poll() is None, "the command ended before"
        assert time.monotonic() < deadline, "not met"
        time.sleep(0.02)


def slow_submits(sandbox: Sandbox, seconds: float) -> None:
    """Submits are accepted at once and answered late."""
    sandbox.faults.clear()
    sandbox.faults.add(Fault(kind="slow_answer", step="submit", seconds=seconds, times=None))


def send(process: subprocess.Popen[str], *names: signal.Signals, gap_seconds: float = 0.4) -> float:
    """Sends signals one after the other; the seconds until the process has ended."""
    begun = time.monotonic()
    for place, name in enumerate(names):
        time.sleep(gap_seconds if place else 0)
        process.send_signal(name)
    process.wait(40)
    return time.monotonic() - begun
