"""Whether a link that a store gives can be fetched: a small file is put there, fetched by its link, and removed."""

from __future__ import annotations

import asyncio
import secrets

from longtake.domain.errors import LongtakeError
from longtake.files.store import Store
from longtake.files.web.guard import FETCH_ERRORS, GuardedClient

LIFE_SECONDS = 300.0


async def link_problem(store: Store) -> str:
    """Why links of this store are no use, "" where one was fetched."""
    if not store.can_presign:
        return f"{store.url} gives no links"
    content, key = secrets.token_hex(16).encode(), f"references/check-{secrets.token_hex(8)}.txt"
    try:
        await asyncio.to_thread(store.write, key, content)
        link = await asyncio.to_thread(store.presign, key, LIFE_SECONDS)
        async with GuardedClient() as client, client.stream(link or "") as response:
            got = b"".join([chunk async for chunk in response.aiter_bytes()])
            if response.status_code != 200 or got != content:
                return f"the link answers HTTP {response.status_code}, and not with the file"
    except (LongtakeError, OSError, *FETCH_ERRORS) as error:
        return f"a link cannot be fetched: {error}"
    finally:
        await asyncio.to_thread(store.remove, key)
    return ""
