"""What do GPUs cost a month, rented or bought?"""

# --8<-- [start:imports]
from typing import Annotated, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from snippets.why_self_host.api_bill import DAYS
from snippets.why_self_host.capacity import (
    HOURS,
    Fleet,
    Share,
)

# --8<-- [end:imports]

# --8<-- [start:models]
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

    @model_validator(mode="after")
    def _idles_below_load(self) -> Self:
        if (
            self.idle_w_per_gpu
            > self.load_w_per_gpu
        ):
            raise ValueError(
                "idle_w_per_gpu is "
                f"{self.idle_w_per_gpu:g}, above "
                "load_w_per_gpu, "
                f"{self.load_w_per_gpu:g}"
            )
        return self


# --8<-- [end:models]


# --8<-- [start:rent]
def rent_usd(case: Rent, own: Fleet) -> float:
    """Pay a month's hours that are not stopped.

    days · GPU hours a day · USD an hour, in USD;
    the hours are all 24 of every GPU, or those of
    need where idle ones are stopped
    """
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
    · PUE · hours of a month / 1000 · USD per kWh,
    in USD a month
    """
    idle = case.idle_w_per_gpu
    # Not +=, which would change an array of draws.
    watts = idle + own.utilization_ratio * (
        case.load_w_per_gpu - idle
    )
    kwh = own.gpus * watts * DAYS * HOURS / 1000
    return (
        kwh
        * case.power_usage_effectiveness
        * case.usd_per_kwh
    )


def owning_usd(case: Purchase, own: Fleet) -> float:
    """Spread price less resale over the life.

    GPUs · (price · (1 - resale) / life + hosting),
    in USD a month
    """
    lost = case.purchase_usd_per_gpu * (
        1 - case.resale_ratio
    )
    each = lost / case.life_months
    each += case.hosting_usd_per_gpu_month
    return own.gpus * each


# --8<-- [end:own]


# --8<-- [start:payback]
class Payback(BaseModel):
    """When buying gets cheaper, or why never."""

    model_config = ConfigDict(frozen=True)

    months: float | None
    reason: str


def payback(
    buy: Purchase, rent: Rent, own: Fleet
) -> Payback:
    """Count the months of use that pay for buying.

    price · (1 - resale) / (rent - power - hosting)
    It sells for `resale_ratio` whenever you stop;
    with 0, this counts until all cash is back.
    None where running it costs as much as renting,
    or where it takes longer than `life_months`.
    """
    running = (
        power_usd(buy, own)
        + own.gpus * buy.hosting_usd_per_gpu_month
    )
    saved = rent_usd(rent, own) - running
    lost = own.gpus * (
        buy.purchase_usd_per_gpu
        * (1 - buy.resale_ratio)
    )
    if saved <= 0:
        reason = "to run it costs no less than rent"
        return Payback(months=None, reason=reason)
    months = float(lost / saved)
    if months > buy.life_months:
        reason = (
            f"{months:.0f} months, and it lasts "
            f"{buy.life_months:g}"
        )
        return Payback(months=None, reason=reason)
    return Payback(months=months, reason="")


# --8<-- [end:payback]
