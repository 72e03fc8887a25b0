"""What does a month cost: hosted, or your own?"""

# --8<-- [start:imports]
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from snippets.why_self_host.api_bill import (
    DAYS,
    ApiDay,
    ApiPrices,
    api_tokens_usd,
)
from snippets.why_self_host.capacity import (
    Day,
    Fleet,
    curve,
    fleet,
)
from snippets.why_self_host.rent_or_buy import (
    Purchase,
    Rent,
    owning_usd,
    power_usd,
    rent_usd,
)
from snippets.why_self_host.throughput import Rates

# --8<-- [end:imports]

# --8<-- [start:case]
WEEKS = DAYS / 7  # of a month

Usd = Annotated[float, Field(ge=0, le=1e9)]
Hours = Annotated[float, Field(ge=0, le=10_000)]


class People(BaseModel):
    """Who sets it up, runs it and checks it."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    api_setup_hours: Hours
    api_hours_per_week: Hours
    own_setup_hours: Hours
    own_hours_per_week: Hours
    staff_usd_per_hour: Usd
    months_of_use: float = Field(
        ge=1,
        le=240,
        description="over which set-up is spread",
    )
    evaluation_usd_per_month: Usd = Field(
        description="either way: is it good enough?"
    )
    monitoring_usd_per_month: Usd = Field(
        description="own: metrics, logs, alerts"
    )


class Rented(Day, ApiDay, Rent, People):
    """A day, an API's prices, rent and people.

    All fields in one flat model, so that what
    varies them can name any by one word.
    """


class Bought(Day, ApiDay, Purchase, People):
    """The same with GPUs that are bought."""


Case = Rented | Bought
# --8<-- [end:case]


# --8<-- [start:month]
class Month(NamedTuple):
    """USD a month, by part; floats, or arrays."""

    api_tokens: float
    api_setup: float
    api_upkeep: float
    own_hardware: float
    own_power: float
    own_setup: float
    own_upkeep: float
    own_monitoring: float
    evaluation: float

    @property
    def api_staff(self) -> float:
        """People on the API's side."""
        return self.api_setup + self.api_upkeep

    @property
    def own_staff(self) -> float:
        """People on your own side."""
        return self.own_setup + self.own_upkeep

    @property
    def api(self) -> float:
        """All of the API's side."""
        return (
            self.api_tokens
            + self.api_staff
            + self.evaluation
        )

    @property
    def own(self) -> float:
        """All of your own side."""
        return (
            self.own_hardware
            + self.own_power
            + self.own_staff
            + self.own_monitoring
            + self.evaluation
        )


def month(
    case: Case, own: Fleet | None = None
) -> Month:
    """Add up a month, either way, in USD.

    set-up = hours / months of use · USD an hour
    upkeep = hours a week · weeks of a month
        · USD an hour
    own: the fleet that is paid; left out, the one
    that the day needs
    Fields of `case` may be arrays of draws.
    """
    own = own or fleet(case)
    if isinstance(case, Bought):
        hardware = owning_usd(case, own)
        power = power_usd(case, own)
    else:
        hardware, power = rent_usd(case, own), 0.0
    per_hour = case.staff_usd_per_hour
    setup = per_hour / case.months_of_use
    upkeep = per_hour * WEEKS
    return Month(
        api_tokens=api_tokens_usd(case),
        api_setup=case.api_setup_hours * setup,
        api_upkeep=case.api_hours_per_week * upkeep,
        own_hardware=hardware,
        own_power=power,
        own_setup=case.own_setup_hours * setup,
        own_upkeep=case.own_hours_per_week * upkeep,
        own_monitoring=case.monitoring_usd_per_month,
        evaluation=case.evaluation_usd_per_month,
    )


# --8<-- [end:month]


# --8<-- [start:example]
OFFICE = curve(
    {
        range(8, 18): 10,  # at work
        range(18, 23): 3,
        range(23, 24): 1,
        range(8): 1,
    }
)


def example(
    rates: Rates,
    prices: ApiPrices,
    usd_per_gpu_hour: float,
) -> Rented:
    """Build the case that this chapter works on.

    An assistant for an office: 50M tokens a day,
    one of four written, on two GPUs a replica
    rates: what a replica reads and writes
    prices: what the API asks
    """
    return Rented(
        input_tokens_per_day=37_500_000,
        output_tokens_per_day=12_500_000,
        cached_share=0.3,
        batch_share=0.2,
        hourly_shares=OFFICE,
        highest_utilization=0.6,
        gpus_per_replica=2,
        spare_replicas=1,
        api_setup_hours=20,
        api_hours_per_week=1,
        own_setup_hours=80,
        own_hours_per_week=4,
        staff_usd_per_hour=100,
        months_of_use=24,
        evaluation_usd_per_month=300,
        monitoring_usd_per_month=100,
        usd_per_gpu_hour=usd_per_gpu_hour,
        stops_when_idle=False,
        **rates.model_dump(),
        **prices.fields,
    )


# --8<-- [end:example]
