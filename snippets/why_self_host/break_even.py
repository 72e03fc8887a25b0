"""From how many tokens a day does own pay?"""

# --8<-- [start:imports]
import numpy as np
from pydantic import BaseModel, ConfigDict

from snippets.why_self_host.capacity import (
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
    """Loads at which something is full, rising.

    As factors of the day's tokens, up to a thousand
    replicas or 10^15 tokens a day. Between two of
    them nothing is added: no replica at the peak
    nor, where idle ones are stopped, in any hour.
    Raises ValueError for a day without tokens.
    """
    whole = tokens_per_day(case)
    if not whole > 0:
        raise ValueError(
            f"{whole:g} tokens a day; a mix of in "
            "and out needs some"
        )
    found = fleet(case)
    work = found.work_hours_per_day
    now = work * (1 - case.batch_share)
    # Below by more than a float's error.
    last = MOST_TOKENS_PER_DAY / whole * (1 - 1e-12)
    if found.peak_replicas > 0:
        last = min(
            last,
            MOST_REPLICAS / found.peak_replicas,
        )
    # Hours; the day, whose 24th part is the mean.
    loads = {work} | {
        now * part for part in case.hourly_shares
    }
    limit = case.highest_utilization
    ends = [
        np.arange(1, last * load / limit)
        * limit
        / load
        for load in loads
        if load > 0
    ]
    return np.unique(
        np.concatenate([*ends, [last]])
    )


# --8<-- [end:steps]


# --8<-- [start:solve]
class BreakEven(BaseModel):
    """Where own is as cheap, or why nowhere."""

    model_config = ConfigDict(frozen=True)

    tokens_per_day: float | None
    always_from_tokens_per_day: float | None
    up_to_tokens_per_day: float
    full_replica_usd_per_month: float
    full_replica_replaces_usd_per_month: float
    reason: str


def saved_usd(
    case: Case, times: float | Floats
) -> Floats:
    """API less own, in USD a month, when scaled."""
    bills = month(scaled(case, times))
    return np.asarray(bills.api - bills.own)


def break_even(case: Case) -> BreakEven:
    """Find the least load at which own is as cheap.

    Between two steps both bills are straight lines,
    so the line through two points is solved for 0.
    At a step own costs jump up: the first meeting
    need not last, and `always_from` is the last.
    None: own is dearer at every load, or again in
    the end, `up_to` where the steps end; 0: never.
    Raises ValueError for a day without tokens.
    """
    ends = steps(case)
    starts = np.concatenate([[0.0], ends[:-1]])
    at_end = saved_usd(case, ends)
    middle = saved_usd(case, (starts + ends) / 2)
    at_start = 2 * middle - at_end

    def meet(one: int) -> float:
        """Where the line of one stretch is 0."""
        low, high = at_start[one], at_end[one]
        part = max(0.0, -low / (high - low))
        width = ends[one] - starts[one]
        return float(
            (starts[one] + part * width)
            * tokens_per_day(case)
        )

    pays = np.flatnonzero(at_end >= 0)
    dear = np.flatnonzero(
        np.minimum(at_start, at_end) < 0
    )
    first = last = None
    if at_start[0] >= 0:
        first = 0.0
    elif pays.size:
        first = meet(int(pays[0]))
    if not dear.size:
        last = 0.0
    elif at_end[dear[-1]] >= 0:
        last = meet(int(dear[-1]))
    cost, worth = full_replica(
        case, float(ends[-1])
    )
    return BreakEven(
        tokens_per_day=first,
        always_from_tokens_per_day=last,
        up_to_tokens_per_day=float(ends[-1])
        * tokens_per_day(case),
        full_replica_usd_per_month=cost,
        full_replica_replaces_usd_per_month=worth,
        reason=_reason(first, last, cost < worth),
    )


def full_replica(
    case: Case, times: float
) -> tuple[float, float]:
    """What one of a full fleet costs and replaces.

    GPUs and power, without the spare's; the API's
    tokens; both in USD a month.
    """
    none = case.model_copy(
        update={"spare_replicas": 0}
    )
    full = scaled(none, times)
    bills = month(full)
    count = fleet(full).replicas
    own = bills.own_hardware + bills.own_power
    return (
        float(own / count),
        float(bills.api_tokens / count),
    )


def _reason(
    first: float | None,
    last: float | None,
    worth_it: bool,
) -> str:
    """Say in words what was found."""
    if last is not None:
        return "own is as cheap up to the last load"
    if first is not None:
        return "dear again with more replicas"
    if worth_it:
        return "people and spare are never paid for"
    return (
        "a full replica replaces less than it costs"
    )


# --8<-- [end:solve]
