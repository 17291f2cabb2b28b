"""Reasons by kind."""

from __future__ import annotations

from longtake.reports.run.reasons import categories


def test_reasons_that_differ_in_ids_figures_names_and_links_alone_are_one_kind() -> None:
    reasons = [
        "harbour/1 is failed",
        "courier/2 is failed",
        "HTTP 403 from https://media.example/a.mp4?x=1 after 6 tries",
        "HTTP 403 from https://media.example/b.mp4 after 12 tries",
        "the budget: up to 0.1200 USD are needed, 0.0100 of 5 USD are left",
        "the budget: up to 0.2400 USD are needed, 0.0300 of 5 USD are left",
        "the job failed: 'internal error' (code 50430), retryable",
        "the job failed: 'another error' (code 7), retryable",
        "",
    ]
    found = categories(reasons)
    assert [(each.count, each.example) for each in found] == [(2, reasons[place]) for place in (0, 2, 4, 6)]


def test_other_words_are_another_kind_and_the_most_frequent_comes_first() -> None:
    found = categories(["the clip shows 4 black pictures", "x/1 is blocked", "x/2 is blocked"])
    assert [each.count for each in found] == [2, 1]


def test_a_vendor_s_endless_words_are_compared_by_their_beginning() -> None:
    # By all of it, a word of this length would take seconds, and one of a megabyte hours.
    found = categories(["x" * 20_000, "x" * 20_000 + "y"])
    assert [each.count for each in found] == [2]
