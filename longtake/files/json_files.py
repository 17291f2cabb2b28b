"""JSON files of an output store."""

from __future__ import annotations

import json
from typing import Any

from longtake.files.store import Store


def read_json(store: Store, key: str) -> dict[str, Any] | None:
    """A JSON object, None where there is none that can be read."""
    try:
        value: object = json.loads(store.read(key) or b"")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def write_json(store: Store, key: str, value: object) -> None:
    """Replaces a JSON file."""
    # A half emoji in a vendor's words is written as JSON's own escape; UTF-8 has no bytes for it.
    text = json.dumps(value, ensure_ascii=False, indent=1, default=str)
    store.write(key, text.encode(errors="backslashreplace"))
