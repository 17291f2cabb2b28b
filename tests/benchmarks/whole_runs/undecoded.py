"""The command line with a gate that believes file headers and no posters: `python -m …undecoded render …`."""

from __future__ import annotations

import sys

import longtake.rendering
import tasks.download
from flows._cli import main
from tests.e2e.quick_steps import no_pictures, quick_check

if __name__ == "__main__":
    tasks.download.gate = lambda *about: quick_check
    longtake.rendering.make_pictures = no_pictures
    sys.exit(main())
