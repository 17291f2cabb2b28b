"""The marks of a film: what in its file says that it was made by AI and by whom, and what of a clip's a film keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

AIGC_FIELDS = (
    "Label",
    "ContentProducer",
    "ProduceID",
    "ReservedCode1",
    "ContentPropagator",
    "PropagateID",
    "ReservedCode2",
)
"""The fields of GB 45438, in its order."""
SOURCE_TYPES = (
    "trainedAlgorithmicMedia",
    "compositeWithTrainedAlgorithmicMedia",
    "algorithmicMedia",
    "compositeSynthetic",
)
"""IPTC's words for what AI or a program made, wholly or in part."""
LONGEST_JOINED = 60_000
"""Characters of one field of a film's `AIGC`; beyond, the field is left out, and told as lost."""
_BETWEEN = "; "


class Manifest(BaseModel):
    """A C2PA manifest as it lies in a file: all its boxes together. `sha256` is "" where it is too large to be read."""

    model_config = ConfigDict(frozen=True)

    size_bytes: int
    sha256: str = ""


class Marks(BaseModel):
    """What a file says of how it was made.

    Attributes:
        c2pa: Its C2PA manifest, None where it has none. Whether it holds is not looked at.
        aigc: Its `AIGC` fields (GB 45438) as they are given; nearly always one set or none.
        other: What else says so, in short words, as IPTC's `trainedAlgorithmicMedia`.
        watermark: Whether a visible watermark was asked for; None where the request leaves it to the vendor.
        unread: What looks like a mark and could not be read, with the reason.
    """

    model_config = ConfigDict(frozen=True)

    c2pa: Manifest | None = None
    aigc: tuple[dict[str, str], ...] = ()
    other: tuple[str, ...] = ()
    watermark: bool | None = None
    unread: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What marks there are, without what they say; a visible watermark as it was asked for."""
        named = {"C2PA": self.c2pa is not None, "AIGC": bool(self.aigc)}
        found = [name for name, is_there in named.items() if is_there]
        asked = ("watermark",) if self.watermark else ()
        return (*found, *self.other, *asked, *(f"unread: {words}" for words in self.unread))

    def rewritten(self, change: Callable[[str], str]) -> Marks:
        """The same marks with every text that is the file's own changed."""
        fields = tuple({change(name): change(value) for name, value in each.items()} for each in self.aigc)
        other, unread = tuple(map(change, self.other)), tuple(map(change, self.unread))
        return self.model_copy(update={"aigc": fields, "other": other, "unread": unread})

    @property
    def producers(self) -> tuple[str, ...]:
        """Who made it, by its `AIGC` fields."""
        return tuple(dict.fromkeys(each["ContentProducer"] for each in self.aigc if each.get("ContentProducer")))


def joined_aigc(clips: Sequence[Marks]) -> dict[str, str]:
    """The one set of `AIGC` fields of a film that is made of these clips; empty where none of them has any.

    Each field holds the clips' values in their order, each once. The label is the surest of theirs: 1 says made by
    AI, 2 maybe, 3 supposed.
    """
    given = [fields for marks in clips for fields in marks.aigc]
    names = dict.fromkeys([*AIGC_FIELDS, *(name for fields in given for name in fields)])
    joined: dict[str, str] = {}
    for name in names if given else ():
        values = list(dict.fromkeys(fields[name] for fields in given if fields.get(name)))
        text = min(values, default="") if name == "Label" else _BETWEEN.join(values)
        joined[name] = text if len(text) <= LONGEST_JOINED else ""
    return joined


def lost_marks(clip: Marks, film: Marks) -> tuple[str, ...]:
    """What of a clip's marks a film does not hold, in words.

    A film with a manifest of its own has its clips as ingredients there, their manifests with them, and says how it
    was made.
    """
    lost = ["the C2PA manifest"] if clip.c2pa is not None and film.c2pa is None else []
    for fields in clip.aigc:
        lost += [words for words in _lost_fields(fields, film) if words not in lost]
    lost += [each for each in clip.other if each not in film.other and not (film.c2pa and each in SOURCE_TYPES)]
    return (*lost, *clip.unread)


def _lost_fields(fields: Mapping[str, str], film: Marks) -> list[str]:
    if not film.aigc:
        return ["AIGC"]
    return [
        f"AIGC {name}"
        for name, value in fields.items()
        if value and not any(_holds(kept.get(name, ""), value, name) for kept in film.aigc)
    ]


def _holds(kept: str, value: str, name: str) -> bool:
    return bool(kept) and (name == "Label" or value in kept)
