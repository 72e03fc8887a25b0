"""How long does a pod start, how many replicas?"""

# --8<-- [start:imports]
from math import ceil

from pydantic import BaseModel, ConfigDict, Field

# --8<-- [end:imports]


# --8<-- [start:start]
class Start(BaseModel):
    """What a pod does before it answers.

    Weights are GiB, as memory; disks and networks
    are GB a second, as their makers say.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )

    weights_gib: float = Field(gt=0, le=4096)
    read_gb_per_s: float = Field(
        gt=0, le=1000, description="claim to GPU"
    )
    image_gb: float = Field(
        default=0,
        ge=0,
        le=200,
        description="0: the node has it",
    )
    pull_gb_per_s: float = Field(
        default=0.1, gt=0, le=100
    )
    engine_seconds: float = Field(
        ge=0,
        le=3600,
        description="compiling, graphs, warm-up",
    )


def seconds_to_pull(start: Start) -> float:
    """Say how long the image takes.

    image / pull: before the container runs, so no
    probe is asked yet.
    """
    return start.image_gb / start.pull_gb_per_s


def seconds_to_load(start: Start) -> float:
    """Say what the startup probe has to allow.

    weights · 2^30 / 10^9 / read + engine
    """
    read = start.weights_gib * 2**30 / 10**9
    return (
        read / start.read_gb_per_s
        + start.engine_seconds
    )


def seconds_to_start(start: Start) -> float:
    """Add up image, weights and engine."""
    return seconds_to_pull(start) + seconds_to_load(
        start
    )


def failures_allowed(
    seconds: float, period_seconds: int
) -> int:
    """Turn a time into a startup probe.

    ⌈seconds / period⌉: a probe that fails so often
    in a row ends the container, and it begins anew.
    """
    return ceil(seconds / period_seconds)


# --8<-- [end:start]

# --8<-- [start:scale]
TOLERANCE = 0.1


class Scale(BaseModel):
    """What the autoscaler is told."""

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )

    target_per_replica: float = Field(
        gt=0, le=10_000
    )
    least: int = Field(ge=1, le=1000)
    most: int = Field(ge=1, le=1000)


def replicas(
    scale: Scale, measured: float, now: int
) -> int:
    """Say how many an autoscaler wants.

    ⌈measured / target⌉, between least and most; but
    now, where measured / (target · now) is within a
    tenth of one. measured: over all replicas.

    Source: Kubernetes, replica_calculator.go,
    GetExternalPerPodMetricReplicas.
    """
    ratio = measured / (
        scale.target_per_replica * now
    )
    wanted = now
    if abs(ratio - 1) > TOLERANCE:
        wanted = ceil(
            measured / scale.target_per_replica
        )
    return min(max(wanted, scale.least), scale.most)


# --8<-- [end:scale]


# --8<-- [start:surge]
class Surge(BaseModel):
    """More requests than replicas, for a while."""

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )

    requests_per_s: float = Field(gt=0, le=1e6)
    served_per_replica_per_s: float = Field(
        gt=0, le=1e6
    )
    replicas: int = Field(ge=1, le=1000)
    surge_seconds: float = Field(gt=0, le=1e6)
    start_seconds: float = Field(ge=0, le=1e5)


def longest_queue(
    surge: Surge, added: int
) -> float:
    """Requests that wait at the worst moment.

    The excess piles up until the new replicas are
    there, or until the surge is over.
    """
    excess = _excess(surge, surge.replicas)
    after = _excess(surge, surge.replicas + added)
    until = min(
        surge.start_seconds, surge.surge_seconds
    )
    rest = surge.surge_seconds - until
    queue = max(0.0, excess * until)
    return max(queue, queue + after * rest)


def _excess(surge: Surge, count: int) -> float:
    served = count * surge.served_per_replica_per_s
    return surge.requests_per_s - served


# --8<-- [end:surge]
