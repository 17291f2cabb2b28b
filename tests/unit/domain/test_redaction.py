"""A key that a vendor repeats is struck out in whatever spelling it comes back."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from longtake.accounts.transport import redact

KEY = 'sk-0123+/45"67=89abcdef'


@pytest.mark.parametrize(
    "spelt",
    [
        KEY,
        quote(KEY, safe=""),
        json.dumps(KEY),
        json.dumps(KEY).replace("/", "\\/"),
        KEY[::-1],
        json.dumps(KEY[::-1]),
    ],
)
def test_no_part_of_a_key_is_left(spelt: str):
    assert redact(f"before {spelt} after", [KEY]).replace('"', "") == "before *** after"


@pytest.mark.parametrize("before", ["", "x", "xy", "Authorization: Bearer "])
@pytest.mark.parametrize("after", ["", "z", "zz"])
def test_base64_of_a_key_is_struck_out_wherever_it_stands_in_the_coded_text(before: str, after: str):
    coded = base64.b64encode(f"{before}{KEY}{after}".encode()).decode()

    for spelt in (coded, coded.replace("+", "-").replace("/", "_")):
        told = redact(f"coded: {spelt}", [KEY])
        assert "***" in told
        assert len(told) < len(f"coded: {spelt}") - len(KEY)


@pytest.mark.parametrize("link", ["https://a.example/b.mp4?sig=1", r"https:\/\/a.example\/b.mp4?sig=1"])
def test_a_link_loses_its_query_also_with_escaped_slashes(link: str):
    assert redact(f"see {link}, please") == f"see {link.partition('?')[0]} please"
