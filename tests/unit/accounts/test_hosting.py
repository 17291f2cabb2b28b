"""Ways for a file to reach a vendor: a store that gives no links is none, an upload has its largest size."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from blocks.storage import ClipStore, load_clip_store
from longtake.accounts.hosting import Hosting
from longtake.domain.errors import ConfigurationError
from longtake.domain.request import MediaFacts, Reference, Role, ShotRequest
from longtake.files.directory import DirectoryStore
from longtake.vendors import VENDORS
from longtake.vendors.limits import MB


def asked(role: Role, size_bytes: int) -> ShotRequest:
    facts = MediaFacts(kind=role.kind, container="mp4", size_bytes=size_bytes)
    return ShotRequest(prompt="p", references=(Reference(role=role, source="/files/x.mp4", facts=facts),))


def limits_of(vendor: str, wire: str = ""):
    return next(model.limits for model in VENDORS[vendor].models if wire in model.wire)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_folder_as_clip_store_changes_no_way_of_any_vendor(tmp_path, vendor):
    adapter, folder = VENDORS[vendor], Hosting(DirectoryStore(tmp_path))
    for model in adapter.models:
        for kind in ("image", "video", "audio"):
            limits = model.limits.media(kind)
            assert folder.way(kind, adapter, limits) == Hosting().way(kind, adapter, limits)


def test_a_store_that_gives_no_links_is_told_where_nothing_else_is_left(tmp_path):
    adapter = VENDORS["powertokens"]
    found = Hosting(DirectoryStore(tmp_path)).violations(
        asked(Role.REFERENCE_VIDEO, MB), limits_of("powertokens"), adapter
    )
    assert [(one.column, one.warning) for one in found] == [("reference_videos", False)]
    assert f"the ClipStore {tmp_path} gives no links" in found[0].rule


def test_a_video_beyond_the_vendor_s_upload_is_refused_before_anything_is_bought():
    adapter, limits = VENDORS["jimmyai"], limits_of("jimmyai", "seedance2.0-md")
    assert Hosting().violations(asked(Role.REFERENCE_VIDEO, 100 * MB), limits, adapter) == []
    (found,) = Hosting().violations(asked(Role.REFERENCE_VIDEO, 100 * MB + 1), limits, adapter)
    assert (found.column, found.value) == ("reference_videos", "x.mp4")
    assert re.search(r"100000001 bytes, JimmyAI's upload takes at most 100000000", found.rule)
    linking = Hosting(SimpleNamespace(can_presign=True))
    assert linking.violations(asked(Role.REFERENCE_VIDEO, 100 * MB + 1), limits, adapter) == []


@pytest.mark.parametrize("seconds", [3600, 24 * 3600])
def test_links_live_as_long_as_the_clip_store_says(tmp_path, monkeypatch, seconds):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    block = ClipStore(
        root="s3://bucket/shared",
        public_endpoint_url="http://127.0.0.1:9",
        endpoint_url="http://127.0.0.1:9",
        presign_seconds=seconds,
        aws_access_key_id="key",
        aws_secret_access_key="hunter2",
    )
    store, file = block.get_store(), tmp_path / "a.png"
    file.write_bytes(b"picture")
    monkeypatch.setattr(store, "size", lambda key: 7)
    link = Hosting(store)._store_and_sign(file, "0" * 64)
    lives = re.search(r"(?:X-Amz-Expires=|Expires=)(\d+)", link)
    if "X-Amz-Expires" in link:
        assert int(lives[1]) == seconds
    else:
        import time

        assert abs(int(lives[1]) - time.time() - seconds) < 60


@pytest.mark.parametrize("root", ["http://host/x", "s3://", "simplecache::s3://bucket"])
async def test_a_clip_store_variable_that_cannot_be_used_is_named(monkeypatch, root):
    monkeypatch.setenv("LONGTAKE_CLIP_STORE", root)
    with pytest.raises(ConfigurationError, match="LONGTAKE_CLIP_STORE is not valid: root"):
        await load_clip_store()


async def test_a_clip_store_document_that_cannot_be_used_is_named_and_not_passed_over(monkeypatch):
    settings = SimpleNamespace(api=SimpleNamespace(url="http://127.0.0.1:9"))
    monkeypatch.setattr("blocks._documents.get_current_settings", lambda: settings)
    monkeypatch.setenv("LONGTAKE_CLIP_STORE", "/some/folder")

    async def broken(name):
        try:
            ClipStore(root="http://host/x")
        except ValueError as error:
            raise RuntimeError("Unable to load block") from error

    monkeypatch.setattr(ClipStore, "aload", broken)
    with pytest.raises(ConfigurationError, match="clip-store/default is not valid: root"):
        await load_clip_store()

    async def opens_nothing(name):
        return ClipStore(root="s3://bucket/x")

    def fails(block):
        raise ValueError("no such profile")

    monkeypatch.setattr(ClipStore, "aload", opens_nothing)
    monkeypatch.setattr(ClipStore, "get_store", fails)
    with pytest.raises(ValueError, match="no such profile"):
        await load_clip_store()
