"""Keys that are missing, or that no header can carry, are told together: all are mended at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from longtake.domain.errors import MissingCredentialsError, UnusableKeyError
from longtake.planning.options import RenderOptions
from longtake.planning.prepare import prepare


async def no_key(account: str) -> object:
    if account.startswith("anyfast"):
        raise UnusableKeyError(f"{account}: line end in the key")
    raise MissingCredentialsError(f"{account}: no key")


@pytest.fixture
def options(tmp_path: Path) -> RenderOptions:
    vendors = ["evolink", "jimmyai", "anyfast", "evolink", "evolink/b"]
    lines = [f"r{n},1,{vendor},a fox" for n, vendor in enumerate(vendors)]
    (tmp_path / "m.csv").write_text("reel,shot,vendor,prompt\n" + "\n".join(lines) + "\n")
    return RenderOptions(manifest=str(tmp_path / "m.csv"), output=str(tmp_path / "out"))


async def test_a_render_names_every_missing_key_in_one_pass(options: RenderOptions) -> None:
    with pytest.raises(MissingCredentialsError) as raised:
        await prepare(options, load_account=no_key)  # type: ignore[arg-type]
    told = str(raised.value).splitlines()
    assert [line.split(":")[0] for line in told] == ["evolink", "jimmyai", "anyfast", "evolink/b"]
    assert not (Path(options.output) / "ledger").exists()
