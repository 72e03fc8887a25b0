"""From how many tokens a day does own pay?"""

# --8<-- [start:imports]
import numpy as np
from pydantic import BaseModel, ConfigDict

from snippets.why_self_host.capacity import (
    HOURS,
    MOST_TOKENS_PER_DAY,
    fleet,
)
from snippets.why_self_host.cost import Case, month
from snippets.why_self_host.cost_per_token import (
    Floats,
    scaled,
    tokens_per_day,
)

# --8<-- [end:imports]

# --8<-- [start:steps]
MOST_REPLICAS = 1_000


def steps(case: Case) -> Floats:
    """Loads at which a replica is full, rising.

    As factors of the day's tokens. Between two of
    them no replica is added, neither at the peak
    nor, where idle ones are stopped, in any hour.
    """
    found = fleet(case)
    share = 1 - case.batch_share
    hours = {
        share * part for part in case.hourly_shares
    }
    loads = hours | {1 / HOURS, 1.0}
    full = np.arange(1, MOST_REPLICAS + 1)
    limit = case.highest_utilization
    ends = [
        full
        * limit
        / (found.work_hours_per_day * load)
        for load in loads
        if load > 0
    ]
    most = MOST_TOKENS_PER_DAY / tokens_per_day(
        case
    )
    every = np.unique(np.concatenate(ends))
    last = min(
        MOST_REPLICAS / found.peak_replicas, most
    )
    return np.asarray(every[every <= last])


# --8<-- [end:steps]


# --8<-- [start:solve]
def saved_usd(
    case: Case, times: float | Floats
) -> Floats:
    """API less own, in USD a month, when scaled."""
    bills = month(scaled(case, times))
    return np.asarray(bills.api - bills.own)


class BreakEven(BaseModel):
    """Where own is as cheap, or why nowhere."""

    model_config = ConfigDict(frozen=True)

    tokens_per_day: float | None
    always_from_tokens_per_day: float | None
    full_replica_usd_per_month: float
    full_replica_replaces_usd_per_month: float
    reason: str


def break_even(case: Case) -> BreakEven:
    """Find the least load at which own is as cheap.

    Own costs rise in steps, so the first meeting
    need not last; `always_from` is the last one.
    Both are None where own is dearer at every load
    up to a thousand replicas: `reason` says why.
    Raises ValueError for a day without tokens.
    """
    whole = tokens_per_day(case)
    if not whole > 0:
        raise ValueError(
            f"tokens a day are {whole:g}; "
            "a mix needs some"
        )
    ends = steps(case)
    after = np.concatenate([[0.0], ends[:-1]])
    at_end = saved_usd(case, ends)
    at_start = saved_usd(
        case, after + (ends - after) * 1e-6
    )
    cost, worth = _full_replica(
        case, float(ends[-1])
    )
    first = last = None
    reason = (
        "a full fleet replaces more than it costs"
    )
    if (at_end >= 0).any():
        one = int(np.argmax(at_end >= 0))
        first = whole * _meet(
            case,
            float(after[one]),
            float(ends[one]),
        )
        dear = np.flatnonzero(at_start < 0)
        end = int(dear[-1]) if dear.size else 0
        if at_end[end] >= 0:
            last = whole * _meet(
                case,
                float(after[end]),
                float(ends[end]),
            )
    elif worth <= cost:
        reason = (
            "a full replica costs more than it "
            "replaces"
        )
    else:
        reason = (
            "a thousand replicas do not pay the "
            "people"
        )
    return BreakEven(
        tokens_per_day=first,
        always_from_tokens_per_day=last,
        full_replica_usd_per_month=cost,
        full_replica_replaces_usd_per_month=worth,
        reason=reason,
    )


def _full_replica(
    case: Case, times: float
) -> tuple[float, float]:
    """What one of a full fleet costs and saves."""
    full = scaled(case, times)
    bills = month(full)
    count = (
        fleet(full).replicas - case.spare_replicas
    )
    own = bills.own_hardware + bills.own_power
    return (
        float(own / count),
        float(bills.api_tokens / count),
    )


def _meet(
    case: Case, low: float, high: float
) -> float:
    """Halve the step until both bills are equal."""
    for _ in range(60):
        middle = (low + high) / 2
        if saved_usd(case, middle) < 0:
            low = middle
        else:
            high = middle
    return high


# --8<-- [end:solve]
