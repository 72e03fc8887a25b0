"""How often is it down? How fast may you send?"""

# --8<-- [start:imports]
from math import prod
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# --8<-- [end:imports]

# --8<-- [start:models]
Percent = Annotated[
    float, Field(ge=0, le=100, allow_inf_nan=False)
]
Hours = Annotated[
    float, Field(gt=0, le=1e6, allow_inf_nan=False)
]


class Machine(BaseModel):
    """How often a machine fails, and how long."""

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )

    hours_between_failures: Hours = Field(
        description="mean running time to a failure"
    )
    hours_to_repair: Hours = Field(
        description="mean time until it is back"
    )

    @property
    def availability_percent(self) -> float:
        """100 * running / (running + repair)."""
        return (
            100
            * self.hours_between_failures
            / (
                self.hours_between_failures
                + self.hours_to_repair
            )
        )


class Availability(BaseModel):
    """Share of the time a service answers."""

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )

    percent: Percent

    @property
    def downtime_minutes_per_month(self) -> float:
        """Minutes without an answer in 30 days."""
        days_per_month = 30
        down = 1 - self.percent / 100
        return days_per_month * 24 * 60 * down


# --8<-- [end:models]


# --8<-- [start:combine]
def any_of(*services: Availability) -> Availability:
    """Combine alternatives: one is enough.

    1 - product(1 - availability), in percent.
    Assumes independent failures and a failover
    that takes no time.
    """
    all_down = prod(
        1 - service.percent / 100
        for service in services
    )
    return Availability(
        percent=100 * (1 - all_down)
    )


def all_of(*services: Availability) -> Availability:
    """Combine a chain: every part must answer.

    product(availability), in percent.
    """
    all_up = prod(
        service.percent / 100
        for service in services
    )
    return Availability(percent=100 * all_up)


# --8<-- [end:combine]


# --8<-- [start:queue]
class Queue(BaseModel):
    """A backlog and the rate it may leave at."""

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )

    backlog_tokens: int = Field(
        ge=0,
        le=10**15,
        description="waiting, input plus output",
    )
    tokens_per_minute: float = Field(
        gt=0,
        le=1e12,
        allow_inf_nan=False,
        description="rate limit or own throughput",
    )

    @property
    def minutes_to_drain(self) -> float:
        """Minutes until the backlog is gone."""
        return (
            self.backlog_tokens
            / self.tokens_per_minute
        )


# --8<-- [end:queue]
