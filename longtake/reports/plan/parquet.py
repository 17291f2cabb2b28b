"""The plan as a table: one row per shot, for pandas and Parquet."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas
import pyarrow
from pyarrow import parquet

_TEXT, _USD, _WHOLE = pyarrow.string(), pyarrow.float64(), pyarrow.int64()
_CANDIDATE = pyarrow.struct(
    [("account", _TEXT), ("wire_model", _TEXT), ("price_low_usd", _USD), ("price_high_usd", _USD)]
)
SCHEMA = pyarrow.schema(
    [
        ("row", _WHOLE),
        ("shot_id", _TEXT),
        ("reel", _TEXT),
        ("shot", _TEXT),
        ("take", _WHOLE),
        ("standing", _TEXT),
        ("account", _TEXT),
        ("wire_model", _TEXT),
        ("candidates", pyarrow.list_(_CANDIDATE)),
        ("identity", _TEXT),
        ("parent", _TEXT),
        ("tail_seconds", _USD),
        ("replaces", pyarrow.list_(_TEXT)),
        ("price_low_usd", _USD),
        ("price_high_usd", _USD),
        ("held", _TEXT),
        ("request", _TEXT),
        ("violations", pyarrow.list_(_TEXT)),
        ("warnings", pyarrow.list_(_TEXT)),
    ]
)
"""The table's columns; `request` is the submit's method, path and body as JSON text."""


def plan_table(rows: Sequence[Mapping[str, Any]]) -> pyarrow.Table:
    """The rows of `longtake.reports.plan.table.plan_rows` as an Arrow table."""
    plain = [
        {**row, "request": None if row["request"] is None else json.dumps(row["request"], ensure_ascii=False)}
        for row in rows
    ]
    return pyarrow.Table.from_pylist(plain, schema=SCHEMA)


def plan_frame(rows: Sequence[Mapping[str, Any]]) -> pandas.DataFrame:
    """The same as a data frame with Arrow types."""
    return plan_table(rows).to_pandas(types_mapper=pandas.ArrowDtype)


def plan_parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The same as a Parquet file."""
    sink = io.BytesIO()
    parquet.write_table(plan_table(rows), sink)
    return sink.getvalue()
