"""References: where they may come from, and every way out of the manifest's folder that is closed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.domain.addresses import shown
from longtake.domain.request import Role
from longtake.manifests.cells import CellError
from longtake.manifests.references import Roots, absolute

PIXEL = "data:image/png;base64,iVBORw0KGgo="


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "manifests"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.png").write_bytes(b"a")
    (folder / "sub" / "b ü.png").write_bytes(b"b")
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "manifests-too").mkdir()
    (tmp_path / "manifests-too" / "c.png").write_bytes(b"c")
    return folder


def refusal(roots: Roots, value: str, role: Role = Role.REFERENCE_IMAGE) -> CellError:
    with pytest.raises(CellError) as raised:
        roots.resolve(value, role)
    assert raised.value.rule
    assert raised.value.fix
    return raised.value


class TestLocal:
    @pytest.mark.parametrize("value", ["a.png", "./a.png", "sub//b ü.png", "./sub/./b ü.png"])
    def test_a_path_below_the_folder_becomes_absolute(self, base: Path, value: str) -> None:
        found = Roots(str(base)).resolve(value, Role.FIRST_FRAME)
        assert found == os.path.realpath(base / value)

    @pytest.mark.parametrize(
        "value",
        [
            "../secret.png",
            "sub/../a.png",
            "sub/../../secret.png",
            "/etc/passwd",
            "//etc/passwd",
            "~/a.png",
            "~root/a.png",
            "file:a.png",
            "file:///etc/passwd",
            "FILE:///etc/passwd",
            "ftp://host/a.png",
            "gs://bucket/a.png",
            "local://a.png",
            "memory://a.png",
            "github://org:repo@main/a.png",
            "zip://a.png::file.zip",
            "simplecache::s3://bucket/a.png",
            "filecache::a.png",
            "a.png::b",
            "C:\\a.png",
            "C:/a.png",
            "c:a.png",
            "\\\\host\\share\\a.png",
            "sub\\b.png",
            "a.png\0",
            "a\n.png",
            "none.png",
            "sub",
            ".",
            "a.png/",
            "a.png/x",
            "x" * 5000,
            "javascript:alert(1)",
            "%2e%2e/secret.png",
            "a|b.png",
        ],
    )
    def test_everything_else_is_refused(self, base: Path, value: str) -> None:
        refusal(Roots(str(base)), value)

    def test_a_chained_address_is_refused_for_its_chain(self, base: Path) -> None:
        (base / "a.png::b").write_bytes(b"a")
        roots = Roots(str(base), ["s3://mine"])
        for value in ("a.png::b", "s3://mine/a::b", "asset://a::b", "simplecache::a.png", "https://h/x::s3://b/k"):
            assert "chained" in refusal(roots, value).rule

    def test_an_absolute_path_is_refused_even_below_the_folder(self, base: Path) -> None:
        assert refusal(Roots(str(base)), str(base / "a.png")).fix.endswith(": a.png")

    def test_a_link_that_leads_out_is_refused_and_one_that_stays_is_followed(self, base: Path) -> None:
        (base / "out.png").symlink_to(base.parent / "secret.png")
        (base / "outer").symlink_to(base.parent)
        (base / "in.png").symlink_to("sub/b ü.png")
        (base / "dead.png").symlink_to("nowhere")
        roots = Roots(str(base))
        for value in ("out.png", "outer/secret.png"):
            assert "outside" in refusal(roots, value).rule
        refusal(roots, "dead.png")
        assert roots.resolve("in.png", Role.FIRST_FRAME) == str((base / "sub" / "b ü.png").resolve())

    def test_a_manifest_folder_that_is_a_link_itself_is_its_target(self, base: Path) -> None:
        (base.parent / "link").symlink_to(base)
        assert Roots(str(base.parent / "link")).resolve("a.png", Role.FIRST_FRAME) == str((base / "a.png").resolve())

    def test_pipes_and_devices_are_no_files(self, base: Path) -> None:
        os.mkfifo(base / "pipe")
        assert "not a file" in refusal(Roots(str(base)), "pipe").rule
        (base / "zero").symlink_to("/dev/zero")
        assert "outside" in refusal(Roots(str(base)), "zero").rule

    @pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
    def test_a_file_that_may_not_be_read_is_refused(self, base: Path) -> None:
        (base / "a.png").chmod(0)
        assert "cannot be read" in refusal(Roots(str(base)), "a.png").rule

    def test_listed_folders_are_reached_by_absolute_paths_and_links(self, base: Path) -> None:
        too = base.parent / "manifests-too"
        roots = Roots(str(base), [f"{too}/", "s3://shared"])
        assert roots.resolve(str(too / "c.png"), Role.FIRST_FRAME) == str((too / "c.png").resolve())
        (base / "c.png").symlink_to(too / "c.png")
        assert roots.resolve("c.png", Role.FIRST_FRAME) == str((too / "c.png").resolve())
        refusal(roots, str(base.parent / "secret.png"))
        refusal(roots, f"{too}/../secret.png")

    def test_a_listed_folder_is_no_prefix_of_its_neighbours(self, base: Path) -> None:
        refusal(Roots("/nowhere", [str(base)]), str(base.parent / "manifests-too" / "c.png"))

    @given(st.text(alphabet="./~:\\ab\0|s3", max_size=20))
    def test_no_path_ever_leaves_the_folder(self, tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
        outer = tmp_path_factory.getbasetemp() / "hostile"
        folder = outer / "in"
        (folder / "a").mkdir(parents=True, exist_ok=True)
        for name in ("a/b", "b", "../a", "../b"):
            if not (folder / name).exists():
                (folder / name).write_bytes(b"x")
        try:
            found = Roots(str(folder)).resolve(value, Role.FIRST_FRAME)
        except CellError:
            return
        assert found.startswith(f"{folder.resolve()}/")


class TestAddresses:
    @pytest.mark.parametrize(
        ("value", "resolved"),
        [
            ("https://h/a.png?x=1#f", "https://h/a.png?x=1#f"),
            ("HTTPS://H/a.png", "https://H/a.png"),
            ("http://[::1]:8000/a.png", "http://[::1]:8000/a.png"),
            ("http://10.0.0.1/a.png", "http://10.0.0.1/a.png"),
            ("https://h/画.png", "https://h/画.png"),
            ("https://h/a::b.png", "https://h/a::b.png"),
            ("asset://asset-2026.1_x", "asset://asset-2026.1_x"),
            ("ASSET://x", "asset://x"),
            (PIXEL, PIXEL),
            (PIXEL.replace("data", "DATA"), PIXEL),
            ("data:image/svg+xml;charset=utf-8;base64,AAEC", "data:image/svg+xml;charset=utf-8;base64,AAEC"),
        ],
    )
    def test_well_formed_ones_are_taken(self, base: Path, value: str, resolved: str) -> None:
        assert Roots(str(base)).resolve(value, Role.FIRST_FRAME) == resolved

    @pytest.mark.parametrize(
        "value",
        [
            "https://",
            "https:///a.png",
            "https:a.png",
            "https://h:port/a",
            "https://h:99999/a",
            "http://[::1/a",
            "https://user:pw@h/a.png",
            "https://user@h/a.png",
            "https://h/a b.png",
            "https://h/<a>",
            "https://h\\a.png",
            "https://h/x::file:///etc/passwd",
            "asset://",
            "asset:x",
            "asset://a b",
            "asset://a/b",
            "data:",
            "data:image/png",
            "data:image/png,raw",
            "data:image/png;base64,",
            "data:image/png;base64,A",
            "data:image/png;base64,AA EC",
            "data:image/png;base64,%41%41",
            "data:text/html;base64,AAEC",
            "data:video/mp4;base64,AAEC",
            "data:;base64,AAEC",
        ],
    )
    def test_ill_formed_ones_are_refused(self, base: Path, value: str) -> None:
        refusal(Roots(str(base)), value, Role.FIRST_FRAME)

    def test_a_data_uri_is_of_its_columns_kind(self, base: Path) -> None:
        roots = Roots(str(base))
        assert roots.resolve("data:video/mp4;base64,AAEC", Role.REFERENCE_VIDEO)
        assert roots.resolve("data:audio/mpeg;base64,AAEC", Role.REFERENCE_AUDIO)
        refusal(roots, "data:audio/mpeg;base64,AAEC", Role.REFERENCE_VIDEO)


class TestBuckets:
    def test_the_manifests_own_bucket_is_open_and_relative_paths_start_beside_it(self) -> None:
        roots = Roots("s3://mine/batch/today")
        assert roots.resolve("s3://mine/other/a.png", Role.FIRST_FRAME) == "s3://mine/other/a.png"
        assert roots.resolve("S3://mine/a.png", Role.FIRST_FRAME) == "s3://mine/a.png"
        assert roots.resolve("./refs//a.png", Role.FIRST_FRAME) == "s3://mine/batch/today/refs/a.png"

    @pytest.mark.parametrize(
        "value",
        [
            "s3://other/a.png",
            "s3://mine-too/a.png",
            "s3://mine",
            "s3://mine/",
            "s3://mine/folder/",
            "s3:///a.png",
            "s3:mine/a.png",
            "s3://mine/../other/a.png",
            "s3://mine/a/./b.png",
            "s3://mine//a.png",
            "s3://mine/a.png::zip://b",
            "../yesterday/a.png",
            "/etc/passwd",
            "refs/",
        ],
    )
    def test_no_other_bucket_is(self, value: str) -> None:
        refusal(Roots("s3://mine/batch/today"), value)

    def test_a_local_manifest_reaches_listed_buckets_alone(self, base: Path) -> None:
        roots = Roots(str(base), ["s3://shared/stills/", "s3://all"])
        assert roots.resolve("s3://shared/stills/a.png", Role.FIRST_FRAME) == "s3://shared/stills/a.png"
        assert roots.resolve("s3://all/x/y", Role.FIRST_FRAME) == "s3://all/x/y"
        for value in ("s3://shared/a.png", "s3://shared/stills-2/a.png", "s3://allx/a.png", "s3://mine/a.png"):
            assert "outside" in refusal(roots, value).rule


class TestWords:
    def test_messages_show_no_signature_user_or_data(self) -> None:
        assert shown("https://u:p@h/a?Signature=s&x=1") == "https://h/a?x=1"
        assert shown("data:image/png;base64," + "A" * 9999) == "data:image/png;base64,… (10021 characters)"
        assert shown("http://[bad?Signature=s") == "http://[bad"
        assert len(shown("x" * 5000)) == 200

    def test_an_absolute_form_means_the_same_from_anywhere(self) -> None:
        assert absolute("a/b.png", "/m") == "/m/a/b.png"
        assert absolute("a/b.png", "s3://m/x") == "s3://m/x/a/b.png"
        for value in ("/x/a.png", "s3://b/a.png", "https://h/a", PIXEL, "asset://x", "../a.png", "~/a"):
            assert absolute(value, "/m") == value
