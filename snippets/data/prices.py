"""What do machines and electricity cost?"""

# --8<-- [start:imports]
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

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


class Electricity(Price):
    """A kilowatt-hour, delivered."""

    region: Text
    sector: Literal["household", "business"]
    usd_per_kwh: float = Field(gt=0, le=2)


# --8<-- [end:models]


# --8<-- [start:read]
DATA = Path(__file__).parent


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


@cache
def read_electricity() -> dict[str, Electricity]:
    """Every price of electricity, by id."""
    folder = DATA / "electricity"
    return read_entries(folder, Electricity)


# --8<-- [end:read]
