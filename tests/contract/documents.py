"""The documents' request schemas (`schemas/`), and the one list of places where we leave them knowingly."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator, FormatChecker

SCHEMAS = Path(__file__).with_name("schemas")


class Deviation(NamedTuple):
    """A value that a document's enum lacks and its own text allows. `places` is the path, `*` for any index."""

    document: str
    places: tuple[str, ...]
    value: str


DEVIATIONS = (
    Deviation("powertokens-mini", ("media", "*", "type"), "first_frame"),
    Deviation("powertokens-mini", ("media", "*", "type"), "last_frame"),
    Deviation("powertokens-mini", ("seconds",), "13"),
    Deviation("powertokens-mini", ("seconds",), "14"),
)


def documents(vendor: str, wire_model: str) -> dict[str, dict[str, Any]]:
    """The schemas of every document of a vendor that names the model."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted(SCHEMAS.glob(f"{vendor}-*.json"))}
    return {name: schema for name, schema in found.items() if wire_model in schema["properties"]["model"]["enum"]}


def breaches(vendor: str, body: Mapping[str, Any]) -> Iterator[str | Deviation]:
    """Where a body breaks a document: a known deviation, or a sentence about an unknown one."""
    schemas = documents(vendor, body["model"])
    if not schemas:
        yield f"no document of {vendor} names {body['model']}"
    for name, schema in schemas.items():
        for error in Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(dict(body)):
            places = tuple("*" if isinstance(place, int) else str(place) for place in error.absolute_path)
            known = error.validator == "enum" and isinstance(error.instance, str)
            deviation = Deviation(name, places, error.instance if known else "")
            yield deviation if deviation in DEVIATIONS else f"{name}: {error.json_path}: {error.message}"
