"""The local server's SQLite: writers take turns, in the order in which they came.

Prefect begins a transaction without the right to write and asks for it later. Two that do so at once collide: one gets
"database is locked", its client a 503, and asks again after 2, 4 and 8 seconds, whatever waits for the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from prefect.server.database.configurations import SQLITE_BEGIN_MODE, AioSqliteConfiguration
from prefect.server.database.dependencies import MODELS_DEPENDENCIES
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

_TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


class SqliteInTurn(AioSqliteConfiguration):
    """Prefect's SQLite, one transaction at a time, with the right to write from its begin."""

    @asynccontextmanager
    async def begin_transaction(
        self, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        if SQLITE_BEGIN_MODE.get() is not None:  # inside another one, which must not wait for itself
            async with super().begin_transaction(session, with_for_update) as transaction:
                yield transaction
            return
        turn = _TURNS.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        async with turn, super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


def take_turns() -> None:
    """Makes the server of this process use it, where its database is SQLite."""
    url = PREFECT_API_DATABASE_CONNECTION_URL.value()
    if url.startswith("sqlite"):
        MODELS_DEPENDENCIES["database_config"] = SqliteInTurn(connection_url=url)
