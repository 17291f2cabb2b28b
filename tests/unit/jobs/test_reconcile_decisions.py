"""What a person decides on unknown outcomes is taken as it is meant, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from longtake.domain.errors import ConfigurationError
from longtake.files.directory import DirectoryStore
from longtake.jobs.reconcile import Decisions, settle
from longtake.ledger.ledger import Ledger


@pytest.mark.parametrize("job_id", ["", "  "])
def test_a_job_without_an_id_is_not_adopted(tmp_path: Path, job_id: str) -> None:
    with pytest.raises(ConfigurationError, match="reel/1: adopt needs the vendor's job id"):
        settle(Ledger(DirectoryStore(tmp_path)), Decisions(adopt={"reel/1": job_id}))
