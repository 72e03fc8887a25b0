"""Electricity: a price of a day with an end, converted at cited rates, and what a month of it costs."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.data.electricity import Electricity, power_usd_per_month, read_electricity
from snippets.data.facts import read_facts
from tests.bounds import SMALLEST, assert_accepts_exactly, defaults

NEWEST = date(2026, 11, 24)
ELECTRICITY = read_electricity()
ECB = read_facts()["ecb-2026-05-08"].values
QUOTED = [price for price in ELECTRICITY.values() if re.match(r"[\d.]+ [A-Z]{3}\b", price.note)]

KWH: dict[str, Any] = {
    "id": "a",
    "sources": ("s",),
    "as_of": date(2026, 1, 1),
    "expires": date(2026, 4, 1),
    "region": "R",
    "sector": "business",
    "usd_per_kwh": 0.2,
}


# --- the model --------------------------------------------------------------------------------


def test_a_kilowatt_hour_costs_more_than_nothing_and_less_than_absurd() -> None:
    assert_accepts_exactly(Electricity, KWH, "usd_per_kwh", SMALLEST, 2)


def test_only_the_remark_may_be_left_out_and_a_price_always_expires() -> None:
    assert defaults(Electricity) == {"note": ""}
    with pytest.raises(ValidationError, match="expires"):
        Electricity.model_validate({**KWH, "expires": None})
    with pytest.raises(ValidationError, match="which is not after as_of"):
        Electricity.model_validate({**KWH, "expires": KWH["as_of"]})


def test_a_sector_is_one_of_few() -> None:
    with pytest.raises(ValidationError, match="sector"):
        Electricity.model_validate({**KWH, "sector": "industry"})


# --- the records ------------------------------------------------------------------------------


@pytest.mark.parametrize("price", ELECTRICITY.values(), ids=lambda price: price.id)
def test_no_price_is_of_a_day_to_come_and_none_has_expired_with_the_newest_data(price: Electricity) -> None:
    assert price.as_of <= NEWEST < price.expires


def test_the_list_covers_what_readers_compare() -> None:
    assert len({price.region for price in ELECTRICITY.values()}) >= 12
    assert {price.sector for price in ELECTRICITY.values()} == {"household", "business"}


@pytest.mark.parametrize("price", QUOTED, ids=lambda price: price.id)
def test_a_kilowatt_hour_in_another_currency_is_converted_at_the_rates_of_the_cited_day(
    price: Electricity,
) -> None:
    amount, currency = price.note.replace(";", " ").split()[:2]
    per_eur = 1.0 if currency == "EUR" else ECB[f"{currency.lower()}_per_eur"]
    assert price.usd_per_kwh == pytest.approx(float(amount) / per_eur * ECB["usd_per_eur"], abs=5e-5)


def test_every_kilowatt_hour_outside_the_united_states_says_what_was_quoted() -> None:
    converted = {price.id for price in QUOTED}
    assert converted == {key for key, price in ELECTRICITY.items() if "United States" not in price.region}


# --- what is derived --------------------------------------------------------------------------


def test_a_kilowatt_for_a_month_is_730_kilowatt_hours() -> None:
    assert power_usd_per_month(1_000, Electricity.model_validate(KWH)) == pytest.approx(146)


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_more_watts_never_cost_less(one: float, other: float) -> None:
    price = Electricity.model_validate(KWH)
    low, high = sorted((one, other))
    assert 0 <= power_usd_per_month(low, price) <= power_usd_per_month(high, price)


@pytest.mark.parametrize("watts", [-1, 1e6 + 1, float("nan"), float("inf")])
def test_watts_are_neither_negative_nor_absurd(watts: float) -> None:
    with pytest.raises(ValueError, match="watts is"):
        power_usd_per_month(watts, Electricity.model_validate(KWH))
