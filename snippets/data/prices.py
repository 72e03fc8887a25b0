"""What does a GPU cost, rented or bought?"""

# --8<-- [start:imports]
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

import snippets.data
from snippets.data.records import (
    Id,
    Record,
    Text,
    read_entries,
)

# --8<-- [end:imports]

# --8<-- [start:models]
Usd = Annotated[float, Field(gt=0, le=1e7)]
Tier = Literal["on demand", "reserved", "spot"]


class Price(Record):
    """What was asked for on a day; it expires."""

    expires: date
    note: str = ""

    @model_validator(mode="after")
    def _low_is_not_above_high(self) -> Self:
        ends = [
            value
            for name, value in self
            if name.startswith(("low_", "high_"))
        ]
        if ends != sorted(ends):
            low, high = ends
            raise ValueError(
                f"{low} is above {high}"
            )
        return self


class Rental(Price):
    """An hour of one GPU, lowest to highest."""

    machine: Id
    sellers: Text
    tier: Tier
    low_usd_per_hour: Usd
    high_usd_per_hour: Usd


class Purchase(Price):
    """A machine, once, without tax."""

    machine: Id
    condition: Literal["new", "used"]
    memory_gb: float = Field(gt=0, le=20_000)
    complete: bool = Field(
        description="a computer, not only its card"
    )
    low_usd: Usd
    high_usd: Usd


# --8<-- [end:models]


# --8<-- [start:read]
# A block of a page has no __file__.
DATA = Path(*snippets.data.__path__)


@cache
def read_rentals() -> dict[str, Rental]:
    """Every rental price, by id."""
    return read_entries(DATA / "rentals", Rental)


@cache
def read_purchases() -> dict[str, Purchase]:
    """Every purchase price, by id."""
    return read_entries(
        DATA / "purchases", Purchase
    )


# --8<-- [end:read]


# --8<-- [start:derive]
HOURS_A_MONTH = 730


def hours_to_buy(
    purchase: Purchase, rental: Rental
) -> tuple[float, float]:
    """Count the hours of rent that buy the machine.

    price / rent, in hours, of the lowest prices
    and of the highest: power, the rest of the
    computer and what it sells for are left out.

    Raises ValueError for two different machines.
    """
    if purchase.machine != rental.machine:
        raise ValueError(
            f"{purchase.id} is a "
            f"{purchase.machine}, {rental.id} a "
            f"{rental.machine}"
        )
    return (
        purchase.low_usd / rental.low_usd_per_hour,
        purchase.high_usd
        / rental.high_usd_per_hour,
    )


def usd_per_gb(
    purchase: Purchase,
) -> tuple[float, float]:
    """Divide the price by the memory, in USD/GB."""
    return (
        purchase.low_usd / purchase.memory_gb,
        purchase.high_usd / purchase.memory_gb,
    )


# --8<-- [end:derive]
