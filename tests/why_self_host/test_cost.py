"""Both bills in full: computed by hand, part by part, over a year; nothing left out, nothing twice."""

from __future__ import annotations

from datetime import date
from math import ceil
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.data.hosted import hosted_price
from snippets.data.offers import offers
from snippets.data.prices import read_rentals
from snippets.why_self_host.api_bill import ApiDay, ApiPrices, api_prices
from snippets.why_self_host.capacity import Day, fleet
from snippets.why_self_host.cost import OFFICE, Bought, Month, People, Rented, example, month
from snippets.why_self_host.rent_or_buy import Purchase, Rent
from snippets.why_self_host.throughput import Rates, Throughput, rates
from tests.bounds import assert_accepts_exactly, defaults

TODAY = date(2026, 11, 24)
SPEED = rates(
    Throughput(input_tokens=1_000, output_tokens=1_000, output_tokens_per_s=4_205),
    Throughput(input_tokens=2_048, output_tokens=128, output_tokens_per_s=762),
)
API_PRICES = (
    "input_usd_per_million_tokens",
    "output_usd_per_million_tokens",
    "cached_usd_per_million_tokens",
    "batch_input_usd_per_million_tokens",
    "batch_output_usd_per_million_tokens",
)
PEOPLE: dict[str, Any] = {
    "api_setup_hours": 20.0,
    "api_hours_per_week": 1.0,
    "own_setup_hours": 80.0,
    "own_hours_per_week": 4.0,
    "staff_usd_per_hour": 100.0,
    "months_of_use": 24.0,
    "evaluation_usd_per_month": 300.0,
    "monitoring_usd_per_month": 100.0,
}
# A round day: 24 hours alike, each of 1M tokens in and 0.25M out, none cached, none in batches.
# A replica reads 10,000 and writes 1,000 tokens a second: 100 s + 250 s = 350 s of each hour.
ROUND: dict[str, Any] = {
    "input_tokens_per_day": 24e6,
    "output_tokens_per_day": 6e6,
    "cached_share": 0.0,
    "batch_share": 0.0,
    "hourly_shares": (1 / 24,) * 24,
    "input_tokens_per_s": 10_000.0,
    "output_tokens_per_s": 1_000.0,
    "highest_utilization": 0.5,
    "gpus_per_replica": 2,
    "spare_replicas": 1,
} | dict(zip(API_PRICES, (1.0, 4.0, 1.0, 1.0, 4.0), strict=True))
RENTED = Rented(**ROUND, **PEOPLE, usd_per_gpu_hour=2.0, stops_when_idle=False)
BUY: dict[str, Any] = {
    "purchase_usd_per_gpu": 24_000.0,
    "resale_ratio": 0.25,
    "life_months": 36.0,
    "hosting_usd_per_gpu_month": 50.0,
    "load_w_per_gpu": 900.0,
    "idle_w_per_gpu": 300.0,
    "power_usage_effectiveness": 1.2,
    "usd_per_kwh": 0.25,
}
BOUGHT = Bought(**ROUND, **PEOPLE, **BUY)


def changed(case: Rented | Bought, **changes: Any) -> Rented | Bought:
    return type(case).model_validate(case.model_dump() | changes)


money = st.floats(0, 1e5)
hours = st.floats(0, 1_000)
people = st.fixed_dictionaries(
    {name: hours if "hours" in name else money for name in PEOPLE if name != "months_of_use"}
    | {"months_of_use": st.floats(1, 240)}
)
loads = st.floats(0, 1e12)
days = st.fixed_dictionaries(
    {
        "input_tokens_per_day": loads,
        "output_tokens_per_day": loads,
        "cached_share": st.floats(0, 1),
        "batch_share": st.floats(0, 1),
        "spare_replicas": st.integers(0, 3),
    }
    | dict.fromkeys(API_PRICES, st.floats(0, 100))
)
cases = st.builds(
    lambda case, day, people: changed(case, **day, **people), st.sampled_from([RENTED, BOUGHT]), days, people
)


# --- a year by hand ---------------------------------------------------------------------------


def test_a_year_with_rented_gpus_from_first_principles() -> None:
    a_year = month(RENTED)
    replicas = ceil(350 / 3600 / 0.5) + 1
    weeks = 365 / 7
    expected = {
        "api_tokens": 365 * (24 * 1 + 6 * 4),
        "api_setup": 20 * 100 / 2,  # two years of use
        "api_upkeep": weeks * 100,
        "own_hardware": replicas * 2 * 8_760 * 2.0,
        "own_power": 0,
        "own_setup": 80 * 100 / 2,
        "own_upkeep": weeks * 4 * 100,
        "own_monitoring": 1_200,
        "evaluation": 3_600,
    }
    assert {name: 12 * usd for name, usd in a_year._asdict().items()} == pytest.approx(expected)
    assert 12 * a_year.api == pytest.approx(17_520 + 1_000 + weeks * 100 + 3_600)
    assert 12 * a_year.own == pytest.approx(70_080 + 4_000 + weeks * 400 + 1_200 + 3_600)


def test_a_year_with_bought_gpus_from_first_principles() -> None:
    a_year = month(BOUGHT)
    busy = 350 / 3600 / 2  # of two replicas
    kwh = 4 * (0.3 + busy * 0.6) * 1.2 * 8_760
    assert 12 * a_year.own_power == pytest.approx(kwh * 0.25)
    assert 12 * a_year.own_hardware == pytest.approx(4 * (24_000 - 6_000) / 3 + 4 * 50 * 12)
    rented = month(RENTED)
    assert (a_year.api, a_year.own_staff) == (rented.api, rented.own_staff)


def test_the_example_of_the_chapter_by_hand() -> None:
    # An office of 50M tokens a day on two H100 a replica; a replica and its spare are four GPUs, on all year.
    rent = read_rentals()["rent-h100-sxm-on-demand"].low_usd_per_hour
    cheapest = min(
        offers("llama-3.3-70b", TODAY), key=lambda price: month(against(price.provider, price.model)).api
    )
    bills = month(against(cheapest.provider, cheapest.model, rent))
    staff = (80 / 24 + 4 * 365 / 7 / 12) * 100
    assert cheapest.provider == "novita"
    assert bills.own == pytest.approx(4 * 730 * rent + staff + 100 + 300)
    tokens = (37.5 * 0.135 + 12.5 * 0.40) * 365 / 12
    assert bills.api == pytest.approx(tokens + (20 / 24 + 365 / 7 / 12) * 100 + 300)
    assert round(bills.own / bills.api, 1) == 9.2


def against(provider: str, model: str, usd_per_gpu_hour: float = 2.5) -> Rented:
    return example(SPEED, api_prices(hosted_price(provider, model, TODAY)), usd_per_gpu_hour)


def test_busy_hours_alone_are_dozens_of_times_less_than_the_bill() -> None:
    case = against("novita", "meta-llama/llama-3.3-70b-instruct", 2.69)
    # Seconds of a day: 70 % of 37.5M read, 12.5M written, by the two rates that the measurements split into.
    seconds = 37.5e6 * 0.7 / SPEED.input_tokens_per_s + 12.5e6 / SPEED.output_tokens_per_s
    assert fleet(case).work_hours_per_day == pytest.approx(seconds / 3600)
    busy_usd = fleet(case).work_hours_per_day * 2 * 2.69 * 365 / 12
    assert busy_usd == pytest.approx(180, abs=0.5)
    assert month(case).own / busy_usd == pytest.approx(57, abs=0.5)


def test_against_the_frontier_the_example_pays_for_cached_and_batched_tokens() -> None:
    # GPT-5.6 Sol: $4 in, $20 out, $0.40 from the cache, half in a batch. Of a day's 37.5M in and 12.5M out
    # a fifth is in batches; of the rest, 30 % of the input comes from the cache.
    a_day = 7.5 * 2 + 2.5 * 10 + 9 * 0.40 + 21 * 4 + 10 * 20
    assert month(against("openai", "gpt-5.6-sol")).api_tokens == pytest.approx(a_day * 365 / 12)


# --- what changes what ------------------------------------------------------------------------


def test_without_the_spare_half_of_the_rent_goes() -> None:
    alone = month(changed(RENTED, spare_replicas=0))
    assert alone.own_hardware == pytest.approx(month(RENTED).own_hardware / 2)
    assert alone.api == month(RENTED).api


def test_stopping_saves_nothing_where_one_replica_and_its_spare_suffice() -> None:
    assert month(changed(RENTED, stops_when_idle=True)) == month(RENTED)


def test_stopping_saves_at_night_where_the_day_needs_more() -> None:
    case = against("novita", "meta-llama/llama-3.3-70b-instruct")
    busier = changed(case, input_tokens_per_day=37.5e8, output_tokens_per_day=12.5e8)
    stopping = changed(busier, stops_when_idle=True)
    assert month(stopping).own_hardware < month(busier).own_hardware


def test_a_fleet_that_is_given_is_the_one_that_is_paid() -> None:
    larger = fleet(changed(RENTED, spare_replicas=9))
    assert month(RENTED, larger).own_hardware == pytest.approx(5 * month(RENTED).own_hardware)
    assert month(RENTED, larger).api == month(RENTED).api


# --- properties -------------------------------------------------------------------------------


@given(cases)
def test_the_parts_of_both_sides_add_up_and_none_is_negative(case: Rented | Bought) -> None:
    bills = month(case)
    assert min(bills) >= 0
    # Evaluation is on both sides, every other part on one.
    assert bills.api + bills.own == pytest.approx(sum(bills) + bills.evaluation)
    api_side = [usd for name, usd in bills._asdict().items() if name.startswith("api")]
    assert bills.api == pytest.approx(sum(api_side) + bills.evaluation)


@given(cases, st.floats(1, 10))
def test_more_tokens_never_cost_less_on_either_side(case: Rented | Bought, times: float) -> None:
    more = changed(
        case,
        input_tokens_per_day=case.input_tokens_per_day * times,
        output_tokens_per_day=case.output_tokens_per_day * times,
    )
    before, after = month(case), month(more)
    assert after.api >= before.api * (1 - 1e-9)
    assert after.own >= before.own * (1 - 1e-9)


@given(cases)
def test_without_people_the_rest_of_both_bills_stays(case: Rented | Bought) -> None:
    nobody = month(changed(case, staff_usd_per_hour=0.0))
    bills = month(case)
    assert (nobody.api_staff, nobody.own_staff) == (0, 0)
    assert nobody.api == pytest.approx(bills.api_tokens + bills.evaluation)
    assert nobody.own == pytest.approx(bills.own - bills.own_staff)


@given(cases)
def test_what_is_asked_of_the_api_never_moves_the_own_bill(case: Rented | Bought) -> None:
    free = changed(case, **dict.fromkeys(API_PRICES, 0.0), api_setup_hours=0.0, api_hours_per_week=0.0)
    assert month(free).own == month(case).own
    assert month(free).api == case.evaluation_usd_per_month


VARIED = [
    (case, name)
    for case in (RENTED, BOUGHT)
    for name, field in type(case).model_fields.items()
    if field.annotation is float and name not in {"cached_share", "batch_share"}
]


@pytest.mark.parametrize(
    ("case", "field"), VARIED, ids=[f"{type(case).__name__}-{name}" for case, name in VARIED]
)
def test_an_array_in_a_field_is_a_month_for_each_draw(case: Rented | Bought, field: str) -> None:
    factors = (1.0, 0.9, 1.1) if field != "power_usage_effectiveness" else (1.0, 1.1, 2.0)
    draws = np.array(factors) * getattr(case, field)
    at_once = month(case.model_copy(update={field: draws}))
    assert list(draws) == [factor * getattr(case, field) for factor in factors], "a draw was changed"
    singles = [month(changed(case, **{field: float(draw)})) for draw in draws]
    for side in ("api", "own", *Month._fields):
        expected = [float(getattr(single, side)) for single in singles]
        assert list(np.broadcast_to(getattr(at_once, side), 3)) == pytest.approx(expected), side


@pytest.mark.parametrize("field", ["cached_share", "batch_share"])
def test_an_array_of_shares_is_a_month_for_each_draw(field: str) -> None:
    draws = np.array([0.0, 0.5, 1.0])
    at_once = month(RENTED.model_copy(update={field: draws}))
    singles = [month(changed(RENTED, **{field: float(draw)})) for draw in draws]
    assert list(np.broadcast_to(at_once.own, 3)) == pytest.approx([one.own for one in singles])
    assert list(np.broadcast_to(at_once.api, 3)) == pytest.approx([one.api for one in singles])


# --- the example ------------------------------------------------------------------------------


def test_the_example_is_an_office_whose_day_has_a_whole_day_of_work() -> None:
    assert sum(OFFICE) == pytest.approx(1)
    assert OFFICE[8] == pytest.approx(10 * OFFICE[3])
    assert max(OFFICE) == OFFICE[17] > OFFICE[18]


def test_the_example_takes_speed_prices_and_rent_from_outside() -> None:
    asked = ApiPrices(fields=dict.fromkeys(API_PRICES, 3.0), assumed=())
    speed = Rates(input_tokens_per_s=5_000, output_tokens_per_s=500)
    case = example(speed, asked, 1.5)
    assert (case.input_tokens_per_s, case.output_tokens_per_s, case.usd_per_gpu_hour) == (5_000, 500, 1.5)
    assert {getattr(case, name) for name in API_PRICES} == {3.0}
    assert case.input_tokens_per_day + case.output_tokens_per_day == 50_000_000
    assert {name: getattr(case, name) for name in PEOPLE} == PEOPLE


# --- bounds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [
        *((name, 0.0, 10_000.0) for name in PEOPLE if "hours" in name),
        *((name, 0.0, 1e9) for name in PEOPLE if "usd" in name),
        ("months_of_use", 1.0, 240.0),
    ],
)
def test_bounds_of_people(field: str, lowest: float, highest: float) -> None:
    assert_accepts_exactly(People, PEOPLE, field, lowest, highest)
    with pytest.raises(ValidationError, match=field):
        People.model_validate(PEOPLE | {field: 10**30})


@pytest.mark.parametrize(("case", "parts"), [(Rented, (Rent,)), (Bought, (Purchase,))])
def test_a_case_has_the_fields_of_its_parts_with_their_bounds(
    case: type[Rented | Bought], parts: tuple[type[Rent | Purchase], ...]
) -> None:
    kinds = (Day, ApiDay, *parts, People)
    expected = {name: repr(field) for kind in kinds for name, field in kind.model_fields.items()}
    assert {name: repr(field) for name, field in case.model_fields.items()} == expected
    assert defaults(case) == {}


@pytest.mark.parametrize("case", [RENTED, BOUGHT], ids=lambda case: type(case).__name__)
def test_bad_input_is_refused_by_name(case: Rented | Bought) -> None:
    for field in ("input_tokens_per_day", "staff_usd_per_hour", "input_usd_per_million_tokens"):
        for bad in (-1.0, float("nan"), float("inf"), 1e30):
            with pytest.raises(ValidationError, match=field):
                changed(case, **{field: bad})
    with pytest.raises(ValidationError, match="hourly_shares add up to"):
        changed(case, hourly_shares=(0.1,) * 24)
    with pytest.raises(ValidationError, match="utilization"):
        changed(case, utilization=0.9)  # it is a result


def test_watts_are_checked_in_a_whole_case_too() -> None:
    with pytest.raises(ValidationError, match="idle_w_per_gpu is 1000, above"):
        changed(BOUGHT, idle_w_per_gpu=1_000.0)
