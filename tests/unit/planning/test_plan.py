"""From rows to shots: standings, inheritance, chains checked and priced before anything is bought, prompts."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from longtake.accounts.account import Account
from longtake.accounts.hosting import Hosting
from longtake.costs.price_book import PriceBook
from longtake.costs.quote import Quote
from longtake.domain.errors import ConfigurationError
from longtake.domain.identity import WrittenRow
from longtake.domain.job import Clip, Job
from longtake.domain.request import MediaFacts, Reference, Role, ShotRequest
from longtake.ledger.records import Accepted, ClipRecord, Intent, Purchase
from longtake.manifests.schema import ManifestRow
from longtake.planning.missing_prices import missing_prices
from longtake.planning.plan import Standing
from longtake.planning.planner import Planner
from longtake.vendors import VENDORS


def row(number, reel="r", *, continues=None, vendor="evolink", model=None, tail=None, take=1, variants=1, **options):
    references = options.pop("references", ())
    request = ShotRequest(prompt=options.pop("prompt", f"shot {number} begins"), references=references, **options)
    if model:
        request = request.model_copy(update={"model": model})
    written = WrittenRow(
        vendor=vendor, model=model, request=request, continue_from=continues, reference_tail_seconds=tail
    )
    return ManifestRow(
        row=number, reel=reel, shot=str(number), take=take, variants=variants, lone=False, written=written
    )


def made(*rows, purchases=None, **settings):
    reels = {}
    for each in rows:
        reels.setdefault(each.reel, []).append(each)
    planner = Planner("evolink", lambda path: f"hash of {path}", **settings)
    return planner.plan(reels, purchases or {}, time.time())


def bought(shot, *, done=True):
    """What the ledger holds of a shot that was bought."""
    intent = Intent(
        identity=shot.identity,
        shot_id=shot.shot_id,
        take=shot.take,
        attempt=1,
        number=1,
        vendor="evolink",
        account="evolink/default",
        base_url="http://x",
        wire_model=shot.model.wire,
        request={},
        deadline=time.time() + 90,
    )
    job = Job(
        vendor="evolink",
        account="evolink/default",
        base_url="http://x",
        wire_model=shot.model.wire,
        job_id="j",
        identity=shot.identity,
        shot_id=shot.shot_id,
        submitted_at=1.0,
    )
    clip = Clip(key="k", sha256="0", size_bytes=1, width=1280, height=720, frames=121, duration_seconds=5.04)
    record = ClipRecord(identity=shot.identity, clip=clip) if done else None
    accepted = Accepted(identity=shot.identity, job=job)
    return Purchase(identity=shot.identity, intents={1: intent}, accepted=accepted, clip=record)


def rules(plan):
    return [violation.rule for violation in plan.refusals]


def prices(usd=1.0, **fields):
    rule = {"unit": "second", "usd": {"*": usd}, "reference_seconds": "added"} | fields
    account = Account(
        vendor="evolink",
        api_key=SecretStr("k"),
        base_url="http://x",
        prices={model.wire: rule for model in VENDORS["evolink"].models},
    )
    return PriceBook({account.name: account})


def test_a_bought_shot_is_done_and_an_edited_one_replaces_it_and_its_children_follow():
    rows = [row(1), row(2, continues="clip"), row(3, continues="clip")]
    before = made(*rows)
    purchases = {shot.identity: bought(shot) for shot in before.shots}
    assert [shot.standing for shot in made(*rows, purchases=purchases).shots] == [Standing.DONE] * 3
    edited = [rows[0], row(2, continues="clip", prompt="another"), rows[2]]
    after = made(*edited, purchases=purchases)
    assert [shot.standing for shot in after.shots] == [Standing.DONE, Standing.REPLACES, Standing.FOLLOWS]
    raised = made(*[rows[0], rows[1], row(3, continues="clip", take=2)], purchases=purchases)
    assert [shot.standing for shot in raised.shots] == [Standing.DONE, Standing.DONE, Standing.NEW]


def test_a_job_in_flight_is_resumed():
    shot = made(row(1)).shots[0]
    assert made(row(1), purchases={shot.identity: bought(shot, done=False)}).shots[0].standing is Standing.RESUME


def test_a_shot_inherits_length_size_and_ratio_along_its_chain():
    plan = made(
        row(1, duration_seconds=7, resolution="480p", ratio="1:1"), row(2, continues="clip"), row(3, continues="clip")
    )
    assert [shot.request.duration_seconds for shot in plan.shots] == [7, 7, 7]
    assert plan.shots[2].request.ratio == "1:1"


def test_a_480p_square_clip_stands_exactly_on_evolinks_floor_and_is_accepted():
    assert rules(made(row(1, resolution="480p", ratio="1:1"), row(2, continues="clip"))) == []


def test_a_clip_that_fits_is_passed_untouched_and_a_longer_one_is_cut_to_its_last_seconds():
    plan = made(row(1, duration_seconds=5), row(2, continues="clip", duration_seconds=15), row(3, continues="clip"))
    assert [shot.tail_seconds for shot in plan.shots] == [None, None, 15.0]
    plan = made(row(1, duration_seconds=5), row(2, continues="clip", tail=2.5))
    assert plan.shots[1].tail_seconds == 2.5


def test_the_rows_own_videos_count_into_the_total_and_under_two_seconds_is_refused():
    source = "https://media.example.com/own.mp4"
    facts = {
        source: MediaFacts(
            kind="video", container="mp4", size_bytes=1, width=1280, height=720, duration_seconds=12.0, fps=24
        )
    }
    own = (Reference(role=Role.REFERENCE_VIDEO, source=source),)
    plan = made(row(1), row(2, continues="clip", references=own), facts=facts)
    assert plan.shots[1].tail_seconds == 3.0
    long = {source: facts[source].model_copy(update={"duration_seconds": 13.5})}
    assert (
        "1.50 s of reference video are left"
        in rules(made(row(1), row(2, continues="clip", references=own), facts=long))[0]
    )


def test_a_chain_behind_a_refused_shot_is_refused():
    plan = made(row(1, duration_seconds=99), row(2, continues="clip"))
    assert "is refused" in rules(plan)[1]


def test_every_shot_of_a_chain_is_priced_with_the_clip_that_will_come():
    plan = made(row(1, duration_seconds=5), row(2, continues="clip", duration_seconds=5), quote=prices())
    first, second = plan.shots
    assert first.quote == Quote(low_usd=5, high_usd=5)
    # 5 s out and 5.04 s in, which the vendor may round either way.
    assert second.quote == Quote(low_usd=10, high_usd=11)


def test_an_auto_parent_is_priced_between_its_shortest_and_longest():
    auto = row(1, duration_seconds="auto", vendor="powertokens")
    account = Account(
        vendor="powertokens",
        api_key=SecretStr("k"),
        base_url="http://x",
        prices={
            model.wire: {"unit": "second", "usd": {"*": 1.0}, "reference_seconds": "added"}
            for model in VENDORS["powertokens"].models
        },
    )
    plan = made(
        auto,
        row(2, continues="clip", vendor="powertokens", duration_seconds=5),
        quote=PriceBook({account.name: account}),
        hosting=Hosting(store=SimpleNamespace(can_presign=True)),
    )
    assert rules(plan) == []
    assert plan.shots[0].quote == Quote(low_usd=4, high_usd=15)
    assert plan.shots[1].quote == Quote(low_usd=9, high_usd=20)


def test_an_unknown_price_is_unknown_and_the_command_that_sets_it_is_told():
    plan = made(row(1), quote=PriceBook({}))
    assert plan.shots[0].quote is None
    (line,) = missing_prices(plan.shots)
    assert line.startswith("evolink/default: ")
    assert "`longtake prices set evolink seedance-2.0-mini-text-to-video 720p=USD`" in line
    assert missing_prices(made(row(1), quote=prices()).shots) == []


@pytest.mark.parametrize(("vendor", "more", "is_told"), [("volcengine", {}, True), ("byteplus", {}, False)])
def test_where_a_vendors_list_is_in_yuan_what_one_is_worth_is_asked_for_first(vendor, more, is_told):
    plan = made(row(1, vendor=vendor, **more), quote=PriceBook({}))
    lines = missing_prices(plan.shots)
    assert any("VOLCENGINE_USD_PER_CNY=0.14" in line for line in lines) == is_told
    searching = made(row(1, vendor=vendor, web_search=True), quote=PriceBook({}))
    assert not any("USD_PER_CNY" in line for line in missing_prices(searching.shots))


def test_prices_that_cannot_be_read_name_the_account():
    with pytest.raises(ConfigurationError, match="evolink/default"):
        prices(unit="furlong")


def test_an_earlier_purchase_is_priced_by_todays_list():
    shot = made(row(1, duration_seconds=5)).shots[0]
    purchase = bought(shot)
    request = {"prompt": "p", "duration_seconds": 5, "references": [{"role": "reference_video", "source": "sha256:ab"}]}
    purchase.intents[1] = purchase.intents[1].model_copy(
        update={"request": request, "wire_model": "seedance-2.0-mini-reference-to-video"}
    )
    quote = prices().reprice(purchase)
    # Nobody knows how long the reference was: from the least to the most that the model takes.
    assert quote.low_usd < quote.high_usd
    assert prices().reprice(Purchase(identity="x")) is None


def test_an_extension_gets_its_wording_and_the_wording_enters_its_identity():
    rows = [row(1), row(2, continues="clip", prompt="She turns."), row(3, continues="last_frame", prompt="She sits.")]
    plan, plain = made(*rows), made(*rows, extension=None)
    assert plan.shots[1].request.prompt == "Extend video 1: She turns."
    assert plan.shots[2].request.prompt == "She sits."
    assert plain.shots[1].request.prompt == "She turns."
    assert plan.shots[0].identity == plain.shots[0].identity
    assert plan.shots[1].identity != plain.shots[1].identity


def test_a_prompt_that_speaks_of_a_reference_that_is_not_there_is_refused():
    plan = made(row(1), row(2, continues="clip", prompt="视频1中的窗户打开，接视频2"), row(3, prompt="like @Image1"))
    found = [(violation.row, violation.value) for violation in plan.refusals]
    assert found == [(2, "视频2"), (3, "@Image1")]


def test_a_local_video_needs_a_vendor_that_can_read_it(tmp_path):
    own = (Reference(role=Role.REFERENCE_VIDEO, source=str(tmp_path / "a.mp4")),)
    assert rules(made(row(1, references=own))) == []
    (rule,) = rules(made(row(1, references=own, vendor="powertokens"), hosting=Hosting()))
    assert "cannot read this video" in rule


@pytest.mark.parametrize("vendor", ["", "nobody", "evolink"])
def test_each_row_names_its_vendor_or_gets_the_runs(vendor):
    plan = made(row(1, vendor=vendor or None))
    assert bool(plan.refusals) == (vendor == "nobody")


def test_variants_are_takes_of_their_own():
    plan = made(row(1, variants=3), row(2, continues="clip"))
    assert [(shot.row.row, shot.take) for shot in plan.shots] == [(1, 1), (1, 2), (1, 3), (2, 1)]
    assert plan.shots[3].parent is plan.shots[0]


def test_one_file_in_two_roles_keeps_both_of_them():
    source = "https://media.example.com/a.png"
    references = tuple(Reference(role=role, source=source) for role in (Role.FIRST_FRAME, Role.REFERENCE_IMAGE))
    (rule,) = rules(made(row(1, references=references, vendor="anyfast")))
    assert rule == "first and last frames cannot be mixed with references"


def test_what_is_sent_inline_is_bounded_alone_and_in_all(tmp_path):
    sources = [str(tmp_path / f"{number}.png") for number in range(9)]
    references = tuple(Reference(role=Role.REFERENCE_IMAGE, source=source) for source in sources)

    def facts(size_bytes):
        return {
            source: MediaFacts(kind="image", container="png", size_bytes=size_bytes, width=640, height=480)
            for source in sources
        }

    def found(count, size_bytes):
        return rules(made(row(1, vendor="anyfast", references=references[:count]), facts=facts(size_bytes)))

    assert found(1, 8 * 2**20) == []
    assert "at most 8388608 are sent inline" in found(1, 8 * 2**20 + 1)[0]
    assert "its files have 54.0 MB, more than one request to Anyfast can carry" in found(9, 6 * 10**6)[0]
    assert found(9, 5 * 10**6) == []


def test_shots_alike_behind_unlike_parents_are_each_judged_by_their_own_parent():
    settings = {"resolution": "480p", "ratio": "1:1"}
    rows = []
    for number, reel in enumerate("abc"):
        length, size = [(15, "480p"), (5, "480p"), (5, "720p")][number]
        rows.append(row(1, reel, duration_seconds=length, resolution=size, ratio="1:1"))
        rows.append(row(2, reel, continues="clip", duration_seconds=5, prompt="the same", **settings))
    plan = made(*rows, quote=prices())
    followers = [shot for shot in plan.shots if shot.parent]
    assert [shot.tail_seconds for shot in followers] == [15.0, None, None]
    assert [shot.quote.high_usd for shot in followers] == [20, 11, 11]
    assert [shot.parent.brings.width for shot in followers] == [640, 640, 960]


def test_of_rows_that_are_alike_only_the_one_with_the_bad_prompt_is_refused():
    plan = made(
        *(row(number, f"r{number}", prompt=prompt) for number, prompt in enumerate(["a cat", "like @Image1", ""]))
    )
    assert [shot.is_refused for shot in plan.shots] == [False, True, True]


def test_half_an_emoji_in_a_prompt_is_the_row_s_violation_and_its_neighbours_are_fine():
    plan = made(row(1), row(2, "s", prompt="a cat \ud83d runs"), row(3, "t"))
    (found,) = plan.refusals
    assert (found.row, found.shot_id, found.column) == (2, "s/2", "prompt")
    assert "character 7 is half of one" in found.rule
    assert found.fix == "write that character anew"
    assert str(found).encode()


def test_what_a_run_does_about_a_shot_is_one_of_three_things_for_each_standing() -> None:
    assert {standing for standing in Standing if standing.buys} == {
        Standing.NEW,
        Standing.AGAIN,
        Standing.REPLACES,
        Standing.FOLLOWS,
    }
    assert {standing for standing in Standing if standing.has_work} - {Standing.RESUME} == {
        standing for standing in Standing if standing.buys
    }
    assert not any(standing.buys and standing.is_bought for standing in Standing)
    assert {standing for standing in Standing if standing.buys_again} < {one for one in Standing if one.buys}
