"""How many replicas does a load need?"""

# --8<-- [start:imports]
from math import ceil, inf
from typing import NamedTuple

from pydantic import Field

from snippets.hardware.concurrency import (
    Steady,
    capacity_per_s,
    steady,
)
from snippets.hardware.replica import Load, Replica
from snippets.hardware.roofline import Frozen

# --8<-- [end:imports]


# --8<-- [start:plan]
class Target(Frozen):
    """How long people wait at most, in the mean."""

    time_to_first_token_s: float = Field(
        gt=0, le=1e5
    )
    time_per_token_s: float = Field(gt=0, le=1e3)


def most_requests_per_s(
    replica: Replica, load: Load, target: Target
) -> float:
    """What one replica serves within a target.

    Raises ValueError where even one request alone
    waits longer.
    """

    def late(rate: float) -> str:
        found = steady(
            replica,
            load.model_copy(
                update={"requests_per_s": rate}
            ),
        )
        for name in Target.model_fields:
            value = getattr(found, name)
            most = getattr(target, name)
            if value > most:
                return (
                    f"{name} is {value:.3g} alone, "
                    f"above {most:g}"
                )
        return ""

    low = 0.0
    high = capacity_per_s(replica, load)
    why = late(high * 1e-9)
    if why:
        raise ValueError(why)
    for _ in range(40):
        rate = (low + high) / 2
        if late(rate):
            high = rate
        else:
            low = rate
    return low


class Plan(NamedTuple):
    """How many replicas, and what they do."""

    replicas: int
    each: Steady
    utilization_ratio: float
    usd_per_million_tokens: float


def plan(
    replica: Replica,
    load: Load,
    target: Target,
    usd_per_hour: float,
    spare: int = 1,
) -> Plan:
    """Size a fleet for a load and a target.

    replicas = requests/s / what one serves within
    the target, rounded up, and the spare
    usd_per_hour: of one replica, busy or not
    utilization: requests/s over what all serve
    Raises ValueError for a target out of reach, a
    price or a spare below 0.
    """
    if not 0 <= usd_per_hour < inf or spare < 0:
        raise ValueError(
            f"usd_per_hour is {usd_per_hour:g}, "
            f"spare is {spare}; both at least 0"
        )
    rate = load.requests_per_s
    one = most_requests_per_s(replica, load, target)
    working = ceil(rate / one)
    each = steady(
        replica,
        load.model_copy(
            update={
                "requests_per_s": rate / working
            }
        ),
    )
    tokens = load.input_tokens + load.output_tokens
    replicas = working + spare
    return Plan(
        replicas=replicas,
        each=each,
        utilization_ratio=(
            each.utilization_ratio
            * working
            / replicas
        ),
        usd_per_million_tokens=(
            replicas
            * usd_per_hour
            / 3600
            / (rate * tokens)
            * 1e6
        ),
    )


# --8<-- [end:plan]
