"""How many pictures and sounds of each kind are taken for what they are, and copied without silent loss.

`python -m tests.benchmarks.bench_inputs`; the files are those of `tests/media/reference_set.py`.
"""

from __future__ import annotations

import tempfile
import warnings
from collections import Counter
from pathlib import Path

from tests.media.reference_set import PICTURES, SOUNDS
from tests.media.test_reference_set import copied, measured


def main() -> None:
    """Prints the two tables of docs/performance.md."""
    right, copies, all_of, copied_of = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(action="error"):
        for case in [*PICTURES.values(), *SOUNDS.values()]:
            all_of[case.kind] += 1
            right[case.kind] += _holds(lambda case=case: measured(case))
        for case in PICTURES.values():
            for suffix in (".png", ".jpg") if case.copy_of or case.not_copied else ():
                copied_of[case.kind] += 1
                copies[case.kind] += _holds(lambda case=case, suffix=suffix: copied(case, Path(folder), suffix))
    print("| kind | told for what they are | copies that lose nothing in silence |\n|---|---|---|")
    for kind, count in all_of.items():
        made = f"{copies[kind]} of {copied_of[kind]}" if copied_of[kind] else "–"
        print(f"| {kind} | {right[kind]} of {count} | {made} |")
    total = f"{sum(copies.values())} of {sum(copied_of.values())}"
    print(f"| together | {sum(right.values())} of {sum(all_of.values())} | {total} |")


def _holds(check) -> bool:
    try:
        return check() == ""
    except Exception:  # whatever it is, the file was not handled
        return False


if __name__ == "__main__":
    main()
