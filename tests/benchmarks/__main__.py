"""Runs every benchmark there is, or those named, each in a process of its own: `python -m tests.benchmarks [bills]`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Prints every benchmark's tables; ends with 1 if one failed."""
    names = [path.stem for path in sorted(Path(__file__).parent.glob("bench_*.py"))]
    wanted = [name for name in names if not sys.argv[1:] or name.removeprefix("bench_") in sys.argv[1:]]
    failed: list[str] = []
    for name in wanted:
        print(f"\n## {name}\n", flush=True)
        if subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}"], check=False).returncode:
            failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
