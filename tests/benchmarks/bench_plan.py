"""Reading, checking and planning a manifest of 100,000 rows, beside pandas alone reading the same file.

Run with `python -m tests.benchmarks.bench_plan [ROWS]`. Each figure comes from a process of its own, the best of
three, in seconds of the processor, so that what else runs on the machine counts little.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

ROWS = 100_000
RUNS = 3

PROGRAMS = {
    "pandas.read_csv": "import pandas; pandas.read_csv(path)",
    "pandas.read_csv, all cells as text": "import pandas; pandas.read_csv(path, dtype=str, keep_default_na=False)",
    "longtake: read": "from longtake.manifests.reader import read_manifest; read_manifest(path)",
    "longtake: read + check": (
        "from longtake.manifests.reader import read_manifest\n"
        "from longtake.manifests.checker import check_manifest\n"
        "checked = check_manifest(read_manifest(path))\n"
        "assert not checked.refused, checked.violations[:3]"
    ),
    # Everything of `longtake plan` but the looks at references over the network.
    "longtake: read + check + plan": (
        "import time\n"
        "from longtake.planning.forecast import forecast\n"
        "from longtake.manifests.reader import read_manifest\n"
        "from longtake.manifests.checker import check_manifest\n"
        "from longtake.planning.planner import Planner\n"
        "from longtake.costs.price_book import PriceBook\n"
        "from longtake.reports.plan.table import summary_line\n"
        "from longtake.planning.preview import PlanPreview\n"
        "checked = check_manifest(read_manifest(path))\n"
        "planner = Planner('evolink', checked.digest, quote=PriceBook())\n"
        "plan = planner.plan(checked.reels(), {}, time.time(), checked.violations)\n"
        "assert not plan.refusals, plan.refusals[:3]\n"
        "summary_line(PlanPreview(plan, forecast=forecast(plan.shots, {})))"
    ),
}
# Imports are paid once per process and are no part of the figure.
MEASURE = """
import json, resource, sys, time
import pandas, longtake.manifests.checker, longtake.planning.planner, longtake.reports.plan.table
path, program = sys.argv[1:]
code = compile(program, "program", "exec")
began = time.process_time()
exec(code)
seconds = time.process_time() - began
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def write_reels(path: Path, rows: int) -> None:
    """Reels of five chained shots with templates, options and references, many of them local files."""
    folder = path.parent / "stills"
    folder.mkdir(exist_ok=True)
    for number in range(200):
        (folder / f"{number}.png").write_bytes(b"png")
    write(path, (reel_row(row) for row in range(rows)))


def reel_row(row: int) -> dict[str, object]:
    """The cells of one row of a reel."""
    shot = row % 5
    image = f"https://cdn.example.com/{row % 1000}.png?X-Amz-Signature={row % 1000:x}|stills/{row % 200}.png"
    return {
        "reel": f"reel-{row // 5}",
        "shot": shot + 1,
        "prompt": f"{{subject}} walks through the city at night, take {row}, cinematic light, 35mm, slow dolly in",
        "subject": "a red fox",
        "vendor": "evolink",
        "model": "seedance-2.0-mini",
        "duration_seconds": 5,
        "resolution": "720p",
        "ratio": "16:9",
        "content_filter": "true",
        "generate_audio": "true",
        "reference_images": image if shot else "",
        "first_frame": "" if shot else f"stills/{row % 200}.png",
        "continue_from": "clip" if shot else "",
        "notes": f"note {row}",
        "weight": row * 1.5,
    }


def write_prompts(path: Path, rows: int) -> None:
    """Prompts alone: every row is a reel of its own, named by the hash of its request."""
    prompt = "A red fox walks through the city at night, take {}, cinematic light"
    write(path, ({"prompt": prompt.format(row)} for row in range(rows)))


def write(path: Path, rows: Iterator[dict[str, object]]) -> None:
    """Writes rows as CSV."""
    first = next(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.DictWriter(file, list(first))
        lines.writeheader()
        lines.writerow(first)
        lines.writerows(rows)


def measure(path: Path, program: str) -> tuple[float, float]:
    """CPU seconds and peak MiB of a program in a process of its own; the best of several runs."""
    found = [
        json.loads(subprocess.check_output([sys.executable, "-c", MEASURE, str(path), program])) for _ in range(RUNS)
    ]
    return min(seconds for seconds, _ in found), min(mebibytes for _, mebibytes in found)


def main(rows: int = ROWS) -> None:
    """Prints one table per manifest."""
    writers: dict[str, Callable[[Path, int], None]] = {"reels of five": write_reels, "prompts alone": write_prompts}
    for name, write in writers.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "manifest.csv"
            write(path, rows)
            print(f"\n{rows:,} rows, {name}, {path.stat().st_size / 1e6:.1f} MB")
            print(f"{'':36}{'CPU s':>9}{'/ pandas':>10}{'/ as text':>11}{'peak MiB':>10}")
            figures = {title: measure(path, program) for title, program in PROGRAMS.items()}
            plain, text, *_ = (seconds for seconds, _ in figures.values())
            for title, (seconds, mebibytes) in figures.items():
                print(f"{title:36}{seconds:9.2f}{seconds / plain:9.1f}x{seconds / text:10.1f}x{mebibytes:10.0f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
