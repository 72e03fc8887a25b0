"""The cases: money goes into the rules as computed, and hybrids pay both sides."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.decision.cases import Needs, ranges, verdict
from snippets.decision.framework import API as API_OUTCOME
from snippets.decision.framework import CHEAPER, HYBRID, REQUIRED, VENDOR
from snippets.why_self_host.api_bill import ApiPrices
from snippets.why_self_host.cost import Bought, Case, Rented, example, month
from snippets.why_self_host.sensitivity import API, LOAD, SPEED
from snippets.why_self_host.throughput import Rates
from snippets.why_self_host.uncertainty import chance
from tests.bounds import assert_accepts_exactly, defaults

NEEDS: dict[str, Any] = {
    "offline": False,
    "share_that_must_stay": 0.0,
    "share_that_needs_frontier": 0.0,
    "weights_are_hosted": True,
    "vendor_certificate_needed": False,
    "own_certificate": False,
    "chance_wanted": 0.8,
    "hours_per_week_there": 8.0,
    "weeks_to_set_up": 2.0,
    "weeks_until_needed": 8.0,
}


def needs(**changes: float) -> Needs:
    return Needs.model_validate(NEEDS | changes)


def rented(usd_per_million_tokens: float, usd_per_gpu_hour: float = 2.5) -> Rented:
    prices = ApiPrices(
        fields=dict.fromkeys(API, usd_per_million_tokens),
        assumed=(),
    )
    rates = Rates(input_tokens_per_s=14_000, output_tokens_per_s=6_000)
    return example(rates, prices, usd_per_gpu_hour)


DEAR, CHEAP = rented(20), rented(0.1)
BOUGHT = Bought.model_validate(
    {name: value for name, value in DEAR.model_dump().items() if name in Bought.model_fields}
    | {
        "purchase_usd_per_gpu": 30_000,
        "resale_ratio": 0.3,
        "life_months": 48,
        "hosting_usd_per_gpu_month": 100,
        "load_w_per_gpu": 900,
        "idle_w_per_gpu": 200,
        "power_usage_effectiveness": 1.3,
        "usd_per_kwh": 0.15,
    }
)


@pytest.mark.parametrize(
    ("case", "changes", "outcome"),
    [
        (DEAR, {}, CHEAPER),
        (CHEAP, {}, API_OUTCOME),
        (DEAR, {"hours_per_week_there": 1.0}, API_OUTCOME),
        (CHEAP, {"offline": True}, REQUIRED),
        (CHEAP, {"share_that_must_stay": 0.4}, HYBRID),
        (DEAR, {"share_that_needs_frontier": 0.4}, HYBRID),
        (DEAR, {"share_that_needs_frontier": 1.0}, VENDOR),
        (BOUGHT, {}, CHEAPER),
    ],
)
def test_money_and_needs_lead_to_the_outcome(case: Case, changes: dict[str, float], outcome: str) -> None:
    assert verdict(needs(**changes), case).why.outcome == outcome


def test_the_bills_and_the_chance_are_those_of_the_case() -> None:
    found = verdict(needs(), DEAR)
    assert found.why.api_usd_per_month == pytest.approx(month(DEAR).api)
    assert found.why.own_usd_per_month == pytest.approx(month(DEAR).own)
    assert found.likely == chance(DEAR, ranges(DEAR))


def test_the_hours_needed_are_those_that_the_bill_counts() -> None:
    late = verdict(needs(hours_per_week_there=DEAR.own_hours_per_week), DEAR)
    assert late.why.outcome == CHEAPER
    short = needs(hours_per_week_there=DEAR.own_hours_per_week - 0.5)
    assert verdict(short, DEAR).why.outcome == API_OUTCOME


def test_everything_at_home_costs_what_own_costs() -> None:
    for changes in ({"share_that_must_stay": 1.0}, {}):
        found = verdict(needs(**changes), DEAR)
        assert found.share_at_home_ratio == 1
        assert found.both_usd_per_month == pytest.approx(found.why.own_usd_per_month)


def test_what_must_stay_decides_what_is_at_home_before_the_frontier_does() -> None:
    found = verdict(needs(share_that_must_stay=0.3, share_that_needs_frontier=0.5), DEAR)
    assert found.share_at_home_ratio == 0.3
    assert verdict(needs(share_that_needs_frontier=0.25), DEAR).share_at_home_ratio == 0.75


@settings(max_examples=20)
@given(st.floats(0.01, 0.99))
def test_both_pays_for_the_tokens_that_leave_and_for_both_teams(stay: float) -> None:
    both = verdict(needs(share_that_must_stay=stay), DEAR).both_usd_per_month
    bills = month(DEAR)
    # The fleet of the example is one replica and a spare at any part of its load.
    fixed = bills.own + bills.api_staff
    assert both == pytest.approx(fixed + (1 - stay) * bills.api_tokens)


def test_the_ranges_hold_for_what_is_rented_and_for_what_is_bought() -> None:
    assert [part.name for part in ranges(DEAR)] == ["load", "API prices", "throughput", "hardware", "hours"]
    assert ranges(DEAR)[3].fields == ("usd_per_gpu_hour",)
    assert ranges(BOUGHT)[3].fields == ("purchase_usd_per_gpu",)
    known = set(Rented.model_fields)
    assert {*LOAD, *API, *SPEED} <= known


@pytest.mark.parametrize(
    ("field", "highest"),
    [
        ("share_that_must_stay", 1.0),
        ("share_that_needs_frontier", 1.0),
        ("chance_wanted", 1.0),
        ("hours_per_week_there", 168.0),
        ("weeks_to_set_up", 520.0),
        ("weeks_until_needed", 520.0),
    ],
)
def test_a_need_accepts_exactly_its_range(field: str, highest: float) -> None:
    assert_accepts_exactly(Needs, NEEDS, field, 0.0, highest)


def test_no_need_has_a_default_and_none_may_be_misspelled() -> None:
    assert defaults(Needs) == {}
    with pytest.raises(ValidationError, match="offlin"):
        Needs.model_validate(NEEDS | {"offlin": True})


def test_needs_that_contradict_each_other_are_refused_with_their_names() -> None:
    with pytest.raises(ValidationError, match="share_that_needs_frontier"):
        verdict(needs(offline=True, share_that_needs_frontier=0.5), DEAR)
