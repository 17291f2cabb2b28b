"""Identities: what decides about a purchase is in the hash, nothing else is, and the algorithm holds still."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.domain.addresses import data_uri_bytes, unsigned_url
from longtake.domain.identity import (
    VERSION,
    Identities,
    WrittenRow,
    attempt_identity,
    first_attempt,
    next_attempt,
    source_key,
)
from longtake.domain.request import Reference, Role, ShotRequest


def digest(source: str) -> str:
    """Stands for the bytes behind a path: its last part decides."""
    return hashlib.sha256(source.rpartition("/")[2].encode()).hexdigest()


def reference(role: Role, source: str) -> Reference:
    return Reference(role=role, source=source)


PLAIN = WrittenRow(request=ShotRequest(prompt="a red fox"))
FULL = WrittenRow(
    vendor="evolink/studio",
    model="seedance-2.0",
    request=ShotRequest(
        prompt='海边 {braces} "quotes" \n new line',
        model="seedance-2.0",
        duration_seconds=5,
        resolution="720p",
        ratio="16:9",
        seed=7,
        generate_audio=False,
        watermark=True,
        web_search=False,
        content_filter=True,
        return_last_frame=True,
        safety_identifier="tag",
        callback_url="https://example.com/cb",
        references=(
            reference(Role.REFERENCE_AUDIO, "data:audio/mp3;base64,AAEC"),
            reference(Role.REFERENCE_IMAGE, "/somewhere/a.png"),
            reference(Role.REFERENCE_IMAGE, "s3://bucket/b.png"),
            reference(Role.REFERENCE_VIDEO, "https://CDN.example.com/v.mp4?X-Amz-Signature=1&v=2#part"),
            reference(Role.REFERENCE_VIDEO, "asset://asset-1"),
        ),
    ),
    continue_from="clip",
    reference_tail_seconds=3.5,
)


def identity(row: WrittenRow = PLAIN, **changes: object) -> str:
    given = {"reel": "r", "shot": "1", "take": 1, "row": row} | changes
    return Identities(digest).of_shot(**given)  # type: ignore[arg-type]


def canonical_form(row: WrittenRow) -> dict[str, object]:
    """What is hashed of a row, as plain values: only what is given, references in the order of roles."""
    roles = [role.value for role in Role]
    references = [[each.role.value, source_key(each.source, digest)] for each in row.request.references]
    form = {
        "vendor": row.vendor,
        "model": row.model,
        "references": sorted(references, key=lambda pair: roles.index(pair[0])),
        "continue_from": row.continue_from,
        "reference_tail_seconds": row.reference_tail_seconds,
    }
    options = row.request.model_dump(exclude={"prompt", "model", "references"}, exclude_none=True)
    return {name: value for name, value in form.items() if value} | {"prompt": row.request.prompt, "options": options}


FLAGS = ("generate_audio", "watermark", "web_search", "content_filter", "return_last_frame")


class TestGolden:
    """These values were written down when version 1 was made. Where one changes, what was paid for is bought again."""

    def test_version_one(self) -> None:
        assert VERSION == 1

    def test_of_a_plain_row(self) -> None:
        assert identity() == "1-79140021a09155c5db5ae4d3238acde45e325cb7"
        assert Identities(digest).of_request(PLAIN) == "699d482c6b17"

    def test_of_a_row_with_everything(self) -> None:
        assert (
            identity(FULL, reel="海/😀", shot="010", take=3, parent="1-" + "0" * 40)
            == "1-9e2fe39f2b02b5e30e7c96e8ebf39f23bc593272"
        )
        assert Identities(digest).of_request(FULL) == "4e3e75e4072a"

    def test_of_later_attempts(self) -> None:
        assert attempt_identity("1-ab", 1) == "1-ab"
        assert attempt_identity("1-ab", 2) == "1-ab-2"
        assert [next_attempt(one) for one in ("1-ab", "1-ab-2", "1-ab-9")] == ["1-ab-2", "1-ab-3", "1-ab-10"]
        assert [first_attempt(one) for one in ("1-ab", "1-ab-2", "1-ab-10", "")] == ["1-ab", "1-ab", "1-ab", ""]

    def test_the_hashed_text_is_canonical_json(self) -> None:
        form = {
            "vendor": "evolink/studio",
            "model": "seedance-2.0",
            "prompt": FULL.request.prompt,
            "options": {
                "duration_seconds": 5,
                "resolution": "720p",
                "ratio": "16:9",
                "seed": 7,
                "generate_audio": False,
                "watermark": True,
                "web_search": False,
                "content_filter": True,
                "return_last_frame": True,
                "safety_identifier": "tag",
                "callback_url": "https://example.com/cb",
            },
            "references": [
                ["reference_image", f"sha256:{digest('a.png')}"],
                ["reference_image", f"sha256:{digest('b.png')}"],
                ["reference_video", "https://cdn.example.com/v.mp4?v=2"],
                ["reference_video", "asset://asset-1"],
                ["reference_audio", f"sha256:{hashlib.sha256(bytes([0, 1, 2])).hexdigest()}"],
            ],
            "continue_from": "clip",
            "reference_tail_seconds": 3.5,
        }
        assert canonical_form(FULL) == form
        text = json.dumps(
            {"version": 1, "reel": "r", "shot": "1", "take": 1, "row": form, "parent": None},
            ensure_ascii=False,
            sort_keys=True,
            separators=(",", ":"),
        )
        assert identity(FULL) == f"1-{hashlib.sha256(text.encode()).hexdigest()[:40]}"

    @given(
        row=st.builds(
            WrittenRow,
            vendor=st.none() | st.text(),
            model=st.none() | st.text(),
            continue_from=st.sampled_from([None, "clip", "last_frame"]),
            reference_tail_seconds=st.none() | st.floats(min_value=0, max_value=60),
            request=st.builds(
                ShotRequest,
                prompt=st.text(),
                duration_seconds=st.none() | st.just("auto") | st.integers(),
                resolution=st.none() | st.text(),
                seed=st.none() | st.integers(0, 2),
                watermark=st.none() | st.booleans(),
                web_search=st.none() | st.booleans(),
                safety_identifier=st.none() | st.text(),
                references=st.lists(
                    st.builds(
                        reference, st.sampled_from(Role), st.sampled_from(["/a.png", "https://h/ö?x=1", "asset://i"])
                    )
                ).map(tuple),
            ),
        ),
        reel=st.text(),
        shot=st.text(),
        take=st.integers(1),
        parent=st.none() | st.text(),
        made_with=st.lists(st.text()),
    )
    def test_every_row_is_hashed_as_the_canonical_json_of_its_form(
        self, row, reel, shot, take, parent, made_with
    ) -> None:
        form = {"version": 1, "reel": reel, "shot": shot, "take": take, "row": canonical_form(row), "parent": parent}
        form |= {"made_with": sorted(made_with)} if made_with else {}
        text = json.dumps(form, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        expected = f"1-{hashlib.sha256(text.encode()).hexdigest()[:40]}"
        assert identity(row, reel=reel, shot=shot, take=take, parent=parent, made_with=made_with) == expected


class TestWhatDecides:
    @pytest.mark.parametrize(
        "changes",
        [{"reel": "s"}, {"reel": "R"}, {"shot": "01"}, {"take": 2}, {"parent": "1-00"}],
    )
    def test_place_take_and_parent_do(self, changes: dict[str, object]) -> None:
        assert identity(**changes) != identity()

    def test_templates_and_fixes_do_in_any_order(self) -> None:
        one, other = identity(made_with=["extend@1", "fit@1"]), identity(made_with=["fit@1", "extend@1"])
        assert one == other
        assert len({one, identity(), identity(made_with=["extend@2", "fit@1"])}) == 3

    def test_reel_and_shot_are_not_run_together(self) -> None:
        assert identity(reel="a/b", shot="c") != identity(reel="a", shot="b/c")

    @pytest.mark.parametrize("name", [name for name in ShotRequest.model_fields if name not in ("model", "references")])
    def test_every_option_does(self, name: str) -> None:
        values = {"duration_seconds": "auto", "seed": 0, **dict.fromkeys(FLAGS, False)}
        value = values.get(name, "another")
        changed = PLAIN._replace(request=PLAIN.request.model_copy(update={name: value}))
        assert identity(changed) != identity()

    @pytest.mark.parametrize(
        "changes",
        [
            {"vendor": "evolink"},
            {"model": "seedance-2.0-mini"},
            {"continue_from": "clip"},
            {"reference_tail_seconds": 2.0},
        ],
    )
    def test_vendor_model_and_continuation_do(self, changes: dict[str, object]) -> None:
        assert identity(PLAIN._replace(**changes)) != identity()

    def test_false_is_not_the_same_as_not_given(self) -> None:
        silent = PLAIN._replace(request=PLAIN.request.model_copy(update={"generate_audio": False}))
        assert identity(silent) != identity()

    def test_the_runs_model_does_not(self) -> None:
        other = PLAIN._replace(request=PLAIN.request.model_copy(update={"model": "seedance-2.0-fast"}))
        assert identity(other) == identity()

    def with_images(self, *sources: str, role: Role = Role.REFERENCE_IMAGE) -> str:
        references = tuple(reference(role, source) for source in sources)
        return identity(PLAIN._replace(request=PLAIN.request.model_copy(update={"references": references})))

    def test_a_local_file_counts_by_its_bytes_and_not_its_place(self) -> None:
        assert self.with_images("/x/a.png") == self.with_images("/y/a.png") == self.with_images("s3://b/k/a.png")
        assert self.with_images("/x/a.png") != self.with_images("/x/b.png")

    def test_order_within_a_role_and_the_role_count(self) -> None:
        assert self.with_images("/a", "/b") != self.with_images("/b", "/a")
        assert self.with_images("/a") != self.with_images("/a", role=Role.FIRST_FRAME)

    def test_the_order_of_roles_among_themselves_does_not(self) -> None:
        image, video = reference(Role.REFERENCE_IMAGE, "/a"), reference(Role.REFERENCE_VIDEO, "/b")
        rows = [
            PLAIN._replace(request=PLAIN.request.model_copy(update={"references": order}))
            for order in ((image, video), (video, image))
        ]
        assert identity(rows[0]) == identity(rows[1])

    def test_measured_facts_and_hosted_links_do_not(self) -> None:
        hosted = Reference(role=Role.REFERENCE_IMAGE, source="/x/a.png", url="https://host/presigned")
        request = PLAIN.request.model_copy(update={"references": (hosted,)})
        assert identity(PLAIN._replace(request=request)) == self.with_images("/x/a.png")

    @given(st.text(), st.text())
    def test_two_prompts_have_two_identities(self, one: str, other: str) -> None:
        same = identity(WrittenRow(request=ShotRequest(prompt=one))) == identity(
            WrittenRow(request=ShotRequest(prompt=other))
        )
        assert same == (one == other)


class TestAddresses:
    @pytest.mark.parametrize(
        ("url", "kept"),
        [
            ("https://h/p?X-Amz-Signature=a&X-Amz-Date=b&x=1", "https://h/p?x=1"),
            ("https://h/p?Expires=1&Signature=s&Key-Pair-Id=k", "https://h/p"),
            ("https://h/p?sv=1&se=2&sig=3&name=n", "https://h/p?name=n"),
            ("https://h/p?st=3&sp=4", "https://h/p?st=3&sp=4"),
            ("https://h/p?x-oss-process=a&OSSAccessKeyId=b&v=1", "https://h/p?v=1"),
            ("HTTPS://user:pw@H.Example:8443/Path?b=2&a=1#frag", "https://h.example:8443/Path?b=2&a=1"),
            ("https://h/p?a=%20&b=+", "https://h/p?a=+&b=+"),
            ("https://h/p?flag", "https://h/p?flag="),
            ("https://h/路/p?q=海", "https://h/路/p?q=%E6%B5%B7"),
        ],
    )
    def test_a_signature_is_no_part_of_an_address(self, url: str, kept: str) -> None:
        assert unsigned_url(url) == kept

    def test_bytes_that_are_no_utf8_are_kept_apart(self) -> None:
        assert unsigned_url("https://h/p?a=%FF") != unsigned_url("https://h/p?a=%FE")

    @given(st.text(st.characters(exclude_characters="[]", exclude_categories=["Cs"])))
    def test_taking_the_signature_off_twice_changes_nothing(self, query: str) -> None:
        once = unsigned_url(f"https://host/path?{query}")
        assert unsigned_url(once) == once

    def test_data_uris_count_by_their_bytes(self) -> None:
        assert data_uri_bytes("data:image/png;base64,AAEC") == b"\0\1\2"
        assert data_uri_bytes("data:text/plain,a%20b") == b"a b"
        assert source_key("data:image/png;base64,AAEC", digest) == source_key("DATA:image/jpeg;base64,AAEC", digest)

    @pytest.mark.parametrize("uri", ["data:image/png;base64,A", "data:image/png;base64,%41", "data:image/png", "x,y"])
    def test_a_broken_data_uri_is_refused(self, uri: str) -> None:
        with pytest.raises(ValueError, match="data URI"):
            data_uri_bytes(uri)
