"""Prices of machines: ranges with a source, a day and an end, and what is derived from them."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from snippets.data.machines import read_machines
from snippets.data.prices import (
    HOURS_A_MONTH,
    Price,
    Purchase,
    Rental,
    hours_to_buy,
    read_purchases,
    read_rentals,
    usd_per_gb,
)
from tests.bounds import SMALLEST, assert_accepts_exactly, defaults

NEWEST = date(2026, 11, 24)
RENTALS, PURCHASES = read_rentals(), read_purchases()
PRICES: list[Price] = [*RENTALS.values(), *PURCHASES.values()]

ANY: dict[str, Any] = {"id": "a", "sources": ("s",), "as_of": date(2026, 1, 1), "expires": date(2026, 4, 1)}
RENTAL: dict[str, Any] = {
    **ANY,
    "machine": "m",
    "sellers": "S",
    "tier": "spot",
    "low_usd_per_hour": 1.0,
    "high_usd_per_hour": 2.0,
}
PURCHASE: dict[str, Any] = {
    **ANY,
    "machine": "m",
    "condition": "used",
    "memory_gb": 24.0,
    "complete": False,
    "low_usd": 600.0,
    "high_usd": 1_200.0,
}


# --- the models -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "valid", "field", "lowest", "highest"),
    [
        (Rental, {**RENTAL, "high_usd_per_hour": 1e7}, "low_usd_per_hour", SMALLEST, 1e7),
        (Rental, {**RENTAL, "low_usd_per_hour": SMALLEST}, "high_usd_per_hour", SMALLEST, 1e7),
        (Purchase, {**PURCHASE, "high_usd": 1e7}, "low_usd", SMALLEST, 1e7),
        (Purchase, {**PURCHASE, "low_usd": SMALLEST}, "high_usd", SMALLEST, 1e7),
        (Purchase, PURCHASE, "memory_gb", SMALLEST, 20_000),
    ],
)
def test_a_price_is_more_than_nothing_and_less_than_absurd(
    model: type[Price], valid: dict[str, Any], field: str, lowest: float, highest: float
) -> None:
    assert_accepts_exactly(model, valid, field, lowest, highest)


@pytest.mark.parametrize(
    ("model", "valid", "low"), [(Rental, RENTAL, "low_usd_per_hour"), (Purchase, PURCHASE, "low_usd")]
)
def test_a_range_whose_low_end_is_above_its_high_end_is_refused(
    model: type[Price], valid: dict[str, Any], low: str
) -> None:
    with pytest.raises(ValidationError, match=r"5000\.0 is above"):
        model.model_validate({**valid, low: 5_000.0})


@pytest.mark.parametrize(("model", "valid"), [(Rental, RENTAL), (Purchase, PURCHASE)])
def test_only_the_remark_may_be_left_out_and_a_price_always_expires(
    model: type[Price], valid: dict[str, Any]
) -> None:
    assert defaults(model) == {"note": ""}
    with pytest.raises(ValidationError, match="expires"):
        model.model_validate({**valid, "expires": None})
    with pytest.raises(ValidationError, match="which is not after as_of"):
        model.model_validate({**valid, "expires": valid["as_of"]})


@pytest.mark.parametrize(
    ("model", "valid", "field"),
    [(Rental, RENTAL, "tier"), (Purchase, PURCHASE, "condition")],
)
def test_a_tier_or_condition_is_one_of_few(model: type[Price], valid: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        model.model_validate({**valid, field: "on-demand"})


# --- the records ------------------------------------------------------------------------------


@pytest.mark.parametrize("price", PRICES, ids=lambda price: price.id)
def test_no_price_is_of_a_day_to_come_and_none_has_expired_with_the_newest_data(price: Price) -> None:
    assert price.as_of <= NEWEST < price.expires


def test_the_lists_cover_what_readers_compare() -> None:
    assert len(RENTALS) >= 25
    assert len(PURCHASES) >= 20
    assert {bought.complete for bought in PURCHASES.values()} == {True, False}
    for machine in ("h100-sxm", "h100-pcie", "a100-80gb-sxm", "a100-80gb-pcie"):
        tiers = {rental.tier for rental in RENTALS.values() if rental.machine == machine}
        assert tiers == {"on demand", "reserved", "spot"}, machine


def test_the_id_of_a_rental_says_machine_and_tier() -> None:
    for key, rental in RENTALS.items():
        assert key == f"rent-{rental.machine}-{rental.tier.replace(' ', '-')}"


@pytest.mark.parametrize("bought", PURCHASES.values(), ids=lambda bought: bought.id)
def test_the_id_of_a_purchase_says_machine_and_condition(bought: Purchase) -> None:
    assert re.fullmatch(
        rf"buy-{re.escape(bought.machine)}(-{bought.memory_gb:g}gb)?-{bought.condition}|buy-r9700-new",
        bought.id,
    )


@pytest.mark.parametrize("bought", PURCHASES.values(), ids=lambda bought: bought.id)
def test_what_is_bought_is_a_known_machine_in_a_size_that_was_sold(bought: Purchase) -> None:
    assert bought.memory_gb in read_machines()[bought.machine].memory_gb


@pytest.mark.parametrize("rental", RENTALS.values(), ids=lambda rental: rental.id)
def test_what_is_rented_is_a_known_machine(rental: Rental) -> None:
    assert rental.machine in read_machines()


# --- what is derived --------------------------------------------------------------------------


def test_hours_of_rent_divide_low_by_low_and_high_by_high() -> None:
    bought, rental = Purchase.model_validate(PURCHASE), Rental.model_validate(RENTAL)
    assert hours_to_buy(bought, rental) == (600, 600)
    dearer = Rental.model_validate({**RENTAL, "high_usd_per_hour": 4.0})
    assert hours_to_buy(bought, dearer) == (600, 300)


def test_the_rent_of_another_machine_buys_nothing() -> None:
    bought = Purchase.model_validate(PURCHASE)
    with pytest.raises(ValueError, match="a is a m, a a n"):
        hours_to_buy(bought, Rental.model_validate({**RENTAL, "machine": "n"}))


def test_a_gigabyte_is_the_price_over_the_memory() -> None:
    assert usd_per_gb(Purchase.model_validate(PURCHASE)) == (25, 50)


def test_a_month_is_a_twelfth_of_a_year() -> None:
    assert pytest.approx(365 * 24 / 12) == HOURS_A_MONTH
