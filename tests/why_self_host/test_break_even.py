"""Break-even: the first meeting, the lasting one, or none and why; against a search by brute force."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from snippets.why_self_host.api_bill import ApiPrices
from snippets.why_self_host.break_even import (
    MOST_REPLICAS,
    BreakEven,
    break_even,
    full_replica,
    saved_usd,
    steps,
)
from snippets.why_self_host.capacity import MOST_TOKENS_PER_DAY, curve, fleet
from snippets.why_self_host.cost import OFFICE, Bought, Case, Rented, example, month
from snippets.why_self_host.cost_per_token import Floats, scaled, tokens_per_day
from snippets.why_self_host.throughput import Rates

PRICES = tuple(
    f"{name}_usd_per_million_tokens" for name in ("input", "output", "cached", "batch_input", "batch_output")
)
PURCHASE: dict[str, Any] = {
    "purchase_usd_per_gpu": 25_000,
    "resale_ratio": 0.3,
    "life_months": 48,
    "hosting_usd_per_gpu_month": 150,
    "load_w_per_gpu": 1_000,
    "idle_w_per_gpu": 300,
    "power_usage_effectiveness": 1.3,
    "usd_per_kwh": 0.2,
}
NOBODY = dict.fromkeys(
    (
        "api_setup_hours",
        "api_hours_per_week",
        "own_setup_hours",
        "own_hours_per_week",
        "monitoring_usd_per_month",
    ),
    0.0,
)
FLAT = curve({range(24): 1})
NIGHT = curve({range(2): 1})


def rented(usd_per_million_tokens: float = 1, **changes: Any) -> Rented:
    prices = ApiPrices(fields=dict.fromkeys(PRICES, usd_per_million_tokens), assumed=())
    speed = Rates(input_tokens_per_s=14_000, output_tokens_per_s=6_000)
    return Rented.model_validate(example(speed, prices, 2.5).model_dump() | changes)


def bought(usd_per_million_tokens: float = 1, **changes: Any) -> Bought:
    day = rented(usd_per_million_tokens).model_dump()
    mine = {name: value for name, value in day.items() if name in Bought.model_fields}
    return Bought.model_validate(mine | PURCHASE | changes)


def saved(case: Case, tokens: float) -> float:
    return float(saved_usd(case, tokens / tokens_per_day(case)))


day_changes = st.fixed_dictionaries(
    {
        "input_tokens_per_day": st.floats(1e6, 1e9),
        "output_tokens_per_day": st.floats(1e6, 1e9),
        "cached_share": st.floats(0, 0.9),
        "batch_share": st.floats(0, 1),
        "hourly_shares": st.sampled_from([OFFICE, FLAT, NIGHT])
        | st.lists(st.integers(0, 9), min_size=24, max_size=24)
        .filter(any)
        .map(lambda loads: curve({range(hour, hour + 1): load for hour, load in enumerate(loads)})),
        "highest_utilization": st.floats(0.2, 1),
        "spare_replicas": st.integers(0, 2),
        "api_hours_per_week": st.floats(0, 20),
        "own_hours_per_week": st.floats(0, 40),
    }
)
kinds: tuple[Callable[..., Case], ...] = (rented, partial(rented, stops_when_idle=True), bought)
cases_by_kind = [
    st.builds(lambda kind, usd, day: kind(usd, **day), st.just(kind), st.floats(0.05, 20), day_changes)
    for kind in kinds
]
cases = st.one_of(cases_by_kind)


def grid(case: Case, found: BreakEven) -> Floats:
    """Loads as factors: fine, wide, none of them chosen by where a step is."""
    last = found.up_to_tokens_per_day / tokens_per_day(case)
    return np.unique(
        np.concatenate([np.geomspace(last * 1e-9, last, 1_001), np.linspace(0, last, 1_001)[1:]])
    )


def tolerance(case: Case, found: BreakEven) -> float:
    """What rounding may leave, in USD a month: a part of the largest bills."""
    last = month(scaled(case, found.up_to_tokens_per_day / tokens_per_day(case)))
    return 1e-9 * (last.own + last.api)


# A search takes longer than Hypothesis grants it where the machine has other work.
some = settings(deadline=None, max_examples=50)


# --- against brute force ----------------------------------------------------------------------


@some
@given(cases)
def test_the_first_meeting_is_the_least_load_at_which_a_search_finds_own_as_cheap(case: Case) -> None:
    found = break_even(case)
    loads, near = grid(case, found), tolerance(case, found)
    pays = loads[saved_usd(case, loads) >= 0] * tokens_per_day(case)
    if found.tokens_per_day is None:
        assert pays.size == 0
        return
    assert found.tokens_per_day <= min(pays, default=inf) * (1 + 1e-9)
    below = loads[loads * tokens_per_day(case) < found.tokens_per_day * (1 - 1e-6)]
    assert (saved_usd(case, below) < near).all()
    assert saved(case, found.tokens_per_day) >= -near


@some
@given(cases)
def test_from_always_on_a_search_finds_no_load_at_which_own_is_dearer(case: Case) -> None:
    found = break_even(case)
    loads, near = grid(case, found), tolerance(case, found)
    always = found.always_from_tokens_per_day
    dear = loads[saved_usd(case, loads) < -near] * tokens_per_day(case)
    if always is None:
        assert saved(case, found.up_to_tokens_per_day) < 0
        return
    assert max(dear, default=0) <= always * (1 + 1e-9)
    if always > 0:
        assert saved(case, always * (1 - 1e-6)) < near


@some
@given(cases)
def test_after_every_step_beyond_always_own_is_no_dearer(case: Case) -> None:
    """Where own costs have just jumped is where a grid could miss it."""
    found = break_even(case)
    always = found.always_from_tokens_per_day
    assume(always is not None)
    assert always is not None
    after = steps(case)[:-1] * (1 + 1e-6)
    after = after[after * tokens_per_day(case) >= always]
    assert (saved_usd(case, after) >= -tolerance(case, found)).all()


@some
@given(cases)
def test_the_first_meeting_is_no_later_than_the_lasting_one(case: Case) -> None:
    found = break_even(case)
    if found.always_from_tokens_per_day is not None:
        assert found.tokens_per_day is not None
        assert 0 <= found.tokens_per_day <= found.always_from_tokens_per_day
        assert found.always_from_tokens_per_day <= found.up_to_tokens_per_day


@some
@given(cases, st.floats(0.1, 10))
def test_the_answer_does_not_depend_on_the_load_of_the_day(case: Case, times: float) -> None:
    one, other = break_even(case), break_even(scaled(case, times))
    for name in ("tokens_per_day", "always_from_tokens_per_day"):
        assert (getattr(one, name) is None) == (getattr(other, name) is None)
        if getattr(one, name) is not None:
            assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-4)


@some
@given(cases, st.floats(1.01, 10))
def test_a_dearer_api_never_makes_own_pay_later(case: Case, times: float) -> None:
    dearer = case.model_copy(update={name: getattr(case, name) * times for name in PRICES})
    for name in ("tokens_per_day", "always_from_tokens_per_day"):
        before, after = getattr(break_even(case), name), getattr(break_even(dearer), name)
        if before is not None:
            assert after is not None
            assert after <= before * (1 + 1e-6)


# --- by hand ----------------------------------------------------------------------------------


def test_one_replica_by_hand() -> None:
    """$2.5 · 2 GPUs · 730 hours against $1 a million: 120M tokens a day, people left out."""
    found = break_even(rented(spare_replicas=0, **NOBODY))
    assert found.tokens_per_day == pytest.approx(2.5 * 2 * 24 * 1e6)
    spare = break_even(rented(spare_replicas=1, **NOBODY))
    assert spare.tokens_per_day == pytest.approx(2 * 2.5 * 2 * 24 * 1e6)


def test_a_meeting_that_does_not_last_and_the_one_that_does() -> None:
    """At 0.85 of a replica own pays; the second then needs 1.7 of them, which is less than two, and so on."""
    case = rented(spare_replicas=0, **NOBODY)
    full = 1e6 * 50 / fleet(case).peak_replicas
    usd = 2.5 * 2 * 24 * 1e6 / (0.85 * full)
    found = break_even(rented(usd, spare_replicas=0, **NOBODY))
    assert found.tokens_per_day == pytest.approx(0.85 * full)
    # With n replicas from 0.85 n on, and there are n from n - 1 on: that is too early up to n = 6.
    assert found.always_from_tokens_per_day == pytest.approx(6 * 0.85 * full)


def test_own_that_is_cheaper_without_any_load_pays_from_nothing() -> None:
    found = break_even(rented(api_hours_per_week=1_000))
    assert (found.tokens_per_day, found.always_from_tokens_per_day) == (0, 0)


def test_own_pays_from_nothing_until_its_power_costs_more_than_it_saves() -> None:
    """A month of idle watts is $228, of a full replica's $547; the API's people are $435."""
    idle_usd, load_usd = (2 * watts / 1000 * 730 * 1.3 * 0.4 for watts in (300, 720))
    assert idle_usd < 100 * 365 / 7 / 12 < load_usd
    case = bought(
        0,
        **NOBODY | {"api_hours_per_week": 1},
        purchase_usd_per_gpu=0,
        hosting_usd_per_gpu_month=0,
        spare_replicas=0,
        hourly_shares=FLAT,
        usd_per_kwh=0.4,
    )
    found = break_even(case)
    assert (found.tokens_per_day, found.always_from_tokens_per_day) == (0, None)


# --- none, and why ----------------------------------------------------------------------------


def test_none_because_a_full_replica_replaces_less_than_it_costs() -> None:
    found = break_even(rented(0.1))
    assert (found.tokens_per_day, found.always_from_tokens_per_day) == (None, None)
    assert found.reason == "a full replica replaces less than it costs"
    assert found.full_replica_replaces_usd_per_month < found.full_replica_usd_per_month


def test_none_because_people_and_spare_are_never_paid() -> None:
    found = break_even(rented(1, own_hours_per_week=10_000, staff_usd_per_hour=10_000))
    assert (found.tokens_per_day, found.always_from_tokens_per_day) == (None, None)
    assert found.reason == "people and spare are never paid for"
    assert found.full_replica_replaces_usd_per_month > found.full_replica_usd_per_month


def test_none_for_good_because_each_further_replica_loses() -> None:
    found = break_even(rented(0.1, api_hours_per_week=100))
    assert found.tokens_per_day == 0
    assert found.always_from_tokens_per_day is None
    assert found.reason == "dear again with more replicas"


def test_a_day_of_five_tokens_has_the_same_answer_as_a_day_of_many() -> None:
    few = rented(20, input_tokens_per_day=4, output_tokens_per_day=1)
    many = rented(20, input_tokens_per_day=4e6, output_tokens_per_day=1e6)
    assert break_even(few).tokens_per_day == pytest.approx(break_even(many).tokens_per_day)


def test_a_free_api_has_no_break_even() -> None:
    found = break_even(rented(0))
    assert found.tokens_per_day is None
    assert found.full_replica_replaces_usd_per_month == 0


def test_power_alone_can_exceed_the_api() -> None:
    given_away = bought(0.001, purchase_usd_per_gpu=0, hosting_usd_per_gpu_month=0, **NOBODY)
    assert break_even(given_away).tokens_per_day is None
    free_power = bought(0.001, purchase_usd_per_gpu=0, hosting_usd_per_gpu_month=0, usd_per_kwh=0, **NOBODY)
    assert break_even(free_power).tokens_per_day == 0


def test_where_own_pays_the_reason_says_up_to_where() -> None:
    found = break_even(rented(5))
    assert found.reason == "own is as cheap up to the last load"
    replicas = fleet(scaled(rented(5), found.up_to_tokens_per_day / 50e6)).replicas
    assert replicas == MOST_REPLICAS + rented().spare_replicas


# --- the full replica, and the steps ----------------------------------------------------------


@some
@given(cases)
def test_a_full_replica_is_paid_for_without_the_spare(case: Case) -> None:
    last = float(steps(case)[-1])
    none = case.model_copy(update={"spare_replicas": 0})
    assert full_replica(case, last) == full_replica(none, last)


def test_a_full_replica_costs_its_rent_and_replaces_its_tokens() -> None:
    case = rented()
    cost, worth = full_replica(case, 1_000 / fleet(case).peak_replicas)
    assert cost == pytest.approx(2.5 * 2 * 730)
    assert worth == pytest.approx(50 * 365 / 12 / fleet(case).peak_replicas)


def test_a_full_replica_that_is_bought_pays_for_its_power() -> None:
    case = bought(usd_per_kwh=0)
    last = float(steps(case)[-1])
    busy = fleet(scaled(case, last)).utilization_ratio * 1_001 / 1_000  # of those that are no spare
    kwh = 2 * (300 + busy * 700) / 1000 * 730 * 1.3
    cost = full_replica(bought(usd_per_kwh=0.2), last)[0] - full_replica(case, last)[0]
    assert cost == pytest.approx(0.2 * kwh)


@pytest.mark.parametrize("kind", cases_by_kind, ids=["rented", "stopping", "bought"])
@some
@given(st.data())
def test_between_two_steps_nothing_is_added(kind: st.SearchStrategy[Case], data: st.DataObject) -> None:
    case = data.draw(kind)
    ends = np.concatenate([[0.0], steps(case)])[:200]
    assert (np.diff(ends) >= 0).all()
    wide = np.diff(ends) > 1e-6 * ends[1:]
    low, high = ends[:-1][wide], ends[1:][wide]
    stops = isinstance(case, Rented) and case.stops_when_idle
    for name in ("replicas", "least_gpu_hours_per_day")[: 1 + stops]:
        early, late = (getattr(fleet(scaled(case, low + part * (high - low))), name) for part in (0.01, 0.99))
        assert (early == late).all()


def test_the_steps_end_where_a_day_does() -> None:
    slow = rented(input_tokens_per_s=1e9, output_tokens_per_s=1e9)
    assert tokens_per_day(scaled(slow, float(steps(slow)[-1]))) == pytest.approx(MOST_TOKENS_PER_DAY)
    assert fleet(scaled(slow, float(steps(slow)[-1]))).replicas < MOST_REPLICAS


@given(st.floats(1e6, 1e9), st.floats(1e6, 1e9))
def test_rounding_never_leads_past_the_most_tokens_of_a_day(tokens_in: float, tokens_out: float) -> None:
    fast = {"input_tokens_per_s": 1e9, "output_tokens_per_s": 1e9}
    case = rented(20, input_tokens_per_day=tokens_in, output_tokens_per_day=tokens_out, **fast)
    assert tokens_per_day(case) * float(steps(case)[-1]) <= MOST_TOKENS_PER_DAY
    assert break_even(case).up_to_tokens_per_day == pytest.approx(MOST_TOKENS_PER_DAY)


def test_a_day_that_a_cache_answers_has_no_step() -> None:
    cached = rented(output_tokens_per_day=0, cached_share=1)
    assert len(steps(cached)) == 1
    assert break_even(cached).tokens_per_day is not None


@pytest.mark.parametrize("call", [steps, break_even])
def test_a_day_without_tokens_has_no_multiple(call: Any) -> None:
    with pytest.raises(ValueError, match="0 tokens a day; a mix of in and out needs some"):
        call(rented(input_tokens_per_day=0, output_tokens_per_day=0))
