"""Links that a vendor may answer and nobody should follow: refused before a byte leaves for a private place."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from longtake.files.web.guard import GuardedClient

HOSTILE = [
    "file:///etc/passwd",
    "ftp://127.0.0.1:{port}/a.mp4",
    "gopher://127.0.0.1:{port}/_x",
    "data:video/mp4;base64,AAAA",
    "javascript:alert(1)",
    "s3://bucket/key",
    "//127.0.0.1:{port}/a.mp4",
    "/etc/passwd",
    "",
    "http://",
    "http:///a.mp4",
    "http://127.0.0.1:{port}/a.mp4",
    "http://localhost:{port}/a.mp4",
    "http://localhost.:{port}/a.mp4",
    "http://127.1:{port}/a.mp4",
    "http://2130706433:{port}/a.mp4",
    "http://0x7f000001:{port}/a.mp4",
    "http://0177.0.0.1:{port}/a.mp4",
    "http://0:{port}/a.mp4",
    "http://0.0.0.0:{port}/a.mp4",
    "http://[::1]:{port}/a.mp4",
    "http://[::ffff:127.0.0.1]:{port}/a.mp4",
    "http://[fe80::1%25eth0]:{port}/a.mp4",
    "http://public.example@127.0.0.1:{port}/a.mp4",
    "http://user:word@127.0.0.1:{port}/a.mp4",
    "http://127.0.0.1:{port}\\@public.example/a.mp4",
    "http://127.0.0.1:{port}/\r\nX-Injected: 1",
    "http://169.254.169.254/latest/meta-data/",
    "http://10.0.0.1/a.mp4",
    "http://①②⑦.0.0.1:{port}/a.mp4",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/x",
    "http://127.0.0.1:{port}999999/a.mp4",
]


@pytest.mark.parametrize("link", HOSTILE)
async def test_no_link_of_a_vendor_leads_to_this_machine_or_a_private_net(monkeypatch, link):
    monkeypatch.delenv("LONGTAKE_ALLOW_HOSTS", raising=False)
    connections = []

    async def answer(reader, writer):
        connections.append(1)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    came = False
    async with GuardedClient(timeout_seconds=3) as client:
        with suppress(Exception):
            async with client.stream(link.replace("{port}", str(port))):
                came = True
    server.close()
    assert not came
    assert not connections
