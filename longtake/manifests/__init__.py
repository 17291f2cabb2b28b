"""From a CSV, Parquet, JSON Lines or Excel file to checked rows, and from results back to tables.

`reader` turns a file into a `Manifest`, `checker` that into rows and violations, `writer` results into tables. Arrow
and pandas live here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake._speed import face

if TYPE_CHECKING:
    from longtake.manifests.checker import CheckedManifest, check_manifest
    from longtake.manifests.reader import read_manifest
    from longtake.manifests.results.row_result import RowResult
    from longtake.manifests.schema import COLUMNS, Manifest, ManifestRow
else:
    __getattr__ = face(
        __name__,
        {
            "schema": "COLUMNS Manifest ManifestRow",
            "reader": "read_manifest",
            "checker": "CheckedManifest check_manifest",
            "results.row_result": "RowResult",
        },
    )

__all__ = ["COLUMNS", "CheckedManifest", "Manifest", "ManifestRow", "RowResult", "check_manifest", "read_manifest"]
