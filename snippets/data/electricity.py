"""What does a kilowatt-hour cost?"""

# --8<-- [start:imports]
from functools import cache
from typing import Literal

from pydantic import Field

from snippets.data.prices import (
    DATA,
    HOURS_A_MONTH,
    Price,
)
from snippets.data.records import (
    Text,
    read_entries,
)

# --8<-- [end:imports]


# --8<-- [start:models]
class Electricity(Price):
    """A kilowatt-hour, delivered."""

    region: Text
    sector: Literal["household", "business"]
    usd_per_kwh: float = Field(gt=0, le=2)


# --8<-- [end:models]


# --8<-- [start:read]
@cache
def read_electricity() -> dict[str, Electricity]:
    """Every price of electricity, by id."""
    folder = DATA / "electricity"
    return read_entries(folder, Electricity)


# --8<-- [end:read]


# --8<-- [start:derive]
def power_usd_per_month(
    watts: float, price: Electricity
) -> float:
    """Price a month of a steady draw, in USD.

    watts / 1000 x 730 h x USD/kWh.

    Raises ValueError unless watts is from 0 to 1e6.
    """
    if not 0 <= watts <= 1e6:
        raise ValueError(
            f"watts is {watts}; "
            "it has to be from 0 to 1000000"
        )
    kwh = watts / 1000 * HOURS_A_MONTH
    return kwh * price.usd_per_kwh


# --8<-- [end:derive]
