"""What the next run buys: retry.csv, rows put in, moved or edited, raised takes. Every count is the sandbox's bill."""

from __future__ import annotations

import codecs
import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from longtake.domain.errors import InvalidManifestError
from longtake.manifests.reader import read_manifest
from longtake.planning.prepare import WouldReplaceError
from longtake.sandbox.app import Sandbox
from longtake.sandbox.faults import Fault
from longtake.sandbox.settings import SandboxSettings
from tests.e2e.quick_steps import quick_check, without_films
from tests.plain_render import render_plain, sandbox_accounts
from tests.sandbox.conftest import MediaShop

SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    with Sandbox(SandboxSettings(job_seconds=0.05, jobs_per_key=None, media="stub")) as running:
        yield running


@pytest.fixture
def no_films(monkeypatch):
    without_films(monkeypatch)


@pytest.fixture
def render(tmp_path, sandbox):
    """Renders a manifest into one and the same output; tells the run's end and the prompts that it bought."""

    async def run(manifest: Path, **options):
        before = len(sandbox.bill.entries)
        load = sandbox_accounts(sandbox)
        end = await render_plain(manifest, tmp_path / "out", load, check=quick_check, **options)
        return end, Counter(entry.body["prompt"] for entry in sandbox.bill.entries[before:])

    return run


def chain(reel: str, length: int, **of_shot: dict[str, object]) -> list[dict[str, object]]:
    """A chain of shots `reel1`, `reel2`, …; `s2={...}` changes its second."""
    return [
        SHOT
        | {"reel": reel, "shot": n, "prompt": f"{reel}{n}", "take": 1, "continue_from": "clip" if n > 1 else ""}
        | of_shot.get(f"s{n}", {})
        for n in range(1, length + 1)
    ]


def extended(*prompts: str) -> Counter[str]:
    """The prompts of shots that go on from a clip, as they are sent."""
    return Counter(f"Extend video 1: {prompt}" for prompt in prompts)


def verdicts(end) -> list[str]:
    return [row.verdict.value for row in end.rows]


async def test_retry_csv_completes_broken_chains_and_buys_only_what_they_lack(
    tmp_path, sandbox, write_manifest, render
):
    sandbox.faults.add(Fault(kind="failed", step="look", prompt="a2", retryable=False))
    sandbox.faults.add(Fault(kind="moderation_failed", step="look", prompt="b3"))
    first, _ = await render(write_manifest([*chain("a", 4), *chain("b", 3), *chain("c", 2)]))
    expected = ["done", "failed", "blocked", "blocked", "done", "done", "content_refused", "done", "done"]
    assert verdicts(first) == expected
    retry = tmp_path / "out/retry.csv"
    takes = {f"{row['reel']}{row['shot']}": row["take"] for row in read_manifest(str(retry)).text}
    assert takes == {"a1": "1", "a2": "2", "a3": "1", "a4": "1", "b1": "1", "b2": "1", "b3": "2"}
    second, bought = await render(retry)
    assert second.all_done, second.line
    assert bought == extended("a2", "a3", "a4", "b3")
    assert sorted(path.name for path in (tmp_path / "out/reels").glob("*.mp4")) == ["a.mp4", "b.mp4", "c.mp4"]
    assert len(retry.read_text().splitlines()) == 1


@pytest.mark.usefixtures("no_films")
async def test_retry_csv_keeps_the_identity_of_rows_with_files_templates_variants_and_no_reel(
    tmp_path, sandbox, write_manifest, render
):
    (tmp_path / "stills").mkdir()
    (tmp_path / "stills/a.png").write_bytes(MediaShop.image_bytes())
    rows = [
        SHOT | {"reel": "r", "shot": 1, "prompt": "{scene} {{as is}}", "scene": "sea", "first_frame": "stills/a.png"},
        SHOT | {"reel": "r", "shot": 2, "prompt": "breaks"},
        SHOT | {"prompt": "alone, {scene}", "scene": "hill", "variants": 2},
        SHOT | {"id": "named", "prompt": "breaks too"},
    ]
    sandbox.faults.add(Fault(kind="failed", step="look", prompt="breaks", retryable=False, times=2))
    sandbox.faults.add(Fault(kind="failed", step="look", prompt="alone", retryable=False))
    first, bought = await render(write_manifest(rows))
    assert verdicts(first) == ["done", "failed", "failed", "failed"]
    assert bought == {"sea {as is}": 1, "breaks": 1, "alone, hill": 2, "breaks too": 1}
    second, bought = await render(tmp_path / "out/retry.csv")
    assert second.all_done, second.line
    # A row's take is that of all its variants.
    assert bought == {"breaks": 1, "breaks too": 1, "alone, hill": 2}


@pytest.mark.usefixtures("no_films")
async def test_a_row_put_in_at_the_top_of_prompts_buys_one_clip(write_manifest, render):
    small = {"duration_seconds": 4, "resolution": "480p"}
    rows = [small | {"prompt": f"prompt {n}", "mood": "calm"} for n in range(5)]
    rows.append(small | {"prompt": "prompt 0", "mood": "wild"})
    await render(write_manifest(rows), vendor="evolink")
    end, bought = await render(write_manifest([small | {"prompt": "new"}, *rows]), vendor="evolink")
    assert end.verdicts == {"done": 7}
    assert bought == {"new": 1}


@pytest.mark.usefixtures("no_films")
async def test_moved_rows_and_extra_columns_buy_nothing(write_manifest, render):
    rows = [*chain("a", 2), *chain("b", 2), SHOT | {"prompt": "alone"}]
    await render(write_manifest(rows))
    columns = {"note": "changed", "campaign": "=1+1", "note 2": ""}
    end, bought = await render(write_manifest([columns | row for row in reversed(rows)]))
    assert end.all_done, end.line
    assert bought == {}


@pytest.mark.usefixtures("no_films")
async def test_an_edited_prompt_is_refused_with_its_count_unless_replaced(tmp_path, write_manifest, render):
    await render(write_manifest([*chain("a", 2), *chain("b", 1)]))
    edited = write_manifest([*chain("a", 2, s2={"prompt": "other"}), *chain("b", 1, s1={"prompt": "other too"})])
    with pytest.raises(WouldReplaceError, match=r"2 shot.*a/2, b/1"):
        await render(edited)
    before = (tmp_path / "out/clips/a/2.json").read_text()
    end, bought = await render(edited, replace=True)
    assert end.all_done
    assert bought == extended("other") + Counter(["other too"])
    assert (tmp_path / "out/clips/a/2.json").read_text() != before
    _, bought = await render(edited)
    assert bought == {}


@pytest.mark.usefixtures("no_films")
async def test_a_raised_take_buys_that_shot_alone_where_nothing_follows_it(write_manifest, render):
    await render(write_manifest([*chain("a", 3), *chain("b", 1)]))
    end, bought = await render(write_manifest([*chain("a", 3, s3={"take": 2}), *chain("b", 1)]))
    assert end.all_done
    assert bought == extended("a3")


@pytest.mark.usefixtures("no_films")
async def test_a_raised_take_buys_its_followers_too_once_a_person_agrees(write_manifest, render):
    await render(write_manifest([*chain("a", 3), *chain("b", 1)]))
    raised = write_manifest([*chain("a", 3, s2={"take": 2}), *chain("b", 1)])
    with pytest.raises(WouldReplaceError, match=r"1 shot.*a/3"):
        await render(raised)
    end, bought = await render(raised, replace=True)
    assert end.all_done
    assert bought == extended("a2", "a3")
    _, bought = await render(raised)
    assert bought == {}
    back, bought = await render(write_manifest([*chain("a", 3), *chain("b", 1)]))
    assert back.all_done
    assert bought == {}


@pytest.mark.usefixtures("no_films")
async def test_an_edit_of_a_shot_that_was_never_bought_needs_no_word(sandbox, write_manifest, render):
    sandbox.faults.add(Fault(kind="bad_request", step="submit", prompt="a2"))
    first, _ = await render(write_manifest(chain("a", 2)))
    assert verdicts(first) == ["done", "refused"]
    end, bought = await render(write_manifest(chain("a", 2, s2={"prompt": "mended"})))
    assert end.all_done
    assert bought == extended("mended")


@pytest.mark.usefixtures("no_films")
async def test_a_copy_of_retry_csv_in_another_folder_finds_its_files_and_no_others(
    tmp_path, sandbox, write_manifest, render
):
    for n in (1, 2, 3):
        (tmp_path / f"in/frames/{n}.png").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"in/frames/{n}.png").write_bytes(MediaShop.image_bytes(640, 480 + 2 * n))
    rows = [SHOT | {"reel": "r", "shot": n, "prompt": f"r{n}", "first_frame": f"frames/{n}.png"} for n in (1, 2)]
    sandbox.faults.add(Fault(kind="failed", step="look", prompt="r1", retryable=False))
    await render(write_manifest(rows, "in/manifest.csv"))

    copy, other = tmp_path / "elsewhere/mine.csv", tmp_path / "elsewhere/other.csv"
    copy.parent.mkdir()
    copy.write_bytes((tmp_path / "out/retry.csv").read_bytes())
    other.write_text(copy.read_text("utf-8").replace("frames/1.png", "frames/3.png"), "utf-8")
    with pytest.raises(InvalidManifestError, match="outside the manifest's folder"):
        await render(other)
    (tmp_path / "in/frames/2.png").unlink()
    (tmp_path / "in/frames/2.png").symlink_to("/etc/hostname")
    with pytest.raises(InvalidManifestError, match="outside the manifest's folder"):
        await render(copy)
    (tmp_path / "in/frames/2.png").unlink()
    (tmp_path / "in/frames/2.png").write_bytes(MediaShop.image_bytes(640, 484))
    end, bought = await render(copy)
    assert end.all_done, end.line
    assert bought == {"r1": 1}
    again, bought = await render(copy)
    assert again.all_done, again.line
    assert bought == {}


@pytest.mark.usefixtures("no_films")
@pytest.mark.parametrize("name", ["m.jsonl", "m.csv"])
async def test_retry_of_json_lines_and_of_semicolons_is_exact(tmp_path, sandbox, render, name):
    prompts = ["breaks; „ü“, {scene} {{x}}", "holds"]
    rows = [SHOT | {"reel": "r", "shot": f"0{n}", "prompt": text, "scene": "a|b"} for n, text in enumerate(prompts, 1)]
    if name == "m.jsonl":
        (tmp_path / name).write_text("\n".join(json.dumps(row) for row in rows))
    else:
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, rows[0], delimiter=";")
            table.writeheader()
            table.writerows(rows)
    sandbox.faults.add(Fault(kind="failed", step="look", prompt="breaks", retryable=False))
    await render(tmp_path / name)
    assert (tmp_path / "out/retry.csv").read_bytes().startswith(codecs.BOM_UTF8 + b'"')
    assert (tmp_path / "out/results.csv").read_bytes().startswith(codecs.BOM_UTF8)
    assert (tmp_path / "out/retry.parquet").exists() == (name == "m.jsonl")
    end, bought = await render(tmp_path / "out/retry.csv")
    assert end.all_done, end.line
    assert bought == {"breaks; „ü“, a|b {x}": 1}
    again, bought = await render(tmp_path / name)
    assert again.all_done, again.line
    assert bought == {}
