"""The command line with a gate that believes file headers and no posters: `python -m …undecoded render …`."""

from __future__ import annotations

import sys

import longtake.rendering.render
import tasks.download
from longtake_cli.main import main
from tests.e2e.quick_steps import no_pictures, quick_check

if __name__ == "__main__":
    tasks.download.gate = lambda *about: quick_check
    longtake.rendering.render.make_pictures = no_pictures
    sys.exit(main())
