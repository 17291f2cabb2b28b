"""Whether a prompt asks for a cut, so that one in the clip is no surprise. By words alone; in doubt it does not ask."""

from __future__ import annotations

import re

_NUMBER = r"(?:\d+|one|two|three|four|five|[一二三四五六七八九十]+)"
_REFUSED = re.compile(
    r"\b(?:no|not|never|without|avoid|don[’']t|doesn[’']t)\b[^.,;:!?\n]{0,30}?\b(?:cut|cuts|cutting|transitions?)\b[^.;!?\n]*"
    r"|(?:不|无|没有|禁止|避免)[^。；，！？\n]{0,6}?(?:切|转场)[^。；，！？\n]*",
    re.IGNORECASE,
)
_WORDS = re.compile(
    r"(?<!hair )\b(?:cuts?|cutting)\s+(?:back\s+)?(?:to|away|between)\b(?!\s+(?:pieces|shreds|size|length|the\s+bone))"
    r"|\b(?:hard|jump|smash|match|quick|rapid|fast)[\s-]+cuts?\b"
    r"|[\[(<【]\s*(?:hard\s+)?cut(?:\s+to)?\b"
    r"|\b(?:scene|shot)\s+(?:changes?|cuts?|switch(?:es)?|transitions?)\b"
    r"|\b(?:next|another|new|final)\s+shot\b|\bmulti-?\s?shots?\b|\bmontage\b"
    r"|切换|切到|切至|切入|切镜|硬切|跳切|转场|分镜|蒙太奇|多镜头|下一(?:个)?镜头",
    re.IGNORECASE,
)
_PARTS = (
    re.compile(
        rf"\b(?:shot|scene)\s*#?{_NUMBER}\b|(?:镜头|场景|画面)\s*{_NUMBER}|第\s*{_NUMBER}\s*个?(?:镜头|镜|幕)",
        re.IGNORECASE,
    ),
    re.compile(r"\d+(?:\.\d+)?\s*s?\s*[-–—~～至到]\s*\d+(?:\.\d+)?\s*(?:s|secs?|seconds?|秒)", re.IGNORECASE),
)
"""What one part of a prompt of several shots begins with: two of a kind ask for a cut between them."""
_CAMERA = re.compile("镜头")
"""Shot and camera in one word: told of twice, there may be two."""


def asks_for_a_cut(prompt: str) -> bool:
    """Whether a prompt names a cut ("cut to", "[cut]", 切换) or tells of several shots ("Shot 1: … Shot 2: …", 镜头).

    What it forbids ("no cuts", 不要切换) asks for none.
    """
    asked = _REFUSED.sub(" ", prompt)
    if _WORDS.search(asked) or len(_CAMERA.findall(asked)) > 1:
        return True
    return any(len(set(part.findall(asked))) > 1 for part in _PARTS)
