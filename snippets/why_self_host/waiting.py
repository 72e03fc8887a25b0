"""How long does a request wait for its turn?"""

# --8<-- [start:imports]
from math import log

from pydantic import BaseModel, ConfigDict, Field

# --8<-- [end:imports]


# --8<-- [start:line]
class Line(BaseModel):
    """Requests that come by chance, and slots.

    A slot is a request that is served at its own
    full speed.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    slots: int = Field(ge=1, le=100_000)
    service_s: float = Field(
        gt=0,
        le=1e5,
        description="of one, in a slot",
    )
    utilization_ratio: float = Field(
        ge=0, le=0.999, description="slots taken"
    )

    @property
    def spare_requests_per_s(self) -> float:
        """What the slots could serve on top."""
        free = 1 - self.utilization_ratio
        return self.slots * free / self.service_s


# --8<-- [end:line]


# --8<-- [start:wait]
def wait_probability(line: Line) -> float:
    """Who finds every slot taken (Erlang C).

    B(0) = 1, B(k) = a·B(k-1) / (k + a·B(k-1)) with
    a = slots · utilization;
    C = B(slots) / (1 - utilization · (1 - B))
    Assumes Poisson arrivals, exponential service.
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

    C / (slots · (1 - utilization) / service)
    """
    return (
        wait_probability(line)
        / line.spare_requests_per_s
    )


def wait_within_s(
    line: Line, share: float
) -> float:
    """How long a share of requests waits at most.

    ln(C / (1 - share))
        / (slots · (1 - utilization) / service),
    in seconds, not below 0
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
    return (
        log(waits / (1 - share))
        / line.spare_requests_per_s
    )


# --8<-- [end:wait]


# --8<-- [start:burst]
def burst_s(line: Line, requests: int) -> float:
    """How long until a burst has found its slots.

    (requests - free slots) / what is spare, in
    seconds, not below 0; the usual load goes on
    Raises ValueError for fewer than no requests.
    """
    if not 0 <= requests <= 1e9:
        raise ValueError(
            f"requests is {requests}; 0 to 10^9"
        )
    free = line.slots * (1 - line.utilization_ratio)
    return (
        max(0.0, requests - free)
        / line.spare_requests_per_s
    )


# --8<-- [end:burst]
