"""What the vendors' documents say, field by field: a rule table that is generated from their lines, and the one list of
places where we leave them knowingly. Nothing is read from our own tables; where a document is silent there is no rule.

The documents: 000 PowerTokens, 001 Anyfast, 002 and 003 EvoLink, 004 JimmyAI; `003:361` is a line of one. Of the
makers' reference, 82379/1520757, `create:duration` is a field, `create:image` the paragraph on such files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from longtake.domain.request import MediaFacts, MediaKind, Reference, Role, ShotRequest

RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9")
ALL_RATIOS = (*RATIOS, "adaptive", "2:1")
ALL_SIZES = ("480p", "720p", "1080p", "2k", "4k")
KINDS: tuple[MediaKind, ...] = ("image", "video", "audio")
MIB = 2**20
LINK = {
    "https": "https://example.com/a",
    "http": "http://example.com/a",
    "asset": "asset://asset-sandbox-a",
    "data": "data:{}/png;base64,AAAA",
}
ROLES = {
    "F": Role.FIRST_FRAME,
    "L": Role.LAST_FRAME,
    "I": Role.REFERENCE_IMAGE,
    "V": Role.REFERENCE_VIDEO,
    "A": Role.REFERENCE_AUDIO,
}
EVOLINK = [
    (f"seedance-2.0-{grade}{mode}-to-video", grade, mode)
    for grade in ("", "fast-", "mini-")
    for mode in ("text", "image", "reference")
]
SP, OFFICIAL = ("seedance2.0-sp", "seedance2.0-fast-sp"), ("seedance2.0-of-sp", "seedance2.0-of-fast-sp")
MD, I2V, STD = ("seedance2.0-md", "seedance2.0-fast-md"), ("seedance2.0-fast-i2v",), ("seedance2.0-std",)
MINI, SPECIAL = ("seedance2.0-mini",), ("seedance2.0-mini-sp",)
SIZES = ("720p", "1080p", "2k", "4k")
MAKERS = {"byteplus": "dreamina", "volcengine": "doubao"}
FULL = (*(f"sd2_mx_{size}" for size in SIZES), *(f"sd2_mx_fast_{size}" for size in SIZES[:2]))
FULL_VIDEO = tuple(wire.replace("sd2_mx_", "sd2_mx_video_") for wire in FULL)
JIMMY = (*SP, *OFFICIAL, *MD, *I2V, *STD, *MINI, *SPECIAL, *FULL, *FULL_VIDEO)


class Rule(NamedTuple):
    """One field with one value at one model: whether the document takes it, and in which line it says so.

    `on_wire`: the value can be seen in the body (an option that a vendor lacks is never sent).
    """

    vendor: str
    model: str
    field: str
    value: str
    allowed: bool
    line: str
    request: ShotRequest
    on_wire: bool = True


class Deviation(NamedTuple):
    """Rules that we leave, and why. `allowed` is what the document says."""

    vendor: str
    models: tuple[str, ...]
    field: str
    values: tuple[str, ...]
    allowed: bool
    reason: str

    def covers(self, rule: Rule) -> bool:
        same = (self.vendor, self.field, self.allowed) == (rule.vendor, rule.field, rule.allowed)
        return same and rule.model in self.models and rule.value in self.values


IDLE = ("web_search=False", "return_last_frame=False")
NO_FLAGS = "a false that asks for nothing is honoured by leaving it out"
DEVIATIONS = (
    Deviation("jimmyai", MINI, "roles", ("V", "VA", "IVA"), True, "newer pages: videos of the mini go to -mini-video"),
    Deviation("jimmyai", JIMMY, "roles", ("FV",), True, "upstream keeps frames and reference videos apart"),
    Deviation("jimmyai", (*SP, *OFFICIAL), "image", ("asset",), False, "SP's asset page takes asset:// everywhere"),
    Deviation("jimmyai", SP + OFFICIAL, "video", ("asset",), False, "SP's asset page takes asset:// everywhere"),
    Deviation("jimmyai", JIMMY, "option", IDLE, False, NO_FLAGS),
    Deviation("evolink", tuple(wire for wire, *_ in EVOLINK), "option", IDLE, False, NO_FLAGS),
    Deviation("anyfast", ("seedance-2.0-mini",), "option", IDLE, False, NO_FLAGS),
    Deviation("powertokens", ("dreamina-seedance-2-0-mini-260615",), "option", IDLE, False, NO_FLAGS),
)


def rules() -> Iterator[Rule]:
    """The whole table."""
    yield from _powertokens()
    yield from _anyfast()
    yield from _evolink()
    for vendor, prefix in MAKERS.items():
        for grade in ("2-0-260128", "2-0-fast-260128", "2-0-mini-260615", "2-5-260628"):
            yield from _maker(_Table(vendor, f"{prefix}-seedance-{grade}", {}), grade)
    for wire in JIMMY:
        yield from _jimmyai(wire)


def reference(role: Role, scheme: str = "https", **measured: Any) -> Reference:
    """A reference of this role, with the measures of an ordinary file but for those given."""
    usual: dict[str, dict[str, Any]] = {
        "image": {"container": "png", "width": 800, "height": 800},
        "video": {
            "container": "mp4",
            "codec": "h264",
            "width": 1280,
            "height": 720,
            "duration_seconds": 4.0,
            "fps": 24.0,
        },
        "audio": {"container": "wav", "duration_seconds": 4.0},
    }
    facts = MediaFacts(**{"kind": role.kind, "size_bytes": 1000, **usual[role.kind], **measured})
    return Reference(role=role, source=LINK[scheme].format(role.kind), facts=facts)


class _Table(NamedTuple):
    """Makes the rules of one model; `base` is a request that it takes."""

    vendor: str
    model: str
    base: dict[str, Any]

    def rule(self, field: str, value: object, allowed: bool, line: str, *, on_wire: bool = True, **wish: Any) -> Rule:
        request = ShotRequest(**{"prompt": "a cat", "model": self.model, **self.base, **wish})
        return Rule(self.vendor, self.model, field, str(value), allowed, line, request, on_wire)

    def choices(self, field: str, known: Iterable[Any], taken: Iterable[Any], line: str, **more: Any) -> Iterator[Rule]:
        chosen = tuple(taken)
        for value in known:
            yield self.rule(field, value, value in chosen, line, **more, **{field: value})

    def options(self, given: dict[str, str]) -> Iterator[Rule]:
        """Switches by name, each with the line that names it; those without one are no parameters."""
        for name in ("generate_audio", "watermark", "web_search", "return_last_frame", "content_filter"):
            for value in (True, False):
                line = given.get(name, "no such parameter")
                known = name in given
                yield self.rule("option", f"{name}={value}", known, line, on_wire=known, **{name: value})
        for name, value in (("seed", 7), ("safety_identifier", "u"), ("callback_url", "https://example.com/hook")):
            line = given.get(name, "no such parameter")
            yield self.rule("option", name, name in given, line, on_wire=name in given, **{name: value})

    def roles(self, taken: dict[str, str], refused: dict[str, str], scheme: str = "https") -> Iterator[Rule]:
        """Make-ups by letters (`IVA`, `I9`), each with its line."""
        for allowed, lines in ((True, taken), (False, refused)):
            for letters, line in lines.items():
                given = tuple(self._given(letters, scheme))
                yield self.rule("roles", letters, allowed, line, references=given)

    def _given(self, letters: str, scheme: str) -> Iterator[Reference]:
        for place, letter in enumerate(letters):
            if letter in ROLES:
                digits = letters[place + 1 :]
                count = int(digits) if digits.isdigit() else 1
                # Short ones, so that four of them stay below the total.
                short = {} if letter in "FLI" else {"duration_seconds": 3.0}
                yield from (reference(ROLES[letter], scheme, **short) for _ in range(count))

    def one(
        self, role: Role, value: str, allowed: bool, line: str, scheme: str = "https", beside: str = "", **facts: Any
    ) -> Rule:
        company = tuple(self._given(beside, scheme))
        given = (*company, reference(role, scheme, **facts))
        return self.rule(role.kind, value, allowed, line, references=given)


IMAGE, VIDEO, AUDIO = Role.REFERENCE_IMAGE, Role.REFERENCE_VIDEO, Role.REFERENCE_AUDIO


def _powertokens() -> Iterator[Rule]:
    of = _Table("powertokens", "dreamina-seedance-2-0-mini-260615", {})
    yield from of.choices("duration_seconds", (*range(1, 18), "auto"), (*range(4, 16), "auto"), "000:91")
    yield from of.choices("resolution", ALL_SIZES, ("480p", "720p"), "000:106-110")
    yield from of.choices("ratio", ALL_RATIOS, ALL_RATIOS[:7], "000:113-122")
    yield from of.choices("seed", (-2, -1, 0, 2**32 - 1, 2**32), (-1, 0, 2**32 - 1), "000:127-130")
    yield from of.choices("safety_identifier", ("u" * 64, "u" * 65), ("u" * 64,), "000:145")
    names = ("generate_audio", "watermark", "return_last_frame", "seed", "safety_identifier")
    yield from of.options(dict.fromkeys(names, "000:125-145"))
    yield from of.roles(dict.fromkeys(("", "F", "FL", "I", "V", "IA", "VA", "IVA"), "000:88"), {})
    yield of.rule("prompt", "none", False, "000:83", prompt="")
    yield of.rule("prompt", "none beside a picture", True, "000:83", prompt="", references=(reference(IMAGE),))


def _anyfast() -> Iterator[Rule]:
    of = _Table("anyfast", "seedance-2.0-mini", {})
    yield from of.choices("duration_seconds", (*range(1, 18), "auto"), range(4, 16), "001:173-177")
    yield from of.choices("resolution", ALL_SIZES, ("480p", "720p"), "001:153-157")
    yield from of.choices("ratio", ALL_RATIOS, ALL_RATIOS[:7], "001:160-167")
    yield from of.options({"generate_audio": "001:145", "watermark": "001:190", "web_search": "001:178-188"})
    picture = (reference(IMAGE),)
    yield of.rule("option", "web_search beside a picture", False, "001:180", web_search=True, references=picture)
    taken = dict.fromkeys(("", "I", "V", "IA", "IV", "VA", "IVA"), "001:69-75")
    taken |= {"F": "001:133", "FL": "001:133", "I9": "001:134", "V3": "001:135", "IA3": "001:136"}
    yield from of.roles(taken, {"A": "001:115", "I10": "001:134", "V4": "001:135", "IA4": "001:136"})
    for role, line, schemes in (
        (IMAGE, "001:102", ("https", "data", "asset")),
        (VIDEO, "001:111", ("https", "asset")),
        (AUDIO, "001:120", ("https", "data", "asset")),
    ):
        for scheme in ("https", "data", "asset"):
            # Sound stands beside a picture.
            yield of.one(role, scheme, scheme in schemes, line, scheme, beside="I" if role is AUDIO else "")
    yield from _files(of, "001:103", "001:112", "001:121", images=("jpeg", "png", "webp", "bmp", "tiff", "gif"))


def _files(of: _Table, image: str, video: str, audio: str, images: tuple[str, ...]) -> Iterator[Rule]:
    """Formats, sizes and lengths of files, as Anyfast and EvoLink bound them alike."""
    for name in ("jpeg", "png", "webp", "bmp", "tiff", "gif", "heic"):
        yield of.one(IMAGE, name, name in images, image, container=name)
    for name in ("mp4", "mov", "webm"):
        yield of.one(VIDEO, name, name != "webm", video, container=name)
    for name in ("wav", "mp3", "m4a"):
        yield of.one(AUDIO, name, name != "m4a", audio, beside="I", container=name)
    for role, most, line in ((IMAGE, 30, image), (VIDEO, 50, video), (AUDIO, 15, audio)):
        beside = "I" if role is AUDIO else ""
        for size, allowed in ((most * 10**6, True), (most * MIB, True), (most * MIB + 1, False)):
            yield of.one(role, f"{size} bytes", allowed, line, beside=beside, size_bytes=size)
    for role, line in ((VIDEO, video), (AUDIO, audio)):
        beside = "I" if role is AUDIO else ""
        for seconds, allowed in ((1.9, False), (2.0, True), (15.0, True), (15.1, False)):
            yield of.one(role, f"{seconds} s", allowed, line, beside=beside, duration_seconds=seconds)


def _evolink() -> Iterator[Rule]:
    for wire, grade, mode in EVOLINK:
        picture = {"references": (reference(Role.FIRST_FRAME),)} if mode == "image" else {}
        if mode == "reference":
            picture = {"references": (reference(IMAGE),)}
        of = _Table("evolink", wire, picture)
        yield from of.choices("duration_seconds", (*range(1, 18), "auto"), range(4, 16), "003:354-364")
        sizes = ("480p", "720p") if grade else ("480p", "720p", "1080p")
        yield from of.choices("resolution", ALL_SIZES, sizes, "003:379-383")
        yield from of.choices("ratio", ALL_RATIOS, ALL_RATIOS[:7], "003:416-423")
        named = {"generate_audio": "003:426", "content_filter": "003:437", "callback_url": "003:473"}
        if mode == "text" and grade != "mini-":
            named["web_search"] = "003:460"
        yield from of.options(named)
        hooks = ("https://example.com/" + "x" * 2028, "https://example.com/" + "x" * 2029, "http://example.com")
        yield from of.choices("callback_url", (*hooks, "https://10.0.0.1/"), hooks[:1], "003:483-485")
        yield of.rule("prompt", "none", False, "003:198-200", prompt="")
        yield from _evolink_media(of, mode)


def _evolink_media(of: _Table, mode: str) -> Iterator[Rule]:
    if mode == "text":
        yield from of.roles({}, dict.fromkeys(("I", "V", "IVA"), "003:253, 287, 334"))
    elif mode == "image":
        yield from of.roles({"F": "003:261", "FL": "003:262"}, {"": "003:254", "V": "003:287", "FA": "003:334"})
    else:
        taken = {"": "003:255", "I": "003:255", "V": "003:290", "IVA": "003:10", "I9": "003:255", "V3": "003:290"}
        refused = {"A": "003:321", "I10": "003:255", "V4": "003:290", "IA4": "003:336"}
        yield from of.roles(taken | {"IA3": "003:336"}, refused)
        yield from _files(of, "003:268-272", "003:300-314", "003:342-344", images=("jpeg", "png", "webp"))
        for role, line in ((IMAGE, "003:269-270"), (VIDEO, "003:306-308")):
            for width, height, allowed in ((700, 1760, False), (299, 500, False), (6001, 3000, False)):
                yield of.one(role, f"{width}x{height}", allowed, line, width=width, height=height)
        for width, height, allowed in ((640, 640, True), (640, 639, False), (2206, 946, True), (2207, 946, False)):
            yield of.one(VIDEO, f"{width}x{height}", allowed, "003:310", width=width, height=height)
        for fps, allowed in ((23.9, False), (24.0, True), (60.0, True), (61.0, False)):
            yield of.one(VIDEO, f"{fps} fps", allowed, "003:314", fps=fps)
        two = tuple(reference(VIDEO, duration_seconds=8.0) for _ in range(2))
        yield of.rule("video", "16 s in all", False, "003:304", references=two)


def _maker(of: _Table, grade: str) -> Iterator[Rule]:
    is_next = grade.startswith("2-5")
    longest, images, files = (30, 30, 10) if is_next else (15, 9, 3)
    yield from of.choices(
        "duration_seconds", (*range(1, 33), "auto"), (*range(4, longest + 1), "auto"), "create:duration"
    )
    sizes = {"2-0-260128": ("480p", "720p", "1080p", "4k"), "2-5-260628": ("480p", "720p", "1080p")}
    yield from of.choices("resolution", ALL_SIZES, sizes.get(grade, ("480p", "720p")), "create:resolution")
    yield from of.choices("ratio", ALL_RATIOS, ALL_RATIOS[:7], "create:ratio")
    yield from of.choices("priority", (-1, 0, 9, 10), (0, 9), "create:priority")
    seconds = (3599, 3600, 259_200, 259_201)
    yield from of.choices("expires_after_seconds", seconds, seconds[1:3], "create:execution_expires_after")
    yield from of.choices("safety_identifier", ("u" * 64, "u" * 65), ("u" * 64,), "create:safety_identifier")
    names = ("generate_audio", "watermark", "web_search", "return_last_frame", "safety_identifier", "callback_url")
    yield from of.options({name: f"create:{name}" for name in names})
    taken = ("", "F", "FL", "I", "V", "IA", "IV", "VA", "IVA", f"I{images}", *(("A",) if is_next else ("IA3", "V3")))
    refused = ("L", "FI", "FV", "FA", f"I{images + 1}", f"V{files + 1}", *(() if is_next else ("A",)))
    yield from of.roles(dict.fromkeys(taken, "create:content"), dict.fromkeys(refused, "create:content"))
    yield of.rule("prompt", "none", False, "create:content", prompt="")
    yield of.rule("prompt", "none beside a picture", True, "create:content", prompt="", references=(reference(IMAGE),))
    frame = (reference(Role.FIRST_FRAME),)
    for ratio in ("16:9", "adaptive"):
        allowed = ratio == "adaptive" or not is_next
        yield of.rule("ratio", f"{ratio} with a frame", allowed, "create:ratio", ratio=ratio, references=frame)
    yield from _maker_files(of, longest)


def _maker_files(of: _Table, longest: int) -> Iterator[Rule]:
    for role, schemes in (
        (IMAGE, ("https", "http", "data", "asset")),
        (VIDEO, ("https", "http", "asset")),
        (AUDIO, ("https", "http", "data", "asset")),
    ):
        beside, line = "I" if role is AUDIO else "", f"create:{role.kind}"
        for scheme in ("https", "http", "data", "asset"):
            yield of.one(role, scheme, scheme in schemes, line, scheme, beside=beside)
        if role is not IMAGE:
            for seconds in (1.9, 2.0, float(longest), longest + 0.1):
                fits = 2 <= seconds <= longest
                yield of.one(role, f"{seconds} s", fits, line, beside=beside, duration_seconds=seconds)
            two = tuple(reference(role, duration_seconds=longest / 2 + 1) for _ in range(2))
            company = (reference(IMAGE),) if beside else ()
            yield of.rule(role.kind, f"{longest + 2} s in all", False, line, references=company + two)
        most = {"image": 30, "video": 200, "audio": 15}[role.kind]
        for size, allowed in ((most * 10**6, True), (most * MIB, True), (most * MIB + 1, False)):
            yield of.one(role, f"{size} bytes", allowed, line, beside=beside, size_bytes=size)
    for name in ("jpeg", "png", "webp", "bmp", "tiff", "gif", "heic", "heif", "svg"):
        yield of.one(IMAGE, name, name != "svg", "create:image", container=name)
    for name in ("mp4", "mov", "webm"):
        yield of.one(VIDEO, name, name != "webm", "create:video", container=name)
    for name in ("wav", "mp3", "m4a"):
        yield of.one(AUDIO, name, name != "m4a", "create:audio", beside="I", container=name)
    for role in (IMAGE, VIDEO):
        for width, height, allowed in ((700, 1760, False), (299, 500, False), (6001, 3000, False), (1280, 720, True)):
            yield of.one(role, f"{width}x{height}", allowed, f"create:{role.kind}", width=width, height=height)
    for width, height, allowed in ((854, 480, True), (640, 636, False), (3840, 2160, True), (3842, 2160, False)):
        yield of.one(VIDEO, f"{width}x{height}", allowed, "create:video", width=width, height=height)
    for fps, allowed in ((23.9, False), (24.0, True), (60.0, True), (61.0, False)):
        yield of.one(VIDEO, f"{fps} fps", allowed, "create:video", fps=fps)


def _jimmyai(wire: str) -> Iterator[Rule]:
    full = wire in FULL + FULL_VIDEO
    scheme = "asset" if full else "https"
    base = {"references": (reference(IMAGE),)} if wire in I2V else {}
    of = _Table("jimmyai", wire, base)
    spans = {**dict.fromkeys(SP, (4, 15)), **dict.fromkeys(MD, (1, 15)), **dict.fromkeys(STD + SPECIAL, (4, 15))}
    span = (4, 12) if full else spans.get(wire)
    if span is not None:
        yield from of.choices("duration_seconds", (*range(0, 18), "auto"), range(span[0], span[1] + 1), "004:33, 17")
    if full:
        size = (wire.rsplit("_", 1)[1],)
        yield from of.choices("resolution", ALL_SIZES, size, "004:31", on_wire=False)
    elif wire in MD + I2V + STD:
        yield from of.choices("resolution", ALL_SIZES, ("720p",), "004:31", on_wire=False)
    elif wire in SP + SPECIAL:
        sizes = ("480p", "720p", "1080p")[: 2 if wire in SPECIAL else 3]
        yield from of.choices("resolution", ALL_SIZES, sizes, "004:34-35, 18")
    ratios = {**dict.fromkeys(MD, (*RATIOS[:1], "9:16", "1:1")), **dict.fromkeys(STD, RATIOS)}
    if full or wire in ratios:
        yield from of.choices("ratio", ALL_RATIOS, (*RATIOS, "adaptive") if full else ratios[wire], "004:37")
    else:
        yield from of.choices("ratio", ("16:9", "9:16", "1:1"), ("16:9", "9:16", "1:1"), "004:19")
    yield from of.options({})
    yield of.rule("prompt", "none", False, "004:16", prompt="")
    if wire in MD:
        for count in (5000, 5001):
            yield of.rule("prompt", f"{count} characters", count == 5000, "004:32", prompt="a" * count)
    yield from of.roles(*_jimmy_roles(wire), scheme)
    yield from _jimmy_files(of, wire, full=full)


def _jimmy_roles(wire: str) -> tuple[dict[str, str], dict[str, str]]:
    taken = {"I": "004:20"}
    refused = {"FI": "004:26", "A": "004:26"}
    if wire not in I2V:
        taken |= {"": "004:16", "FL": "004:38-39"}
    if wire in MD:
        refused |= {"F": "004:38", "L": "004:39", "IA": "004:41", "I5": "004:36", "V4": "004:40"}
        return taken | {"I4": "004:36", "V": "004:40", "V3": "004:40"}, refused
    if wire in I2V:
        refused |= {"V": "004:40", "IA": "004:41", "IV": "004:40", "I10": "004:36"}
        return taken | {"I9": "004:36"}, refused
    taken |= {"F": "004:21", "IA": "004:24"}
    if wire in FULL:
        refused |= dict.fromkeys(("V", "IV"), "004:31")
    else:
        taken |= {"V": "004:40", "VA": "004:26", "IVA": "004:26", "FV": "004:26"}
    if wire in STD:
        refused |= {"FA": "004:41", "FLA": "004:41", "IA4": "004:41", "I10": "004:36"}
        return taken | {"L": "004:39", "IA3": "004:41", "I9": "004:36"}, refused
    return taken | {"FA": "004:26", "FLA": "004:26"}, refused


def _jimmy_files(of: _Table, wire: str, *, full: bool) -> Iterator[Rule]:
    forms: list[tuple[Role, str, tuple[str, ...]]] = []
    if full:
        forms = [(IMAGE, "004:36", ("asset",)), (AUDIO, "004:41", ("asset",))]
        forms += [(VIDEO, "004:40", ("asset",))] if wire in FULL_VIDEO else []
    elif wire in SP + OFFICIAL:
        forms = [(IMAGE, "004:36", ("https",)), (VIDEO, "004:40", ("https",)), (AUDIO, "004:41", ("https", "asset"))]
    elif wire in MD + STD + I2V:
        forms = [(IMAGE, "004:36", ("https",))]
    for role, line, schemes in forms:
        for scheme in ("https", "http", "asset", "data"):
            company = (reference(IMAGE, schemes[0]),) if role is AUDIO else ()
            given = (*company, reference(role, scheme))
            yield of.rule(role.kind, scheme, scheme in schemes, line, references=given)
    if wire in MD:
        for width, height in ((1280, 720), (1278, 719), (3840, 2160), (2560, 1440), (2160, 3840), (3840, 2161)):
            fits = 720 <= min(width, height) <= 2160
            yield of.one(VIDEO, f"{width}x{height}", fits, "004:40", width=width, height=height)
        for seconds, allowed in ((7.5, True), (7.6, False)):
            two = tuple(reference(VIDEO, duration_seconds=seconds) for _ in range(2))
            yield of.rule("video", f"twice {seconds} s", allowed, "004:40", references=two)
        for size, allowed in ((100 * 10**6, True), (100 * MIB, True), (100 * MIB + 1, False)):
            two = tuple(reference(VIDEO, size_bytes=size) for _ in range(2))
            yield of.rule("video", f"twice {size} bytes", allowed, "004:40", references=two)
