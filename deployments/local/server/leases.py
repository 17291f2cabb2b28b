"""What a killed server leaves half done about slots, put right before the next one starts.

Prefect counts a slot, writes its lease and enters the lease in an index, one after the other. Killed in between, it
leaves slots that nobody gives back, or leases that never end. The lease files are what is believed here.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any


def mend_leases(home: Path) -> None:
    """Makes the index of leases and the counts of Longtake's limits agree with the lease files below `home`."""
    folder = home / "concurrency_leases"
    if not folder.is_dir():
        return
    index = folder / "expirations.json"
    leases = [lease for path in folder.glob("*.json") if path != index and (lease := _read(path))]
    fresh = index.with_suffix(".new")
    fresh.write_text(json.dumps({lease["id"]: lease["expiration"] for lease in leases}))
    fresh.replace(index)
    # The lock holds its owner's process id, which in a container is the next server's as well.
    (folder / "expirations.lock").unlink(missing_ok=True)
    held: Counter[str] = Counter()
    for lease in leases:
        for limit_id in lease["resource_ids"]:
            held[limit_id] += int(lease["metadata"]["slots"])
    _count(home / "prefect.db", held)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        lease: dict[str, Any] = json.loads(path.read_bytes())
        return lease if lease["metadata"]["slots"] and lease["expiration"] and lease["resource_ids"] else None
    except (ValueError, KeyError, TypeError):
        return None


def _count(database: Path, held: Counter[str]) -> None:
    if not database.exists():
        return
    with closing(sqlite3.connect(database)) as connection, connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'concurrency_limit_v2'").fetchone():
            return
        rows = connection.execute("SELECT id FROM concurrency_limit_v2 WHERE name LIKE 'longtake-%'").fetchall()
        for (limit_id,) in rows:
            connection.execute(
                "UPDATE concurrency_limit_v2 SET active_slots = ? WHERE id = ?", (held[str(limit_id)], limit_id)
            )
