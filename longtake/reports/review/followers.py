"""What was bought behind each take of a shot: the ledger tells it, for what continues a clip names its purchase."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from longtake.domain.identity import first_attempt
from longtake.domain.text import following
from longtake.jobs.order import OWN_SOURCES
from longtake.ledger.records import Purchase
from longtake.reports.figures import money, total_of
from longtake.reports.run.view import ReportView, TakeView
from longtake.reviews.choices import ShownTake
from longtake.reviews.decision import numbered


class Followers:
    """What continues which purchase, directly or over others; what a vendor did not charge is not bought."""

    def __init__(self, purchases: Mapping[str, Purchase]) -> None:
        self._behind: dict[str, list[Purchase]] = defaultdict(list)
        self._takes: dict[str, list[str]] = defaultdict(list)
        for one in purchases.values():
            if not one.is_charged or one.intent is None:
                continue
            self._takes[one.shot_id].append(first_attempt(one.identity))
            for source in _sources(one):
                self._behind[source].append(one)

    def behind(self, purchase: str) -> list[Purchase]:
        """All that was bought behind a purchase."""
        found: dict[str, Purchase] = {}
        open_ends = [first_attempt(purchase)]
        while open_ends:
            for one in self._behind.get(open_ends.pop(), ()):
                if one.identity not in found:
                    found[one.identity] = one
                    open_ends.append(first_attempt(one.identity))
        return list(found.values())

    def elsewhere(self, shot_id: str, chosen: str = "") -> dict[str, list[Purchase]]:
        """What was bought behind a shot's purchases, by purchase, and not behind the one that is chosen."""
        kept = {_place(one) for one in self.behind(chosen)} if chosen else set[tuple[str, int]]()
        found: dict[str, list[Purchase]] = {}
        for parent in dict.fromkeys(self._takes.get(shot_id, ())):
            bought = {_place(one): one for one in self.behind(parent)}
            if parent != first_attempt(chosen) and (rest := [bought[place] for place in bought.keys() - kept]):
                found[parent] = rest
        return found

    def words(self, shot_id: str, takes: Iterable[TakeView | ShownTake], chosen: str = "") -> str:
        """How many shots were bought behind another take, at which price, and what decides about them; or ""."""
        found = self.elsewhere(shot_id, chosen)
        if not found:
            return ""
        names = {first_attempt(take.purchase): f"take {numbered(take.number, take.take)}" for take in takes}
        told = list(dict.fromkeys(names.get(parent, "a former take") for parent in found))
        latest = {_place(one): one for bought in found.values() for one in sorted(bought, key=_bought_at)}
        price = _price(list(latest.values()))
        return (
            f"{following(len(latest))}, bought from {' and '.join(told)}{price}: `longtake render` with --replace buys "
            "that anew, with --keep-followers keeps it; `longtake plan` tells the price"
        )

    def count(self, shot_id: str) -> int:
        """How many shots were bought behind any take of a shot."""
        return len({_place(one) for bought in self.elsewhere(shot_id).values() for one in bought})


def unsettled(followers: Followers, view: ReportView) -> dict[str, str]:
    """By `shot_id`, what is told of shots bought behind another take than the one that counts since the last run.

    What a run found so it has replaced or kept: the film shows the chosen take then.
    """
    found: dict[str, str] = {}
    for reel in view.reels:
        shown = {shot.shot_id: first_attempt(shot.identity) for shot in reel.shots if shot.is_in_film}
        for shot in reel.shots:
            chosen = next((take.purchase for take in shot.takes if take.number == shot.chosen), "")
            is_settled = (
                not shot.takes or not (chosen or shot.is_waiting) or shown.get(shot.shot_id) == first_attempt(chosen)
            )
            if not is_settled and (words := followers.words(shot.shot_id, shot.takes, chosen)):
                found[shot.shot_id] = words
    return found


def _sources(purchase: Purchase) -> list[str]:
    """The purchases that a request continues from."""
    references = purchase.intent.request.get("references", ()) if purchase.intent else ()
    given: Sequence[object] = references if isinstance(references, list | tuple) else ()
    texts = [str(one.get("source", "")) for one in given if isinstance(one, dict)]
    return [text.partition(":")[2] for text in texts if text.startswith(OWN_SOURCES)]


def _place(purchase: Purchase) -> tuple[str, int]:
    return purchase.shot_id, (purchase.intent.variant or 1) if purchase.intent else 1


def _bought_at(purchase: Purchase) -> float:
    return purchase.intent.at if purchase.intent else 0.0


def _price(bought: Sequence[Purchase]) -> str:
    intents = [one.intent for one in bought if one.intent is not None]
    low, high = total_of(one.price_low_usd for one in intents), total_of(one.price_high_usd for one in intents)
    return "" if low is None or high is None else f" for {money(low, high)}"
