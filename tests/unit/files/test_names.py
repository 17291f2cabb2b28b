"""File names from reels and shots: two names never meet, wherever the files lie."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from longtake.files.names import file_name

# Letters that case folding and normalisation bring together, and what paths are made of.
TRICKY = 'aAeE1.~-_/\\ \0:*?"<>|éÉe\u0301ſsßẞKKkÅÅåﬁﬀİıΣςσ²２一😀\u200d\ud800'
NAMES = st.text(alphabet=TRICKY, max_size=8) | st.text(st.characters(), max_size=300)
SUFFIXES = ("", ".mp4", ".json", ".jpg", ".partial.mp4", ".take-2.mp4", ".mp4.part")


def folded(name: str) -> set[str]:
    """What file systems may take a name for."""
    return {
        form
        for text in (name, name.casefold(), name.lower(), name.upper())
        for form in (unicodedata.normalize(kind, text).casefold() for kind in ("NFC", "NFD", "NFKC", "NFKD"))
    }


@given(NAMES, NAMES)
@settings(max_examples=1000)
@example("Reel", "reel")
@example("caf\u00e9", "cafe\u0301")
@example("a/b", "a-b")
@example("1", "1.take-2")
@example("reel", "reel.partial")
@example("ß", "ss")
def test_two_names_never_share_a_file_with_any_ending(one: str, other: str) -> None:
    if one == other:
        return
    for first in SUFFIXES:
        for second in SUFFIXES:
            assert not folded(file_name(one) + first) & folded(file_name(other) + second)


@given(NAMES)
@settings(max_examples=500)
@example("..")
@example(".")
@example("")
@example("/etc/passwd")
@example("C:\\x")
@example("a\0b")
@example("\U0001f469\u200d\U0001f680" * 80)
@example("각" * 200)
@example("x" * 200)
def test_a_file_name_is_one_safe_part_of_a_path(name: str) -> None:
    made = file_name(name)
    assert made
    assert not set(made) & set('/\\:*?"<>|. ')
    assert made.isprintable()
    for form in ("NFC", "NFD"):
        assert len(unicodedata.normalize(form, f"{made}.take-100.mp4.part").encode()) <= 255
    assert PurePosixPath("out", made).parts == ("out", made)
    assert PureWindowsPath("out", made).parts == ("out", made)


@pytest.mark.parametrize("name", ["1", "0001", "opening-shot", "reel_2", "row-0123456789ab", "x" * 120, "a-"])
def test_plain_names_stay_as_they_are(name: str) -> None:
    assert file_name(name) == name


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("Reel 1", "reel-1~cecbdb8821beed27"),
        ("v1.2", "v1-2~0e4f5bced9416bf3"),
        ("海の歌", "海の歌~7cc3d3004b39714a"),
        ("../../etc", "etc~74ccf3c5b4c19a81"),
        ("con", "con~1143da2bc54c495c"),
        ("CON.x", "con-x~047619f5883de59f"),
        ("", "name~e3b0c44298fc1c14"),
        ("😀", "name~f0443a342c5ef547"),
        ("-a", "a~c274891790345c56"),
    ],
)
def test_other_names_get_a_slug_and_a_hash_that_never_change(name: str, made: str) -> None:
    assert file_name(name) == made


@pytest.mark.parametrize("name", ["con", "NUL", "aux.mp4", "com1", "LPT9.txt", "prn"])
def test_names_that_windows_keeps_for_itself_are_not_used(name: str) -> None:
    stem = f"{file_name(name)}.mp4".split(".", 1)[0]
    assert stem.lower() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
