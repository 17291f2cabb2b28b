"""Each vendor in every mode and option it has, from a manifest to `done`; what it cannot do is refused by name.

The rows are read from the vendors' documents, not from our own tables.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest

from longtake.domain.errors import InvalidManifestError
from longtake.files.open_store import open_store
from longtake.planning.options import RenderOptions
from longtake.planning.prepare import prepare
from longtake.sandbox.app import Sandbox
from longtake.sandbox.clips import shelf
from longtake.sandbox.jobs import Job
from longtake.sandbox.settings import SandboxSettings
from tests.e2e.quick_steps import quick_check, without_films
from tests.e2e.s3_server import s3_server
from tests.plain_render import render_plain, sandbox_accounts
from tests.sandbox.conftest import MediaShop

BARE = {"duration_seconds": "4", "resolution": "480p", "ratio": "16:9"}
VENDORS = ("powertokens", "anyfast", "evolink", "jimmyai", "byteplus", "volcengine")


async def nobody_is_called(*_, **__) -> None:
    """Callback addresses must be public ones, and tests stay on loopback."""


@pytest.fixture
def sandbox(monkeypatch):
    monkeypatch.setenv("LONGTAKE_ALLOW_HOSTS", "127.0.0.1")
    monkeypatch.setattr("longtake.sandbox.endpoint.call_back", nobody_is_called)
    without_films(monkeypatch)
    with Sandbox(SandboxSettings(job_seconds=0.05, jobs_per_key=None, media="stub")) as running:
        yield running


@pytest.fixture
def _tiny_clips(monkeypatch):
    """Nobody looks at what comes back: of every format a second of a thumbnail."""
    render_clip = shelf.render_clip
    tiny = {"width": 64, "height": 36, "frames": 24}
    monkeypatch.setattr(shelf, "render_clip", lambda path, **order: render_clip(path, **order | tiny))


class Files:
    """Reference files by short names: their addresses, and their hashes to find them again at the sandbox."""

    def __init__(self, shop: MediaShop) -> None:
        self.shop = shop
        self.url = {
            "still": shop.image(640, 480),
            "other": shop.image(480, 640, "jpeg"),
            "wide": shop.image(800, 400, "webp"),
            "clip": shop.video(864, 496, frames=60),
            "clip2": shop.video(864, 496, frames=72),
            "clip3": shop.video(864, 496, frames=84),
            "large": shop.video(960, 960, frames=60),
            "sound": shop.wav(2.5),
            "song": shop.mp3(3),
        }
        self.hash = {name: hashlib.sha256(self.path(name).read_bytes()).hexdigest() for name in self.url}
        self.url |= {
            "still64": "data:image/png;base64," + self._base64("still"),
            "sound64": "data:audio/wav;base64," + self._base64("sound"),
        }
        self.hash |= {"still64": self.hash["still"], "sound64": self.hash["sound"]}
        for kind in ("image", "video", "audio"):
            self.url[f"asset-{kind}"] = f"asset://asset-sandbox-{kind}"
            self.hash[f"asset-{kind}"] = ""

    def path(self, name: str) -> Path:
        return self.shop.folder / self.url[name].rpartition("/")[2]

    def _base64(self, name: str) -> str:
        return base64.b64encode(self.path(name).read_bytes()).decode()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    shop = MediaShop(tmp_path_factory.mktemp("shop"))
    yield Files(shop)
    shop.close()


ROLES = ("first_frame", "last_frame", "reference_images", "reference_videos", "reference_audios")

FRAME = {"first_frame": "still"}
FRAMES = {"first_frame": "still", "last_frame": "still"}
IMAGES = {"reference_images": "still|other|wide"}
EVERYTHING = {"reference_images": "still|other", "reference_videos": "clip|clip2", "reference_audios": "sound|song"}
MODES: dict[str, dict[str, str]] = {
    "text": {},
    "first frame": FRAME,
    "first and last frame": FRAMES,
    "images": IMAGES,
    "images, videos and sounds": EVERYTHING,
    "edit: in video 1 the cat becomes a dog": {"reference_videos": "clip"},
    "extend video 1 by a sunset": {"reference_videos": "clip"},
    "join video 1, video 2 and video 3": {"reference_videos": "clip|clip2|clip3"},
    "portrait": {"ratio": "9:16"},
}
"""What every vendor has. Values of reference columns are names of files."""

POWERTOKENS = {
    "standard by its wire name": {"model": "dreamina-seedance-2-0-260128"},
    "longest": {"duration_seconds": "15"},
    "fast in 720p": {"model": "seedance-2.0-fast", "resolution": "720p"},
    "mini by its wire name": {"model": "dreamina-seedance-2-0-mini-260615"},
    "options": {"seed": "4294967295", "watermark": "true", "generate_audio": "false", "safety_identifier": "u" * 64},
    "automatic length": {"duration_seconds": "auto"},
    "adaptive": {"ratio": "adaptive"} | FRAME,
    "last frame given back": {"return_last_frame": "true"},
    "inline picture": {"first_frame": "still64"},
    "assets": {
        "reference_images": "asset-image",
        "reference_videos": "asset-video",
        "reference_audios": "asset-audio",
    },
    "": IMAGES,
}
ANYFAST = {
    "standard": {"model": "seedance-2.0"},
    "fast": {"model": "seedance-2.0-fast"},
    "ultra": {"model": "seedance-2.0-ultra", "resolution": "720p"},
    "options": {"watermark": "true", "generate_audio": "false"},
    "adaptive": {"ratio": "adaptive"} | FRAME,
    "search the web": {"web_search": "true"},
    "last frame given back": {"model": "seedance-2.0-fast", "return_last_frame": "true"},
    "inline picture and sound": {"reference_images": "still64", "reference_audios": "sound64"},
    "assets": {"reference_images": "asset-image", "reference_videos": "asset-video"},
    "": EVERYTHING,
}
EVOLINK = {
    "standard": {"model": "seedance-2.0", "resolution": "1080p"},
    "standard from frames": {"model": "seedance-2.0"} | FRAMES,
    "standard from references": {"model": "seedance-2.0"} | EVERYTHING,
    "fast": {"model": "seedance-2.0-fast"},
    "fast from a frame": {"model": "seedance-2.0-fast"} | FRAME,
    "fast from references": {"model": "seedance-2.0-fast"} | IMAGES,
    "mini by its wire name": {"model": "seedance-2.0-mini-reference-to-video"} | IMAGES,
    "adaptive": {"ratio": "adaptive"} | FRAME,
    "search the web, standard": {"model": "seedance-2.0", "web_search": "true"},
    "search the web, fast": {"model": "seedance-2.0-fast", "web_search": "true"},
    "silent and unfiltered": {"generate_audio": "false", "content_filter": "false"},
    "call me back": {"callback_url": "https://hook.invalid/done?job=1"},
}
JIMMYAI = {
    "standard": {"model": "seedance-2.0"} | EVERYTHING,
    "fast": {"model": "seedance-2.0-fast"} | FRAMES,
    "mini": {"model": "seedance2.0-mini"} | IMAGES,
    "official": {"model": "seedance2.0-of-sp", "reference_videos": "clip"},
    "official fast": {
        "model": "seedance2.0-of-fast-sp",
        "reference_images": "still",
        "reference_audios": "asset-audio",
    },
    "frames and sound": {"reference_audios": "sound"} | FRAMES,
    "md": {"model": "seedance2.0-md", "duration_seconds": "1", "resolution": "720p", "reference_videos": "large"},
    "fast md": {"model": "seedance2.0-fast-md", "duration_seconds": "1", "resolution": "720p"} | FRAMES,
    "i2v": {"model": "seedance2.0-fast-i2v", "duration_seconds": "1", "resolution": "720p"} | IMAGES,
    "std": {"model": "seedance2.0-std", "resolution": "720p", "reference_images": "still", "reference_audios": "song"},
    "audited": {"model": "sd2_mx_720p", "resolution": "720p"},
    "audited fast": {"model": "sd2_mx_fast_720p", "resolution": "", "ratio": "adaptive", "first_frame": "asset-image"},
    "audited video": {"model": "sd2_mx_video_720p", "resolution": "720p", "reference_videos": "asset-video"},
    "audited video fast": {"model": "sd2_mx_video_fast_720p", "resolution": "720p", "reference_images": "asset-image"},
}


def of_the_makers(prefix: str) -> dict[str, dict[str, str]]:
    newest = {"model": f"{prefix}-seedance-2-5-260628", "resolution": "720p"}
    return {
        "standard": {"model": "seedance-2.0", "resolution": "720p"} | EVERYTHING,
        "fast by its wire name": {"model": f"{prefix}-seedance-2-0-fast-260128"} | FRAMES,
        "longest": {"duration_seconds": "15"},
        "automatic length": {"duration_seconds": "auto"},
        "options": {"watermark": "true", "generate_audio": "false", "safety_identifier": "u" * 64},
        "in a hurry": {"priority": "9", "expires_after_seconds": "3600"},
        "search the web": {"web_search": "true"},
        "call me back": {"callback_url": "https://hook.invalid/done?job=1"},
        "last frame given back": {"return_last_frame": "true"},
        "inline picture and sound": {"reference_images": "still64", "reference_audios": "sound64"},
        "assets": {"reference_images": "asset-image", "reference_videos": "asset-video"},
        "an endpoint": {"model": "ep-20261101-fast1"},
        "an endpoint of a named model": {"model": "seedance-2.0-mini@ep-20261101-mini1"} | FRAME,
        "half a minute": newest | {"duration_seconds": "30"},
        "sound alone": newest | {"reference_audios": "song"},
        "a frame": newest | {"ratio": "adaptive"} | FRAME,
        "": EVERYTHING,
    }


MAKERS = {"byteplus": "dreamina", "volcengine": "doubao"}
LARGE: dict[str, dict[str, dict[str, str]]] = {
    "powertokens": {"1080p": {"model": "seedance-2.0", "resolution": "1080p"}},
    "anyfast": {
        **{size: {"model": "seedance-2.0", "resolution": size} for size in ("1080p", "4k")},
        **{f"ultra {size}": {"model": "seedance-2.0-ultra", "resolution": size} for size in ("1080p", "2k")},
    },
    "jimmyai": {
        **{route: {"model": f"seedance2.0-{route}", "resolution": "1080p"} for route in ("sp", "mini", "of-sp")},
    },
}
LARGE |= {
    vendor: {
        "standard 1080p": {"model": "seedance-2.0", "resolution": "1080p"},
        "standard 4k": {"model": "seedance-2.0", "resolution": "4k"},
        "newest 1080p": {"model": f"{prefix}-seedance-2-5-260628", "resolution": "1080p"},
    }
    for vendor, prefix in MAKERS.items()
}
LARGE["jimmyai"] |= {
    f"audited {family}{size}": {"model": f"sd2_mx_{family}{size}", "resolution": size}
    for family, sizes in (
        ("", ("1080p", "2k", "4k")),
        ("fast_", ("1080p",)),
        ("video_", ("1080p", "2k", "4k")),
        ("video_fast_", ("1080p",)),
    )
    for size in sizes
}
OWN = {"powertokens": POWERTOKENS, "anyfast": ANYFAST, "evolink": EVOLINK, "jimmyai": JIMMYAI} | {
    vendor: of_the_makers(prefix) for vendor, prefix in MAKERS.items()
}


def rows_of(vendor: str, modes: dict[str, dict[str, str]], files: Files) -> list[dict[str, str]]:
    """Manifest rows; the prompt tells them apart."""
    rows = []
    for prompt, given in modes.items():
        row = {"id": prompt or "no prompt", "prompt": prompt, "vendor": vendor} | BARE | given
        for role in ROLES:
            if role in row:
                row[role] = "|".join(files.url[name] for name in row[role].split("|"))
        rows.append(row)
    return rows


def check_job(job: Job, given: dict[str, str], files: Files) -> None:
    """What the vendor understood is what the row said."""
    wanted = BARE | given
    names = [name for role in ROLES if role in given for name in given[role].split("|")]
    assert [reference.sha256 for reference in job.references] == [files.hash[name] for name in names]
    if wanted["duration_seconds"] != "auto":
        assert job.seconds == int(wanted["duration_seconds"])
    assert job.order.seconds is None or wanted["duration_seconds"] != "auto"
    assert job.order.resolution == (wanted["resolution"] or "720p")
    assert job.order.ratio == wanted["ratio"]
    assert job.order.audio == (given.get("generate_audio") != "false")
    assert job.order.web_search == ("web_search" in given)
    assert job.order.content_filter == (given.get("content_filter") != "false")
    assert job.order.callback_url == given.get("callback_url", "")
    assert job.order.return_last_frame == ("return_last_frame" in given)
    assert job.order.priority == int(given.get("priority", 0))
    assert job.order.expires_after_seconds == int(given.get("expires_after_seconds", 172_800))


WIRE = {
    "powertokens": {
        "dreamina-seedance-2-0-mini-260615",
        "dreamina-seedance-2-0-fast-260128",
        "dreamina-seedance-2-0-260128",
    },
    "anyfast": {"seedance-2.0-mini", "seedance-fast", "seedance-2.0", "seedance-2.0-ultra"},
    "evolink": {
        f"seedance-2.0{grade}-{made_from}-to-video"
        for grade in ("", "-fast", "-mini")
        for made_from in ("text", "image", "reference")
    },
    "jimmyai": {
        f"seedance2.0-{route}"
        for route in ("mini-sp", "mini", "sp", "fast-sp", "of-sp", "of-fast-sp", "md", "fast-md", "fast-i2v", "std")
    }
    | {f"sd2_mx_{family}720p" for family in ("", "fast_", "video_", "video_fast_")},
} | {
    vendor: {
        f"{prefix}-seedance-{grade}" for grade in ("2-0-260128", "2-0-fast-260128", "2-0-mini-260615", "2-5-260628")
    }
    for vendor, prefix in MAKERS.items()
}
"""Every model and route that the documents name; JimmyAI's full route has further ones for larger sizes."""


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.usefixtures("_tiny_clips")
async def test_every_mode_and_option_of_a_vendor_ends_done(tmp_path, sandbox, write_manifest, files, vendor):
    modes = MODES | OWN[vendor]
    manifest = write_manifest(rows_of(vendor, modes, files))
    end = await render_plain(manifest, tmp_path / "out", sandbox_accounts(sandbox), check=quick_check)
    assert end.verdicts == {"done": len(modes)}, {row.shot_id: row.error for row in end.rows if row.error}
    jobs = {job.order.prompt: job for job in sandbox.jobs(vendor)}
    assert len(jobs) == len(modes) == sandbox.bill.count()
    for prompt, given in modes.items():
        check_job(jobs[prompt], given, files)
    assert {job.order.model for job in jobs.values()} == WIRE[vendor]
    assert not sandbox.keys_seen_by_media_host


async def test_options_that_only_powertokens_has_arrive_as_given(tmp_path, sandbox, write_manifest, files):
    manifest = write_manifest(rows_of("powertokens", {"options": POWERTOKENS["options"]}, files))
    await render_plain(manifest, tmp_path / "out", sandbox_accounts(sandbox), check=quick_check)
    (entry,) = sandbox.bill.entries
    options = {"seed": 4294967295, "watermark": True, "generate_audio": False, "safety_identifier": "u" * 64}
    assert options.items() <= entry.body.items()


@pytest.mark.slow
@pytest.mark.parametrize("vendor", LARGE)
async def test_every_larger_size_of_a_vendor_ends_done(tmp_path, sandbox, write_manifest, files, vendor):
    manifest = write_manifest(rows_of(vendor, LARGE[vendor], files))
    end = await render_plain(manifest, tmp_path / "out", sandbox_accounts(sandbox), check=quick_check)
    assert end.verdicts == {"done": len(LARGE[vendor])}, {row.shot_id: row.error for row in end.rows if row.error}
    jobs = {job.order.prompt: job for job in sandbox.jobs(vendor)}
    for prompt, given in LARGE[vendor].items():
        check_job(jobs[prompt], given, files)


LOCAL = {"first_frame": "stills/still.png", "last_frame": "stills/other.jpeg"}
LOCAL_MEDIA = {
    "reference_images": "stills/still.png",
    "reference_videos": "clips/clip.mp4",
    "reference_audios": "clips/sound.wav",
}
LOCAL_HASHES = {
    "stills/still.png": "still",
    "stills/other.jpeg": "other",
    "clips/clip.mp4": "clip",
    "clips/sound.wav": "sound",
}


def local_files(files: Files) -> dict[str, bytes]:
    return {name: files.path(short).read_bytes() for name, short in LOCAL_HASHES.items()}


def put(folder: Path, contents: dict[str, bytes]) -> None:
    for name, content in contents.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)


def hashes_of(row: dict[str, object], files: Files) -> list[str]:
    return [files.hash[LOCAL_HASHES[row[role]]] for role in ROLES if row.get(role)]


async def test_local_files_reach_each_vendor_by_its_own_upload_or_inline(tmp_path, sandbox, write_manifest, files):
    put(tmp_path, local_files(files))
    sounds = {"reference_images": "stills/still.png", "reference_audios": "clips/sound.wav"}
    rows = [
        {"vendor": "evolink", "prompt": "frames"} | LOCAL,
        {"vendor": "evolink", "prompt": "media"} | LOCAL_MEDIA,
        {"vendor": "jimmyai", "prompt": "frames"} | LOCAL,
        {"vendor": "jimmyai", "prompt": "media"} | LOCAL_MEDIA,
        {"vendor": "powertokens", "prompt": "frames"} | LOCAL,
        {"vendor": "anyfast", "prompt": "frames"} | LOCAL,
        {"vendor": "anyfast", "prompt": "media"} | sounds,
    ]
    manifest = write_manifest([BARE | row for row in rows])
    end = await render_plain(manifest, tmp_path / "out", sandbox_accounts(sandbox), check=quick_check)
    assert end.verdicts == {"done": 7}, [row.error for row in end.rows]
    for row in rows:
        (job,) = [job for job in sandbox.jobs(row["vendor"]) if job.order.prompt == row["prompt"]]
        assert [reference.sha256 for reference in job.references] == hashes_of(row, files)
        inline = row["vendor"] in ("powertokens", "anyfast")
        assert {reference.url.startswith("data:") for reference in job.references} == {inline}
    assert sandbox.bill.requests["evolink"]["upload"] == sandbox.bill.requests["jimmyai"]["upload"] == 4


@pytest.fixture
def clip_store(monkeypatch):
    """A ClipStore in a bucket whose presigned links the vendors can read."""
    with s3_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        server.files().makedirs("clips-for-vendors", exist_ok=True)
        server.files().makedirs("manifests", exist_ok=True)
        yield open_store("s3://clips-for-vendors/longtake", public_endpoint_url=server.url), server


@pytest.mark.parametrize(
    "vendors",
    [("powertokens", "evolink"), pytest.param(VENDORS, marks=pytest.mark.slow)],
    ids="-".join,
)
async def test_files_in_a_bucket_and_cut_clips_reach_vendors_through_the_clip_store(
    tmp_path, sandbox, write_manifest, files, clip_store, vendors
):
    store, server = clip_store
    bucket = server.files()
    for name, content in local_files(files).items():
        bucket.pipe_file(f"manifests/{name}", content)
    rows = []
    for vendor in vendors:
        rows += [
            {"reel": vendor, "shot": 1, "prompt": "media"} | LOCAL_MEDIA,
            {"reel": vendor, "shot": 2, "prompt": "on", "continue_from": "clip", "reference_tail_seconds": 2},
            {"reel": vendor, "shot": 3, "prompt": "and on", "continue_from": "last_frame"},
        ]
    manifest = write_manifest([BARE | {"vendor": row["reel"]} | row for row in rows])
    bucket.put_file(str(manifest), "manifests/m.csv")
    load = sandbox_accounts(sandbox)
    end = await render_plain("s3://manifests/m.csv", tmp_path / "out", load, clip_store=store, check=quick_check)
    assert end.all_done, [row.error for row in end.rows]
    for vendor in vendors:
        first, cut, frame = sandbox.jobs(vendor)
        assert [reference.sha256 for reference in first.references] == hashes_of(LOCAL_MEDIA, files)
        assert [reference.seconds for reference in cut.references] == [2.0]
        assert [(each.kind, each.width, each.height) for each in frame.references] == [("image", 864, 496)]
        for job in (first, cut, frame):
            assert {reference.url.rpartition("/references/")[0] for reference in job.references} == {
                f"{server.url}/clips-for-vendors/longtake"
            }
    assert sandbox.bill.request_count(step="upload") == 0
    # Stub clips are alike, so the vendors share one cut and one frame: every content is stored once.
    assert len(store.list("references")) == len({*LOCAL_MEDIA.values()}) + 2


async def test_a_last_frame_of_another_ratio_is_warned_about_and_rendered(tmp_path, sandbox, write_manifest, files):
    modes = {"from wide to tall": {"first_frame": "wide", "last_frame": "other"}}
    manifest = write_manifest(rows_of("evolink", modes, files))
    load = sandbox_accounts(sandbox)
    prepared = await prepare(RenderOptions(manifest=str(manifest), output=str(tmp_path / "out")), load_account=load)
    (warning,) = prepared.plan.violations
    assert (warning.row, warning.column, warning.warning) == (1, "last_frame", True)
    end = await render_plain(manifest, tmp_path / "out", load, check=quick_check)
    assert end.all_done


# Per vendor: what it cannot do, by row; the column that is named, and words of the rule.
Refusals = list[tuple[dict[str, str], str, str]]
NOBODY: Refusals = [
    ({"model": "seedance-9"}, "model", "has"),
    ({"duration_seconds": "3"}, "duration_seconds", "4 to 15"),
    ({"duration_seconds": "16"}, "duration_seconds", "4 to 15"),
    ({"ratio": "5:4"}, "ratio", "takes"),
    ({"resolution": "8k"}, "resolution", "makes"),
    ({"resolution": "1080p"}, "resolution", "makes 480p, 720p"),
    ({"last_frame": "still"}, "first_frame", "needs a first frame"),
    ({"first_frame": "still", "reference_images": "other"}, "first_frame", "cannot be mixed"),
    ({"reference_audios": "sound"}, "reference_audios", "cannot be the only"),
    ({"reference_images": "|".join(["still"] * 10)}, "reference_images", "takes 9"),
    ({"reference_videos": "|".join(["clip"] * 4)}, "reference_videos", "takes 3"),
    ({"reference_videos": "still"}, "reference_videos", "not video"),
    ({"prompt": ""}, "prompt", "prompt is required|requires a prompt"),
    ({"prompt": "as in video 2", "reference_videos": "clip"}, "prompt", "video 2"),
]
NOT_AT: dict[str, Refusals] = {
    "powertokens": [
        ({"web_search": "true"}, "web_search", "cannot honour"),
        ({"content_filter": "false"}, "content_filter", "cannot honour"),
        ({"callback_url": "https://hook.invalid/"}, "callback_url", "cannot honour"),
        ({"seed": "4294967296"}, "seed", "-1 to 4294967295"),
        ({"safety_identifier": "u" * 65}, "safety_identifier", "at most 64"),
        ({"model": "seedance-2.0", "resolution": "4k"}, "resolution", "1080p"),
        ({"reference_images": "still", "reference_audios": "sound64"}, "reference_audios", "not as data"),
        ({"reference_videos": "clips/clip.mp4"}, "reference_videos", "cannot read this video"),
    ],
    "anyfast": [
        ({"seed": "1"}, "seed", "cannot honour"),
        ({"content_filter": "false"}, "content_filter", "cannot honour"),
        ({"callback_url": "https://hook.invalid/"}, "callback_url", "cannot honour"),
        ({"safety_identifier": "u"}, "safety_identifier", "cannot honour"),
        ({"return_last_frame": "true"}, "return_last_frame", "cannot honour"),
        ({"duration_seconds": "auto"}, "duration_seconds", "cannot choose"),
        ({"web_search": "true", "first_frame": "still"}, "web_search", "mode text only"),
        ({"model": "seedance-2.0-ultra", "resolution": ""}, "resolution", "requires resolution"),
        ({"model": "seedance-2.0-ultra"}, "resolution", "720p"),
        ({"reference_videos": "clips/clip.mp4"}, "reference_videos", "cannot read this video"),
    ],
    "evolink": [
        ({"seed": "1"}, "seed", "cannot honour"),
        ({"watermark": "true"}, "watermark", "cannot honour"),
        ({"safety_identifier": "u"}, "safety_identifier", "cannot honour"),
        ({"return_last_frame": "true"}, "return_last_frame", "cannot honour"),
        ({"duration_seconds": "auto"}, "duration_seconds", "cannot choose"),
        ({"web_search": "true"}, "web_search", "cannot honour"),
        ({"model": "seedance-2.0", "web_search": "true", "first_frame": "still"}, "web_search", "cannot honour"),
        ({"model": "seedance-2.0-text-to-video", "first_frame": "still"}, "first_frame", "mode text only"),
        ({"callback_url": "http://hook.invalid/"}, "callback_url", "https"),
        ({"callback_url": "https://127.0.0.1/"}, "callback_url", "private"),
        ({"reference_images": "asset-image"}, "reference_images", "not as asset"),
        ({"first_frame": "still64"}, "first_frame", "not as data"),
    ],
    "jimmyai": [
        ({"seed": "1"}, "seed", "cannot honour"),
        ({"generate_audio": "false"}, "generate_audio", "cannot honour"),
        ({"watermark": "false"}, "watermark", "cannot honour"),
        ({"web_search": "true"}, "web_search", "cannot honour"),
        ({"content_filter": "false"}, "content_filter", "cannot honour"),
        ({"return_last_frame": "true"}, "return_last_frame", "cannot honour"),
        ({"safety_identifier": "u"}, "safety_identifier", "cannot honour"),
        ({"callback_url": "https://hook.invalid/"}, "callback_url", "cannot honour"),
        ({"duration_seconds": "auto"}, "duration_seconds", "cannot choose"),
        ({"ratio": "adaptive"}, "ratio", "takes"),
        ({"first_frame": "still64"}, "first_frame", "not as data"),
        ({"model": "seedance2.0-mini", "reference_videos": "clip"}, "reference_videos", "takes 0"),
        ({"model": "seedance2.0-md", "resolution": "720p", "ratio": "4:3"}, "ratio", "takes"),
        ({"model": "seedance2.0-md", "resolution": "720p", "first_frame": "still"}, "last_frame", "only with a last"),
        ({"model": "seedance2.0-fast-i2v", "resolution": "720p"}, "prompt", "first_frame, reference only"),
        ({"model": "sd2_mx_720p", "resolution": "720p", "reference_videos": "clip"}, "reference_videos", "takes 0"),
        ({"model": "sd2_mx_4k", "resolution": "720p"}, "resolution", "makes 4k"),
        ({"model": "sd2_mx_720p", "resolution": "720p", "duration_seconds": "13"}, "duration_seconds", "4 to 12"),
    ],
}


for maker, own in MAKERS.items():
    newest_model = f"{own}-seedance-2-5-260628"
    NOT_AT[maker] = [
        ({"seed": "1"}, "seed", "cannot honour"),
        ({"content_filter": "false"}, "content_filter", "cannot honour"),
        ({"safety_identifier": "u" * 65}, "safety_identifier", "at most 64"),
        ({"priority": "10"}, "priority", "0 to 9"),
        ({"expires_after_seconds": "60"}, "expires_after_seconds", "3600 to 259200"),
        ({"web_search": "true", "first_frame": "still"}, "web_search", "mode text only"),
        ({"model": "seedance-2.0-fast", "resolution": "4k"}, "resolution", "makes 480p, 720p"),
        ({"model": newest_model, "resolution": "4k"}, "resolution", "1080p"),
        ({"model": newest_model, "duration_seconds": "31"}, "duration_seconds", "4 to 30"),
        ({"model": newest_model, "first_frame": "still"}, "ratio", "adaptive alone"),
        ({"model": "seedance-9@ep-1"}, "model", "has"),
        ({"reference_videos": "clips/clip.mp4"}, "reference_videos", "cannot read this video"),
    ]


@pytest.mark.parametrize("vendor", VENDORS)
async def test_what_a_vendor_cannot_do_is_refused_by_name_and_nothing_is_asked_of_it(
    tmp_path, sandbox, write_manifest, files, vendor
):
    put(tmp_path, local_files(files))
    cases = [*NOBODY, *NOT_AT[vendor]]
    rows = []
    for number, (given, _, _) in enumerate(cases):
        row = {"id": f"row {number}", "prompt": f"a cat, {number}.", "vendor": vendor} | BARE | given
        for role in ROLES:
            if role in row:
                row[role] = "|".join(files.url.get(name, name) for name in row[role].split("|"))
        rows.append(row)
    rows.append({"id": "fine", "prompt": "a cat", "vendor": vendor} | BARE)
    with pytest.raises(InvalidManifestError) as refused:
        await render_plain(write_manifest(rows), tmp_path / "out", sandbox_accounts(sandbox), check=quick_check)
    found = {}
    for violation in refused.value.violations:
        found.setdefault(violation.row, []).append(violation)
    for number, (given, column, rule) in enumerate(cases, 1):
        named = [(each.column, each.rule) for each in found.pop(number, [])]
        assert any(name == column and re.search(rule, words) for name, words in named), (given, named)
        assert len({name for name, _ in named}) == 1, (given, named)
    assert found == {}
    assert all(violation.fix for violation in refused.value.violations)
    assert sandbox.bill.count() == sandbox.bill.request_count() == 0
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
