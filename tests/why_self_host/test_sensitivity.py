"""Sensitivity: which factor moves what, by how much, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.data.records import UnknownNameError
from snippets.why_self_host.api_bill import ApiPrices
from snippets.why_self_host.cost import Bought, Rented, example
from snippets.why_self_host.sensitivity import API, RANGES, Range, Swing, at, saved_usd, tornado
from snippets.why_self_host.throughput import Rates
from tests.bounds import assert_accepts_exactly, defaults

VALID: dict[str, Any] = {"name": "rent", "fields": ("usd_per_gpu_hour",), "low_ratio": 0.5, "high_ratio": 2.0}


def rented(usd_per_million_tokens: float = 5, usd_per_gpu_hour: float = 2.5) -> Rented:
    prices = ApiPrices(fields=dict.fromkeys(API, usd_per_million_tokens), assumed=())
    rates = Rates(input_tokens_per_s=14_000, output_tokens_per_s=6_000)
    return example(rates, prices, usd_per_gpu_hour)


def bought() -> Bought:
    mine = {name: value for name, value in rented().model_dump().items() if name in Bought.model_fields}
    return Bought.model_validate(
        mine
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


def part(*fields: str, low: float = 0.5, high: float = 2, name: str = "part") -> Range:
    return Range(name=name, fields=fields, low_ratio=low, high_ratio=high)


@pytest.mark.parametrize(
    ("field", "lowest", "highest"), [("low_ratio", 0.0, 1.0), ("high_ratio", 1.0, 1_000.0)]
)
def test_a_range_lies_around_1(field: str, lowest: float, highest: float) -> None:
    assert_accepts_exactly(Range, VALID, field, lowest, highest)
    assert defaults(Range) == {}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, "name"),
        ({"fields": ()}, "fields"),
        ({"low_ratio": 1, "high_ratio": 1}, "rent: low_ratio and high_ratio are both 1"),
        ({"middle_ratio": 1}, "middle_ratio"),
    ],
)
def test_a_range_without_a_name_fields_or_width_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Range.model_validate(VALID | changes)


@given(st.floats(0, 100))
def test_only_the_named_fields_move_and_all_by_the_factor(ratio: float) -> None:
    case = rented()
    moved = at(case, part("usd_per_gpu_hour", "own_hours_per_week"), ratio)
    assert moved.model_dump() == case.model_dump() | {
        "usd_per_gpu_hour": 2.5 * ratio,
        "own_hours_per_week": 4 * ratio,
    }


def test_an_unknown_field_names_the_range_and_the_nearest_field() -> None:
    with pytest.raises(
        UnknownNameError, match=r"quantity in part 'usd_per_gpu_hours'; nearest: usd_per_gpu_hour"
    ):
        at(rented(), part("usd_per_gpu_hours"), 1)


@pytest.mark.parametrize("field", ["stops_when_idle", "spare_replicas", "gpus_per_replica", "hourly_shares"])
def test_switches_counts_and_curves_do_not_vary_by_a_factor(field: str) -> None:
    with pytest.raises(UnknownNameError, match=field):
        tornado(rented(), [part(field)])


def test_a_rented_case_has_no_purchase_and_a_bought_one_no_rent() -> None:
    with pytest.raises(UnknownNameError, match="purchase_usd_per_gpu"):
        at(rented(), part("purchase_usd_per_gpu"), 1)
    with pytest.raises(UnknownNameError, match="usd_per_gpu_hour"):
        at(bought(), part("usd_per_gpu_hour"), 1)


@pytest.mark.parametrize(
    ("field", "low", "high", "bound"),
    [
        ("cached_share", 0.5, 4, "less than or equal to 1"),
        ("highest_utilization", 0.0, 1, "greater than or equal to 0.01"),
        ("months_of_use", 0.01, 1, "greater than or equal to 1"),
    ],
)
def test_an_end_beyond_the_bounds_of_its_field_is_refused_by_name(
    field: str, low: float, high: float, bound: str
) -> None:
    with pytest.raises(ValidationError, match=f"{field}[^$]*{bound}"):
        tornado(rented(), [part(field, low=low, high=high)])


@given(st.floats(0, 1), st.floats(1.1, 10), st.floats(0.1, 20))
def test_the_swing_of_a_linear_input_is_its_cost_times_the_width(
    low: float, high: float, rent: float
) -> None:
    # Two replicas of two GPUs, around the clock: 4 * 24 * 365 / 12 hours a month.
    case = rented(usd_per_gpu_hour=rent)
    paid = 4 * 730 * rent
    (swing,) = tornado(case, [part("usd_per_gpu_hour", low=low, high=high)])
    assert swing.width_usd == pytest.approx(paid * (high - low))
    assert swing.saved_at_low_usd == pytest.approx(saved_usd(case) + paid * (1 - low))
    assert swing.saved_at_high_usd == pytest.approx(saved_usd(case) - paid * (high - 1))


def test_saved_is_what_the_api_costs_more() -> None:
    dear, cheap = rented(usd_per_million_tokens=20), rented(usd_per_million_tokens=0.1)
    assert saved_usd(dear) > 0 > saved_usd(cheap)
    # 50M tokens a day, 365 / 12 days: 1,520.83M tokens a month at $19.90 more.
    assert saved_usd(dear) - saved_usd(cheap) == pytest.approx(50 * 365 / 12 * 19.9)


@given(st.permutations(RANGES))
def test_the_widest_swing_comes_first_in_any_order_of_the_ranges(ranges: list[Range]) -> None:
    swings = tornado(rented(), ranges)
    widths = [swing.width_usd for swing in swings]
    assert widths == sorted(widths, reverse=True)
    assert {swing.name for swing in swings} == {part.name for part in RANGES}
    assert swings[0].name == "load"


def test_what_is_paid_on_both_sides_and_speed_of_idle_gpus_move_nothing() -> None:
    widths = {swing.name: swing.width_usd for swing in tornado(rented(), RANGES)}
    assert widths["evaluation"] == pytest.approx(0, abs=1e-6)
    assert widths["throughput"] == 0
    busy = at(rented(), part("input_tokens_per_day", "output_tokens_per_day"), 20)
    assert {swing.name: swing.width_usd for swing in tornado(busy, RANGES)}["throughput"] > 1_000


def test_a_field_that_is_zero_stays_zero() -> None:
    case = rented().model_copy(update={"batch_share": 0.0})
    assert tornado(case, [part("batch_share", high=1_000)])[0].width_usd == 0


@pytest.mark.parametrize(
    ("low", "high", "turns"),
    [
        (-1, 1, True),
        (1, -1, True),
        (1, 2, False),
        (-2, -1, False),
        (0, 1, True),
        (0, -1, False),
        (-1, 0, False),
    ],
)
def test_a_range_turns_the_decision_where_own_is_cheaper_at_one_end_only(
    low: float, high: float, turns: bool
) -> None:
    assert Swing(name="one", saved_at_low_usd=low, saved_at_high_usd=high).turns is turns


def test_a_bought_case_varies_by_its_own_fields() -> None:
    # (1 - 0.3) / 48 of the price, each month, for each of four GPUs.
    (swing,) = tornado(bought(), [part("purchase_usd_per_gpu", low=0.5, high=1)])
    assert swing.width_usd == pytest.approx(4 * 15_000 * 0.7 / 48)


def test_the_chapters_ranges_have_their_own_names_and_share_no_field() -> None:
    names = [part.name for part in RANGES]
    fields = [field for part in RANGES for field in part.fields]
    assert len(set(names)) == len(names)
    assert len(set(fields)) == len(fields)
