"""How many GPUs does a day need; how busy?"""

# --8<-- [start:imports]
from math import inf
from typing import Annotated, NamedTuple, Self

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

# --8<-- [end:imports]

# --8<-- [start:day]
MOST_TOKENS_PER_DAY = 1e15
HOURS = 24

Share = Annotated[float, Field(ge=0, le=1)]
Tokens = Annotated[
    float, Field(ge=0, le=MOST_TOKENS_PER_DAY)
]
Rate = Annotated[float, Field(ge=0.1, le=1e9)]


class Day(BaseModel):
    """Tokens of a day, and what a replica serves.

    A replica is one copy of the model, on as many
    GPUs as it needs.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    input_tokens_per_day: Tokens
    output_tokens_per_day: Tokens
    cached_share: Share = Field(
        description="input that a cache has read"
    )
    batch_share: Share = Field(
        description="tokens that may wait a day"
    )
    hourly_shares: tuple[Share, ...] = Field(
        min_length=HOURS,
        max_length=HOURS,
        description="of the day, from midnight on",
    )
    input_tokens_per_s: Rate = Field(
        description="of a replica that only reads"
    )
    output_tokens_per_s: Rate = Field(
        description="of one that only writes"
    )
    highest_utilization: float = Field(
        ge=0.01,
        le=1,
        description="above it, requests wait",
    )
    gpus_per_replica: int = Field(ge=1, le=1_000)
    spare_replicas: int = Field(
        ge=0, le=1_000, description="for a failure"
    )

    @model_validator(mode="after")
    def _a_whole_day(self) -> Self:
        whole = sum(self.hourly_shares)
        if abs(whole - 1) > 1e-6:
            raise ValueError(
                "hourly_shares add up to "
                f"{whole:g}; it has to be 1"
            )
        return self


# --8<-- [end:day]


# --8<-- [start:curve]
def curve(
    weights: dict[range, float],
) -> tuple[float, ...]:
    """Turn weights by hour into shares of a day.

    weights: hours of the day, 0 to 23 → load, in
    any unit; hours that are not named have none
    Raises ValueError where no hour has load, or one
    has less than none, or is none of the day.
    """
    load = [0.0] * HOURS
    for hours, weight in weights.items():
        for hour in hours:
            if not 0 <= hour < HOURS:
                raise ValueError(
                    f"hour {hour} is not of the day"
                )
            load[hour] += weight
    whole = sum(load)
    if not 0 < whole < inf or min(load) < 0:
        raise ValueError(
            f"weights={weights}; some hour has to "
            "have load, and none less than zero"
        )
    return tuple(one / whole for one in load)


# --8<-- [end:curve]


# --8<-- [start:fleet]
class Fleet(NamedTuple):
    """What is running; floats, or arrays."""

    work_hours_per_day: float
    peak_replicas: float
    replicas: float
    gpus: float
    gpu_hours_per_day: float
    least_gpu_hours_per_day: float
    utilization_ratio: float


def fleet(day: Day) -> Fleet:
    """Size a fleet for its busiest hour.

    work = (input · (1 - cached) / input rate
        + output / output rate) / 3600, in hours
    by hour = work · (1 - batch) · share of the day
    peak = max(largest hour, work / 24) / highest
    replicas = max(1, ceil(peak)) + spare
    utilization = work / (24 · replicas)
    Batches fill the hours that are left, so they
    add a replica only where those do not suffice.
    least: replicas started and stopped by the hour,
    one and the spare always on
    Fields of `day` may be arrays of draws.
    """
    read = day.input_tokens_per_day * (
        1 - day.cached_share
    )
    work = (
        read / day.input_tokens_per_s
        + day.output_tokens_per_day
        / day.output_tokens_per_s
    ) / 3600
    highest = day.highest_utilization
    now = np.asarray(work * (1 - day.batch_share))
    by_hour = now[..., None] * np.asarray(
        day.hourly_shares
    )
    largest = by_hour.max(axis=-1)
    mean = work / HOURS
    peak = np.maximum(largest, mean) / highest
    # 1e-9: a float above a whole is that whole.
    needed = np.maximum(1, np.ceil(peak - 1e-9))
    replicas = needed + day.spare_replicas
    limit = np.asarray(highest)[..., None]
    hourly = np.maximum(
        1, np.ceil(by_hour / limit - 1e-9)
    ).sum(axis=-1)
    least = np.maximum(
        hourly,
        np.ceil(work / highest - HOURS * 1e-9),
    )
    least += day.spare_replicas * HOURS
    gpus = replicas * day.gpus_per_replica
    return Fleet(
        work_hours_per_day=work,
        peak_replicas=peak,
        replicas=replicas,
        gpus=gpus,
        gpu_hours_per_day=gpus * HOURS,
        least_gpu_hours_per_day=(
            least * day.gpus_per_replica
        ),
        utilization_ratio=mean / replicas,
    )


# --8<-- [end:fleet]
