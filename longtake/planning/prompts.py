"""What a prompt says about references: words that name one which is not there, and the wording that extends a clip."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from longtake.domain.errors import ConfigurationError
from longtake.domain.request import MediaKind, ShotRequest
from longtake.domain.violations import Violation, caution, refusal

_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_KINDS: dict[str, MediaKind] = {
    "image": "image",
    "img": "image",
    "picture": "image",
    "图片": "image",
    "图像": "image",
    "图": "image",
    "video": "video",
    "视频": "video",
    "影片": "video",
    "audio": "audio",
    "音频": "audio",
}
# Not part of a longer number, ratio, fraction or word: "2024", "4:3", "1/2", "2.5", "3d", "2-second".
_NUMBER = r"(?P<number>\d{1,3})(?![\w%°@]|[.,:/×]\d|-\w)"
# 地图, 插图, 截图, 视图 … are words of their own; a measure word after the number says that it counts something.
_CHINESE = re.compile(
    r"(?P<kind>图片|图像|视频|影片|音频|(?<![地插截视构拼草贴蓝版绘制略])图)[ _-]?"
    r"(?P<number>\d{1,3})(?![\da-zA-Z%°]|[.:/×]\d|[个张段秒分倍次帧条种年月日幅部只名人位度点路])"
)
_MARKED = re.compile(rf"[@<\[【](?P<kind>image|img|picture|video|audio)[ _-]?{_NUMBER}", re.IGNORECASE)
_GLUED = re.compile(rf"(?<![\w@<\[【-])(?P<kind>image|img|video|audio)[_#]?{_NUMBER}", re.IGNORECASE)
_SPOKEN = re.compile(
    r"(?:\b(?P<before>[a-z]+) )?(?<![\w-])(?P<kind>image|picture|video|audio)s? #?"
    rf"{_NUMBER}(?P<more>(?:(?:, | and |, and )\d{{1,2}}\b)*)(?P<after>\s+[a-z]+|\s*[^\s\w]|\s*$)?",
    re.IGNORECASE,
)
_WORDS = ("图", "视频", "影片", "音频", "image", "img", "picture", "video", "audio")
_COUNTING = re.compile(r"an?|each|per|every|one|another|any|no|some", re.IGNORECASE)
_NAMING = re.compile(r"from|of|use|using|extend|reference", re.IGNORECASE)
_MEASURE = re.compile(r"seconds?|secs?|minutes?|hours?|times|frames?|people|years?", re.IGNORECASE)
# After the number of a reference a sentence ends or goes on; a noun would be what the number counts.
_GOING_ON = re.compile(
    r"as|is|in|on|at|for|to|with|from|and|or|of|by|then|the|an?|into|onto|shows|but|while|should|must|will|has|can|like"
    r"|through|over|where|which|that|after|before|until|ends|begins|starts|continues|plays|also|are|was|being|so|only"
    r"|using|if|when|its|their|forwards?|backwards?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ExtensionTemplate:
    """The wording that asks a model to go on with a clip; `{index}` is the clip's number, `{prompt}` the row's prompt.

    `cjk_text` is for prompts in Chinese, Japanese or Korean, "" for none. Name and version enter a shot's identity.
    """

    name: str
    version: str
    text: str
    cjk_text: str = ""

    @property
    def label(self) -> str:
        """Name and version."""
        return f"{self.name}@{self.version}"


# Both are upstream's wordings; a request without them was seen to open on another shot.
EXTEND = ExtensionTemplate("extend", "1", "Extend video {index}: {prompt}", "向后延长视频{index}：{prompt}")


def extension_template(written: str | None) -> ExtensionTemplate | None:
    """The template that a run's setting means.

    Args:
        written: None for the default, `off` (or "") for none, else a text with `{prompt}` in it.

    Raises:
        ConfigurationError: The text has no `{prompt}`, or braces that mean nothing here.
    """
    if written is None:
        return EXTEND
    if written.strip().lower() in ("", "off"):
        return None
    such_as = "such as: Extend video {index}: {prompt}"
    if "{prompt}" not in written:
        raise ConfigurationError(f"the extension template {written!r} needs {{prompt}} in it, {such_as}")
    if other := set(re.findall(r"\{[^{}]*\}|[{}]", written)) - {"{index}", "{prompt}"}:
        named = ", ".join(sorted(other))
        raise ConfigurationError(
            f"the extension template {written!r} has {named} in it; only {{index}} and {{prompt}} "
            f"are filled in, {such_as}"
        )
    return ExtensionTemplate("custom", hashlib.sha256(written.encode()).hexdigest()[:12], written)


def extension_prompt(template: ExtensionTemplate | None, prompt: str, parent_index: int = 1) -> str:
    """The prompt of a shot that goes on from a clip; unchanged where it speaks of the clip itself."""
    if template is None or ("video", parent_index) in {(kind, number) for _, kind, number, _ in _mentions(prompt)}:
        return prompt
    text = template.cjk_text if not prompt.isascii() and _CJK.search(prompt) else ""
    # The prompt comes last, so that braces of its own stay as they are.
    return prompt.join((text or template.text).replace("{index}", str(parent_index)).split("{prompt}")).strip()


def check_prompt(request: ShotRequest, vendor: str, prompt: str | None = None) -> list[Violation]:
    """Violations for references that the prompt names and the request does not have.

    Args:
        request: The request with everything in it that will be sent, the clip it continues from among it.
        vendor: Who gets it, for the message.
        prompt: The words to look at; None: the request's own.
    """
    found: dict[tuple[MediaKind, int], Violation] = {}
    for words, kind, number, certain in _mentions(request.prompt if prompt is None else prompt):
        count = len(request.kinds(kind))
        if 1 <= number <= count:
            continue
        given = f"{count} {kind}s are" if count != 1 else f"1 {kind} is"
        rule = f"the prompt speaks of {words!r}, but {given} given to {vendor}"
        fix = f"give {kind} {number}, or name one that is there"
        violation = (refusal if certain else caution)("prompt", words, rule, fix)
        known = found.get((kind, number))
        if known is None or (known.warning and certain):
            found[kind, number] = violation
    return list(found.values())


def speaks_of_media(prompt: str) -> bool:
    """Whether a prompt has a word for pictures, videos or sounds in it."""
    folded = prompt.lower()
    for word in _WORDS:  # noqa: SIM110 - twice as fast as `any`, and every prompt comes by here
        if word in folded:
            return True
    return False


def _mentions(prompt: str) -> Iterator[tuple[str, MediaKind, int, bool]]:
    """The references that a prompt names: its words, kind and number, and whether nothing else can be meant."""
    if not speaks_of_media(prompt):
        return
    for pattern in (_CHINESE, _MARKED, _GLUED):
        for match in pattern.finditer(prompt):
            yield match.group(), _KINDS[match["kind"].lower()], int(match["number"]), True
    for match in _SPOKEN.finditer(prompt):
        yield from _spoken(match)


def _spoken(match: re.Match[str]) -> Iterator[tuple[str, MediaKind, int, bool]]:
    before, after = match["before"] or "", (match["after"] or "").strip()
    if _COUNTING.fullmatch(before) or _MEASURE.fullmatch(after):
        return
    kind = _KINDS[match["kind"].lower()]
    certain = not after.isalpha() or bool(_GOING_ON.fullmatch(after) or _NAMING.fullmatch(before))
    for number in [match["number"], *re.findall(r"\d+", match["more"])]:
        yield f"{match['kind']} {number}", kind, int(number), certain
