"""Cost per million tokens: the bill divided by the load, falling until a replica is added."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from snippets.why_self_host.api_bill import ApiPrices
from snippets.why_self_host.capacity import MOST_TOKENS_PER_DAY, fleet
from snippets.why_self_host.cost import Case, Rented, example, month
from snippets.why_self_host.cost_per_token import cost_per_million, scaled, tokens_per_day
from snippets.why_self_host.throughput import Rates
from tests.why_self_host.test_break_even import bought, rented

LOADS = ("input_tokens_per_day", "output_tokens_per_day")
cases = st.sampled_from([rented(), rented(stops_when_idle=True), bought()])
factors = st.floats(1e-3, 1e3)


def one(case: Case, times: float) -> tuple[float, float]:
    """The API's and the own cost per million at one load."""
    found = cost_per_million(case, np.array([times]))
    return float(found.api_usd[0]), float(found.own_usd[0])


# --- the same day, larger ---------------------------------------------------------------------


@given(cases, factors)
def test_a_scaled_day_has_so_many_times_the_tokens_and_nothing_else(case: Case, times: float) -> None:
    larger = scaled(case, times).model_dump()
    kept = case.model_dump()
    assert [larger.pop(name) for name in LOADS] == [kept.pop(name) * times for name in LOADS]
    assert larger == kept


def test_tokens_of_a_day_are_those_in_and_those_out() -> None:
    assert tokens_per_day(rented()) == 37_500_000 + 12_500_000


@pytest.mark.parametrize("times", [-1e-9, float("nan"), float("inf"), 1.001 * MOST_TOKENS_PER_DAY / 50e6])
def test_a_day_has_no_less_than_no_tokens_and_no_more_than_its_model_allows(times: float) -> None:
    for given_ in (times, np.array([1.0, times])):
        with pytest.raises(ValueError, match=r"times=.*; from 0 to 1e\+15 tokens a day"):
            scaled(rented(), given_)
    assert tokens_per_day(scaled(rented(), MOST_TOKENS_PER_DAY / 50e6)) == MOST_TOKENS_PER_DAY
    assert tokens_per_day(scaled(rented(), 0)) == 0


# --- the curve --------------------------------------------------------------------------------


def test_a_day_by_hand() -> None:
    """No people, no spare: 730 hours of two GPUs at $3, over 365 / 12 days of 1M tokens."""
    prices = ApiPrices(
        fields=dict.fromkeys(
            (
                f"{name}_usd_per_million_tokens"
                for name in ("input", "output", "cached", "batch_input", "batch_output")
            ),
            7.0,
        ),
        assumed=(),
    )
    nobody = dict.fromkeys(
        (
            "api_setup_hours",
            "api_hours_per_week",
            "own_setup_hours",
            "own_hours_per_week",
            "evaluation_usd_per_month",
            "monitoring_usd_per_month",
            "spare_replicas",
        ),
        0,
    )
    case = example(Rates(input_tokens_per_s=14_000, output_tokens_per_s=6_000), prices, 3)
    found = cost_per_million(Rented.model_validate(case.model_dump() | nobody), np.array([1 / 50]))
    assert found.tokens_per_day == pytest.approx([1e6])
    assert found.own_usd == pytest.approx([2 * 24 * 3])
    assert found.api_usd == pytest.approx([7])


@given(cases, factors)
def test_it_is_the_month_divided_by_its_tokens(case: Case, times: float) -> None:
    bills = month(scaled(case, times))
    tokens = 50e6 * times * 365 / 12
    assert np.array(one(case, times)) * tokens == pytest.approx([bills.api * 1e6, bills.own * 1e6])


@given(cases, st.lists(factors, min_size=1, max_size=20))
def test_many_loads_at_once_are_each_load_alone(case: Case, times: list[float]) -> None:
    found = cost_per_million(case, np.array(times))
    assert np.stack([found.api_usd, found.own_usd], axis=1) == pytest.approx(
        np.array([one(case, each) for each in times])
    )


@given(st.sampled_from([rented(), bought()]), factors, st.floats(1.001, 3))
def test_own_falls_until_a_replica_is_added(case: Case, times: float, more: float) -> None:
    assume(fleet(scaled(case, times)).replicas == fleet(scaled(case, times * more)).replicas)
    assert one(case, times * more)[1] < one(case, times)[1]


@pytest.mark.parametrize("number", [1, 2, 10])
def test_own_jumps_where_a_replica_is_full(number: int) -> None:
    case = rented()
    full = number / fleet(case).peak_replicas
    before, after = one(case, full)[1], one(case, full * 1.0001)[1]
    assert after > before
    gpus = fleet(scaled(case, full * 1.0001)).gpus - fleet(scaled(case, full)).gpus
    assert gpus == case.gpus_per_replica


@given(cases, factors, st.floats(1.001, 3))
def test_the_api_never_gets_dearer_with_load_nor_cheaper_than_its_tokens(
    case: Case, times: float, more: float
) -> None:
    less, most = one(case, times)[0], one(case, times * more)[0]
    tokens_usd = month(case).api_tokens / (50 * 365 / 12)
    assert tokens_usd < most < less


@given(factors)
def test_stopping_never_costs_more(times: float) -> None:
    always, stopping = one(rented(), times)[1], one(rented(stops_when_idle=True), times)[1]
    assert stopping <= always * (1 + 1e-12)
    if fleet(scaled(rented(), times)).replicas == 2:
        assert stopping == pytest.approx(always)


def test_stopping_costs_less_where_there_are_replicas_to_stop() -> None:
    assert one(rented(stops_when_idle=True), 100)[1] < 0.8 * one(rented(), 100)[1]


@pytest.mark.parametrize("times", [[0.0], [1.0, 0.0]])
def test_a_day_without_tokens_has_no_cost_per_token(times: list[float]) -> None:
    with pytest.raises(ValueError, match="a day without tokens has no cost per token"):
        cost_per_million(rented(), np.array(times))


def test_an_example_of_no_tokens_has_none_at_any_factor() -> None:
    nothing: dict[str, Any] = dict.fromkeys(LOADS, 0)
    with pytest.raises(ValueError, match="a day without tokens"):
        cost_per_million(rented(**nothing), np.array([1.0]))
