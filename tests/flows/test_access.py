"""The local server's secrets: who may not read them gets none, from the server, its files or `/proc`."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from deployments.local.server.access import private_home, secret_of
from deployments.local.server.join import Places
from tests.flows.conftest import ROOT, PrefectServer, basic_login, clean_environment
from tests.flows.test_local_server import Client, server_processes
from tests.warm import warm

KEY = "pk-planted-0123456789abcdef"


@pytest.fixture
def home(prefect_server: PrefectServer) -> Path:
    return prefect_server.home


def test_the_server_hands_out_nothing_without_the_secret(prefect_server: PrefectServer) -> None:
    asked = httpx.post(f"{prefect_server.api_url}/block_documents/filter", json={"include_secrets": True}, timeout=60)
    wrong = httpx.get(f"{prefect_server.api_url}/flows/count", auth=("longtake", "guess"), timeout=60)
    right = httpx.get(f"{prefect_server.api_url}/admin/version", auth=basic_login(), timeout=60)

    assert (asked.status_code, wrong.status_code, right.status_code) == (401, 401, 200)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil:4200", "10.0.0.1", ""])
@pytest.mark.parametrize("path", ["/api/health", "/api/admin/version", "/", "/longtake", "/ui-settings"])
def test_a_foreign_host_is_refused_even_with_the_secret(prefect_server: PrefectServer, host: str, path: str) -> None:
    root = prefect_server.api_url.removesuffix("/api")
    answer = httpx.get(root + path, headers={"Host": host}, auth=basic_login(), timeout=60)

    assert answer.status_code == 400


def test_the_files_of_a_home_are_its_owners_alone(home: Path) -> None:
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE(Places(home).secret.stat().st_mode) == 0o600
    database = list(home.glob("prefect.db*"))
    assert len(database) >= 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in database} == {0o600}


def test_a_home_of_an_earlier_release_is_closed_and_a_shared_folder_keeps_its_mode(tmp_path: Path) -> None:
    old, shared = tmp_path / "old", tmp_path / "shared"
    for folder in (old, shared):
        folder.mkdir()
        (folder / "prefect.db").write_bytes(b"")
        (folder / "prefect.db").chmod(0o644)
    old.chmod(0o755)
    shared.chmod(0o1777)
    private_home(old)
    private_home(shared)

    modes = [stat.S_IMODE(path.stat().st_mode) for path in (old, old / "prefect.db", shared, shared / "prefect.db")]
    assert modes == [0o700, 0o600, 0o1777, 0o600]


def test_all_who_come_at_once_get_one_secret(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from deployments.local.server.access import secret_of\n"
        "print(secret_of(Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "secret")]
    started = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    told = {process.communicate()[0] for process in started}

    assert len(told) == 1
    assert len(told.pop().strip()) > 40
    assert os.listdir(tmp_path) == ["secret"]  # noqa: PTH208


def test_a_secret_that_others_could_read_is_closed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("longtake:known")
    (tmp_path / "secret").chmod(0o644)

    assert secret_of(tmp_path / "secret") == "longtake:known"
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_the_secret_stands_in_no_command_line_and_no_log(home: Path) -> None:
    secret = Places(home).secret.read_text().partition(":")[2]
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
        except psutil.Error:
            continue
        assert secret not in words
    assert secret not in Places(home).log.read_text(errors="replace")


NOBODY = r"""
import json, os, sys, urllib.request
url, home, secret = sys.stdin.read().split()
found = []
def look(words, place):
    if any(each in words for each in (secret.encode(), b"pk-" + b"planted")): found.append(place)
asked = (("/block_documents/filter", b'{"include_secrets": true}'), ("/flows/filter", b"{}"), ("/admin/settings", None))
for path, body in asked:
    request = urllib.request.Request(url + path, data=body, headers={"Content-Type": "application/json"})
    try: look(urllib.request.urlopen(request).read(), path)
    except OSError as error: pass
for folder, _, names in os.walk(home):
    for name in names:
        try: look(open(os.path.join(folder, name), "rb").read(), name)
        except OSError: pass
for pid in filter(str.isdigit, os.listdir("/proc")):
    if int(pid) == os.getpid(): continue
    for name in ("cmdline", "environ"):
        try: look(open(f"/proc/{pid}/{name}", "rb").read(), f"{pid}/{name}")
        except OSError: pass
print(json.dumps([os.getuid(), found]))
"""


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
async def test_another_user_of_the_machine_gets_no_secret(prefect_server: PrefectServer) -> None:
    from pydantic import SecretStr

    from blocks import AnyfastCredentials

    await AnyfastCredentials(api_key=SecretStr(KEY)).save("planted", overwrite=True)  # pyright: ignore[reportGeneralTypeIssues]
    home, url = prefect_server.home, prefect_server.api_url
    above = [folder for folder in home.parents if not folder.stat().st_mode & stat.S_IXOTH]
    for folder in above:  # pytest's own folders are closed: what is tried here is ours
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)
    try:
        words = f"{url} {home} {Places(home).secret.read_text().partition(':')[2]}"
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable
        ended = await asyncio.to_thread(
            subprocess.run,
            [*nobody, python, "-c", NOBODY],
            input=words,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )
    finally:
        for folder in above:
            folder.chmod(folder.stat().st_mode & ~(stat.S_IXOTH | stat.S_IROTH))

    assert ended.returncode == 0, ended.stderr
    who, found = json.loads(ended.stdout)
    assert who == 65534
    assert found == []


def test_another_terminal_of_the_same_home_joins_with_the_address_alone(prefect_server: PrefectServer) -> None:
    environment = clean_environment(prefect_server.home) | {"PREFECT_API_URL": prefect_server.api_url}
    ended = subprocess.run(
        [*warm(), "-m", "longtake_cli.main", "reconcile", "--output", str(prefect_server.home / "none")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "Traceback" not in ended.stderr
    assert "401" not in ended.stderr
    assert ended.returncode in (0, 2), ended.stderr


@pytest.mark.slow
def test_the_server_has_no_key_of_the_command_that_starts_it(new_home: Callable[[], Path]) -> None:
    home = new_home()
    keys = dict.fromkeys(("EVOLINK_API_KEY", "AWS_SECRET_ACCESS_KEY", "LONGTAKE_NOTIFY_URL", "some_token"), KEY)
    client = Client(home, LC_ALL="C", PREFECT_API_DATABASE_PASSWORD="its-own", **keys)
    client.joined()
    client.wait_until_ready()
    try:
        [server] = server_processes(home)
        given = server.environ()
        assert KEY not in str(given)
        assert (given["LC_ALL"], given["PREFECT_API_DATABASE_PASSWORD"]) == ("C", "its-own")
    finally:
        client.kill()


@pytest.mark.slow
def test_two_homes_have_two_secrets(new_home: Callable[[], Path], prefect_server: PrefectServer) -> None:
    home = new_home()
    other = Client(home)
    url = other.joined()["api_url"]
    other.wait_until_ready()
    try:
        assert httpx.get(f"{url}/admin/version", auth=basic_login(), timeout=60).status_code == 401
        assert httpx.get(f"{url}/admin/version", auth=basic_login(home), timeout=60).status_code == 200
        assert server_processes(home)
    finally:
        other.kill()
