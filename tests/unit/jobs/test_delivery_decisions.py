"""From a bought job to its clip: what is recorded of its end, how long it is waited for, which bytes are kept."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import time
from types import SimpleNamespace

import pytest

from longtake.domain.errors import (
    ConfigurationError,
    ContentRefusedError,
    IncompleteDownloadError,
    JobCancelledError,
    JobExpiredError,
    JobFailedError,
    JobLostError,
    MachineError,
    PublishConflictError,
    ResultExpiredError,
    SlowDownloadError,
    StillRunningError,
    UnfitClipError,
    UnreadableClipError,
    VendorUnavailableError,
)
from longtake.domain.job import JobFailure, JobSnapshot, JobStatus
from longtake.domain.verdicts import Verdict
from longtake.files.directory import DirectoryStore
from longtake.files.web.fetch import part_file
from longtake.files.web.fetch_bounds import FetchBounds
from longtake.jobs import download as delivery
from longtake.jobs import wait as waiting
from longtake.jobs.download import download_clip
from longtake.jobs.keeping import GateResult, is_at_home, keep, take_published
from longtake.jobs.wait import await_end
from longtake.ledger.ledger import Ledger
from longtake.ledger.records import ClipRecord, Expectation, State, VerdictRecord
from tests.unit.bought import IDENTITY, accepted, account, clip, intent, job

KEY = f"ledger/{IDENTITY}/clip.mp4"


def snapshot(status=JobStatus.SUCCEEDED, link="http://host.test/a.mp4?Signature=secret", **more):
    return JobSnapshot(status=status, video_url=link, **more)


class Poller:
    """Tells one end after another, the last again and again, after what it has seen before."""

    def __init__(self, *ends) -> None:
        self.ends, self.asked, self.seen = list(ends) or [snapshot()], [], []

    async def wait(self, job_id, **how):
        self.asked.append((job_id, how))
        for one in self.seen:
            how["on_look"](one)
        end = self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        if isinstance(end, Exception):
            raise end
        return end


def session(*ends, **more):
    return SimpleNamespace(
        account=account(**more), poller=Poller(*ends), adapter=SimpleNamespace(link_seconds=3600.0), trouble=None
    )


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(DirectoryStore(tmp_path), clock=lambda: 9000.0)
    ledger.intend(intent())
    ledger.add(accepted())
    return ledger


# The end of a job.


async def test_a_success_is_recorded_with_a_link_without_its_secret_and_when_it_dies(ledger):
    at = session(snapshot(usage={"tokens": 5.0}))
    got = await await_end(job(estimated_seconds=77.0, submitted_at=5.0), at, ledger)
    kept = ledger.purchase(IDENTITY)
    assert got.video_url.endswith("?Signature=secret")
    assert (kept.terminal.status, kept.terminal.link) == (JobStatus.SUCCEEDED, "http://host.test/a.mp4")
    assert (kept.terminal.expires_at, kept.terminal.usage) == (9000.0 + 3600.0, {"tokens": 5.0})
    assert (kept.verdict, kept.state(0.0)) == (None, State.FINISHED)
    ((job_id, how),) = at.poller.asked
    assert (job_id, how["submitted_at"], how["estimated_seconds"]) == ("j1", 5.0, 77.0)
    assert how["first_look_now"] is False


async def test_a_job_that_was_taken_up_is_looked_at_now(ledger):
    at = session()
    await await_end(job(), at, ledger, taken_up=True)
    assert at.poller.asked[0][1]["first_look_now"] is True


ENDS = [
    (JobStatus.FAILED, JobFailure(message="no", code="E1"), JobFailedError, Verdict.FAILED, False),
    (JobStatus.FAILED, JobFailure(message="no", code="E1", retryable=True), JobFailedError, Verdict.FAILED, True),
    (
        JobStatus.FAILED,
        JobFailure(message="no", content_refused=True),
        ContentRefusedError,
        Verdict.CONTENT_REFUSED,
        False,
    ),
    (
        JobStatus.FAILED,
        JobFailure(message="no", code="E9", content_refused=True, retryable=True),
        ContentRefusedError,
        Verdict.CONTENT_REFUSED,
        False,
    ),
    (JobStatus.CANCELLED, JobFailure(message="no", retryable=True), JobCancelledError, Verdict.CANCELLED, False),
    (JobStatus.EXPIRED, JobFailure(message="no"), JobExpiredError, Verdict.FAILED, True),
]


@pytest.mark.parametrize(("status", "failure", "error", "verdict", "again"), ENDS)
async def test_a_bad_end_is_recorded_and_raised_as_what_it_is(ledger, status, failure, error, verdict, again):
    with pytest.raises(error, match="no") as caught:
        await await_end(job(), session(snapshot(status, None, failure=failure, usage={"credits": 1.0})), ledger)
    kept = ledger.purchase(IDENTITY)
    assert (kept.terminal.status, kept.terminal.failure, kept.terminal.link) == (status, failure, "")
    assert (kept.terminal.expires_at, kept.terminal.usage) == (None, {"credits": 1.0})
    assert (kept.verdict.verdict, kept.verdict.again) == (verdict, again)
    assert kept.verdict.evidence == "; ".join(part for part in (failure.code, "no") if part)
    if error is JobFailedError:
        assert (caught.value.code, caught.value.retryable) == ("E1", failure.retryable)
    if error is ContentRefusedError:
        assert caught.value.code == failure.code


async def test_a_failure_without_words_is_told_by_the_vendor_s_own(ledger):
    with pytest.raises(JobFailedError, match="the vendor reports fehlgeschlagen"):
        await await_end(job(), session(snapshot(JobStatus.FAILED, None, word="fehlgeschlagen")), ledger)
    kept = ledger.purchase(IDENTITY).verdict
    assert (kept.evidence, kept.again) == ("fehlgeschlagen", False)


async def test_a_failure_without_any_word_is_told_by_ours(ledger):
    with pytest.raises(JobFailedError, match="the vendor reports failed"):
        await await_end(job(), session(snapshot(JobStatus.FAILED, None)), ledger)


@pytest.mark.parametrize("error", [StillRunningError("no end"), JobLostError("gone"), VendorUnavailableError("away")])
async def test_an_end_that_was_not_seen_is_not_recorded(ledger, error):
    with pytest.raises(type(error)):
        await await_end(job(), session(error), ledger)
    assert ledger.purchase(IDENTITY).state(0.0) is State.IN_FLIGHT


async def test_a_job_of_another_address_is_not_asked_for_with_our_key(ledger):
    at = session()
    with pytest.raises(ConfigurationError, match=r"https://elsewhere\.test"):
        await await_end(job(base_url="https://elsewhere.test"), at, ledger)
    assert at.poller.asked == []


Q, R = snapshot(JobStatus.QUEUED), snapshot(JobStatus.RUNNING)


@pytest.mark.parametrize(
    ("looks", "is_known"),
    [([Q, R], True), ([R], False), ([Q], False), ([R, Q, R], True), ([Q, Q, R, R], True), ([], False)],
)
async def test_when_a_job_began_is_known_only_after_it_was_seen_to_wait(ledger, looks, is_known):
    at = session()
    at.poller.seen = looks
    got = await await_end(job(), at, ledger)
    assert (got.seen_running_at is not None) is is_known
    assert got.seen_running_at is None or abs(time.time() - got.seen_running_at) < 60


def test_a_job_began_at_the_first_look_that_found_it_at_work(monkeypatch):
    moments = iter([10.0, 20.0])
    monkeypatch.setattr(delivery.time, "time", lambda: next(moments))
    seen = waiting._Seen()
    for one in (Q, R, R):
        seen.note(one)
    assert seen.running_at == 10.0


# The clip.


def sha(data):
    return hashlib.sha256(data).hexdigest()


async def check(path, sha256):
    """Any bytes that do not begin with X are a sound clip."""
    data = await asyncio.to_thread(path.read_bytes)
    if data.startswith(b"X"):
        raise UnreadableClipError("no video")
    assert sha(data) == sha256
    return GateResult(clip(key="", sha256=sha256, size_bytes=len(data)), findings=({"rule": "black", "at": 1},))


class Host:
    """A media host: gives bytes, or raises, in turn; the last again and again."""

    def __init__(self, monkeypatch, *gives) -> None:
        self.gives, self.links, self.bounds = list(gives) or [b"film"], [], []
        monkeypatch.setattr(delivery, "fetch", self)

    async def __call__(self, media, link, part, bounds):
        assert media.downloads.locked()  # one of few at once
        self.links.append(link)
        self.bounds.append(bounds)
        given = self.gives.pop(0) if len(self.gives) > 1 else self.gives[0]
        if isinstance(given, BaseException):
            raise given
        part.write_bytes(given)
        return sha(given)


@pytest.fixture
def media():
    return SimpleNamespace(downloads=asyncio.Semaphore(1))


@pytest.fixture
def clock(monkeypatch):
    """Time that passes by what is slept."""
    now, real = [100.0], asyncio.sleep
    clock = SimpleNamespace(now=now, slept=[])

    async def sleep(seconds, *more):
        clock.slept.append(seconds)
        now[0] += seconds
        await real(0)

    monkeypatch.setattr(delivery.asyncio, "sleep", sleep)
    monkeypatch.setattr(delivery.time, "monotonic", lambda: now[0])
    return clock


async def home(ledger, at, media, link="http://host.test/first"):
    return await download_clip(job(), at, ledger, media, check, link=link)


async def test_a_clip_is_fetched_once_kept_and_recorded(ledger, media, monkeypatch):
    host, at = Host(monkeypatch), session()
    got = await home(ledger, at, media)
    assert (host.links, at.poller.asked) == (["http://host.test/first"], [])
    assert ledger.store.read(KEY) == b"film"
    kept = ledger.purchase(IDENTITY)
    assert kept.clip.clip == got
    assert (got.key, got.sha256, kept.state(0.0)) == (KEY, sha(b"film"), State.DONE)
    assert kept.clip.findings == [{"rule": "black", "at": 1}]
    assert await home(ledger, at, media) == got
    assert len(host.links) == 1


async def test_without_a_link_the_vendor_is_asked_for_one(ledger, media, monkeypatch):
    host, at = Host(monkeypatch), session(snapshot(link="http://host.test/asked"))
    await home(ledger, at, media, link=None)
    assert host.links == ["http://host.test/asked"]
    ((job_id, how),) = at.poller.asked
    assert (job_id, how["first_look_now"]) == ("j1", True)
    assert isinstance(how["submitted_at"], float)


async def test_a_clip_is_bounded_by_what_was_ordered(ledger, media, monkeypatch):
    host = Host(monkeypatch)
    await home(ledger, session(), media)
    assert host.bounds == [FetchBounds.of(Expectation())]
    big = Expectation(clip_seconds=60.0, width=3840, height=2160)
    other = "1-" + "b" * 40
    ledger.intend(intent(other, expected=big))
    await download_clip(job(other), session(), ledger, media, check, link="http://x")
    assert host.bounds[-1] == FetchBounds.of(big)


async def test_dead_links_are_asked_for_anew_five_times(ledger, media, monkeypatch, clock):
    host = Host(monkeypatch, ResultExpiredError("dead"))
    at = session(*[snapshot(link=f"http://host.test/{number}") for number in range(9)])
    with pytest.raises(JobLostError, match="5 links were dead"):
        await home(ledger, at, media)
    assert host.links == ["http://host.test/first", *[f"http://host.test/{number}" for number in range(4)]]
    assert clock.slept == [0.5, 1.0, 2.0, 4.0]
    assert ledger.purchase(IDENTITY).state(0.0) is State.IN_FLIGHT


async def test_damaged_files_are_fetched_anew_five_times_and_nothing_of_them_is_kept(ledger, media, monkeypatch, clock):
    host, at = Host(monkeypatch, b"X"), session()
    with pytest.raises(JobLostError, match="5 tries: no video"):
        await home(ledger, at, media)
    assert (len(host.links), len(at.poller.asked)) == (5, 4)
    assert ledger.store.read(KEY) is None
    assert ledger.purchase(IDENTITY).clip is None


async def test_a_damaged_file_may_be_followed_by_a_sound_one(ledger, media, monkeypatch, clock):
    Host(monkeypatch, b"X", b"X", b"X", b"X", b"film")
    assert (await home(ledger, session(), media)).sha256 == sha(b"film")


async def test_an_outage_of_the_host_is_waited_for_with_the_same_link_and_longer_pauses(
    ledger, media, monkeypatch, clock
):
    host = Host(monkeypatch, *[IncompleteDownloadError("503", 0)] * 9, b"film")
    at = session(*[snapshot(link=f"http://host.test/{number}") for number in range(9)])
    await home(ledger, at, media)
    assert clock.slept == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    first, later = ["http://host.test/first"] * 3, [f"http://host.test/{number}" for number in (0, 1)]
    assert host.links == [*first, *[later[0]] * 4, *[later[1]] * 3]


async def test_an_outage_is_waited_for_as_long_as_a_job_may_take(ledger, media, monkeypatch, clock):
    Host(monkeypatch, IncompleteDownloadError("HTTP 503", 0))
    with pytest.raises(StillRunningError, match="within 20 s: HTTP 503"):
        await home(ledger, session(max_wait_seconds=20), media)
    assert (clock.now[0], clock.slept[-1]) == (120.0, 4.5)


async def test_a_download_that_gets_further_each_time_is_never_in_vain(ledger, media, monkeypatch, clock):
    Host(monkeypatch, *[IncompleteDownloadError("cut", size) for size in range(100, 800, 100)], b"film")
    await home(ledger, session(), media)
    assert set(clock.slept) <= {0.5, 1.0}


async def test_a_download_that_breaks_off_at_the_same_place_three_times_is_left(ledger, media, monkeypatch, clock):
    cut = [IncompleteDownloadError("cut", size) for size in (100, 100, 200, 200, 150)]
    host = Host(monkeypatch, *cut, IncompleteDownloadError("cut", 200))
    with pytest.raises(StillRunningError, match="does not get on: cut"):
        await home(ledger, session(), media)
    assert len(host.links) == 6


async def test_a_download_that_is_too_slow_three_times_is_left_though_it_gets_further(
    ledger, media, monkeypatch, clock
):
    host = Host(monkeypatch, *[SlowDownloadError("slow", size) for size in (100, 200, 300, 400)])
    with pytest.raises(StillRunningError, match="does not get on: slow"):
        await home(ledger, session(), media)
    assert len(host.links) == 3


async def test_where_the_vendor_gives_no_fresh_link_the_living_one_is_tried_on(ledger, media, monkeypatch, clock):
    host = Host(monkeypatch, *[IncompleteDownloadError("503", 0)] * 5, b"film")
    await home(ledger, session(VendorUnavailableError("away")), media)
    assert host.links == ["http://host.test/first"] * 6


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (VendorUnavailableError("away"), StillRunningError),
        (JobLostError("gone"), JobLostError),
        (StillRunningError("slow"), StillRunningError),
        (snapshot(JobStatus.FAILED, None, word="weg"), JobLostError),
    ],
)
async def test_where_the_link_is_dead_and_there_is_no_other_the_reason_is_told(
    ledger, media, monkeypatch, clock, error, raised
):
    Host(monkeypatch, ResultExpiredError("dead"))
    with pytest.raises(raised, match=r"away|gone|slow|weg"):
        await home(ledger, session(error), media)


async def test_the_key_is_not_sent_to_another_address_for_a_link(ledger, media, monkeypatch):
    host, at = Host(monkeypatch), session()
    with pytest.raises(ConfigurationError):
        await download_clip(job(base_url="https://elsewhere.test"), at, ledger, media, check)
    assert (host.links, at.poller.asked) == ([], [])


async def test_a_clip_that_another_process_fetches_is_waited_for_and_not_fetched_twice(
    ledger, media, monkeypatch, clock
):
    host, looks = Host(monkeypatch), []
    folder = ledger.store.work_folder(KEY)
    read = ledger.purchase

    def looked(identity):
        looks.append(identity)
        if len(looks) == 5:
            ledger.store.write(KEY, b"theirs")
            theirs = clip(sha256=sha(b"theirs"), size_bytes=6)
            ledger.add(ClipRecord(identity=IDENTITY, clip=theirs))
        return read(identity)

    with part_file(folder, "clip.mp4") as part:
        part.write_bytes(b"half")
        monkeypatch.setattr(ledger, "purchase", looked)
        got = await home(ledger, session(), media)
    assert (got.sha256, host.links) == (sha(b"theirs"), [])
    assert set(clock.slept) == {0.5}


async def test_another_process_that_never_ends_is_waited_for_ten_minutes(ledger, media, monkeypatch, clock):
    Host(monkeypatch)
    monkeypatch.setattr(delivery, "part_file", busy)
    known = ledger.purchase(IDENTITY)
    monkeypatch.setattr(ledger, "purchase", lambda identity: known)
    with pytest.raises(StillRunningError, match="another run"):
        await home(ledger, session(), media)
    assert sum(clock.slept) == 600.0


def busy(folder, name):
    raise PublishConflictError("busy")


async def test_what_an_earlier_run_fetched_whole_is_checked_and_kept_without_a_request(ledger, media, monkeypatch):
    host = Host(monkeypatch)
    folder = ledger.store.work_folder(KEY)
    (folder / "clip.mp4.part").write_bytes(b"whole")
    (folder / "clip.mp4.part.sha256").write_text(sha(b"whole"))
    got = await home(ledger, session(), media)
    assert (got.sha256, host.links) == (sha(b"whole"), [])
    assert ledger.store.read(KEY) == b"whole"
    assert not (folder / "clip.mp4.part").exists()


async def test_what_an_earlier_run_fetched_in_part_is_gone_on_with(ledger, media, monkeypatch):
    host, folder = Host(monkeypatch), ledger.store.work_folder(KEY)
    (folder / "clip.mp4.part").write_bytes(b"ha")
    await home(ledger, session(), media)
    assert len(host.links) == 1


async def test_what_an_earlier_run_fetched_whole_and_is_no_clip_is_fetched_anew(ledger, media, monkeypatch):
    host, folder = Host(monkeypatch), ledger.store.work_folder(KEY)
    (folder / "clip.mp4.part").write_bytes(b"Xwhole")
    (folder / "clip.mp4.part.sha256").write_text(sha(b"Xwhole"))
    assert (await home(ledger, session(), media)).sha256 == sha(b"film")
    assert len(host.links) == 1


async def test_a_fault_of_the_disk_is_the_machine_s_and_books_nothing_on_the_clip(ledger, media, monkeypatch):
    Host(monkeypatch, OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(MachineError, match="No space"):
        await home(ledger, session(), media)
    assert ledger.purchase(IDENTITY).state(0.0) is State.IN_FLIGHT


# Keeping.


def checked(data=b"film", **more):
    return GateResult(clip(key="", sha256=sha(data), size_bytes=len(data)), **more)


def part_of(ledger, data=b"film"):
    part = ledger.store.work_folder(KEY) / "clip.mp4.part"
    part.write_bytes(data)
    return part


def test_a_clip_with_faults_is_kept_and_recorded_as_bad_and_may_be_bought_again(ledger):
    part = part_of(ledger)
    with pytest.raises(UnfitClipError, match="black; silent"):
        keep(job(), ledger, part, checked(faults=("black", "silent"), findings=({"rule": "black"},)))
    kept = ledger.purchase(IDENTITY)
    assert ledger.store.read(KEY) == b"film"
    assert (kept.verdict.verdict, kept.verdict.evidence, kept.verdict.again) == (
        Verdict.BAD_CLIP,
        "black; silent",
        True,
    )
    assert (kept.verdict.clip.key, kept.verdict.clip.sha256) == (KEY, sha(b"film"))
    assert kept.verdict.findings == [{"rule": "black"}]
    assert (kept.clip, part.exists()) == (None, False)


@pytest.mark.parametrize("is_bad", [False, True])
def test_other_bytes_than_were_recorded_are_kept_beside_and_nothing_is_overwritten(ledger, is_bad):
    known = clip(sha256=sha(b"first"), size_bytes=5)
    if is_bad:
        ledger.add(VerdictRecord(identity=IDENTITY, verdict=Verdict.BAD_CLIP, clip=known))
    else:
        ledger.add(ClipRecord(identity=IDENTITY, clip=known))
    ledger.store.write(KEY, b"damaged")
    part = part_of(ledger, b"other")
    beside = f"ledger/{IDENTITY}/other-{sha(b'other')[:12]}.mp4"
    with pytest.raises(JobLostError, match=beside):
        keep(job(), ledger, part, checked(b"other"))
    assert (ledger.store.read(KEY), ledger.store.read(beside)) == (b"damaged", b"other")
    assert not part.exists()


def test_the_bytes_that_were_recorded_are_put_where_they_belong(ledger):
    ledger.add(ClipRecord(identity=IDENTITY, clip=clip(sha256=sha(b"film"), size_bytes=4)))
    got = keep(job(), ledger, part_of(ledger), checked())
    assert (got.key, ledger.store.read(KEY)) == (KEY, b"film")


@pytest.mark.parametrize(("lies_there", "at_home"), [(b"film", True), (b"fil", False), (b"fllm", False), (None, False)])
def test_a_clip_is_at_home_when_its_very_bytes_are_there(ledger, lies_there, at_home):
    if lies_there is not None:
        ledger.store.write(KEY, lies_there)
    assert is_at_home(ledger, clip(sha256=sha(b"film"), size_bytes=4)) is at_home


def test_a_remote_clip_is_known_by_its_size(ledger, monkeypatch):
    ledger.store.write(KEY, b"fllm")
    monkeypatch.setattr(ledger.store, "local", lambda key: None)
    assert is_at_home(ledger, clip(sha256=sha(b"film"), size_bytes=4))


async def test_a_clip_that_lies_there_unrecorded_is_checked_and_recorded(ledger):
    ledger.store.write(KEY, b"film")
    got = await take_published(job(), ledger, check)
    assert (got.key, got.sha256) == (KEY, sha(b"film"))
    assert ledger.purchase(IDENTITY).clip.clip == got


async def test_bytes_that_lie_there_and_are_no_clip_are_not_taken_and_not_removed(ledger):
    ledger.store.write(KEY, b"Xfilm")
    assert await take_published(job(), ledger, check) is None
    assert ledger.store.read(KEY) == b"Xfilm"
    assert ledger.purchase(IDENTITY).clip is None


async def test_nothing_is_taken_where_nothing_lies(ledger):
    assert await take_published(job(), ledger, None) is None


@pytest.mark.parametrize(("lies_there", "is_taken"), [(b"film", True), (b"other", False)])
async def test_a_recorded_clip_is_taken_by_its_hash_alone(ledger, lies_there, is_taken):
    known = clip(sha256=sha(b"film"), size_bytes=4)
    ledger.add(ClipRecord(identity=IDENTITY, clip=known))
    ledger.store.write(KEY, lies_there)
    assert await take_published(job(), ledger, None) == (known if is_taken else None)


async def test_a_copy_that_was_made_for_the_check_does_not_stay(ledger, monkeypatch, tmp_path):
    ledger.store.write(KEY, b"film")
    copies = []

    def copied(key, target):
        copies.append(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"film")
        return target

    monkeypatch.setattr(ledger.store, "fetch", copied)
    await take_published(job(), ledger, check)
    assert copies
    assert not copies[0].parent.exists()


async def test_a_clip_that_vanishes_while_it_is_looked_at_is_fetched(ledger, monkeypatch):
    ledger.store.write(KEY, b"film")

    def gone(key, target):
        raise FileNotFoundError(key)

    monkeypatch.setattr(ledger.store, "fetch", gone)
    assert await take_published(job(), ledger, check) is None
