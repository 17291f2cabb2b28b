"""The step that reads a manifest in one's own flow."""

from __future__ import annotations

from tasks.manifests import read_manifest
from tests.sandbox.conftest import MediaShop


async def test_a_reference_below_the_named_roots_is_read_by_the_step_too(tmp_path, monkeypatch):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/a.png").write_bytes(MediaShop.image_bytes())
    (tmp_path / "manifests").mkdir()
    manifest = tmp_path / "manifests/m.csv"
    manifest.write_text(f"prompt,vendor,first_frame\np,evolink,{tmp_path}/shared/a.png\n")
    assert (await read_manifest.fn(str(manifest))).violations
    monkeypatch.setenv("LONGTAKE_REFERENCE_ROOTS", str(tmp_path / "shared"))
    assert (await read_manifest.fn(str(manifest))).violations == []
