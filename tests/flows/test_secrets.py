"""Keys and signed links are planted where they are used, vendors repeat them in their errors, and no file has one."""

from __future__ import annotations

import asyncio
import base64
import csv
import json
import secrets
import subprocess
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from blocks.credentials import CREDENTIALS
from longtake.sandbox.app import Sandbox, SandboxSettings
from longtake.sandbox.clips.media_host import MediaHost
from tests.flows.conftest import ROOT, PrefectServer
from tests.flows.own_server import OwnServer, own_server
from tests.flows.project import Project, deployed, worker_of
from tests.unit.media_server import media_server, picture
from tests.warm import warm

MANNERS = ("rejects", "refuses", "pages", "babbles", "works")
"""Block documents of every vendor, by how the vendor behind them repeats what it was sent."""


@contextmanager
def repeating_vendor(behind: str) -> Iterator[str]:
    """Stands before the sandbox: `/rejects/…` and so on answer with the request's own headers, in many spellings."""
    looked: set[str] = set()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *words: object) -> None:
            pass

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            manner, _, path = self.path.lstrip("/").partition("/")
            words = said_back(self.headers.get("authorization", ""))
            error = json.dumps({"error": {"code": "bad_request", "message": words}, "message": words}).encode()
            if manner == "rejects":
                return self.answer(400, error)
            if manner == "refuses":
                return self.answer(401, error)
            if manner == "pages":
                return self.answer(200, f"<html>{words}</html>".encode(), "text/html")
            if manner == "babbles" and self.command == "GET" and path not in looked:
                looked.add(path)
                return self.answer(500, error)
            kept = {name: self.headers[name] for name in ("Authorization", "Content-Type") if name in self.headers}
            reply = httpx.request(self.command, f"{behind}/{path}", content=body, headers=kept)
            return self.answer(reply.status_code, reply.content)

        do_GET = do_POST = handle_one  # noqa: N815

        def answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def said_back(authorization: str) -> str:
    key = authorization.rpartition(" ")[2]
    link = f"https://media.example.com/a.mp4?X-Amz-Signature={key}"
    spellings = [authorization, key, quote(key, safe=""), base64.b64encode(key.encode()).decode(), key[::-1]]
    return f"no: {' | '.join(spellings)} | {link} | {link.replace('/', chr(92) + '/')}"


def spellings(secret: str) -> dict[str, bytes]:
    """The forms in which a secret might lie in a file."""
    forms = {
        "plain": secret,
        "URL-encoded": quote(secret, safe=""),
        "JSON": json.dumps(secret)[1:-1],
        "JSON with escaped slashes": json.dumps(secret)[1:-1].replace("/", "\\/"),
        "reversed": secret[::-1],
        "reversed JSON": json.dumps(secret[::-1])[1:-1].replace("/", "\\/"),
    }
    found = {name: text.encode() for name, text in forms.items()}
    for shift in range(3):
        # What of its base64 does not depend on what stands before and after it.
        coded = base64.b64encode(b"." * shift + secret.encode())
        found[f"base64, shifted by {shift}"] = coded[(4 if shift else 0) : len(coded) // 4 * 4 - 4]
        found[f"URL-safe base64, shifted by {shift}"] = found[f"base64, shifted by {shift}"].translate(
            bytes.maketrans(b"+/", b"-_")
        )
    return found


def leaks(folders: list[Path], planted: dict[str, str]) -> list[str]:
    """Every file below these folders that holds a secret, and how."""
    wanted = [(name, how, form) for name, secret in planted.items() for how, form in spellings(secret).items()]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 50
    return [
        f"{path}: {name}, {how}: …{data[max(0, at - 120) : at + 20]!r}"
        for path in files
        for data in [path.read_bytes()]
        for name, how, form in wanted
        if (at := data.find(form)) >= 0
    ]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OwnServer]:
    with own_server(tmp_path / "home", {"PREFECT_LOGGING_SERVER_LEVEL": "DEBUG"}) as server:
        yield server


@pytest.fixture
def signatures(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Every signature of the sandbox's links."""
    found: dict[str, str] = {}
    sign = MediaHost._signature

    def signed(host: MediaHost, path: str, expires: str) -> str:
        signature = sign(host, path, expires)
        found[f"signature of {path}"] = signature
        return signature

    monkeypatch.setattr(MediaHost, "_signature", signed)
    return found


def key_of(vendor: str, place: str) -> tuple[str, str]:
    """A key that the sandbox takes, and the part of it that is nowhere else."""
    secret = f"{secrets.token_hex(12)}+/{place}/{secrets.token_hex(4)}="
    return f"sandbox-{vendor}-key-{secret}", secret


def plant_blocks(project: Project, vendor_url: str, vendors: Collection[str] = CREDENTIALS) -> dict[str, str]:
    """A block document of every vendor for every manner; the secrets by document."""
    planted: dict[str, str] = {}

    async def save() -> None:
        for vendor in vendors:
            block = CREDENTIALS[vendor]
            for manner in MANNERS:
                key, planted[f"block {vendor}/{manner}"] = key_of(vendor, manner)
                base_url = f"{vendor_url}/{manner}/{vendor}"
                document = block(api_key=key, base_url=base_url, poll_interval_seconds=0.2)  # type: ignore[arg-type]
                await document.asave(manner)

    with temporary_settings({PREFECT_API_URL: project.api_url}):
        asyncio.run(save())
    return planted


def plant_environment(project: Project, vendors: Collection[str] = CREDENTIALS) -> dict[str, str]:
    planted: dict[str, str] = {}
    for vendor in vendors:
        key, planted[f"environment {vendor}"] = key_of(vendor, "environment")
        variables = {
            "API_KEY": key,
            "BASE_URL": project.sandbox.base_url(vendor),
            "UPLOAD_BASE_URL": project.sandbox.upload_base_url(vendor),
            "POLL_INTERVAL_SECONDS": "0.2",
        }
        project.environment.update({f"{vendor.upper()}_{name}": value for name, value in variables.items()})
    return planted


def write_manifest(project: Project, reference: str, vendors: Collection[str] = CREDENTIALS) -> str:
    """A row for every document of every vendor, and one with a signed reference for the keys of the environment."""
    with (project.folder / "secrets.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "vendor", "prompt", "duration_seconds", "reference_images"])
        for vendor in vendors:
            table.writerow([vendor, vendor, "a lamp", 4, reference])
            for manner in MANNERS:
                table.writerow([f"{vendor}-{manner}", f"{vendor}/{manner}", "a lamp", 4, ""])
    return "secrets.csv"


def listening_to_everything(temporary: Path) -> dict[str, str]:
    """The most talkative environment; what is written on the way lies in a folder that is searched, too."""
    return {
        "LONGTAKE_ALLOW_HOSTS": "127.0.0.1",
        "PREFECT_LOGGING_LEVEL": "DEBUG",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "longtake",
        "TMPDIR": str(temporary),
    }


def test_a_command_leaves_no_key_and_no_signed_link_behind(
    prefect_server: PrefectServer, tmp_path: Path, signatures: dict[str, str]
):
    """One vendor, by the command line; `make slow` does it with all, worker, reconcile and a server that tells all."""
    (folder := tmp_path / "project").mkdir()
    (temporary := tmp_path / "temporary").mkdir()
    with Sandbox(SandboxSettings(job_seconds=0.5, media="stub")) as sandbox:
        environment = prefect_server.environment() | listening_to_everything(temporary)
        project = Project(folder, prefect_server.api_url, sandbox, environment)
        with repeating_vendor(sandbox.url) as vendor_url, picture_host() as host:
            planted = plant_blocks(project, vendor_url, ["evolink"]) | plant_environment(project, ["evolink"])
            planted["signed reference"] = token = secrets.token_hex(16)
            manifest = write_manifest(project, f"{host}/a.png?X-Amz-Signature={token}", ["evolink"])
            command_line(project, "render", manifest, "--output", "out")
    assert "3/6 rows done" in (folder / "render.output").read_text()
    assert len(signatures) >= 3
    (folder / "secrets.csv").unlink()

    assert leaks([prefect_server.home, folder, temporary], planted | signatures) == []


@pytest.mark.slow
def test_no_file_log_or_database_holds_a_key_or_a_signed_link(
    server: OwnServer, tmp_path: Path, signatures: dict[str, str]
):
    (folder := tmp_path / "project").mkdir()
    (temporary := tmp_path / "temporary").mkdir()
    with deployed(server, folder) as project, repeating_vendor(project.sandbox.url) as vendor_url:
        planted = plant_blocks(project, vendor_url) | plant_environment(project)
        planted["signed reference"] = token = secrets.token_hex(16)
        project.environment |= listening_to_everything(temporary)
        with picture_host() as host:
            manifest = write_manifest(project, f"{host}/a.png?X-Amz-Signature={token}")
            with worker_of(project, "worker"):
                run = project.run("render-manifest", manifest=manifest, output="out").raise_for_status().json()["id"]
                end = project.end_of(run)
                assert "12/24 rows done" in end["state"]["message"], end["state"]["message"]
                command_line(project, "plan", manifest, "--output", "out", "--json", "plan.json")
                command_line(project, "render", manifest, "--output", "out-2")
                command_line(project, "reconcile", "--output", "out")
                command_line(project, "report", "out")
                everything = project.run("reconcile-jobs", output=".").raise_for_status().json()["id"]
                project.end_of(everything)
        planted |= signatures
        assert len(signatures) >= 12
    (folder / "secrets.csv").unlink()  # the one place where a person wrote the signed link

    assert leaks([server.home, folder, temporary], planted) == []


def command_line(project: Project, *arguments: str) -> None:
    """A command in the project's folder, what it says kept in a file."""
    command = [*warm(), "-m", "longtake_cli.main", *arguments]
    done = subprocess.run(
        command,
        cwd=project.folder,
        env=project.environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()[-3000:]
    (project.folder / f"{arguments[0]}.output").write_bytes(done.stdout + done.stderr)


@contextmanager
def picture_host() -> Iterator[str]:
    with media_server() as host:
        host.files["/a.png"] = picture()
        yield host.url


def test_the_search_finds_each_spelling(tmp_path: Path):
    secret = "abc+/def=0123456789abcdef"
    for number in range(51):
        (tmp_path / f"{number}").write_bytes(b"nothing")
    for place, form in enumerate(said_back(f"Bearer {secret}").split(" | ")):
        (tmp_path / "0").write_bytes(b"xy" + form.encode())
        assert leaks([tmp_path], {"key": secret}), place
