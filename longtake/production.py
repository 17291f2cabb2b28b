"""One manifest into one output: prepare (read, check, measure, plan), render (buy, wait, fetch, join), write up.

Plain asyncio; the flows hand in their steps and their way of loading accounts.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict

from longtake.accounts import Account, account_name
from longtake.desk import LoadAccount, Office
from longtake.errors import (
    ConfigurationError,
    InvalidManifestError,
    LongtakeError,
    MissingCredentialsError,
    UnknownVendorError,
)
from longtake.hosting import Hosting
from longtake.ledger import Ledger, Purchase
from longtake.manifests.checker import CheckedManifest, check_manifest
from longtake.manifests.reader import read_manifest
from longtake.manifests.schema import Manifest, ManifestRow
from longtake.manifests.writer import RowResult, results_files, retry_csv
from longtake.media.stitch import StitchOptions
from longtake.outputs import publish_clip
from longtake.plan import Plan, Planner, Shot, Standing
from longtake.reels import MadeReel, ReelOrder, ReelPart
from longtake.results import row_result, rows_to_retake
from longtake.run import OnEvent, Run, RunOptions, ShotResult, Steps
from longtake.storage import Store, open_store
from longtake.vendors import adapter_named
from longtake.verdicts import Outcome, Verdict


class Wishes(BaseModel):
    """What a person asks of one run. See the command line's help for each."""

    model_config = ConfigDict(frozen=True)

    manifest: str
    output: str
    vendor: str | None = None
    budget_usd: float | None = None
    on_unknown: Literal["hold", "resubmit"] = "hold"
    reels: tuple[str, ...] = ()
    limit: int | None = None
    skip_refused: bool = False
    replace: bool = False
    max_attempts: int = 1
    partial_reels: bool = False
    fix_references: bool = False
    run: str = ""


@dataclass
class Production:
    """A prepared run: the manifest, its plan, and the ledger as it stood."""

    wishes: Wishes
    manifest: Manifest
    checked: CheckedManifest
    plan: Plan
    ledger: Ledger
    hosting: Hosting
    accounts: Mapping[str, Account] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    @property
    def store(self) -> Store:
        """The output."""
        return self.ledger.store

    def refusal(self) -> LongtakeError | None:
        """Why nothing may be spent on this manifest, None where rendering may begin."""
        if self.plan.refusals and not self.wishes.skip_refused:
            return InvalidManifestError(self.plan.refusals)
        if self.plan.refusals and not self.rendered_shots:
            return InvalidManifestError(self.plan.refusals)
        replaced = [shot for shot in self.rendered_shots if shot.standing in (Standing.REPLACES, Standing.FOLLOWS)]
        if replaced and not self.wishes.replace:
            return WouldReplaceError(replaced)
        return None

    @property
    def rendered_shots(self) -> list[Shot]:
        """The shots of this run: those of reels without a refused shot."""
        refused = {shot.row.reel for shot in self.plan.shots if shot.is_refused}
        return [shot for shot in self.plan.shots if shot.row.reel not in refused]


class WouldReplaceError(LongtakeError):
    """Shots that were bought would be bought again, though their take was not raised."""

    def __init__(self, shots: Sequence[Shot] = ()) -> None:
        ids = [shot.shot_id for shot in shots]
        prices = [shot.quote.high_usd for shot in shots if shot.quote]
        price = f"at most {sum(prices):.4f} USD" if len(prices) == len(ids) else "price unknown"
        some = ", ".join(ids[:5]) + (", …" if len(ids) > 5 else "")
        super().__init__(
            f"{len(ids)} shot(s) that were bought already would be bought again ({price}): {some}. "
            "Raise their `take`, or render with --replace"
        )


async def prepare(
    wishes: Wishes,
    *,
    load_account: LoadAccount,
    clip_store: Store | None = None,
    need_keys: bool = True,
    reference_roots: Sequence[str] = (),
) -> Production:
    """Reads, checks and plans; spends nothing and writes nothing but a probe of the store.

    Args:
        wishes: What is asked.
        load_account: Loads `vendor/document`.
        clip_store: Where references may be hosted.
        need_keys: Whether missing credentials stop the run (a plan goes on without).
        reference_roots: Folders and buckets, beside the manifest's own, that references may come from.

    Raises:
        UnreadableManifestError: The manifest cannot be read.
        MissingCredentialsError: A vendor of the manifest has no credentials.
        UnsafeStoreError: The output cannot keep a ledger.
    """
    manifest = await asyncio.to_thread(read_manifest, wishes.manifest)
    checked = await asyncio.to_thread(check_manifest, manifest, reference_roots=reference_roots)
    accounts, notices = await _accounts(checked, wishes, load_account, need_keys=need_keys)
    store = await asyncio.to_thread(open_store, wishes.output)
    ledger = Ledger(store)
    if need_keys:
        await asyncio.to_thread(store.prove_exclusive)
    purchases = await asyncio.to_thread(ledger.load)
    hosting = Hosting(clip_store)
    planner = Planner(wishes.vendor, checked.digest, hosting=hosting)
    reels = _reels_asked_for(checked, wishes)
    rows = {row.row for chosen in reels.values() for row in chosen} | {0}
    found = [violation for violation in checked.violations if violation.row in rows]
    plan = planner.plan(reels, purchases, time.time(), found)
    return Production(wishes, manifest, checked, plan, ledger, hosting, accounts, notices)


def _reels_asked_for(checked: CheckedManifest, wishes: Wishes) -> dict[str, list[ManifestRow]]:
    reels = checked.reels()
    if unknown := [name for name in wishes.reels if name not in reels]:
        raise ConfigurationError(f"the manifest has no reel {', '.join(unknown)}")
    return {name: reels[name] for name in wishes.reels} if wishes.reels else reels


async def _accounts(
    checked: CheckedManifest,
    wishes: Wishes,
    load_account: LoadAccount,
    *,
    need_keys: bool,
) -> tuple[dict[str, Account], list[str]]:
    accounts: dict[str, Account] = {}
    notices: list[str] = []
    for written in dict.fromkeys(row.written.vendor or wishes.vendor or "" for row in checked.rows):
        try:
            adapter_named(written)
        except UnknownVendorError:
            continue
        try:
            accounts[account_name(written)], said = await load_account(written)
            notices += said
        except MissingCredentialsError as error:
            if need_keys:
                raise
            notices.append(str(error))
    return accounts, notices


@dataclass
class Summary:
    """How a run ended. `line` says it all in one line."""

    verdicts: Counter[str]
    reels_made: list[MadeReel]
    reels_missing: dict[str, str]
    rows: list[RowResult]
    bought_now: int
    notices: list[str] = field(default_factory=list)

    @property
    def all_done(self) -> bool:
        """Whether every row is done and every reel made."""
        return set(self.verdicts) <= {Verdict.DONE.value} and not self.reels_missing

    @property
    def line(self) -> str:
        """Rows, purchases and reels in a line."""
        done, total = self.verdicts[Verdict.DONE.value], sum(self.verdicts.values())
        rest = ", ".join(f"{count} {verdict}" for verdict, count in sorted(self.verdicts.items()) if verdict != "done")
        parts = [f"{done}/{total} rows done", f"{self.bought_now} bought now", f"{len(self.reels_made)} reels"]
        return "; ".join(parts) + (f" ({rest})" if rest else "")


StitchStep = Callable[[ReelOrder], Awaitable[MadeReel]]


async def render(
    production: Production, office: Office, *, steps: Steps, stitch: StitchStep, on_event: OnEvent, options: RunOptions
) -> Summary:
    """Renders a prepared production to its end and writes it up, also when it is cancelled on the way."""
    run = Run(
        Plan(production.rendered_shots, []),
        ledger=production.ledger,
        office=office,
        hosting=production.hosting,
        steps=steps,
        options=options,
        on_event=on_event,
    )
    run.start()
    stitching = {
        reel: asyncio.create_task(_reel_when_done(production, shots, run, stitch))
        for reel, shots in Plan(production.rendered_shots, []).reels.items()
    }
    try:
        await run.finish()
        await asyncio.gather(*stitching.values())
    finally:
        for task in stitching.values():
            task.cancel()
        ended = await asyncio.gather(*stitching.values(), return_exceptions=True)
        made = {reel: end for reel, end in zip(stitching, ended, strict=True) if not isinstance(end, BaseException)}
        summary = await asyncio.shield(asyncio.to_thread(write_up, production, run, made))
    return summary


async def _reel_when_done(
    production: Production, shots: Sequence[Shot], run: Run, stitch: StitchStep
) -> tuple[MadeReel | None, str]:
    """Publishes a reel's clips as they come, then makes the reel; tells why where it is not made."""
    reel = shots[0].row.reel
    results = [await asyncio.shield(run.results[shot]) for shot in shots]
    for result in results:
        if result.is_done and result.job is not None:
            purchase = await asyncio.to_thread(production.ledger.purchase, result.job.identity)
            await asyncio.to_thread(publish_clip, production.store, result, purchase)
    first = [result for result in results if result.shot.variant == 0]
    missing = tuple(result.shot.shot_id for result in first if not result.is_done)
    if missing and not (production.wishes.partial_reels and len(missing) < len(first)):
        return None, f"{len(missing)} of {len(first)} shots are not done"
    parts = tuple(
        ReelPart(
            shot_id=result.shot.shot_id,
            clip=result.clip,
            continues=result.shot.row.written.continue_from == "clip" and place > 0 and first[place - 1].is_done,
        )
        for place, result in enumerate(first)
        if result.clip is not None and result.is_done
    )
    order = ReelOrder(output=production.wishes.output, reel=reel, parts=parts, missing=missing, options=StitchOptions())
    try:
        return await stitch(order), ""
    except LongtakeError as error:
        return None, str(error)


def write_up(production: Production, run: Run, made: Mapping[str, tuple[MadeReel | None, str]]) -> Summary:
    """Writes results.parquet, results.csv and retry.csv from the manifest and the ledger as they stand."""
    purchases = production.ledger.load()
    by_row: dict[int, list[ShotResult]] = {}
    now = time.time()
    for shot in production.plan.shots:
        shot.attempts, shot.now = production.ledger.attempts(shot.identity, purchases), now
        by_row.setdefault(shot.row.row, []).append(_result_of(shot, run))
    rows = [row_result(results, purchases) for results in by_row.values()]
    rows.sort(key=lambda row: row.row)
    parquet, table = results_files(production.manifest, rows)
    store = production.store
    store.write("results.parquet", parquet)
    store.write("results.csv", table)
    store.write("retry.csv", retry_csv(production.manifest, rows, rows_to_retake(rows)))
    return Summary(
        verdicts=Counter(row.verdict.value for row in rows),
        reels_made=[reel for reel, _ in made.values() if reel is not None],
        reels_missing={name: why for name, (reel, why) in made.items() if reel is None},
        rows=rows,
        bought_now=sum(result.bought_now for results in by_row.values() for result in results),
    )


def _result_of(shot: Shot, run: Run) -> ShotResult:
    task = run.results.get(shot)
    if task is not None and task.done() and not task.cancelled() and task.exception() is None:
        return task.result()
    if shot.is_refused:
        words = "\n".join(str(violation) for violation in shot.violations if not violation.warning)
        return ShotResult(shot, Outcome(verdict=Verdict.REFUSED, evidence=words))
    return _as_recorded(shot)


def _as_recorded(shot: Shot) -> ShotResult:
    """A shot that this run did not bring to an end, by what the ledger held at its start."""
    purchase: Purchase | None = shot.purchase
    if purchase is not None and purchase.clip is not None and purchase.accepted is not None:
        return ShotResult(shot, Outcome(verdict=Verdict.DONE), purchase.accepted.job, purchase.clip.clip)
    if shot.standing is Standing.RESUME:
        return ShotResult(shot, Outcome(verdict=Verdict.STILL_RUNNING, evidence="the run ended before the job"))
    if shot.standing is Standing.UNKNOWN and purchase is not None:
        return ShotResult(shot, Outcome(verdict=Verdict.UNKNOWN_OUTCOME, evidence=purchase.evidence_of_unknown()))
    if shot.standing is Standing.OVER and purchase is not None and purchase.verdict is not None:
        return ShotResult(shot, Outcome(verdict=purchase.verdict.verdict, evidence=purchase.verdict.evidence))
    return ShotResult(shot, Outcome(verdict=Verdict.NOT_STARTED, evidence="the run ended before its turn"))
