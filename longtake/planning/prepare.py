"""One manifest for one output, prepared: read, checked, measured, planned and priced. Nothing is bought here.

Plain asyncio; the flows hand in their steps and their way of loading accounts.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from longtake.accounts.account import Account
from longtake.accounts.assets import AssetLibrary
from longtake.accounts.checked import CheckFile
from longtake.accounts.hosting import CLIP_STORE_FIX, Hosting
from longtake.accounts.session import LoadAccount
from longtake.costs.budget import Budget
from longtake.costs.price_book import PriceBook
from longtake.domain.addresses import shown
from longtake.domain.errors import (
    InvalidManifestError,
    LongtakeError,
    MissingCredentialsError,
    UnknownVendorError,
)
from longtake.domain.request import DEFAULT_MODEL
from longtake.domain.violations import Violation
from longtake.files.open_store import open_store
from longtake.files.store import Store
from longtake.files.web.guard import GuardedClient
from longtake.ledger.ledger import Ledger, require_own_identities
from longtake.ledger.ledger import notices as ledger_notices
from longtake.ledger.packed import PackedPurchases
from longtake.ledger.records import Purchase
from longtake.manifests.checker import check_manifest
from longtake.manifests.reader import read_manifest
from longtake.manifests.schema import Manifest, ManifestRow
from longtake.media.labelling.identity import Signing
from longtake.planning.bought_before.kept import kept_words, retake_prices
from longtake.planning.bought_before.repairs import remembered, repair_words
from longtake.planning.bought_before.retry_origin import known_references, origin_roots
from longtake.planning.bought_before.twins import alike_rows
from longtake.planning.forecast import forecast, learned_times
from longtake.planning.missing_prices import missing_prices
from longtake.planning.needs import needs_of
from longtake.planning.options import RenderOptions
from longtake.planning.plan import Plan, Shot, Standing, at_most
from longtake.planning.planner import Planner
from longtake.planning.pools.accounts import accounts_of, run_vendor
from longtake.planning.pools.checked import told_of_accounts
from longtake.planning.preview import PlanPreview
from longtake.planning.prompts import extension_template
from longtake.planning.references.fix import fix_references
from longtake.planning.references.measure import measure_references, reference_sources, reference_violations
from longtake.planning.samples import first_reels, named_reels
from longtake.planning.standings import ChoiceRules, Standings
from longtake.reviews.decisions import ReviewLog


@dataclass(repr=False)
class PreparedRun:
    """A prepared run: the manifest, its plan, and the ledger as it stood."""

    options: RenderOptions
    manifest: Manifest
    plan: Plan
    ledger: Ledger
    purchases: Mapping[str, Purchase]
    hosting: Hosting
    price_book: PriceBook
    accounts: Mapping[str, Account] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    signing: Signing | None = None
    """Who signs the films, where they are signed."""
    standings: Standings | None = None
    """Who each shot is, and on what that depends."""

    @property
    def store(self) -> Store:
        """The output."""
        return self.ledger.store

    def refusal(self) -> LongtakeError | None:
        """Why nothing may be spent on this manifest, None where rendering may begin."""
        # What is wrong with the manifest as a whole is wrong with every row of it.
        skips = self.options.skip_refused and self.rendered_shots and all(each.row for each in self.refusals)
        if self.refusals and not skips:
            return InvalidManifestError(self.refusals)
        replaced = [shot for shot in self.rendered_shots if shot.standing.buys_again]
        if replaced and not self.options.replace:
            return WouldReplaceError(replaced)
        return None

    def budget(self) -> Budget | None:
        """What the run may spend; None where nothing bounds it."""
        caps = {name: account.max_spend_usd for name, account in self.accounts.items()}
        bounded = {name: cap for name, cap in caps.items() if cap is not None}
        if self.options.budget_usd is None and not bounded:
            return None
        return Budget(
            self.ledger,
            budget_usd=self.options.budget_usd,
            caps=bounded,
            reprice=self.price_book.reprice,
            settle=self.price_book.settled,
        )

    async def forecast(self) -> PlanPreview:
        """The plan with all that is known beforehand: what the budget would hold, how long it takes."""
        plan, budget = self._asked_plan(), self.budget()
        held = await (await budget.open(self.purchases)).preview(needs_of(plan)) if budget else {}
        learned = learned_times(self.purchases.values())
        return PlanPreview(
            plan=plan,
            held=held,
            forecast=forecast(plan.shots, self.accounts, learned, held=held, order=self.options.order),
            notices=self.notices,
            budget_usd=self.options.budget_usd,
            spent_usd=budget.spent_usd if budget else None,
            route=self.options.route,
        )

    def _asked_plan(self) -> Plan:
        """The plan of the reels asked for, with what is wrong with the manifest as a whole."""
        if not self.options.reels:
            return self.plan
        shots = self.asked_shots
        rows = {shot.row.row for shot in shots} | {0}
        return Plan(shots, [violation for violation in self.plan.violations if violation.row in rows])

    @property
    def asked_shots(self) -> list[Shot]:
        """The shots of the reels asked for."""
        only = set(self.options.reels)
        return [shot for shot in self.plan.shots if not only or shot.row.reel in only]

    @property
    def rendered_shots(self) -> list[Shot]:
        """The shots of this run: those of the reels asked for without a refused shot."""
        asked = self.asked_shots
        refused = {shot.row.reel for shot in asked if shot.is_refused}
        return [shot for shot in asked if shot.row.reel not in refused]

    @property
    def refusals(self) -> list[Violation]:
        """Violations, warnings left aside, of the manifest as a whole and of the reels asked for."""
        return self._asked_plan().refusals


class WouldReplaceError(LongtakeError):
    """Shots that were bought would be bought again, though their take was not raised."""

    def __init__(self, shots: Sequence[Shot] = ()) -> None:
        ids = [f"{shot.shot_id} (bought as {shot.bought_as})" if shot.bought_as else shot.shot_id for shot in shots]
        some = ", ".join(ids[:5]) + (", …" if len(ids) > 5 else "")
        keep = (
            "; --keep-followers keeps those that follow a new or newly chosen take"
            if any(shot.kept_as for shot in shots)
            else ""
        )
        super().__init__(
            f"{len(ids)} shot(s) that were bought already would be bought again ({at_most(shots)}): {some}. "
            f"Raise their `take`, or render with --replace{keep}"
        )


async def prepare(
    options: RenderOptions,
    *,
    load_account: LoadAccount,
    clip_store: Store | None = None,
    need_keys: bool = True,
    reference_roots: Sequence[str] = (),
    checks: CheckFile | None = None,
) -> PreparedRun:
    """Reads, checks and plans; spends nothing and writes nothing but a probe of the store.

    Args:
        options: What is asked.
        load_account: Loads `vendor/document`.
        clip_store: Where references may be hosted.
        need_keys: Whether missing credentials stop the run (a plan goes on without).
        reference_roots: Folders and buckets, beside the manifest's own, that references may come from.
        checks: Where `longtake check` keeps what it found.

    Raises:
        UnreadableManifestError: The manifest cannot be read.
        MissingCredentialsError: A vendor of the manifest has no credentials.
        UnsafeStoreError: The output cannot keep a ledger.
        ConfigurationError: The output's ledger is not this release's, or the run's vendor or the extension template
            cannot be used.
    """
    options = options.model_copy(update={"vendor": run_vendor(options.vendor)})
    extension = extension_template(options.extension_template)
    manifest = await asyncio.to_thread(read_manifest, options.manifest)
    ledger = Ledger(await asyncio.to_thread(open_store, options.output))
    origin = await asyncio.to_thread(origin_roots, ledger.store, manifest) if options.output else []
    known = await asyncio.to_thread(known_references, ledger.store) if options.output else None
    roots = [*reference_roots, *origin]
    checked = await asyncio.to_thread(check_manifest, manifest, reference_roots=roots, known=known)
    vendors = dict.fromkeys(row.written.vendor or options.vendor or "" for row in checked.rows)
    accounts, keyless, notices = await accounts_of(vendors, load_account, need_keys=need_keys)
    price_book = PriceBook(accounts)
    notices += [f"{name}: the prices are fictitious" for name in price_book.fictitious]
    if clip_store is not None and not clip_store.can_presign:
        notices.append(f"the ClipStore {clip_store.url} gives no links and is not used; {CLIP_STORE_FIX}")
    if need_keys:
        await asyncio.to_thread(ledger.store.prove_exclusive)
    standing, purchases = await asyncio.to_thread(_bought, ledger, options.output)
    require_own_identities(purchases.values())
    notices += ledger_notices(purchases.values())
    hosting = Hosting(clip_store, assets=AssetLibrary(ledger.store))
    planner = Planner(
        options.vendor,
        checked.digest,
        model=options.model or DEFAULT_MODEL,
        resolution=options.resolution or None,
        hosting=hosting,
        quote=price_book,
        extension=extension,
        repairs=await asyncio.to_thread(remembered, ledger.store) if options.output else {},
        keep_followers=options.keep_followers,
        rules=ChoiceRules(options.review, options.choose, options.attempt_rules),
        route=options.route,
        keyless=keyless,
    )
    log = ReviewLog(ledger.store)
    planner.decisions = await asyncio.to_thread(log.read) if options.output else {}
    notices += log.notices
    reels, found = checked.reels(), checked.violations
    options = options.model_copy(update={"reels": named_reels(options.reels, reels)})
    standings = planner.stand(reels, purchases, time.time())
    if elsewhere := await _accounts_of_the_ledger(standings.shots, accounts, load_account):
        accounts |= elsewhere
        planner.quote = price_book = PriceBook(accounts)
    if options.limit_reels is not None:
        sample, beyond = first_reels(planner.judge(standings, found), options)
        options, notices = options.model_copy(update={"reels": sample}), [*notices, *beyond]
    unreadable: list[Violation] = []
    if to_measure := _unmeasured(standings.shots, options.reels):
        async with GuardedClient() as media:
            planner.facts, problems = await measure_references(reference_sources(to_measure), media=media)
        unreadable = reference_violations(to_measure, problems)
    plan = planner.judge(standings, found, unreadable)
    if to_measure and options.fix_references and (refused := [shot for shot in plan.shots if shot.is_refused]):
        folder = await asyncio.to_thread(ledger.store.work_folder, "references/fixed")
        async with GuardedClient() as media:
            planner.fixed, unfixed = await fix_references(refused, folder, media=media)
        notices += [f"not made to fit: {shown(source)}: {why}" for source, why in unfixed.items()]
        # A copy that was made to fit is another purchase.
        standings = planner.stand(reels, purchases, time.time())
        plan = planner.judge(standings, found, unreadable)
    notices += [*missing_prices(plan.shots), *alike_rows(plan.shots), *repair_words(plan.shots)]
    notices += [*retake_prices(plan.shots), *kept_words(plan.shots)]
    notices += await told_of_accounts(checks, _uses(plan.shots, options.reels), accounts)
    return PreparedRun(
        options=options,
        manifest=manifest,
        plan=plan,
        ledger=ledger,
        purchases=standing,
        hosting=planner.hosting,
        price_book=price_book,
        accounts=accounts,
        notices=notices,
        standings=standings,
    )


def _bought(ledger: Ledger, output: str) -> tuple[PackedPurchases, dict[str, Purchase]]:
    """All purchases of an output: packed, to be kept as long as the run goes, and as they are planned with."""
    standing = ledger.load_packed() if output else PackedPurchases()
    return standing, dict(standing)


def _uses(shots: Sequence[Shot], only: Collection[str]) -> Counter[tuple[str, str]]:
    """How many shots of the reels asked for may be bought at an account as a wire model."""
    asked = (shot for shot in shots if shot.standing.will_buy and (not only or shot.row.reel in only))
    return Counter((name, model.wire) for shot in asked for name, model in shot.next_models)


def _unmeasured(shots: Sequence[Shot], only: Collection[str]) -> list[ManifestRow]:
    """Rows of the reels asked for that are still to be bought and refer to media."""
    rows = {shot.row.row: shot.row for shot in shots if not shot.standing.is_bought}
    asked = [row for row in rows.values() if not only or row.reel in only]
    return [row for row in asked if row.written.request.references]


async def _accounts_of_the_ledger(
    shots: Sequence[Shot], known: Mapping[str, Account], load_account: LoadAccount
) -> dict[str, Account]:
    """The accounts at which shots go on that were bought there, though neither row nor run names them any more."""
    names = dict.fromkeys(shot.account for shot in shots if shot.attempts and shot.standing is not Standing.DONE)
    found: dict[str, Account] = {}
    for name in names:
        if name not in known:
            with contextlib.suppress(MissingCredentialsError, UnknownVendorError):  # told when the job is taken up
                found[name], _ = await load_account(name)
    return found
