"""Renting and buying: by hand, power between idle and load, and a payback that exists or says why not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.why_self_host.capacity import Fleet
from snippets.why_self_host.rent_or_buy import (
    Payback,
    Purchase,
    Rent,
    owning_usd,
    payback,
    power_usd,
    rent_usd,
)
from tests.bounds import assert_accepts_exactly, defaults

HOURS_OF_A_YEAR = 8_760
RENT: dict[str, Any] = {"usd_per_gpu_hour": 2.5, "stops_when_idle": False}
BUY: dict[str, Any] = {
    "purchase_usd_per_gpu": 30_000.0,
    "resale_ratio": 0.25,
    "life_months": 36.0,
    "hosting_usd_per_gpu_month": 100.0,
    "load_w_per_gpu": 1_000.0,
    "idle_w_per_gpu": 200.0,
    "power_usage_effectiveness": 1.5,
    "usd_per_kwh": 0.2,
}


def running(gpus: float, utilization_ratio: float = 0.0, on_hours: float = 24.0) -> Fleet:
    """A fleet of so many GPUs, so busy, on for so many hours of a day where it may stop."""
    return Fleet(
        work_hours_per_day=24 * utilization_ratio * gpus,
        peak_replicas=gpus,
        replicas=gpus,
        gpus=gpus,
        gpu_hours_per_day=24 * gpus,
        least_gpu_hours_per_day=on_hours * gpus,
        utilization_ratio=utilization_ratio,
    )


fleets = st.builds(running, st.integers(1, 1_000), st.floats(0, 1), st.floats(1, 24))
watts = st.floats(0, 20_000)
purchases = st.builds(
    lambda watts, **fields: Purchase(idle_w_per_gpu=min(watts), load_w_per_gpu=max(watts), **fields),
    watts=st.tuples(watts, watts),
    purchase_usd_per_gpu=st.floats(1, 1e6),
    resale_ratio=st.floats(0, 1),
    life_months=st.floats(1, 240),
    hosting_usd_per_gpu_month=st.floats(0, 1e4),
    power_usage_effectiveness=st.floats(1, 5),
    usd_per_kwh=st.floats(0, 2),
)
rents = st.builds(Rent, usd_per_gpu_hour=st.floats(0, 100), stops_when_idle=st.booleans())


# --- by hand ----------------------------------------------------------------------------------


def test_a_gpu_rented_around_the_clock_is_paid_8760_hours_a_year() -> None:
    assert 12 * rent_usd(Rent(**RENT), running(1)) == pytest.approx(HOURS_OF_A_YEAR * 2.5)


def test_a_rent_that_stops_is_paid_for_its_hours_of_need() -> None:
    need = running(4, on_hours=6)
    always = rent_usd(Rent(**RENT), need)
    stopping = rent_usd(Rent(**RENT | {"stops_when_idle": True}), need)
    assert stopping == pytest.approx(always / 4)


@pytest.mark.parametrize(
    ("utilization_ratio", "watts_each"),
    [(0.0, 200), (0.5, 600), (1.0, 1_000)],
)
def test_power_is_watts_and_cooling_times_the_hours_of_a_year(
    utilization_ratio: float, watts_each: int
) -> None:
    kwh_a_year = 4 * watts_each * 1.5 * HOURS_OF_A_YEAR / 1000
    assert 12 * power_usd(Purchase(**BUY), running(4, utilization_ratio)) == pytest.approx(kwh_a_year * 0.2)


def test_over_its_life_a_purchase_costs_what_it_lost_in_value_and_its_hosting() -> None:
    # Two GPUs for 30,000 each are sold for 7,500 each after 36 months of 100 each.
    assert 36 * owning_usd(Purchase(**BUY), running(2)) == pytest.approx(2 * (30_000 - 7_500 + 36 * 100))


def test_payback_by_a_ledger_of_months() -> None:
    # Rent 2.5 · 730 = 1,825; idle power 0.2 kW · 1.5 · 730 h · 0.2 USD = 43.80; hosting 100; saved: 1,681.20.
    balance, months = -22_500.0, 0
    while balance < 0:
        balance += 1_825 - 43.80 - 100
        months += 1
    found = payback(Purchase(**BUY), Rent(**RENT), running(1))
    assert found.reason == ""
    assert found.months is not None
    assert months - 1 < found.months <= months
    assert found.months == pytest.approx(22_500 / 1_681.2)


def test_where_power_costs_the_rent_buying_never_pays() -> None:
    dear = Purchase(**BUY | {"usd_per_kwh": 2.0})  # 1 kW · 1.5 · 2 USD = 3 USD an hour, and the rent is 2.5
    found = payback(dear, Rent(**RENT), running(1, 1.0))
    assert found == Payback(months=None, reason="to run it costs no less than rent")


def test_a_payback_after_its_life_is_none_and_says_so() -> None:
    found = payback(Purchase(**BUY | {"life_months": 12.0}), Rent(**RENT), running(1))
    assert found == Payback(months=None, reason="13 months, and it lasts 12")


def test_a_free_gpu_pays_at_once_and_one_that_saves_nothing_does_not() -> None:
    free = Purchase(**BUY | {"purchase_usd_per_gpu": 0.0})
    assert payback(free, Rent(**RENT), running(1)).months == 0
    no_rent = Rent(**RENT | {"usd_per_gpu_hour": 0.0})
    assert payback(free, no_rent, running(1)).months is None


# --- properties -------------------------------------------------------------------------------


@given(purchases, fleets)
def test_power_lies_between_all_idle_and_all_at_load(buy: Purchase, own: Fleet) -> None:
    kwh_a_kw = 730 * own.gpus * buy.power_usage_effectiveness / 1000
    low = buy.idle_w_per_gpu * kwh_a_kw * buy.usd_per_kwh
    high = buy.load_w_per_gpu * kwh_a_kw * buy.usd_per_kwh
    assert low * (1 - 1e-9) <= power_usd(buy, own) <= high * (1 + 1e-9)


@given(purchases, rents, st.integers(1, 1_000), st.floats(0, 1))
def test_each_gpu_more_costs_what_the_first_costs(
    buy: Purchase, rent: Rent, gpus: int, utilization_ratio: float
) -> None:
    one, many = running(1, utilization_ratio), running(gpus, utilization_ratio)
    assert rent_usd(rent, many) == pytest.approx(gpus * rent_usd(rent, one))
    assert power_usd(buy, many) == pytest.approx(gpus * power_usd(buy, one))
    assert owning_usd(buy, many) == pytest.approx(gpus * owning_usd(buy, one))


@given(rents, fleets)
def test_stopping_never_costs_more_at_the_same_price(rent: Rent, own: Fleet) -> None:
    always, stopping = (
        rent_usd(rent.model_copy(update={"stops_when_idle": one}), own) for one in (False, True)
    )
    assert stopping <= always * (1 + 1e-12)


@given(purchases, fleets, st.sampled_from(["resale_ratio", "life_months"]), st.floats(0, 1))
def test_more_resale_or_a_longer_life_never_costs_more(
    buy: Purchase, own: Fleet, field: str, part: float
) -> None:
    most = {"resale_ratio": 1.0, "life_months": 240.0}[field]
    value = getattr(buy, field)
    better = buy.model_copy(update={field: value + part * (most - value)})
    assert owning_usd(better, own) <= owning_usd(buy, own) * (1 + 1e-12)


@given(purchases, rents, fleets)
def test_after_the_payback_both_have_cost_the_same(buy: Purchase, rent: Rent, own: Fleet) -> None:
    found = payback(buy, rent, own)
    rented = rent_usd(rent, own)
    kept = power_usd(buy, own) + own.gpus * buy.hosting_usd_per_gpu_month
    lost = own.gpus * buy.purchase_usd_per_gpu * (1 - buy.resale_ratio)
    if found.months is not None:
        assert found.reason == ""
        assert 0 <= found.months <= buy.life_months
        assume(rented - kept > 1e-6 * rented)  # below, the difference is what rounding left
        assert found.months * rented == pytest.approx(lost + found.months * kept, rel=1e-6)
    else:
        assert found.reason
        life = buy.life_months
        assert rented * life <= (lost + life * kept) * (1 + 1e-9)


@given(purchases, rents, fleets)
def test_over_its_life_buying_is_cheaper_exactly_where_there_is_a_payback(
    buy: Purchase, rent: Rent, own: Fleet
) -> None:
    month = owning_usd(buy, own) + power_usd(buy, own)
    rented = rent_usd(rent, own)
    assume(abs(month - rented) > 1e-6 * (month + rented))
    assert (payback(buy, rent, own).months is not None) == (month < rented)


@pytest.mark.parametrize("field", sorted(BUY))
def test_an_array_in_a_purchase_is_priced_draw_by_draw(field: str) -> None:
    draws = np.array([1.0, 0.9, 1.1]) * BUY[field]
    one = running(2, 0.4)
    many = Purchase(**BUY).model_copy(update={field: draws})
    each = [Purchase(**BUY | {field: float(draw)}) for draw in draws]
    for bill in (owning_usd, power_usd):
        expected = [bill(single, one) for single in each]
        assert list(np.broadcast_to(bill(many, one), 3)) == pytest.approx(expected)


# --- bounds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [
        ("purchase_usd_per_gpu", 0.0, 1e9),
        ("resale_ratio", 0.0, 1.0),
        ("life_months", 1.0, 240.0),
        ("hosting_usd_per_gpu_month", 0.0, 1e9),
        ("power_usage_effectiveness", 1.0, 5.0),
        ("usd_per_kwh", 0.0, 10.0),
    ],
)
def test_bounds_of_a_purchase(field: str, lowest: float, highest: float) -> None:
    assert_accepts_exactly(Purchase, BUY, field, lowest, highest)
    with pytest.raises(ValidationError, match=field):
        Purchase(**BUY | {field: 10**30})


def test_bounds_of_watts() -> None:
    assert_accepts_exactly(Purchase, BUY | {"idle_w_per_gpu": 0.0}, "load_w_per_gpu", 0.0, 20_000.0)
    assert_accepts_exactly(Purchase, BUY | {"load_w_per_gpu": 20_000.0}, "idle_w_per_gpu", 0.0, 20_000.0)


def test_what_idles_at_more_than_its_load_is_refused_with_both_named() -> None:
    assert Purchase(**BUY | {"idle_w_per_gpu": 1_000.0}).idle_w_per_gpu == 1_000
    with pytest.raises(ValidationError, match="idle_w_per_gpu is 1001, above load_w_per_gpu, 1000"):
        Purchase(**BUY | {"idle_w_per_gpu": 1_001.0})


def test_bounds_of_a_rent() -> None:
    assert_accepts_exactly(Rent, RENT, "usd_per_gpu_hour", 0.0, 1e9)
    with pytest.raises(ValidationError, match="stops_when_idle"):
        Rent(usd_per_gpu_hour=1, stops_when_idle=2)


def test_nothing_has_a_default_and_nothing_else_is_taken() -> None:
    assert defaults(Rent) == defaults(Purchase) == defaults(Payback) == {}
    with pytest.raises(ValidationError, match="usd_per_hour"):
        Rent.model_validate(RENT | {"usd_per_hour": 2.5})
    with pytest.raises(ValidationError, match="pue"):
        Purchase.model_validate(BUY | {"pue": 1.2})
