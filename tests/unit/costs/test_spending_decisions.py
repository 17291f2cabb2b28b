"""What may be spent, to the billionth of a dollar, and how the log of it is read and written."""

from __future__ import annotations

import pytest

from longtake.costs.budget_draft import BudgetDraft, BudgetLimits
from longtake.costs.budget_log import NANO, TORN_SECONDS, BudgetLog, Entry, Reservation, Reservations
from longtake.domain.errors import UnreadableRecordError
from longtake.files.directory import DirectoryStore

A, B = "evolink/default", "jimmyai/default"


def draft(budget_usd=None, caps=None, state=None, owner="me"):
    return BudgetDraft(owner, BudgetLimits(budget_usd, caps or {}), state or Reservations())


def held(state=None, **shares):
    """A state in which others, by name, hold what is told."""
    state = state or Reservations()
    for owner, of_owner in shares.items():
        state.apply(Entry(owner=owner, at=1.0, reserved=of_owner))
    return state


def test_exactly_the_budget_fits_and_a_billionth_more_does_not():
    assert draft(1.0).reserve({"a": Reservation(1.0, A)}) == ""
    assert draft(1.0).reserve({"a": Reservation(1.000000001, A)})
    assert draft(1.0, state=held(p={"x": Reservation(0.4, A)})).reserve({"a": Reservation(0.6, A)}) == ""
    assert draft(1.0, state=held(p={"x": Reservation(0.4, A)})).reserve({"a": Reservation(0.600000001, A)})


def test_exactly_an_account_s_cap_fits_and_a_billionth_more_does_not():
    state = held(p={"x": Reservation(0.4, A), "y": Reservation(5.0, B)})
    assert draft(caps={A: 1.0}, state=state).reserve({"a": Reservation(0.6, A)}) == ""
    assert draft(caps={A: 1.0}, state=state).reserve({"a": Reservation(0.600000001, A)})
    assert draft(caps={A: 1.0}, state=state).reserve({"a": Reservation(50.0, B)}) == ""


def test_what_is_refused_reserves_nothing_and_says_what_is_needed_and_left():
    one = draft(1.0, state=held(p={"x": Reservation(0.75, A)}))
    reason = one.reserve({"a": Reservation(0.2, A), "b": Reservation(0.2, A)})
    assert reason == "the budget: up to 0.4000 USD are needed, 0.2500 of 1 USD are left"
    assert (one.refused, one.reserved, one.added_nano_usd) == (True, {}, 0)
    assert one.reserve({"a": Reservation(0.2, A)}) == ""
    assert one.reserved == {"a": Reservation(0.2, A)}


def test_an_account_s_refusal_says_what_is_left_there_and_never_less_than_nothing():
    state = held(p={"x": Reservation(0.75, A)})
    assert (
        draft(caps={A: 1.0}, state=state).reserve({"a": Reservation(0.5, A)})
        == f"max_spend_usd of {A}: up to 0.5000 USD are needed, 0.2500 of 1 USD are left"
    )
    assert "0.0000 of 0.5 USD are left" in draft(0.5, state=state).reserve({"a": Reservation(0.5, A)})


def test_what_one_step_reserves_counts_for_its_next_decision():
    one = draft(1.0, {A: 0.7})
    assert one.reserve({"a": Reservation(0.3, A)}) == ""
    assert one.reserve({"b": Reservation(0.3, A)}) == ""
    assert one.reserve({"c": Reservation(0.2, A)}).startswith("max_spend_usd")
    assert one.reserve({"d": Reservation(0.4, B)}) == ""
    assert one.reserve({"e": Reservation(0.1, B)}).startswith("the budget")
    assert one.added_nano_usd == NANO
    assert one.reserved == {"a": Reservation(0.3, A), "b": Reservation(0.3, A), "d": Reservation(0.4, B)}
    assert one.added_to_account == {A: 6 * 10**8, B: 4 * 10**8}


def test_two_shares_of_one_account_in_one_decision_count_together():
    assert draft(caps={A: 0.5}).reserve({"a": Reservation(0.3, A), "b": Reservation(0.3, A)})
    assert draft(caps={A: 0.6}).reserve({"a": Reservation(0.3, A), "b": Reservation(0.3, A)}) == ""


def test_what_is_held_already_needs_nothing_more_also_beyond_the_bound():
    state = held(me={"a": Reservation(0.9, A)}, p={"x": Reservation(0.9, A)})
    one = draft(1.0, state=state)
    assert one.reserve({"a": Reservation(0.9, A)}) == ""
    assert one.reserved == {}
    # Among others that are new, the others are still looked at.
    assert one.reserve({"a": Reservation(0.9, A), "b": Reservation(0.1, A)})
    assert draft(2.0, state=state).reserve({"a": Reservation(0.9, A), "b": Reservation(0.2, A)}) == ""
    assert one.reserve({"x": Reservation(0.9, A)}) == ""  # counts once, whoever wants it
    assert one.reserved == {"x": Reservation(0.9, A)}


def test_the_same_share_twice_in_one_step_counts_once():
    one = draft(1.0)
    assert one.reserve({"a": Reservation(0.6, A)}) == ""
    assert one.reserve({"a": Reservation(0.6, A)}) == ""
    assert one.added_nano_usd == 6 * 10**8


def test_a_price_of_nothing_fits_into_an_exhausted_budget():
    state = held(p={"x": Reservation(2.0, A)})
    assert draft(1.0, {A: 1.0}, state=state).reserve({"a": Reservation(0.0, A)}) == ""


def test_an_unknown_price_is_refused_where_a_bound_holds_for_it_alone():
    unknown = {"a": Reservation(None, A)}
    assert draft().reserve(unknown) == ""
    assert draft(caps={B: 1.0}).reserve(unknown) == ""
    reason = draft(caps={A: 1.0}).reserve(unknown)
    assert reason.startswith(f"max_spend_usd of {A} is set, and the price at {A} is unknown: ")
    assert draft(5.0, {A: 1.0}).reserve(unknown).startswith(f"a budget is set, and the price at {A} is unknown: ")


def test_an_earlier_unknown_price_refuses_what_its_bound_holds_for():
    one = held(p={"x": Reservation(None, A)})
    assert f"the price of 1 earlier purchases at {A}" in draft(5.0, state=one).reserve({"a": Reservation(0.1, B)})
    state = held(p={"x": Reservation(None, A), "y": Reservation(None, A)})
    assert draft(state=state).reserve({"a": Reservation(0.1, A)}) == ""
    assert "the price of 2 earlier purchases" in draft(5.0, state=state).reserve({"a": Reservation(0.1, B)})
    assert f"at {A} is unknown" in draft(5.0, state=state).reserve({"a": Reservation(0.1, B)})
    assert draft(caps={B: 1.0}, state=state).reserve({"a": Reservation(0.1, B)}) == ""
    assert draft(caps={A: 1.0}, state=state).reserve({"a": Reservation(0.1, A)})


def test_only_what_its_owner_holds_is_released():
    state = held(p={"x": Reservation(0.4, A), "y": Reservation(0.4, A)}, q={"z": Reservation(0.1, A)})
    one = draft(state=state)
    one.release("p", ["x", "z", "none"])
    assert one.released == {"p": ["x"]}
    one.release("p", ["y"])
    assert one.released == {"p": ["x", "y"]}
    one.release("q", ["x"])
    assert "q" not in one.released


def test_a_purchase_counts_at_the_highest_price_that_anyone_set_aside_for_it():
    state = held(p={"x": Reservation(0.4, A)}, q={"x": Reservation(0.7, B)})
    assert state.total_nano_usd == 7 * 10**8
    assert dict(state.account_nano_usd) == {A: 4 * 10**8, B: 7 * 10**8}
    assert state.added_nano_usd("x", Reservation(1.0, A)) == (3 * 10**8, 6 * 10**8)
    assert state.added_nano_usd("x", Reservation(0.5, B)) == (0, 0)
    assert state.added_nano_usd("new", Reservation(0.5, B)) == (5 * 10**8, 5 * 10**8)
    state.apply(Entry(owner="r", at=1.0, released={"q": ["x"]}))
    assert state.total_nano_usd == 4 * 10**8
    assert (state.share("x", "p"), state.share("x", "q"), state.share("y", "p")) == (Reservation(0.4, A), None, None)
    state.apply(Entry(owner="r", at=1.0, released={"p": ["x"]}))
    assert (state.total_nano_usd, state.shares) == (0, {})
    assert not any(state.account_nano_usd.values())
    state.apply(Entry(owner="r", at=1.0, released={"p": ["x"]}))  # once more
    held(state, p={"free": Reservation(0.0, A)})
    assert (state.total_nano_usd, state.account_nano_usd[A]) == (0, 0)


def test_two_owners_at_one_account_count_the_dearer_share():
    state = held(p={"x": Reservation(0.7, A)}, q={"x": Reservation(0.4, A)})
    assert (state.total_nano_usd, state.account_nano_usd[A]) == (7 * 10**8, 7 * 10**8)
    assert state.added_nano_usd("x", Reservation(0.8, A)) == (10**8, 10**8)


def test_an_owner_s_new_price_takes_the_place_of_its_old_one():
    state = held(p={"x": Reservation(0.7, A)})
    held(state, p={"x": Reservation(0.2, A)})
    assert (state.total_nano_usd, state.share("x", "p")) == (2 * 10**8, Reservation(0.2, A))


def test_an_unknown_price_is_known_as_such_until_it_is_priced_or_let_go():
    state = held(p={"x": Reservation(None, A)}, q={"x": Reservation(0.1, B)})
    assert state.unknown == {"x": A}
    held(state, p={"x": Reservation(0.2, A)})
    assert state.unknown == {}
    held(state, p={"y": Reservation(None, A)})
    state.apply(Entry(owner="p", at=1.0, released={"p": ["y"]}))
    assert state.unknown == {}


def test_what_was_settled_counts_at_what_it_cost_and_no_more():
    state = held(p={"x": Reservation(0.7, A), "y": Reservation(0.5, A)}, q={"x": Reservation(0.9, A)})
    state.count("ledger", {"x": Reservation(0.9, A)})
    state.settle("ledger", {"x": Reservation(0.3, A)})
    assert state.total_nano_usd == 8 * 10**8
    assert state.shares["x"] == {"ledger": Reservation(0.3, A)}
    state.settle("ledger", {"new": Reservation(0.1, A)})
    assert state.total_nano_usd == 9 * 10**8


def test_an_entry_tells_who_lives_and_who_has_ended():
    state = Reservations()
    state.apply(Entry(owner="p", at=1.0))
    assert (set(state.last), state.closed) == ({"p"}, set())
    last = Entry(owner="p", at=2.0, closed=True)
    state.apply(last)
    assert (state.last["p"], state.closed) == (last, {"p"})


# The log.


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path)


def never(seconds):
    """What is whole is read without a pause."""
    raise AssertionError(seconds)


def entry(number, owner="p"):
    return Entry(owner=owner, at=1.0, reserved={f"x{number}": Reservation(0.1, A)})


def test_entries_are_numbered_from_one_and_read_back_by_all(store):
    log = BudgetLog(store)
    assert log.append(entry(1))
    assert log.append(entry(2))
    assert sorted(store.list("budget")) == ["budget/000001.json", "budget/000002.json"]
    other = BudgetLog(store, sleep=never)
    other.load()
    assert (other.number, other.state.total_nano_usd) == (2, 2 * 10**8)
    assert (log.number, log.state.total_nano_usd) == (2, 2 * 10**8)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 130])
def test_what_others_added_since_is_read_to_its_end(store, count):
    log, other = BudgetLog(store), BudgetLog(store)
    log.append(entry(0))
    other.load()
    for number in range(1, count + 1):
        log.append(entry(number))
    other.refresh()
    assert (other.number, other.state.total_nano_usd) == (count + 1, (count + 1) * 10**8)


def test_many_entries_are_read_at_once_and_never_more_than_64_ahead(store, monkeypatch):
    log, other = BudgetLog(store), BudgetLog(store)
    for number in range(300):
        log.append(entry(number))
    asked, read_many = [], store.read_many

    def noted(keys):
        keys = list(keys)
        asked.append(len(keys))
        return read_many(keys)

    monkeypatch.setattr(store, "read_many", noted)
    other.refresh()
    assert asked == [1, 2, 4, 8, 16, 32, 64, 64, 64, 64]


def test_an_entry_that_another_wrote_first_is_read_and_not_ours(store):
    log, other = BudgetLog(store), BudgetLog(store, sleep=never)
    log.append(entry(1, "p"))
    assert not other.append(entry(2, "q"))
    assert (other.number, set(other.state.shares)) == (1, {"x1"})
    assert other.append(entry(2, "q"))
    assert other.number == 2


def test_an_entry_whose_answer_was_lost_is_ours_and_counts_once(store, monkeypatch):
    create = store.create
    monkeypatch.setattr(store, "create", lambda key, data: create(key, data) and create(key, data))
    log = BudgetLog(store)
    assert log.append(entry(1))
    assert (log.number, log.state.total_nano_usd, len(store.list("budget"))) == (1, 10**8, 1)


def test_files_that_are_no_entries_are_passed_over(store):
    store.write("budget/notes.txt", b"hello")
    store.write("budget/.000002.json.part", b"{")
    log = BudgetLog(store)
    log.load()
    assert log.number == 0
    assert log.append(entry(1))


def test_a_torn_entry_is_waited_for_and_then_passed_over(store):
    slept = []

    def sleep(seconds):
        slept.append(seconds)

    store.create("budget/000001.json", b'{"format')
    log = BudgetLog(store, sleep=sleep)
    log.load()
    assert (log.number, log.state.shares) == (1, {})
    assert TORN_SECONDS - 0.1 < sum(slept) < TORN_SECONDS + 0.1
    assert max(slept) < 0.2
    assert log.append(entry(2))
    assert log.number == 2


def test_a_torn_entry_that_is_filled_meanwhile_counts(store):
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            store.write("budget/000001.json", entry(1).model_dump_json().encode())

    store.create("budget/000001.json", b"")
    log = BudgetLog(store, sleep=sleep)
    log.refresh()
    assert (log.state.total_nano_usd, len(slept)) == (10**8, 3)


@pytest.mark.parametrize("text", [b'{"format": 2}', b"[]", b"7", b'{"format":1,"owner":"x","at":1.0,"more":1}'])
def test_an_entry_of_another_release_is_an_error_that_names_it(store, text):
    store.create("budget/000001.json", text)
    with pytest.raises(UnreadableRecordError, match=r"budget/000001\.json"):
        BudgetLog(store).load()


def test_silence_is_told_by_our_own_clock_since_we_heard_or_by_the_store(store, monkeypatch):
    now, ages = [100.0], {}
    monkeypatch.setattr(store, "ages", lambda keys: {key: ages[key] for key in keys if key in ages})
    log = BudgetLog(store, clock=lambda: now[0])
    log.append(entry(1, "p"))
    now[0] = 130.0
    log.append(entry(2, "q"))
    now[0] = 150.0
    assert (log.silent_seconds("p"), log.silent_seconds("q")) == (50.0, 20.0)
    ages["budget/000001.json"] = 70.0
    assert (log.silent_seconds("p"), log.silent_seconds("q")) == (70.0, 20.0)
    ages["budget/000001.json"] = 10.0
    assert log.silent_seconds("p") == 50.0
    assert log.silent_seconds("nobody") == 0.0


def test_a_clip_s_price_is_exact_in_billionths_and_unknown_is_nothing():
    assert Reservation(0.1, A).nano_usd == 10**8
    assert Reservation(1.23456789012, A).nano_usd == 1_234_567_890
    assert Reservation(None, A).nano_usd == 0
