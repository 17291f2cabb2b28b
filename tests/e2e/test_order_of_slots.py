"""`--order`: in which order jobs begin, by the sandbox's bill."""

from __future__ import annotations

import pytest

from longtake.sandbox.app import Sandbox, SandboxSettings
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts

LONE = [{"reel": f"a{n}", "shot": 1, "prompt": f"lone {n}", "vendor": "evolink"} for n in range(8)]
CHAIN = [
    {
        "reel": "z",
        "shot": n,
        "prompt": f"link {n}",
        "vendor": "evolink",
        "continue_from": "clip" if n > 1 else "",
    }
    for n in (1, 2, 3, 4)
]


@pytest.fixture
def begun(tmp_path, monkeypatch, write_manifest):
    """Renders eight lone shots and then a chain of four in two slots; gives the prompts as their jobs began."""
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    without_films(monkeypatch)

    async def run(**options):
        with Sandbox(SandboxSettings(job_seconds=1.0, jobs_per_key=2, media="stub")) as sandbox:
            load = sandbox_accounts(sandbox, max_jobs_in_flight=2)
            end = await render_plain(
                write_manifest([*LONE, *CHAIN]), tmp_path / "out", load, check=quick_check, **options
            )
            assert end.all_done
            return [str(entry.body["prompt"])[-6:] for entry in sandbox.bill.entries]

    return run


async def test_the_longest_chain_has_a_slot_all_the_time_until_it_is_done(begun):
    prompts = await begun()
    assert prompts.index("link 1") <= 1
    # One of two slots is the chain's; given away while the clip comes home, it would be back after eight others.
    assert prompts.index("link 3") <= 7
    assert [prompt for prompt in prompts if "lone" in prompt] == [row["prompt"] for row in LONE]


async def test_in_manifest_order_the_first_reels_begin_first(begun):
    prompts = await begun(order="manifest")
    # What begins in two slots at the same moment may be sent in either order.
    assert prompts.index("link 1") >= len(LONE) - 1
