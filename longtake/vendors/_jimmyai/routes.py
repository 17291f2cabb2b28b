"""The routes of JimmyAI as data: what each takes by the create page, and where another page of the vendor, or upstream,
says otherwise (`Doubt`: sent, with a warning).
"""

from __future__ import annotations

from longtake.domain.request import Mode
from longtake.vendors import _ark
from longtake.vendors._adapter import Document, Model
from longtake.vendors.limits import LAST_ALONE, MB, SOUND, Doubt, Limits, MediaLimits

MINI_SPECIAL = Document(
    "Mini Special Create Video (with the routes' body)",
    "https://docs.jimmyai.cn/en/api-reference/seedance/mini-sp/create",
    "2026-11-21",
)
NEWER = Document(
    "Newer create pages of the routes (at second hand)",
    "https://docs.viraltok.ai (seedance/create, sp, md/create, md/fast-i2v, md/std, mini/create)",
    "2026-10-05",
)

SIX_RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9")
THREE_RATIOS = ("16:9", "9:16", "1:1")
HTTPS, ASSET = frozenset({"https"}), frozenset({"asset"})
ANY_LINK = HTTPS | ASSET
IMAGE = _ark.IMAGE.model_copy(update={"schemes": HTTPS})
VIDEO = _ark.VIDEO.model_copy(update={"schemes": HTTPS})
AUDIO = _ark.AUDIO.model_copy(update={"schemes": HTTPS})
NONE = MediaLimits()

SOUND_BESIDE_FRAMES = Doubt(
    about="frames",
    values=frozenset({SOUND}),
    rule="the create page allows sound beside frames; upstream (Ark's create page) keeps them apart and may refuse it",
    fix="give reference images instead of frames, or drop the sound",
)
LAST_FRAME_ALONE = Doubt(
    about="frames",
    values=frozenset({LAST_ALONE}),
    rule="the page of STD takes a last frame alone; upstream (Ark's create page) wants a first frame with it",
    fix="give first_frame too",
)
OTHER_RATIOS = Doubt(
    about="ratio",
    values=frozenset({"4:3", "3:4", "21:9"}),
    rule=f"the page names this ratio for STD and the full route only ({MINI_SPECIAL.title}, {MINI_SPECIAL.read_on})",
    fix="use 16:9, 9:16 or 1:1",
)

# The SP family. Its page bounds neither number nor size of the references, and gives its ratios by example: we take
# upstream's bounds and the six ratios, and `adaptive` only where a route names it. `asset://` is named for sound here,
# and for pictures and videos on the page of the route's asset library.
ECONOMY = Limits(
    resolutions=("480p", "720p", "1080p"),
    ratios=SIX_RATIOS,
    default_ratio="",
    image=IMAGE.model_copy(update={"schemes": ANY_LINK}),
    video=VIDEO.model_copy(update={"schemes": ANY_LINK}),
    audio=AUDIO.model_copy(update={"schemes": ANY_LINK}),
    audio_with_frames=True,
    doubts=(SOUND_BESIDE_FRAMES, OTHER_RATIOS),
)
SP = ECONOMY.model_copy(
    update={
        "doubts": (
            *ECONOMY.doubts,
            Doubt(
                about="resolution",
                values=frozenset({"480p"}),
                rule="the create page has 480p for SP, its own page 720p and 1080p alone "
                f"({NEWER.address}, {NEWER.read_on})",
                fix="use 720p, or the mini special",
            ),
        )
    }
)
FAST_SP = SP.model_copy(
    update={
        "doubts": (
            *SP.doubts,
            Doubt(
                about="video",
                values=frozenset({"video"}),
                rule="the create page takes reference videos on every route but Fast I2V, a newer page none on fast-sp "
                f"({NEWER.address}, {NEWER.read_on})",
                fix="use seedance2.0-sp",
            ),
        )
    }
)
# On the special's own page: 480p and 720p, and sound beside frames ("must be paired with images, video, or frames").
SPECIAL = ECONOMY.model_copy(
    update={
        "resolutions": ("480p", "720p"),
        "image": IMAGE,
        "video": VIDEO,
        "audio": AUDIO,
        "doubts": (OTHER_RATIOS,),
    }
)
# Newer pages give reference videos of the mini to a model of their own; this page names none for it.
MINI_VIDEO_WIRE = "seedance2.0-mini-video"
MINI_VIDEO = ECONOMY.model_copy(update={"image": IMAGE, "video": VIDEO, "audio": AUDIO})
MINI = MINI_VIDEO.model_copy(update={"video": NONE, "other_route": {"video": MINI_VIDEO_WIRE}})
# Upstream's fast model, which this route passes on as it is, ends at 720p.
OFFICIAL_FAST = ECONOMY.model_copy(update={"resolutions": ("480p", "720p")})

# "Each resolution 720px-2160px" is the shorter side, as in 720p; lengths and pictures per second are bounded by
# upstream alone, the total apart.
MD = Limits(
    modes=frozenset({Mode.TEXT, Mode.FIRST_AND_LAST_FRAME, Mode.REFERENCE}),
    durations=tuple(range(1, 16)),
    resolutions=("720p",),
    ratios=THREE_RATIOS,
    default_ratio="16:9",
    prompt_max_characters=5000,
    # Its own page takes no GIF; the create page is silent.
    image=IMAGE.model_copy(update={"max_count": 4, "containers": IMAGE.containers - {"gif"}}),
    video=VIDEO.model_copy(
        update={
            "max_bytes": 200 * MB,
            "max_total_bytes": 200 * MB,
            "min_side_px": 720,
            "max_shorter_side_px": 2160,
            "min_pixels": None,
            "max_pixels": None,
            "min_seconds": None,
            "min_fps": None,
            "max_fps": None,
            "doubtful": MediaLimits(max_count=3, schemes=HTTPS, min_seconds=2, min_fps=24, max_fps=60),
            "doubtful_source": "upstream (Ark's create page); the vendor's page names no such bound",
        }
    ),
    doubts=(
        Doubt(
            about="duration_seconds",
            values=frozenset({1, 2, 3}),
            rule=f"the create page has 1 to 15 s for MD, its own page 4 to 15 ({NEWER.address}, {NEWER.read_on})",
            fix="give 4 to 15",
        ),
    ),
)
# "Only pictures, at most nine"; frames, three ratios and the length of the prompt stand on its own page.
FAST_I2V = Limits(
    modes=frozenset({Mode.REFERENCE, Mode.FIRST_FRAME, Mode.FIRST_AND_LAST_FRAME}),
    durations=tuple(range(1, 16)),
    resolutions=("720p",),
    ratios=THREE_RATIOS,
    default_ratio="16:9",
    prompt_max_characters=5000,
    image=IMAGE,
    doubts=(
        Doubt(
            about="mode",
            values=frozenset({Mode.FIRST_FRAME.value, Mode.FIRST_AND_LAST_FRAME.value}),
            rule=f"frames of this model stand on its own page alone ({NEWER.address}, {NEWER.read_on})",
            fix="give reference_images and name the first frame in the prompt",
        ),
    ),
)
# It alone keeps sound and frames apart: "frame mode does not support audio references".
STD = Limits(
    resolutions=("720p",),
    ratios=SIX_RATIOS,
    default_ratio="16:9",
    image=IMAGE,
    video=VIDEO,
    audio=AUDIO,
    last_frame_alone=True,
    doubts=(LAST_FRAME_ALONE,),
)


def _full(wire: str) -> Model:
    """A model of the full route: only assets that passed the vendor's audit, the resolution in the name."""
    takes_videos = "_video_" in wire
    limits = Limits(
        durations=tuple(range(4, 13)),
        resolutions=(wire.rsplit("_", 1)[1],),
        default_resolution=wire.rsplit("_", 1)[1],
        default_ratio="",
        image=_ark.IMAGE.model_copy(update={"schemes": ASSET}),
        video=_ark.VIDEO.model_copy(update={"schemes": ASSET}) if takes_videos else NONE,
        audio=_ark.AUDIO.model_copy(update={"schemes": ASSET}),
        audio_with_frames=True,
        doubts=(SOUND_BESIDE_FRAMES,),
        other_route={} if takes_videos else {"video": wire.replace("sd2_mx_", "sd2_mx_video_")},
    )
    return Model(wire, limits, None, MINI_SPECIAL.title)


FULL = (
    *(f"sd2_mx_{size}" for size in ("720p", "1080p", "2k", "4k")),
    *(f"sd2_mx_fast_{size}" for size in ("720p", "1080p")),
    *(f"sd2_mx_video_{size}" for size in ("720p", "1080p", "2k", "4k")),
    *(f"sd2_mx_video_fast_{size}" for size in ("720p", "1080p")),
)
MODELS = (
    Model("seedance2.0-mini-sp", SPECIAL, "seedance-2.0-mini", MINI_SPECIAL.title),
    Model("seedance2.0-fast-sp", FAST_SP, "seedance-2.0-fast", MINI_SPECIAL.title),
    Model("seedance2.0-sp", SP, "seedance-2.0", MINI_SPECIAL.title),
    Model("seedance2.0-mini", MINI, None, MINI_SPECIAL.title),
    Model(MINI_VIDEO_WIRE, MINI_VIDEO, None, NEWER.title),
    Model("seedance2.0-of-sp", ECONOMY, None, MINI_SPECIAL.title),
    Model("seedance2.0-of-fast-sp", OFFICIAL_FAST, None, MINI_SPECIAL.title),
    Model("seedance2.0-md", MD, None, MINI_SPECIAL.title),
    Model("seedance2.0-fast-md", MD, None, MINI_SPECIAL.title),
    Model("seedance2.0-fast-i2v", FAST_I2V, None, MINI_SPECIAL.title),
    Model("seedance2.0-std", STD, None, MINI_SPECIAL.title),
    *(_full(wire) for wire in FULL),
)
