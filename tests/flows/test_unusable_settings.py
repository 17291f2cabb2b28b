"""Settings of Prefect, servers and proxies that cannot be used: the reason and the fix in lines, before all begins."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from flows._prefect_settings import settings_files
from flows._proxies import prepare_proxies
from flows._server_reach import require_address, require_answer
from longtake.domain.errors import ConfigurationError
from tests.flows.conftest import ROOT, clean_environment
from tests.flows.own_server import free_port

NOWHERE = "http://127.0.0.1:9/api"
PLAN = f"plan {ROOT / 'examples' / 'storyboard.csv'}"
COMMANDS = [PLAN, f"render {ROOT / 'examples' / 'storyboard.csv'} --output out", "reconcile --output out", "slots"]


def ended(folder: Path, command: str = PLAN, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command run in a folder, and held to what a fault of its settings may cost."""
    begun = time.monotonic()
    process = subprocess.run(
        [sys.executable, "-m", "longtake_cli.main", *command.split()],
        cwd=folder,
        env=clean_environment(folder / "home") | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert process.returncode == 2, process.stderr
    assert len(process.stderr.splitlines()) <= 10, process.stderr
    assert time.monotonic() - begun < 60
    assert not (folder / "out").exists()
    return process


FILES = {
    "a .env in UTF-16": (".env", f"PREFECT_API_URL={NOWHERE}".encode("utf-16"), "is in UTF-16: save it as UTF-8"),
    "a .env in Latin-1": (".env", "# café".encode("latin-1"), "is not in UTF-8 (byte 6)"),
    "a prefect.toml that is none": ("prefect.toml", b"[api\nurl =", "is not TOML: Expected ']'"),
    "a prefect.toml in Latin-1": ("prefect.toml", "# café".encode("latin-1"), "is not in UTF-8"),
    "a pyproject.toml that is none": ("pyproject.toml", b"[project\nname =", "is not TOML"),
    "no table for Prefect": ("pyproject.toml", b"[tool]\nprefect = 3", "in the place of the table [tool.prefect]"),
    "profiles that are no TOML": ("home/profiles.toml", b'active = "x\n[profiles', "is not TOML: Illegal character"),
    "profiles in UTF-16": ("home/profiles.toml", 'active = "x"'.encode("utf-16"), "is in UTF-16"),
    "no table of profiles": ("home/profiles.toml", b'active = "x"\nprofiles = 3', "the place of the table [profiles]"),
    "a profile that is none": ("home/profiles.toml", b'active = "x"\n[profiles]\nx = 3', "the table [profiles.x]"),
    "an absent profile": ("home/profiles.toml", b'active = "y"\n[profiles.x]', "asks for; it has: x"),
    "a folder": ("home/profiles.toml/file", b"", "cannot be read: Is a directory"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_settings_file_that_prefect_cannot_read_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    name, written, reason = FILES[kind]
    (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
    (tmp_path / name).write_bytes(written)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))

    with pytest.raises(ConfigurationError) as fault:
        settings_files()

    assert str(tmp_path / name.removesuffix("/file")) in str(fault.value)
    assert reason in str(fault.value)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_broken_profile_ends_each_command_within_seconds(tmp_path: Path, command: str) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "profiles.toml").write_bytes(b'active = "x\n[profiles')

    assert f"longtake: {tmp_path / 'home' / 'profiles.toml'} is not TOML" in ended(tmp_path, command).stderr


def test_all_files_that_cannot_be_read_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("A=b".encode("utf-16"))
    (tmp_path / "prefect.toml").write_bytes(b"[api")

    words = ended(tmp_path).stderr

    assert ".env is in UTF-16" in words
    assert "prefect.toml is not TOML" in words


def test_a_profile_that_the_environment_asks_for_and_nobody_made_is_told(tmp_path: Path) -> None:
    assert "PREFECT_PROFILE=nope asks for; it has: none" in ended(tmp_path, PREFECT_PROFILE="nope").stderr


def test_a_virtual_environment_called_dotenv_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env" / "bin").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)

    assert settings_files()


VALUES = {
    ".env": ("PREFECT_API_REQUEST_TIMEOUT=soon", "PREFECT_API_REQUEST_TIMEOUT in {folder}/.env"),
    "prefect.toml": ('[api]\nrequest_timeout = "soon"', "PREFECT_API_REQUEST_TIMEOUT in {folder}/prefect.toml"),
    "pyproject.toml": ('[tool.prefect.api]\nrequest_timeout = "soon"', "PREFECT_API_REQUEST_TIMEOUT in {folder}/pypro"),
    "home/profiles.toml": (
        'active = "x"\n[profiles.x]\nPREFECT_API_REQUEST_TIMEOUT = "soon"',
        "PREFECT_API_REQUEST_TIMEOUT in {folder}/home/profiles.toml",
    ),
}


@pytest.mark.parametrize(
    "file",
    [pytest.param(file, marks=[pytest.mark.slow] * (file in ("prefect.toml", "pyproject.toml"))) for file in VALUES],
)
def test_a_value_that_prefect_cannot_use_is_told_by_its_name_and_file(tmp_path: Path, file: str) -> None:
    written, place = VALUES[file]
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(written)

    words = ended(tmp_path).stderr

    assert f"({place.format(folder=tmp_path)}" in words
    assert "valid number" in words


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("PREFECT_LOGGING_LEVEL", "LOUD", marks=pytest.mark.slow),
        pytest.param("PREFECT_SERVER_API_PORT", "first", marks=pytest.mark.slow),
        ("PREFECT_CLIENT_CUSTOM_HEADERS", "not JSON"),
    ],
)
def test_a_variable_that_prefect_cannot_use_is_named(tmp_path: Path, name: str, value: str) -> None:
    words = ended(tmp_path, **{name: value}).stderr

    assert f"({name} in the environment)" in words
    assert value not in words  # it may be a secret


def test_a_local_server_that_cannot_start_says_why_within_seconds(tmp_path: Path) -> None:
    words = ended(tmp_path, "slots", PREFECT_API_DATABASE_CONNECTION_URL="nonsense").stderr

    assert "ArgumentError: Could not parse SQLAlchemy URL" in words
    assert str(tmp_path / "home" / "longtake" / "server.log") in words


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:4200/api",
        "localhost:4200/api",
        "htp://127.0.0.1:4200/api",
        "my server",
        '"http://127.0.0.1:4200/api"',
        "http:///api",
        "http://127.0.0.1:99999/api",
        "http://127.0.0.1:port/api",
        "http://[::1:4200/api",
        "http://127.0.0.1:4200/api\n",
    ],
)
def test_an_address_that_is_none_is_told_with_one_that_is(address: str) -> None:
    with pytest.raises(ConfigurationError, match=r"no address of a Prefect server\. Write it as http://127\."):
        require_address(address)


class _Answer(BaseHTTPRequestHandler):
    """Answers all alike, as the server's attributes say."""

    def do_GET(self) -> None:
        status, kind, body, asked = self.server.answer
        if status == 0:
            time.sleep(30)
            return
        if any(self.headers.get(name) != value for name, value in asked.items()):
            status = 401
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def stand_in() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


JSON = "application/json"
ANSWERS = {
    "a login": ((401, JSON, b"{}"), "asks for a login; set PREFECT_API_AUTH_STRING"),
    "another login": ((403, JSON, b"{}"), "asks for a login; set PREFECT_API_AUTH_STRING"),
    "a page": ((200, "text/html", b"<html>"), "no Prefect API; such addresses end with /api"),
    "another service": ((200, JSON, b'{"version": "3.9.1"}'), "no Prefect API; such addresses end with /api"),
    "an address without /api": ((404, JSON, b"{}"), "HTTP 404, which is no Prefect API; such addresses end with /api"),
    "a broken server": ((500, JSON, b"{}"), "no Prefect server answers there (HTTP 500"),
    "half an answer": ((200, JSON, b'"3.9'), "no Prefect server answers there"),
    "an old Prefect": ((200, JSON, b'"2.20.3"'), "a server of Prefect 2.20.3, which Prefect 3."),
    "silence": ((0, JSON, b""), "no Prefect server answers there (timed out)"),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_what_answers_and_is_no_server_that_we_can_use_is_told(
    prefect_server: object, stand_in: ThreadingHTTPServer, kind: str
) -> None:
    answer, words = ANSWERS[kind]
    stand_in.answer = (*answer, {})
    begun = time.monotonic()

    with pytest.raises(ConfigurationError) as fault:
        require_answer(f"http://127.0.0.1:{stand_in.server_port}/api")

    assert words in str(fault.value)
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize("answer", [(200, JSON, b'"3.9.1"'), (200, JSON, b'"3.10.0+7.gabc"'), (200, JSON, b"true")])
def test_a_server_of_our_own_major_release_is_taken(
    prefect_server: object, stand_in: ThreadingHTTPServer, answer: tuple[int, str, bytes]
) -> None:
    stand_in.answer = (*answer, {})

    require_answer(f"http://127.0.0.1:{stand_in.server_port}/api")


def test_a_server_is_asked_with_the_login_and_headers_that_prefect_will_use(
    prefect_server: object, stand_in: ThreadingHTTPServer
) -> None:
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_CLIENT_CUSTOM_HEADERS, temporary_settings

    stand_in.answer = (200, JSON, b'"3.9.1"', {"X-Gate": "open", "Authorization": "Basic bWU6d29yZA=="})
    with temporary_settings(
        {PREFECT_CLIENT_CUSTOM_HEADERS: {"X-Gate": "open"}}, restore_defaults={PREFECT_API_AUTH_STRING}
    ):
        require_answer(f"http://me:word@127.0.0.1:{stand_in.server_port}/api")

        with pytest.raises(ConfigurationError, match="asks for a login") as fault:
            require_answer(f"http://me:s3cret@127.0.0.1:{stand_in.server_port}/api")
    assert "s3cret" not in str(fault.value)


def test_the_file_that_names_a_server_is_told(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/api"
    (tmp_path / ".env").write_text(f"\ufeffexport PREFECT_API_URL={url}\n", encoding="utf-8")

    words = ended(tmp_path).stderr

    assert f"PREFECT_API_URL={url}, from {tmp_path / '.env'}: no Prefect server answers there" in words
    assert f"take PREFECT_API_URL out of {tmp_path / '.env'}" in words


PROXIES = [
    "socks5://127.0.0.1:9",
    "socks5h://127.0.0.1:9",
    "socks4://127.0.0.1:9",
    "socks://127.0.0.1:9",
    "not a proxy",
    "ftp://127.0.0.1:9",
    "http://",
]


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "")  # so that what is set by the code goes with the test
    monkeypatch.setenv("no_proxy", "")
    return monkeypatch


@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_that_cannot_be_used_stops_nothing_on_this_machine(
    bare_environment: pytest.MonkeyPatch, name: str, proxy: str
) -> None:
    bare_environment.setenv(name, proxy)

    prepare_proxies("http://127.0.0.1:4200/api")

    httpx.Client().close()
    assert name not in os.environ


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_proxy_that_cannot_be_used_is_told_where_the_server_is_elsewhere(
    bare_environment: pytest.MonkeyPatch, proxy: str
) -> None:
    bare_environment.setenv("ALL_PROXY", proxy.replace("//1", "//me:s3cret@1"))

    with pytest.raises(ConfigurationError, match=r"^ALL_PROXY: .*\n.*prefect\.example") as fault:
        prepare_proxies("https://prefect.example/api")

    assert "s3cret" not in str(fault.value)
    bare_environment.setenv("NO_PROXY", "prefect.example")
    bare_environment.setenv("no_proxy", "prefect.example")
    prepare_proxies("https://prefect.example/api")
    httpx.Client().close()


def test_a_proxy_that_can_be_used_stays_for_servers_elsewhere(bare_environment: pytest.MonkeyPatch) -> None:
    bare_environment.setenv("HTTPS_PROXY", "http://proxy.example:3128")

    prepare_proxies("https://prefect.example/api")
    prepare_proxies(None)

    assert os.environ["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert os.environ["NO_PROXY"] == "127.0.0.1,localhost,::1"


@pytest.mark.parametrize(
    "listed", ["[::1],a.example", "fe80::/10, a.example", "a.example,::1/128", "a.example,[::1]:80"]
)
def test_entries_of_no_proxy_that_httpx_fails_over_are_left_out(
    bare_environment: pytest.MonkeyPatch, listed: str
) -> None:
    bare_environment.setenv("NO_PROXY", listed)
    bare_environment.setenv("no_proxy", listed)

    prepare_proxies(None)

    httpx.Client().close()
    assert os.environ["NO_PROXY"] == "a.example,127.0.0.1,localhost,::1"


def test_a_star_in_no_proxy_stays(bare_environment: pytest.MonkeyPatch) -> None:
    bare_environment.setenv("NO_PROXY", "*")

    prepare_proxies(None)

    assert os.environ["NO_PROXY"] == "*"


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
def test_a_proxy_on_the_way_to_a_server_that_does_not_answer_is_named(
    prefect_server: object, bare_environment: pytest.MonkeyPatch, name: str
) -> None:
    bare_environment.setenv(name, f"http://127.0.0.1:{free_port()}")

    with pytest.raises(ConfigurationError, match=rf"\(Connection refused, by the proxy of {name}\)"):
        require_answer("http://prefect.example/api")


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
def test_a_server_elsewhere_is_asked_by_the_proxy_that_prefect_will_use(
    prefect_server: object, bare_environment: pytest.MonkeyPatch, stand_in: ThreadingHTTPServer, name: str
) -> None:
    stand_in.answer = (200, JSON, b'"3.9.1"', {"Host": "prefect.example"})
    bare_environment.setenv(name, f"http://127.0.0.1:{stand_in.server_port}")

    require_answer("http://prefect.example/api")
