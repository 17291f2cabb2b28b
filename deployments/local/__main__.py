"""Starts server, sandbox and worker, deploys, and ends all of them on Ctrl-C, SIGTERM or its own death."""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from deployments.local.existing import refuse_unasked, require_free_port
from deployments.local.server.access import LOGIN_PATH, login_address, secret_of
from deployments.local.server.join import before_prefect, join_server
from deployments.local.streams import STREAMS
from flows._server_reach import port_taken
from longtake.domain.errors import ConfigurationError, LongtakeError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

PROJECT = Path(__file__).parents[2]
SERVER_PORT, SANDBOX_PORT = 4200, 4280
# A worker asks every few seconds for work; a run whose process died is Crashed after three missed beats.
WORKER_SETTINGS = {"PREFECT_WORKER_QUERY_SECONDS": "2", "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs until it is told to end, or a worker ends by itself."""
    parser = argparse.ArgumentParser(prog="python -m deployments.local", description=__doc__)
    parser.add_argument(
        "--real", action="store_true", help="the real vendors, which cost money, instead of the sandbox"
    )
    parser.add_argument("--workers", type=int, default=1, help="worker processes (default 1)")
    parser.add_argument(
        "--port", type=int, default=SERVER_PORT, help=f"port of the Prefect server (default {SERVER_PORT}); 0 for any"
    )
    parser.add_argument(
        "--join", action="store_true", help="deploy to the server that PREFECT_API_URL or a Prefect profile names"
    )
    parser.add_argument("--sandbox-port", type=int, default=SANDBOX_PORT, help="port of the sandbox")
    chosen = parser.parse_args(arguments)
    if arguments is None:
        STREAMS.open()
    signal.signal(signal.SIGTERM, _end)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _end)
    try:
        with ExitStack() as stack:
            _start(chosen, stack)
    except KeyboardInterrupt:
        return 0
    except LongtakeError as error:
        print(f"deployments.local: {error}", file=sys.stderr)  # noqa: T201 - a command speaks to people
        return 2


def _start(chosen: argparse.Namespace, stack: ExitStack) -> NoReturn:
    os.environ.setdefault("LONGTAKE_SERVER_PORT", str(chosen.port))
    if not before_prefect():
        require_free_port(chosen.port)
    server = stack.enter_context(join_server())
    if server.places is None and not chosen.join:
        refuse_unasked(server)
    if not chosen.real:
        from longtake.sandbox.app import Sandbox  # noqa: PLC0415 - slow, and the server starts meanwhile
        from longtake.sandbox.settings import SandboxSettings  # noqa: PLC0415

        # The ledger names the vendors' addresses, so the sandbox keeps its port from one day to the next.
        try:
            sandbox = stack.enter_context(Sandbox(SandboxSettings(port=chosen.sandbox_port)))
        except OSError as error:
            raise port_taken(chosen.sandbox_port, "--sandbox-port", error) from None
        os.environ |= {"LONGTAKE_SANDBOX_URL": sandbox.url, "LONGTAKE_ALLOW_HOSTS": "127.0.0.1"}
        _say(f"sandbox      {sandbox.url}/_sandbox/bill tells what was bought; it costs nothing")
    from deployments.server_contents import WORK_POOL, bootstrap  # noqa: PLC0415 - imports Prefect

    server.wait_until_ready()
    for line in asyncio.run(bootstrap()):
        _say(line)
    prefect = [sys.executable, "-m", "prefect", "--no-prompt"]
    deployed = subprocess.run([*prefect, "deploy", "--all"], cwd=PROJECT, capture_output=True, text=True, check=False)
    if deployed.returncode != 0:
        raise ConfigurationError(f"prefect deploy --all: {deployed.stdout[-2000:]}{deployed.stderr[-2000:]}")
    workers = [
        stack.enter_context(_tethered(*prefect, "worker", "start", "--pool", WORK_POOL, "--name", f"local-{number}"))
        for number in range(1, chosen.workers + 1)
    ]
    origin = server.api_url.removesuffix("/api")
    if server.places is None:
        _say(f"Prefect      {origin}, which was there already")
        return _watch(workers)
    _say(f"Prefect      {origin}, its log {server.places.log}")
    if sys.stdout.isatty():  # a file of our words would be a copy of the secret
        _say(f"to log in    {login_address(origin, secret_of(server.places.secret))}")
    else:
        _say(f"to log in    {origin}{LOGIN_PATH} asks for what stands in {server.places.secret}")
    _say("from another terminal:")
    secret = shlex.quote(str(server.places.secret))
    _say(f'export PREFECT_API_URL={server.api_url} PREFECT_API_AUTH_STRING="$(cat {secret})"')
    return _watch(workers)


def _watch(workers: Sequence[subprocess.Popen[bytes]]) -> NoReturn:
    _say("Everything runs. Ctrl-C ends all of it.")
    while all(worker.poll() is None for worker in workers):
        time.sleep(0.5)
    raise ConfigurationError("a worker has ended")


@contextmanager
def _tethered(*command: str) -> Generator[subprocess.Popen[bytes]]:
    """A process that ends, with all that it started, when we do: it is told by the pipe that our death closes."""
    tether = [sys.executable, "-m", "deployments.local._tether", *command]
    with subprocess.Popen(tether, cwd=PROJECT, env=os.environ | WORKER_SETTINGS, stdin=subprocess.PIPE) as process:
        yield process


def _end(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _say(words: str) -> None:
    print(words, flush=True)  # noqa: T201 - a command speaks to people


if __name__ == "__main__":
    sys.exit(main())
