"""What does a month cost: an API or own GPUs?"""

# --8<-- [start:imports]
from math import ceil
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# --8<-- [end:imports]

# --8<-- [start:models]
MOST_TOKENS_PER_DAY = 10**15
Usd = Annotated[float, Field(ge=0, le=1e9)]


class Scenario(BaseModel):
    """One workload and its prices on both sides."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    tokens_per_day: int = Field(
        ge=0,
        le=MOST_TOKENS_PER_DAY,
        description="input plus output tokens",
    )
    cloud_usd_per_million_tokens: Usd = Field(
        description="blended price of the API"
    )
    gpu_usd_per_month: Usd = Field(
        description="rent of a GPU, busy or idle"
    )
    capacity_tokens_per_gpu_day: float = Field(
        ge=1, le=1e12, description="one GPU all day"
    )
    busy_hours_per_day: float = Field(
        default=24,
        ge=0.1,
        le=24,
        description="hours in which load arrives",
    )
    engineering_usd_per_month: Usd = Field(
        default=0, description="staff who run it"
    )

    @property
    def gpu_tokens_per_day(self) -> float:
        """What one GPU serves in the busy hours."""
        share = self.busy_hours_per_day / 24
        return (
            share * self.capacity_tokens_per_gpu_day
        )

    @property
    def cloud_usd_per_daily_token(self) -> float:
        """30 days of API for one token a day."""
        price = self.cloud_usd_per_million_tokens
        return price * 30 / 1e6


class MonthlyCost(BaseModel):
    """Both monthly bills and where they meet."""

    model_config = ConfigDict(frozen=True)

    cloud_usd: float
    gpus: int
    self_hosted_usd: float
    savings_usd: float
    break_even_tokens_per_day: float | None


# --8<-- [end:models]


# --8<-- [start:calculate]
def gpus_needed(scenario: Scenario) -> int:
    """Count the GPUs that serve the daily load.

    ceil(tokens a day / tokens one GPU serves),
    and one at zero load: an idle GPU is rented too.
    """
    load = scenario.tokens_per_day
    capacity = scenario.gpu_tokens_per_day
    return max(1, ceil(load / capacity))


def break_even_tokens_per_day(
    scenario: Scenario,
) -> float | None:
    """Find the lowest load where the bills meet.

    A full GPU saves `margin`, and the bills first
    meet on the n GPUs with n * margin >= staff.
    None where no load a scenario allows gets there.
    """
    rate = scenario.cloud_usd_per_daily_token
    capacity = scenario.gpu_tokens_per_day
    rent = scenario.gpu_usd_per_month
    staff = scenario.engineering_usd_per_month
    margin = rate * capacity - rent
    most = margin * MOST_TOKENS_PER_DAY / capacity
    if rate == 0 or staff > most:
        return None
    full = ceil(staff / margin) if staff else 0
    gpus = max(1, full)
    return (gpus * rent + staff) / rate


def calculate_monthly_cost(
    scenario: Scenario,
) -> MonthlyCost:
    """Compare a month on an API with one on GPUs.

    cloud = tokens a day * 30 * price / 1e6 (USD)
    self-hosted = GPUs * rent + staff (USD)
    Savings are negative where the API is cheaper.
    Raises nothing: `Scenario` validates its fields.
    Source: the guide's source document, corrected.
    """
    rate = scenario.cloud_usd_per_daily_token
    cloud_usd = scenario.tokens_per_day * rate
    gpus = gpus_needed(scenario)
    rent_usd = gpus * scenario.gpu_usd_per_month
    staff_usd = scenario.engineering_usd_per_month
    own_usd = rent_usd + staff_usd
    meet = break_even_tokens_per_day(scenario)
    return MonthlyCost(
        cloud_usd=cloud_usd,
        gpus=gpus,
        self_hosted_usd=own_usd,
        savings_usd=cloud_usd - own_usd,
        break_even_tokens_per_day=meet,
    )


# --8<-- [end:calculate]

# --8<-- [start:source]
SOURCE = Scenario(
    tokens_per_day=10_000_000,
    cloud_usd_per_million_tokens=10,
    gpu_usd_per_month=500,
    capacity_tokens_per_gpu_day=50_000_000,
)
# --8<-- [end:source]
