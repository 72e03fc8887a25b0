"""Odds: closed forms, seeds, order, and draws that are what one case at a time would give."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.data.records import UnknownNameError
from snippets.why_self_host.cost import Case, Rented
from snippets.why_self_host.sensitivity import RANGES, Range, saved_usd
from snippets.why_self_host.uncertainty import DRAWS, FEWEST, MOST, Chance, chance, draw, savings
from tests.bounds import defaults
from tests.why_self_host.test_sensitivity import bought, part, rented

FEW = 2_000


def triangular_below(ratio: float, low: float, high: float) -> float:
    """The share of a triangular distribution with its peak at 1 that lies below a ratio."""
    if ratio <= 1:
        return (ratio - low) ** 2 / ((high - low) * (1 - low))
    return 1 - (high - ratio) ** 2 / ((high - low) * (high - 1))


def rent_of_equal_bills() -> float:
    """The rent in USD an hour at which the bills of `rented` meet, four GPUs around the clock."""
    case = rented()
    return case.usd_per_gpu_hour + saved_usd(case) / (4 * 730)


@pytest.mark.parametrize("ratio", [0.6, 0.8, 0.95, 1.1, 1.5, 1.9])
def test_one_linear_range_gives_the_share_of_its_triangle_below_break_even(ratio: float) -> None:
    # Own is cheaper where the drawn factor of the rent is below `ratio`.
    case = rented(usd_per_gpu_hour=rent_of_equal_bills() / ratio)
    expected = triangular_below(ratio, 0.5, 2)
    odds = chance(case, [part("usd_per_gpu_hour")])
    assert odds.standard_error_ratio == pytest.approx(sqrt(expected * (1 - expected) / DRAWS), rel=0.05)
    assert abs(odds.own_is_cheaper_ratio - expected) < 4 * odds.standard_error_ratio


def test_percentiles_of_one_linear_range_are_those_of_its_triangle() -> None:
    case = rented()
    odds = chance(case, [part("usd_per_gpu_hour")])
    paid = 4 * 730 * case.usd_per_gpu_hour
    for share, saved in ((0.95, odds.saved_p5_usd), (0.5, odds.saved_p50_usd), (0.05, odds.saved_p95_usd)):
        ratio = 1 - (saved - saved_usd(case)) / paid
        assert triangular_below(ratio, 0.5, 2) == pytest.approx(
            share, abs=4 * sqrt(share * (1 - share) / DRAWS)
        )


def test_a_seed_repeats_the_draws_and_another_does_not() -> None:
    one, again, other = (savings(rented(), RANGES, FEW, seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert chance(rented(), RANGES, FEW, 7) == chance(rented(), RANGES, FEW, 7)


@given(st.floats(0.1, 20), st.floats(0, 0.99), st.integers(0, 5))
@settings(max_examples=30)
def test_a_cheaper_rent_never_lowers_the_odds(rent: float, ratio: float, seed: int) -> None:
    dear, cheap = (chance(rented(usd_per_gpu_hour=usd), RANGES, FEW, seed) for usd in (rent, rent * ratio))
    assert cheap.own_is_cheaper_ratio >= dear.own_is_cheaper_ratio
    assert cheap.saved_p50_usd >= dear.saved_p50_usd


def test_a_cheaper_rent_raises_the_odds_of_a_close_case() -> None:
    odds = [chance(rented(usd_per_gpu_hour=usd), RANGES, FEW).own_is_cheaper_ratio for usd in (3, 2, 1)]
    assert 0 < odds[0] < odds[1] < odds[2] < 1


@pytest.mark.parametrize("case", [rented(), rented(usd_per_gpu_hour=1)])
@pytest.mark.parametrize("load", [1.0, 20.0])
def test_an_array_of_draws_gives_what_each_draw_gives_alone(case: Rented, load: float) -> None:
    case = case.model_copy(update={"output_tokens_per_day": load * case.output_tokens_per_day})
    ranges = [*RANGES, part("highest_utilization", low=0.5, high=1.5)]
    drawn = draw(case, ranges, FEW)
    saved = savings(case, ranges, FEW)
    for index in range(0, FEW, 50):
        one = case.model_dump() | {name: float(values[index]) for name, values in drawn.items()}
        assert saved[index] == pytest.approx(saved_usd(Rented.model_validate(one)), abs=1e-6)


def test_a_bought_case_is_drawn_by_its_own_fields() -> None:
    case = bought()
    ranges = [
        part("purchase_usd_per_gpu"),
        part("usd_per_kwh"),
        part("resale_ratio", low=0),
        part("life_months"),
    ]
    drawn = draw(case, ranges, FEW)
    saved = savings(case, ranges, FEW)
    for index in range(0, FEW, 100):
        one = case.model_dump() | {name: float(values[index]) for name, values in drawn.items()}
        assert saved[index] == pytest.approx(saved_usd(type(case).model_validate(one)), abs=1e-6)


def test_factors_stay_in_their_range_and_peak_at_1() -> None:
    ratios = draw(rented(), [part("usd_per_gpu_hour")])["usd_per_gpu_hour"] / rented().usd_per_gpu_hour
    assert 0.5 <= ratios.min() < 0.52
    assert 1.98 < ratios.max() <= 2
    counts, edges = np.histogram(ratios, 15, (0.5, 2))
    assert edges[counts.argmax()] <= 1 <= edges[counts.argmax() + 1]


def test_fields_of_one_range_share_a_factor_and_two_ranges_do_not() -> None:
    case = rented()
    names = ("own_hours_per_week", "staff_usd_per_hour")
    tied = draw(case, [part(*names)])
    free = draw(case, [part(name) for name in names])
    correlations = [np.corrcoef(drawn[names[0]], drawn[names[1]])[0, 1] for drawn in (tied, free)]
    assert correlations[0] == pytest.approx(1)
    assert abs(correlations[1]) < 4 / sqrt(DRAWS)


def test_the_standard_error_is_how_far_seeds_lie_apart() -> None:
    odds = [chance(rented(), RANGES, FEW, seed) for seed in range(100)]
    spread = np.std([one.own_is_cheaper_ratio for one in odds])
    assert spread == pytest.approx(odds[0].standard_error_ratio, rel=0.3)


@given(st.floats(0.1, 50), st.floats(0.1, 10), st.integers(0, 100))
@settings(max_examples=30)
def test_percentiles_are_in_order_and_a_ratio_is_a_ratio(usd: float, rent: float, seed: int) -> None:
    odds = chance(rented(usd, rent), RANGES, 100, seed)
    assert odds.saved_p5_usd <= odds.saved_p50_usd <= odds.saved_p95_usd
    assert 0 <= odds.own_is_cheaper_ratio <= 1
    assert (odds.draws, odds.seed) == (100, seed)


@pytest.mark.parametrize(("usd", "ratio"), [(100, 1.0), (0.1, 0.0)])
def test_without_a_range_the_case_is_certain(usd: float, ratio: float) -> None:
    odds = chance(rented(usd), [], 100)
    assert (odds.own_is_cheaper_ratio, odds.standard_error_ratio) == (ratio, 0)
    assert odds.saved_p5_usd == odds.saved_p95_usd == pytest.approx(saved_usd(rented(usd)))


def test_equal_bills_are_not_cheaper() -> None:
    case = rented().model_copy(update=dict.fromkeys(_paid_on_one_side(), 0.0))
    assert saved_usd(case) == 0
    assert chance(case, [], 100).own_is_cheaper_ratio == 0


def _paid_on_one_side() -> list[str]:
    return [
        name
        for name, field in Rented.model_fields.items()
        if field.annotation is float and ("usd_" in name) and name != "evaluation_usd_per_month"
    ]


def test_a_field_in_two_ranges_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"^usd_per_gpu_hour: in two ranges$"):
        chance(rented(), [part("usd_per_gpu_hour"), part("staff_usd_per_hour", "usd_per_gpu_hour")])
    with pytest.raises(ValueError, match="in two ranges"):
        chance(rented(), [part("usd_per_gpu_hour", "usd_per_gpu_hour")])


@pytest.mark.parametrize("field", ["usd_per_gpu_hours", "stops_when_idle", "spare_replicas", "hourly_shares"])
def test_what_is_no_quantity_of_the_case_is_refused_with_the_nearest(field: str) -> None:
    with pytest.raises(UnknownNameError, match=f"quantity in part '{field}'"):
        chance(rented(), [part(field)])


@pytest.mark.parametrize(
    "wide",
    [
        part("cached_share", high=4),
        part("highest_utilization", low=0, high=1),
        part("months_of_use", high=20),
    ],
)
def test_a_range_out_of_bounds_is_refused_by_field_before_any_draw(wide: Range) -> None:
    with pytest.raises(ValidationError, match=wide.fields[0]):
        chance(rented(), [wide])


def test_draws_have_bounds() -> None:
    assert (FEWEST, MOST) == (100, 1_000_000)
    for accepted in (FEWEST, MOST):
        assert chance(rented(), [part("usd_per_gpu_hour")], accepted).draws == accepted
    for refused in (FEWEST - 1, MOST + 1, 0, -1, True):
        with pytest.raises(ValueError, match=f"draws is {refused}; it has to be from 100 to 1000000"):
            chance(rented(), RANGES, refused)


def test_what_was_assumed_is_in_the_result() -> None:
    assert defaults(Chance) == {}
    odds = chance(rented(), RANGES)
    assert (odds.draws, odds.seed) == (100_000, 1)


@pytest.mark.parametrize("case", [rented(), bought()])
def test_the_case_itself_is_not_changed(case: Case) -> None:
    before = case.model_dump()
    savings(case, [part("staff_usd_per_hour")], FEW)
    assert case.model_dump() == before
