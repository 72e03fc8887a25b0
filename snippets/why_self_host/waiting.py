"""How long does a request wait for its turn?"""

# --8<-- [start:imports]
from math import log

from pydantic import BaseModel, ConfigDict, Field

# --8<-- [end:imports]


# --8<-- [start:line]
class Line(BaseModel):
    """Requests that come by chance, and slots."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    slots: int = Field(
        ge=1,
        le=100_000,
        description="requests served at a time",
    )
    service_s: float = Field(
        gt=0,
        le=1e5,
        description="of one, in a slot",
    )
    utilization_ratio: float = Field(
        ge=0, le=0.999, description="slots taken"
    )
    burstiness: float = Field(
        ge=0,
        le=1_000,
        description=(
            "1: arrivals and lengths as chance has "
            "them (Poisson, exponential)"
        ),
    )


# --8<-- [end:line]


# --8<-- [start:wait]
def wait_probability(line: Line) -> float:
    """Who finds every slot taken (Erlang C).

    B(0) = 1, B(k) = a·B(k-1) / (k + a·B(k-1)) with
    a = slots · utilization;
    C = B(slots) / (1 - utilization · (1 - B))
    """
    load = line.slots * line.utilization_ratio
    lost = 1.0
    for slot in range(1, line.slots + 1):
        lost = load * lost / (slot + load * lost)
    return lost / (
        1 - line.utilization_ratio * (1 - lost)
    )


def mean_wait_s(line: Line) -> float:
    """Wait for a slot in the mean, in seconds.

    C · service / (slots · (1 - utilization)), times
    burstiness (Allen and Cunneen: half the sum of
    the squared variations of arrival and service)
    """
    free = line.slots * (1 - line.utilization_ratio)
    return (
        line.burstiness
        * wait_probability(line)
        * line.service_s
        / free
    )


def wait_within_s(
    line: Line, share: float
) -> float:
    """How long a share of requests waits at most.

    service · ln(C / (1 - share))
        / (slots · (1 - utilization)), not below 0,
    times burstiness
    Raises ValueError for a share outside 0 to 1.
    """
    if not 0 <= share < 1:
        raise ValueError(
            f"share is {share:g}; it has to be at "
            "least 0 and below 1"
        )
    waits = wait_probability(line)
    if waits <= 1 - share:
        return 0.0
    free = line.slots * (1 - line.utilization_ratio)
    return (
        line.burstiness
        * log(waits / (1 - share))
        * line.service_s
        / free
    )


# --8<-- [end:wait]
