"""`longtake verify`: a line or an object for each film, and an exit code that says whether all of them hold."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError

from longtake.media.labelling.signing import Ingredient, sign_film
from longtake_cli.main import main
from tests.media.certificates import Identity, identity
from tests.media.marked_files import FIELDS, aigc_text, c2pa_box, keyed, marked
from tests.media.scenes import pan, write_clip
from tests.media.signed_clips import as_the_vendor, signs_as


@pytest.fixture(scope="module")
def who() -> Identity:
    return identity()


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory, who: Identity) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    clip = write_clip(folder / "clip.mp4", pan(6))
    found = {"plain": clip, "signed": folder / "signed.mp4", "changed": folder / "changed.mp4"}
    found["junk"] = marked(clip, folder / "junk.mp4", c2pa_box(), keyed(b"AIGC", aigc_text()))
    vendors = as_the_vendor(clip, folder / "vendors.mp4")
    parts = [Ingredient(path=vendors, title="r/1"), Ingredient(path=clip, title="r/2\x1b[2J")]
    sign_film(clip, found["signed"], parts, signs_as(who), title="r.mp4")
    data = bytearray(found["signed"].read_bytes())
    data[data.index(b"mdat") + 40] ^= 1
    found["changed"].write_bytes(data)
    found["empty"] = folder / "empty.mp4"
    found["empty"].touch()
    return found


def test_a_signed_film_holds_and_all_that_it_claims_is_told(
    films: dict[str, Path], who: Identity, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(films["signed"])]) == 0
    words = capsys.readouterr().out
    assert "holds (Valid): signed by Longtake Tests, Es256, without a time stamp, written by Longtake" in words
    assert "made: c2pa.created, c2pa.placed; trainedAlgorithmicMedia" in words
    assert "of r/1 (componentOf): its own manifest urn:c2pa:" in words
    assert "(componentOf): no manifest of its own" in words
    assert "\x1b" not in words

    anchors = tmp_path / "authority.pem"
    anchors.write_text(who.authority)
    assert main(["verify", "--trust", str(anchors), "--json", str(films["signed"])]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["holds"], told["claim"]["state"]) == (True, "Trusted")


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("changed", 1, "does NOT hold (Invalid)"),
        ("plain", 1, "has no C2PA manifest"),
        ("junk", 1, "does NOT hold: its C2PA manifest cannot be read"),
        ("empty", 2, "cannot be read"),
        ("absent", 2, "cannot be read"),
    ],
)
def test_what_does_not_hold_or_cannot_be_read_has_its_exit_code(
    films: dict[str, Path], capsys: pytest.CaptureFixture[str], name: str, code: int, words: str
) -> None:
    film = films.get(name, films["plain"].with_name("absent.mp4"))
    assert main(["verify", str(film)]) == code
    said = capsys.readouterr().out
    assert f"{film}: {words}" in said
    assert ("AIGC: Label 1, ContentProducer " + FIELDS["ContentProducer"] in said) == (name == "junk")


def test_of_several_files_each_is_told_and_the_worst_decides(
    films: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(films[name]) for name in ("signed", "empty", "changed")]
    assert main(["verify", "--json", *files]) == 2
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["file"] for each in told] == files
    assert [each.get("holds") for each in told] == [True, None, False]
    assert told[1]["error"]


def test_a_field_of_several_lines_cannot_speak_for_another_film(
    films: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fields = FIELDS | {"ContentProducer": "x\n/films/a.mp4: holds (Trusted)"}
    film = marked(films["plain"], tmp_path / "film.mp4", keyed(b"AIGC", aigc_text(fields)))
    assert main(["verify", str(film)]) == 1
    told = capsys.readouterr().out.splitlines()
    assert [line for line in told if line.startswith("/films/a.mp4")] == []
    assert len(told) == 2


def test_a_store_that_cannot_be_reached_keeps_no_other_film_from_being_told(
    films: dict[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(source: str, target: Path) -> None:
        raise EndpointConnectionError(endpoint_url=f"http://store.invalid/{source}")

    monkeypatch.setattr("longtake.files.sources.copy_source", away)
    assert main(["verify", "s3://films/a.mp4", str(films["signed"])]) == 2
    said = capsys.readouterr().out
    assert "s3://films/a.mp4: cannot be read: EndpointConnectionError: Could not connect" in said
    assert f"{films['signed']}: holds (Valid)" in said


def test_authorities_that_are_none_are_refused(
    films: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "none.pem").write_text("none")
    (tmp_path / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    for file in ("none.pem", "broken.pem", "absent.pem"):
        assert main(["verify", "--trust", str(tmp_path / file), str(films["signed"])]) == 2
        assert f"--trust {tmp_path / file}" in capsys.readouterr().err


def test_without_the_library_a_manifest_is_seen_and_not_called_good(
    films: dict[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def here(function: Callable[..., object], *args: object, deadline_seconds: float) -> object:
        assert deadline_seconds > 0
        return function(*args)

    monkeypatch.setattr("longtake.media.workers.in_child", here)
    monkeypatch.setitem(sys.modules, "c2pa", None)
    assert main(["verify", str(films["signed"])]) == 2
    assert "has a C2PA manifest, which cannot be checked: C2PA's library is not installed" in capsys.readouterr().out
