"""What does a hybrid cost, and when does it pay?"""

# --8<-- [start:imports]
from math import ceil
from typing import Annotated, NamedTuple, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

# --8<-- [end:imports]

# --8<-- [start:traffic]
DAYS = 365 / 12  # of a month
HOURS = 24

Share = Annotated[float, Field(ge=0, le=1)]
Usd = Annotated[float, Field(ge=0, le=1e9)]
Count = Annotated[int, Field(ge=0, le=100_000)]


class Traffic(BaseModel):
    """A day's requests, by who may answer them.

    What is in no share is public, waits for nobody,
    and stays local by default.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    requests_per_day: float = Field(ge=0, le=1e12)
    sensitive_share: Share = Field(
        description="not public: never leaves"
    )
    complex_share: Share = Field(
        description="public and hard: cloud"
    )
    batch_share: Share = Field(
        description="public, may wait for a day"
    )
    complex_work_ratio: float = Field(
        ge=0.1,
        le=1_000,
        description="of a hard one to a usual one",
    )
    hourly_shares: tuple[Share, ...] = Field(
        min_length=HOURS,
        max_length=HOURS,
        description="of what does not wait",
    )

    @property
    def rest_share(self) -> float:
        """Public, not hard, not to wait."""
        named = (
            self.sensitive_share
            + self.complex_share
            + self.batch_share
        )
        return max(0.0, 1 - named)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        named = (
            self.sensitive_share
            + self.complex_share
            + self.batch_share
        )
        if named > 1 + 1e-6:
            raise ValueError(
                f"shares add up to {named:g}; "
                "it has to be 1 at most"
            )
        day = sum(self.hourly_shares)
        if abs(day - 1) > 1e-6:
            raise ValueError(
                "hourly_shares add up to "
                f"{day:g}; it has to be 1"
            )
        return self


# --8<-- [end:traffic]


# --8<-- [start:sides]
class Sides(BaseModel):
    """What both sides cost, and what local serves.

    A request costs the cloud's price a try.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    replicas: Count = Field(
        description="that work, without the spare"
    )
    spare_replicas: Count
    requests_per_replica_hour: float = Field(
        ge=0.01,
        le=1e9,
        description="usual, as full as allowed",
    )
    usd_per_replica_month: Usd = Field(
        description="busy or idle"
    )
    local_usd_per_month: Usd = Field(
        description="people and monitoring"
    )
    cloud_usd_per_month: Usd = Field(
        description="people: keys, limits, prompts"
    )
    cloud_usd_per_request: Usd
    complex_usd_per_request: Usd
    batch_usd_per_request: Usd


# --8<-- [end:sides]


# --8<-- [start:flow]
class Flow(NamedTuple):
    """Requests a day, by where they end."""

    local: float
    complex: float  # cloud, by the policy
    overflow: float  # cloud, as local is full
    batches: float  # cloud, as no hour has room
    waiting: float  # may not leave, no room now


def flow(traffic: Traffic, sides: Sides) -> Flow:
    """Follow a day through the policy, by the hour.

    room = replicas · requests an hour of each
    First what may not leave, then the rest, then
    batches, in the room that is left; the spare
    gives none. Public requests without room go to
    the cloud, others wait.
    """
    day = traffic.requests_per_day
    room = (
        sides.replicas
        * sides.requests_per_replica_hour
    )
    overflow = waiting = idle = 0.0
    for share in traffic.hourly_shares:
        now = day * share
        rest = now * traffic.rest_share
        kept = now * traffic.sensitive_share
        over = max(0.0, kept + rest - room)
        overflow += min(over, rest)
        waiting += max(0.0, over - rest)
        idle += max(0.0, room - kept - rest)
    later = day * traffic.batch_share
    batches = max(0.0, later - idle)
    hard = day * traffic.complex_share
    away = overflow + batches + waiting
    return Flow(
        local=max(0.0, day - hard - away),
        complex=hard,
        overflow=overflow,
        batches=batches,
        waiting=waiting,
    )


# --8<-- [end:flow]


# --8<-- [start:bills]
class Bill(NamedTuple):
    """USD a month, by part."""

    local: float
    people: float  # of the cloud's side
    complex: float = 0.0
    usual: float = 0.0
    batches: float = 0.0

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self)


def _local(sides: Sides, replicas: int) -> float:
    paid = replicas + sides.spare_replicas
    return (
        paid * sides.usd_per_replica_month
        + sides.local_usd_per_month
    )


def hybrid_bill(
    traffic: Traffic,
    sides: Sides,
    tries_per_request: float = 1.0,
) -> Bill:
    """Bill a hybrid, in USD a month.

    local = (replicas + spare) · USD each + people,
    whatever they do; cloud = days · requests there
    · tries · USD each. A try that fails is billed
    as one that does not.
    """
    ends = flow(traffic, sides)
    paid = DAYS * tries_per_request
    return Bill(
        local=_local(sides, sides.replicas),
        people=sides.cloud_usd_per_month,
        complex=paid
        * ends.complex
        * sides.complex_usd_per_request,
        usual=paid
        * ends.overflow
        * sides.cloud_usd_per_request,
        batches=paid
        * ends.batches
        * sides.batch_usd_per_request,
    )


def cloud_bill(
    traffic: Traffic, sides: Sides
) -> Bill:
    """Bill all in the cloud, sensitive or not."""
    month = DAYS * traffic.requests_per_day
    usual = (
        traffic.rest_share + traffic.sensitive_share
    )
    return Bill(
        local=0.0,
        people=sides.cloud_usd_per_month,
        complex=month
        * traffic.complex_share
        * sides.complex_usd_per_request,
        usual=month
        * usual
        * sides.cloud_usd_per_request,
        batches=month
        * traffic.batch_share
        * sides.batch_usd_per_request,
    )


def replicas_needed(
    traffic: Traffic, sides: Sides, hard: bool
) -> int:
    """Count replicas that leave nothing waiting.

    ceil(max(busiest hour, mean with batches)
    / requests an hour of a replica), one at least;
    hard: complex requests are local, too
    """
    now = (
        traffic.sensitive_share + traffic.rest_share
    )
    if hard:
        now += (
            traffic.complex_share
            * traffic.complex_work_ratio
        )
    mean = (now + traffic.batch_share) / HOURS
    peak = now * max(traffic.hourly_shares)
    load = traffic.requests_per_day * max(
        peak, mean
    )
    each = sides.requests_per_replica_hour
    return max(1, ceil(load / each))


def local_bill(
    traffic: Traffic, sides: Sides
) -> Bill:
    """Bill all local, with replicas as needed."""
    replicas = replicas_needed(traffic, sides, True)
    return Bill(
        local=_local(sides, replicas), people=0.0
    )


# --8<-- [end:bills]


# --8<-- [start:break-even]
def break_even_share(
    traffic: Traffic, sides: Sides
) -> float | None:
    """Find the share to keep local, to pay for it.

    local USD a month / (days · requests a day
    · cloud USD of a usual request): a share of all
    requests. People of the cloud's side are paid
    either way. None above 1: no share is enough.
    """
    replaced = (
        DAYS
        * traffic.requests_per_day
        * sides.cloud_usd_per_request
    )
    local = _local(sides, sides.replicas)
    if local > replaced:
        return None
    return local / replaced if replaced else 0.0


# --8<-- [end:break-even]


# --8<-- [start:retries]
class Retries(BaseModel):
    """How a client tries again."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    failed_ratio: Share = Field(
        description="of tries, each on its own"
    )
    most_tries: int = Field(ge=1, le=100)
    budget_ratio: float = Field(
        ge=0,
        le=100,
        description="retries to requests, at most",
    )


def tries_per_request(retries: Retries) -> float:
    """Average the tries of a request.

    1 + f + f² + … up to `most_tries` of them, and
    at most 1 + budget; f: the share that fails
    """
    tries = sum(
        retries.failed_ratio**before
        for before in range(retries.most_tries)
    )
    return min(tries, 1 + retries.budget_ratio)


# --8<-- [end:retries]
