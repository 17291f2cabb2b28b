"""What a person decides on unknown outcomes is taken as it is meant, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from longtake.directory_store import DirectoryStore
from longtake.errors import ConfigurationError
from longtake.ledger import Ledger
from longtake.reconcile import Decisions, settle


@pytest.mark.parametrize("job_id", ["", "  "])
def test_a_job_without_an_id_is_not_adopted(tmp_path: Path, job_id: str) -> None:
    with pytest.raises(ConfigurationError, match="reel/1: adopt needs the vendor's job id"):
        settle(Ledger(DirectoryStore(tmp_path)), Decisions(adopt={"reel/1": job_id}))
