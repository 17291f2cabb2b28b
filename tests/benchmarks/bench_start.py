"""How long a person waits for the first word: `longtake --help`, and `longtake plan` of ten rows, beside bare Python.

    python -m tests.benchmarks.bench_start [REPEATS]

Wall time is what a person waits; CPU time tells the same on a machine that has other work.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.whole_runs.measuring import clean_environment, prefect_homes, spread
from tests.benchmarks.whole_runs.vendors import ROOT, write_rows

REPEATS = 7
BASES = ('python -c ""', 'python -c "import prefect"')


def seconds(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall and CPU time of one process."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert not process.returncode, command
    return time.perf_counter() - began, used.ru_utime + used.ru_stime


def main(repeats: int = REPEATS) -> None:
    """Prints the table; each round runs every command once, so that a slow moment strikes all alike."""
    with prefect_homes() as homes, tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "manifest.csv"
        write_rows(manifest, 10, {"evolink": 1})
        environment = clean_environment(
            PREFECT_HOME=str(homes.new()), EVOLINK_API_KEY="k", EVOLINK_BASE_URL="http://x.test"
        )
        commands = {
            BASES[0]: ["-c", ""],
            BASES[1]: ["-c", "import prefect"],
            "longtake --help": ["-m", "longtake_cli.main", "--help"],
            "longtake vendors": ["-m", "longtake_cli.main", "vendors"],
            "longtake plan, ten rows": ["-m", "longtake_cli.main", "plan", str(manifest)],
        }
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for turn in range(repeats + 1):
            for name, command in commands.items():
                took = seconds(command, environment)
                if turn:  # the first time files come from the disk
                    found[name].append(took)
    print(f"{repeats} runs each\n\n| | seconds | CPU seconds | CPU ÷ bare Python | CPU ÷ import prefect |")
    print("| --- " * 5 + "|")
    for name, took in found.items():
        shares = [[mine[1] / other[1] for mine, other in zip(took, found[base], strict=True)] for base in BASES]
        walls, cpus = zip(*took, strict=True)
        print(f"| {name} | {spread(walls)} | {spread(cpus)} | {spread(shares[0], '.1f')} | {spread(shares[1])} |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
