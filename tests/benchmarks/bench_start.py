"""How long a person waits for the first word: `longtake --help`, and `longtake plan` of ten rows, beside bare Python.

python -m tests.benchmarks.bench_start [REPEATS]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.whole_runs.measuring import clean_environment, prefect_homes, spread
from tests.benchmarks.whole_runs.vendors import ROOT, write_rows

REPEATS = 7


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """Wall time of one process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main(repeats: int = REPEATS) -> None:
    """Prints the table; each round runs every command once, so that a slow moment strikes all alike."""
    with prefect_homes() as homes, tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "manifest.csv"
        write_rows(manifest, 10, {"evolink": 1})
        environment = clean_environment(
            PREFECT_HOME=str(homes.new()), EVOLINK_API_KEY="k", EVOLINK_BASE_URL="http://x.test"
        )
        commands = {
            'python -c ""': ["-c", ""],
            'python -c "import prefect"': ["-c", "import prefect"],
            "longtake --help": ["-m", "flows._cli", "--help"],
            "longtake vendors": ["-m", "flows._cli", "vendors"],
            "longtake plan, ten rows": ["-m", "flows._cli", "plan", str(manifest)],
        }
        found: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(repeats + 1):
            for name, command in commands.items():
                took = seconds(command, environment)
                if turn:  # the first time files come from the disk
                    found[name].append(took)
    bare, prefect = found['python -c ""'], found['python -c "import prefect"']
    print(f"{repeats} runs each\n\n| | seconds | ÷ bare Python | ÷ import prefect |\n| --- | --- | --- | --- |")
    for name, took in found.items():
        to_bare = spread([mine / other for mine, other in zip(took, bare, strict=True)], ".1f")
        to_prefect = spread([mine / other for mine, other in zip(took, prefect, strict=True)])
        print(f"| {name} | {spread(took)} | {to_bare} | {to_prefect} |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
