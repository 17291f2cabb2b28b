"""Addresses: one way to tell their scheme, and one in which people see them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import longtake
from longtake.domain.addresses import bucket_of, scheme_of, shown

LIBRARY = Path(longtake.__file__).parent


@pytest.mark.parametrize(
    ("address", "scheme"),
    [
        ("http://h/a.png", "http"),
        ("HTTPS://h/a.png", "https"),
        ("s3://b/k.png", "s3"),
        ("asset://abc", "asset"),
        ("DATA:image/png;base64,AAEC", "data"),
        ("/pictures/a.png", "file"),
        ("/pictures/a:b.png", "file"),
        ("data", "file"),
        ("https", "file"),
        ("", "file"),
    ],
)
def test_the_scheme_of_an_address(address: str, scheme: str) -> None:
    assert scheme_of(address) == scheme


@pytest.mark.parametrize(
    ("address", "seen"),
    [
        ("https://u:p@Host/a?Signature=s&x=1#f", "https://host/a?x=1"),
        ("ftp://u:p@host/a?sig=s", "ftp://host/a"),
        ("http://[bad?Signature=s", "http://[bad"),
        ("s3://KEY:SECRET@bucket/a.png", "s3://bucket/a.png"),
        ("s3://bucket/A #1?.png", "s3://bucket/A #1?.png"),
        ("asset://AbC-1", "asset://AbC-1"),
        ("/p/a b?.png", "/p/a b?.png"),
        ("DATA:image/png;base64," + "A" * 9999, "DATA:image/png;base64,… (10021 characters)"),
    ],
)
def test_people_see_an_address_without_signature_user_or_data(address: str, seen: str) -> None:
    assert shown(address) == seen


def test_a_long_address_is_cut_and_says_so() -> None:
    assert (len(shown("/" + "x" * 5000)), shown("/" + "x" * 5000)[-4:]) == (200, "x...")


def test_a_bucket_is_what_comes_before_the_key() -> None:
    assert {bucket_of(each) for each in ("s3://b", "s3://b/", "s3://b/k", "s3://b/k/l")} == {"s3://b"}


def test_no_other_module_of_the_library_tells_schemes_apart_by_their_first_letters() -> None:
    """Vendors' own documents aside: what they answer and take is theirs."""
    found: list[str] = []
    for path in LIBRARY.rglob("*.py"):
        if {"sandbox", "vendors"} & set(path.parts) or path == LIBRARY / "domain" / "addresses.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (
                isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "startswith"
            ):
                continue
            words = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
            if {"s3://", "s3:", "data:", "asset:", "asset://", "http://", "https://"} & set(words):
                found.append(f"{path.relative_to(LIBRARY)}, line {node.lineno}")
    assert found == []
