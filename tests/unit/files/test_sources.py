"""Whatever scheme an address has, its bytes are fetched and hashed in one place."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from longtake.domain.request import Reference, Role, ShotRequest
from longtake.files.sources import KnownDigests, content_digest, copy_source
from longtake.jobs.order import stored_request


def test_the_bytes_of_a_file_and_of_a_data_address_come_whole(tmp_path: Path) -> None:
    (tmp_path / "given.png").write_bytes(b"\0\1\2")
    for number, source in enumerate([str(tmp_path / "given.png"), "data:image/png;base64,AAEC"]):
        copy_source(source, tmp_path / f"{number}")
        assert (tmp_path / f"{number}").read_bytes() == b"\0\1\2"


def test_a_source_that_is_not_there_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        copy_source(str(tmp_path / "none.png"), tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_the_ledger_keeps_a_local_reference_by_the_hash_that_its_identity_has(tmp_path: Path) -> None:
    source = tmp_path / "given.png"
    source.write_bytes(b"\0\1\2")
    request = ShotRequest(references=(Reference(role=Role.REFERENCE_IMAGE, source=str(source)),))
    kept = stored_request(request)["references"][0]["source"]
    digest = hashlib.sha256(bytes(range(3))).hexdigest()
    assert kept == f"sha256:{digest}" == f"sha256:{content_digest(str(source))}"
    digests = KnownDigests()
    first = digests(str(source))
    source.write_bytes(b"other")
    assert digests(str(source)) == first != content_digest(str(source))
