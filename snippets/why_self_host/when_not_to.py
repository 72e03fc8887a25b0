"""What do staff time, speed and aging cost?"""

# --8<-- [start:imports]
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# --8<-- [end:imports]

# --8<-- [start:models]
Usd = Annotated[
    float, Field(ge=0, le=1e9, allow_inf_nan=False)
]
Hours = Annotated[
    float, Field(ge=0, le=1e5, allow_inf_nan=False)
]
Months = Annotated[
    float, Field(gt=0, le=120, allow_inf_nan=False)
]


class StaffTime(BaseModel):
    """Hours people spend on a deployment."""

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )

    setup_hours: Hours = Field(
        description="once, before the first answer"
    )
    maintenance_hours_per_week: float = Field(
        ge=0,
        le=168,
        allow_inf_nan=False,
        description="updates, monitoring, capacity",
    )
    usd_per_hour: Usd = Field(
        description="what an hour of staff costs"
    )
    months_in_service: Months = Field(
        description="months that share the setup"
    )


class FineTune(BaseModel):
    """A fine-tuned model and its useful life."""

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )

    compute_usd: Usd = Field(
        description="training runs, all attempts"
    )
    staff_hours: Hours = Field(
        description="data, training, evaluation"
    )
    usd_per_hour: Usd = Field(
        description="what an hour of staff costs"
    )
    useful_months: Months = Field(
        description="until a base model passes it"
    )


# --8<-- [end:models]


# --8<-- [start:staff]
def staff_usd_per_month(staff: StaffTime) -> float:
    """Turn hours into US dollars a month.

    (weekly hours * 52 / 12 + setup / months) * rate
    """
    hours_per_month = (
        staff.maintenance_hours_per_week * 52 / 12
        + staff.setup_hours
        / staff.months_in_service
    )
    return hours_per_month * staff.usd_per_hour


# --8<-- [end:staff]


# --8<-- [start:fine_tune]
def fine_tune_usd_per_useful_month(
    tune: FineTune,
) -> float:
    """Spread a fine-tune over its useful months.

    (compute + hours * rate) / useful months, USD.
    """
    usd = (
        tune.compute_usd
        + tune.staff_hours * tune.usd_per_hour
    )
    return usd / tune.useful_months


# --8<-- [end:fine_tune]


# --8<-- [start:quality]
Perplexity = Annotated[
    float, Field(ge=1, le=1e6, allow_inf_nan=False)
]


class Quantized(BaseModel):
    """Perplexity before and after quantization."""

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )

    reference_perplexity: Perplexity
    quantized_perplexity: Perplexity

    @property
    def increase_percent(self) -> float:
        """100 * (quantized / reference - 1)."""
        ratio = (
            self.quantized_perplexity
            / self.reference_perplexity
        )
        return 100 * (ratio - 1)


# --8<-- [end:quality]
