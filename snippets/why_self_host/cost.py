"""What does a month cost: an API or own GPUs?"""

# --8<-- [start:imports]
from math import ceil
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# --8<-- [end:imports]

# --8<-- [start:models]
MOST_TOKENS_PER_DAY = 10**15
Usd = Annotated[
    float, Field(ge=0, le=1e9, allow_inf_nan=False)
]


class Scenario(BaseModel):
    """One workload and its prices on both sides."""

    model_config = ConfigDict(
        frozen=True, extra="forbid"
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
        ge=1,
        le=1e12,
        allow_inf_nan=False,
        description="one GPU, busy for 24 hours",
    )
    busy_hours_per_day: float = Field(
        default=24,
        ge=0.1,
        le=24,
        allow_inf_nan=False,
        description="hours in which load arrives",
    )
    engineering_usd_per_month: Usd = Field(
        default=0,
        description="staff time to run it",
    )
    days_per_month: float = Field(
        default=30,
        ge=28,
        le=31,
        allow_inf_nan=False,
        description="days billed in a month",
    )

    @property
    def gpu_tokens_per_day(self) -> float:
        """What one GPU serves in the busy hours."""
        return (
            self.capacity_tokens_per_gpu_day
            * self.busy_hours_per_day
            / 24
        )

    @property
    def cloud_usd_per_daily_token(self) -> float:
        """Monthly API bill for one token a day."""
        return (
            self.cloud_usd_per_million_tokens
            * self.days_per_month
            / 1e6
        )


class MonthlyCost(BaseModel):
    """Both monthly bills and where they meet."""

    model_config = ConfigDict(frozen=True)

    cloud_usd: float
    gpus: int
    self_hosted_usd: float
    savings_usd: float
    break_even_tokens_per_day: float | None


# --8<-- [end:models]


# --8<-- [start:gpus]
def gpus_needed(scenario: Scenario) -> int:
    """Count the GPUs that serve the daily load.

    ceil(tokens a day / tokens one GPU serves),
    and one at zero load: an idle GPU is rented too.
    """
    load = scenario.tokens_per_day
    capacity = scenario.gpu_tokens_per_day
    return max(1, ceil(load / capacity))


# --8<-- [end:gpus]


# --8<-- [start:break_even]
def break_even_tokens_per_day(
    scenario: Scenario,
) -> float | None:
    """Find the lowest load where the bills meet.

    n GPUs cost n * rent + engineering. A full GPU
    replaces `displaced` dollars of API bill. The
    bills first meet on the smallest n with
    n * displaced >= n * rent + engineering.
    None where no load a scenario allows gets there.
    """
    rate = scenario.cloud_usd_per_daily_token
    capacity = scenario.gpu_tokens_per_day
    rent = scenario.gpu_usd_per_month
    engineering = scenario.engineering_usd_per_month
    displaced = rate * capacity
    margin = displaced - rent
    most_gpus = MOST_TOKENS_PER_DAY / capacity
    if (
        rate == 0
        or margin < 0
        or engineering > margin * most_gpus
    ):
        return None
    gpus = 1
    if engineering > 0:
        gpus = ceil(engineering / margin)
    return (gpus * rent + engineering) / rate


# --8<-- [end:break_even]


# --8<-- [start:monthly_cost]
def calculate_monthly_cost(
    scenario: Scenario,
) -> MonthlyCost:
    """Compare a month on an API with one on GPUs.

    cloud = tokens a day * days * price / 1e6 (USD)
    self-hosted = GPUs * rent + engineering (USD)
    Savings are negative where the API is cheaper.
    Raises nothing: `Scenario` validates its fields.
    Source: the guide's source document, corrected.
    """
    cloud_usd = (
        scenario.tokens_per_day
        * scenario.cloud_usd_per_daily_token
    )
    gpus = gpus_needed(scenario)
    self_hosted_usd = (
        gpus * scenario.gpu_usd_per_month
        + scenario.engineering_usd_per_month
    )
    return MonthlyCost(
        cloud_usd=cloud_usd,
        gpus=gpus,
        self_hosted_usd=self_hosted_usd,
        savings_usd=cloud_usd - self_hosted_usd,
        break_even_tokens_per_day=(
            break_even_tokens_per_day(scenario)
        ),
    )


# --8<-- [end:monthly_cost]
