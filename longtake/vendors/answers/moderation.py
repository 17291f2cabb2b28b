"""Which input moderation flagged, where a code or its words tell."""

from __future__ import annotations

import re

MADE_FILM = "the made film"
PROMPT = "the prompt"

_ARK = re.compile(r"(Input|Output)(Text|Image|Video|Audio)(?:SensitiveContentDetected|RiskDetection)", re.IGNORECASE)
_KINDS = {"text": PROMPT, "image": "an image", "video": "a video", "audio": "a sound"}
_FRAMES = (
    (re.compile(r"first[_ -]?(?:frame|image)|start[_ -]?frame|首帧", re.IGNORECASE), "the first frame"),
    (re.compile(r"(?:last|end)[_ -]?(?:frame|image)|尾帧", re.IGNORECASE), "the last frame"),
)
# `images[1]` counts from 0, `image 2` and `@image2` from 1.
_PLACES = re.compile(
    r"(image|video|audio|图片|视频|音频)(?:_?urls?|s)?(?:\s*\[(\d{1,2})\]|[.](\d{1,2})\b|[\s_#]{0,2}(\d{1,2})(?![\d%]))",
    re.IGNORECASE,
)
_NAMES = {"图片": "image", "视频": "video", "音频": "audio", "audio": "sound"}
_OUTPUT = re.compile(
    r"\b(?:output|generated|result(?:ing)?|made)[_ ](?:video|audio|image|content|film)|生成(?:的)?(?:视频|内容)",
    re.IGNORECASE,
)
_INPUT_WORDS = (
    (re.compile(r"\b(?:the |your |input )?(?:prompt|text)\b|提示词|文本", re.IGNORECASE), PROMPT),
    (re.compile(r"\b(?:input|reference|uploaded) image|图片|图像", re.IGNORECASE), "an image"),
    (re.compile(r"\b(?:input|reference|uploaded) video|参考视频", re.IGNORECASE), "a video"),
    (re.compile(r"\b(?:input|reference|uploaded) audio|音频", re.IGNORECASE), "a sound"),
)


def flagged_input(code: str, message: str) -> str:  # noqa: PLR0911 - one return for each way of telling
    """`the prompt`, `the first frame`, `image 2`, `the made film`, …; "" where nothing tells."""
    ark = _ARK.match(code)
    if ark is not None and ark[1].lower() == "output":
        return MADE_FILM
    if ark is not None and ark[2].lower() == "text":
        return PROMPT
    for pattern, name in _FRAMES:
        if pattern.search(message):
            return name
    if (place := _PLACES.search(message)) is not None:
        number = int(place[4]) if place[4] else int(place[2] or place[3]) + 1
        kind = place[1].lower()
        return f"{_NAMES.get(kind, kind)} {number}"
    if ark is not None:
        return _KINDS[ark[2].lower()]
    if _OUTPUT.search(message) or code.lower().startswith("output"):
        return MADE_FILM
    return next((name for pattern, name in _INPUT_WORDS if pattern.search(message)), "")
