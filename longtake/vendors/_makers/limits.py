"""What the makers' models take, the same in both countries; every bound is the maker's own."""

from __future__ import annotations

from longtake.domain.request import Mode
from longtake.vendors import _ark
from longtake.vendors.limits import PIXELS, Doubt, Limits

LINKS = frozenset({"http", "https", "asset"})
INLINE = LINKS | {"data"}

# The generations from 1.5 on read what phones write.
IMAGE = _ark.IMAGE.model_copy(update={"schemes": INLINE, "containers": _ark.IMAGE.containers | {"heic", "heif"}})
VIDEO = _ark.VIDEO.model_copy(update={"schemes": LINKS})
AUDIO = _ark.AUDIO.model_copy(update={"schemes": INLINE})

SIZES = PIXELS | {
    "4k": {
        "16:9": (3840, 2160),
        "4:3": (3326, 2494),
        "1:1": (2880, 2880),
        "3:4": (2494, 3326),
        "9:16": (2160, 3840),
        "21:9": (4398, 1886),
    }
}

# `seed` is told of the 1.5 generation alone, `service_tier` and `frames` of older ones.
FAST = Limits(
    auto_duration=True,
    sizes=SIZES,
    image=IMAGE,
    video=VIDEO,
    audio=AUDIO,
    options=frozenset(
        {
            *("generate_audio", "watermark", "web_search", "return_last_frame", "safety_identifier", "callback_url"),
            *("priority", "expires_after_seconds"),
        }
    ),
    # The reference does not tie the search to a mode; Anyfast's page of the same model does (text alone), so do we.
    modes_of_option={"web_search": frozenset({Mode.TEXT})},
    prompt_required=False,
)
MINI = FAST
STANDARD = FAST.model_copy(update={"resolutions": ("480p", "720p", "1080p", "4k")})

_EDITS = Doubt(
    about="video",
    values=frozenset({"video"}),
    rule="where the prompt edits or extends the video, this model takes the ratio adaptive alone, and an edit the "
    "duration auto alone; other values are refused, which costs nothing",
    fix="give ratio adaptive, and auto to an edit",
)
NEXT = STANDARD.model_copy(
    update={
        "durations": tuple(range(4, 31)),
        "resolutions": ("480p", "720p", "1080p"),
        "sizes": SIZES | {"480p": SIZES["480p"] | {"16:9": (854, 480), "9:16": (480, 854)}},
        "image": IMAGE.model_copy(update={"max_count": 30}),
        "video": VIDEO.model_copy(update={"max_count": 10, "max_seconds": 30, "max_total_seconds": 30}),
        "audio": AUDIO.model_copy(update={"max_count": 10, "max_seconds": 30, "max_total_seconds": 30}),
        "audio_alone": True,
        "doubts": (_EDITS,),
    }
)
"""Seedance 2.5."""
