"""What do GPUs cost a month, rented or bought?"""

# --8<-- [start:imports]
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from snippets.why_self_host.capacity import (
    Fleet,
    Share,
)

# --8<-- [end:imports]

# --8<-- [start:models]
DAYS = 365 / 12  # of a month

Usd = Annotated[float, Field(ge=0, le=1e9)]
Watts = Annotated[float, Field(ge=0, le=20_000)]


class Rent(BaseModel):
    """GPUs by the hour, on demand or reserved."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    usd_per_gpu_hour: Usd
    stops_when_idle: bool = Field(
        description="billed by the hour of need"
    )


class Purchase(BaseModel):
    """GPUs of your own, with all that they need."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    purchase_usd_per_gpu: Usd = Field(
        description="with its share of the machine"
    )
    resale_ratio: Share = Field(
        description="of the price, at the end"
    )
    life_months: float = Field(ge=1, le=240)
    hosting_usd_per_gpu_month: Usd = Field(
        description="space, network, hands"
    )
    load_w_per_gpu: Watts
    idle_w_per_gpu: Watts
    power_usage_effectiveness: float = Field(
        ge=1, le=5, description="PUE; at home, 1"
    )
    usd_per_kwh: float = Field(ge=0, le=10)


# --8<-- [end:models]


# --8<-- [start:rent]
def rent_usd(case: Rent, own: Fleet) -> float:
    """Pay for every hour that is not stopped."""
    hours = (
        own.least_gpu_hours_per_day
        if case.stops_when_idle
        else own.gpu_hours_per_day
    )
    return DAYS * hours * case.usd_per_gpu_hour


# --8<-- [end:rent]


# --8<-- [start:own]
def power_usd(case: Purchase, own: Fleet) -> float:
    """Pay for watts at idle, at load, and cooling.

    GPUs · (idle + utilization · (load - idle))
    · PUE · hours of a month / 1000 · USD per kWh
    """
    watts = case.idle_w_per_gpu
    watts += own.utilization_ratio * (
        case.load_w_per_gpu - case.idle_w_per_gpu
    )
    kwh = own.gpus * watts * DAYS * 24 / 1000
    return (
        kwh
        * case.power_usage_effectiveness
        * case.usd_per_kwh
    )


def owning_usd(case: Purchase, own: Fleet) -> float:
    """Spread price less resale over the life."""
    lost = case.purchase_usd_per_gpu * (
        1 - case.resale_ratio
    )
    each = lost / case.life_months
    each += case.hosting_usd_per_gpu_month
    return own.gpus * each


# --8<-- [end:own]
