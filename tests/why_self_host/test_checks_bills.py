"""The checks of whole bills, each against a calculation by hand or a property."""

from __future__ import annotations

from datetime import date

import pytest

from snippets.data.hosted import HostedPrice, hosted_price
from snippets.why_self_host import checks_cost
from snippets.why_self_host.claims import read_claims
from snippets.why_self_host.verdicts import judge
from tests.why_self_host.audited import HOURS, LIST, TODAY, changed, outcome


@pytest.mark.parametrize(
    ("claim", "numbers"),
    [
        ("linear", {"cached": 50, "times": 2, "limit": 272_000}),
        ("fixed", {"one": 500, "two": 1_000, "rush": 1_500}),
        ("long-run", {"usd": 2 * 52 / 12 * 43.52, "meet": 2 * 52 / 12 * 43.52 / 30 / LIST}),
        ("predictable", {"api": 2, "own": 2}),
        ("own-2023", {"one": 32.77 * HOURS, "two": 2 * 32.77 * HOURS, "dear": 48 * HOURS}),
        ("api-2023", {"tokens": 1e4 / 3 / 1.625, "usd": 1_000 * LIST / 1.625}),
        ("small-base", {"usd": 1_000 * LIST / 1.625, "gpu": 584, "meet": 400_000}),
        ("api-2250", {"low": 225, "high": 900}),
        ("own-5175", {"usd": 3_182.8, "rest": 1_992.2, "hours": 1_992.2 / 43.52}),
        ("engineering", {"usd": 3_182.8, "share": 100 * 1_992.2 / 5_175, "hourly": 5_175 / 8 / HOURS}),
        ("spend-500k", {"needed": 1.09 * HOURS / 30 / LIST, "api": 125_000 / 3, "serves": 12.5}),
        ("utilization", {"small": 5e9 / 25_176.17 / 86_400, "large": 5e9 / 1_461.27 / 86_400}),
    ],
)
def test_what_comes_out_by_hand(claim: str, numbers: dict[str, float]) -> None:
    computed = outcome(claim).numbers
    assert {name: computed[name] for name in numbers} == pytest.approx(numbers)


@pytest.mark.parametrize(
    ("claim", "fact", "name", "value", "verdict"),
    [
        ("own-2023", "claim-p4d", "usd_per_hour", 60, "out of date"),
        ("own-2023", "claim-p4d", "usd_per_hour", 10, "does not reproduce"),
        ("api-2023", "claim-gpt-3.5-turbo", "input_usd_per_million_tokens", 0.1, "does not reproduce"),
        ("small-base", "claim-a100-rent", "low_usd_per_hour", 0.2, "out of date"),
        ("order-50m", "claim-a6000-rent", "usd_per_hour", 0.3, "does not reproduce"),
        ("engineering", "claim-a6000-rent", "usd_per_hour", 0.5, "holds"),
        ("spend-500k", "claim-a6000-rent", "usd_per_hour", 0.1, "holds"),
        ("spend-500k", "claim-throughput", "small_7b_tokens_per_s", 4_000, "does not reproduce"),
        ("utilization", "claim-throughput", "large_72b_tokens_per_s", 600, "does not reproduce"),
        ("own-5175", "claim-wage", "usd_per_hour", 10, "does not reproduce"),
        ("long-run", "claim-wage", "usd_per_hour", 0, "holds"),
        ("long-run", "claim-wage", "usd_per_hour", 60, "does not reproduce"),
    ],
)
def test_another_fact_is_another_verdict(
    claim: str, fact: str, name: str, value: float, verdict: str
) -> None:
    assert judge(read_claims()[claim], changed(fact, name, value), TODAY).verdict == verdict


def test_one_price_for_every_token_would_be_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    def flat(provider: str, model: str, on: date, input_tokens: int = 0) -> HostedPrice:
        price = hosted_price(provider, model, on, input_tokens=input_tokens)
        return price.model_copy(update={"cache_read_usd_per_million_tokens": None})

    monkeypatch.setattr(checks_cost, "hosted_price", flat)
    assert outcome("linear").holds
    assert outcome("linear").numbers["cached"] == 100


@pytest.mark.parametrize(("bill", "given"), [(3_200, True), (3_100, False), (10_100, True), (10_200, False)])
def test_people_of_a_bill_are_more_than_none_and_less_than_a_full_post(bill: float, given: bool) -> None:
    assert outcome("own-5175", usd_per_month=bill).given is given


@pytest.mark.parametrize(("bill", "most_are_people"), [(7_000, True), (6_300, False)])
def test_people_are_most_of_a_bill_that_is_twice_the_gpus(bill: float, most_are_people: bool) -> None:
    assert outcome("engineering", usd_per_month=bill).holds is most_are_people
