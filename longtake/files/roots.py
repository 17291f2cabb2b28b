"""Where references may come from, beside the manifest's own folder or bucket."""

from __future__ import annotations

import os

from longtake.settings import settings


def reference_roots() -> tuple[str, ...]:
    """Folders and `s3://` prefixes of `LONGTAKE_REFERENCE_ROOTS`, separated by the sign that separates them in PATH."""
    written = settings().reference_roots.replace("s3://", "s3;//")
    return tuple(root.replace("s3;//", "s3://") for root in written.split(os.pathsep) if root)
