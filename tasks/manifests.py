"""Manifests: read and check one."""

from __future__ import annotations

import asyncio

from prefect import task

from longtake.files.roots import reference_roots
from longtake.manifests.checker import CheckedManifest, check_manifest
from longtake.manifests.reader import read_manifest as read
from tasks._policy import STEP


@task(name="read-manifest", task_run_name="read {manifest}", **STEP)
async def read_manifest(manifest: str) -> CheckedManifest:
    """Reads and checks a manifest; all problems of all rows are in its `violations`.

    References may come from the manifest's folder and from those of `LONGTAKE_REFERENCE_ROOTS`.

    Args:
        manifest: A CSV, JSON Lines, Excel or Parquet file, a folder or glob of Parquet; local or `s3://`.

    Raises:
        longtake.domain.errors.UnreadableManifestError: It is missing, or no table that is read.
    """
    return await asyncio.to_thread(lambda: check_manifest(read(manifest), reference_roots=reference_roots()))
