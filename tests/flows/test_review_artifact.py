"""The artifact `longtake-review`: what waits, pictures, the price of what follows, and the command that decides."""

from __future__ import annotations

import base64
import io
import re

from PIL import Image

from flows._observe.artifacts import MOST_ROWS
from flows._observe.past_runs import MOST_PICTURE_BYTES, MOST_PICTURES
from flows._observe.review import notice_words, review, waiting_words, what_waits
from longtake.files.open_store import open_store
from tests.unit.reports.report_runs import EVIL, reel_of, run_of
from tests.unit.reports.review_runs import review_reel, review_run


def test_nothing_that_waits_is_no_artifact(tmp_path) -> None:
    decided = run_of([reel_of("a", ["done"]), review_reel("b", "chosen", chosen=2), review_reel("c", "rejected")])
    assert what_waits(decided) == what_waits(None) == []
    assert review([], open_store(str(tmp_path))) is None


def test_it_names_each_shot_its_takes_what_follows_for_how_much_and_the_command(tmp_path) -> None:
    store = open_store(str(tmp_path / "an out"))
    waiting = what_waits(
        run_of([review_reel("harbour"), review_reel("tram", "expired", 2), review_reel("c", "chosen")])
    )
    shown = review(waiting, store)
    assert shown is not None
    told = str(shown.data)
    assert told.startswith("**2 shots await a decision; 6 shots follow for $2.40–3.00**")
    assert "| `harbour/1` | 1, 2, 3 | 3 | $1.20–1.50 |" in told
    assert "| `tram/1` | 1, 2 | 3 | $1.20–1.50 |" in told
    assert f"longtake decide --output '{tmp_path}/an out' decisions.csv" in told
    assert f"`longtake decide --output '{tmp_path}/an out' harbour/1=N`" in told


def test_the_first_shots_takes_are_shown_side_by_side_as_one_small_picture_each(tmp_path) -> None:
    store = open_store(str(tmp_path))
    colours = [(200, 30, 30), (30, 160, 30), (30, 30, 200)]
    waiting = []
    for shot in what_waits(review_run(MOST_PICTURES + 2)):
        takes = [take.model_copy(update={"poster": f"posters/{shot.reel}-{take.number}.jpg"}) for take in shot.takes]
        for take, colour in zip(takes, colours, strict=True):
            store.write(str(take.poster), jpeg(colour))
        waiting.append(shot.model_copy(update={"takes": takes}))
    store.write(str(waiting[0].takes[1].poster), b"<svg onload=x>")
    found = [base64.b64decode(data) for data in re.findall(r"base64,([^)]*)\)", str(review(waiting, store).data))]
    assert len(found) == MOST_PICTURES
    assert max(map(len, found)) < MOST_PICTURE_BYTES
    with Image.open(io.BytesIO(found[1])) as picture:
        assert picture.size == (640, 118)
        seen = [picture.convert("RGB").getpixel((x, 90)) for x in (100, 320, 540)]
    for pixel, colour in zip(seen, colours, strict=True):
        assert max(abs(one - other) for one, other in zip(pixel, colour, strict=True)) < 12
    with Image.open(io.BytesIO(found[0])) as picture:
        assert picture.convert("RGB").getpixel((320, 90)) == (64, 64, 64)


def test_takes_without_posters_are_told_in_words_alone(tmp_path) -> None:
    told = str(review(what_waits(review_run(1)), open_store(str(tmp_path))).data)
    assert "base64" not in told


def jpeg(colour: tuple[int, int, int]) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (640, 360), colour).save(written, "JPEG")
    return written.getvalue()


def test_many_are_bounded_and_an_unknown_price_is_never_taken_for_none(tmp_path) -> None:
    waiting = what_waits(review_run(MOST_ROWS + 5))
    unpriced = waiting[0].model_copy(update={"follows_low_usd": None, "follows_high_usd": None})
    told = str(review([unpriced, *waiting[1:]], open_store(str(tmp_path))).data)
    assert "5 more in the report" in told
    assert told.count("\n| `") == MOST_ROWS
    assert "follow for a price unknown" in told
    last = waiting[0].model_copy(update={"follows": 0})
    assert waiting_words([last]) == "1 shot awaits a decision; nothing waits behind"


def test_names_of_others_act_neither_in_the_artifact_nor_in_the_words(tmp_path) -> None:
    for name in EVIL:
        shot = what_waits(review_run(1))[0].model_copy(update={"shot_id": name})
        told = str(review([shot], open_store(str(tmp_path))).data)
        assert "\x1b" not in told
        assert not re.search(r"^(?!    ).*<(script|img)", re.sub(r"`[^`]*`", "", told), flags=re.MULTILINE)
        words = notice_words([shot], str(tmp_path))
        assert "\n" not in words
        assert "\x1b" not in words
