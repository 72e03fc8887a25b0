"""From a workload's numbers to its decision."""

# --8<-- [start:imports]
from pydantic import BaseModel, ConfigDict, Field

from snippets.decision.explanation import (
    Explanation,
    explain,
)
from snippets.decision.framework import (
    Hours,
    Share,
    Situation,
    Weeks,
)
from snippets.why_self_host.cost import (
    Bought,
    Case,
    month,
)
from snippets.why_self_host.cost_per_token import (
    scaled,
)
from snippets.why_self_host.sensitivity import (
    API,
    LOAD,
    SPEED,
    Range,
)
from snippets.why_self_host.uncertainty import (
    Chance,
    chance,
)

# --8<-- [end:imports]


# --8<-- [start:needs]
class Needs(BaseModel):
    """What no price says: constraints, people."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    offline: bool
    share_that_must_stay: Share
    share_that_needs_frontier: Share
    weights_are_hosted: bool
    vendor_certificate_needed: bool
    own_certificate: bool
    chance_wanted: Share
    hours_per_week_there: Hours
    weeks_to_set_up: Weeks
    weeks_until_needed: Weeks


# --8<-- [end:needs]


# --8<-- [start:ranges]
def ranges(case: Case) -> tuple[Range, ...]:
    """What is not known yet, as factors.

    The load is a guess: half to double. Prices of
    tokens fall more often than they rise. The
    vendor's throughput is seldom reached. Hours get
    underestimated. Hardware moves by a fifth.
    """
    hardware = (
        "purchase_usd_per_gpu"
        if isinstance(case, Bought)
        else "usd_per_gpu_hour"
    )
    return tuple(
        Range(
            name=name,
            fields=fields,
            low_ratio=low,
            high_ratio=high,
        )
        for name, fields, low, high in (
            ("load", LOAD, 0.5, 2),
            ("API prices", API, 0.5, 1.1),
            ("throughput", SPEED, 0.5, 1.1),
            ("hardware", (hardware,), 0.8, 1.2),
            (
                "hours",
                ("own_hours_per_week",),
                0.7,
                2,
            ),
        )
    )


# --8<-- [end:ranges]


# --8<-- [start:verdict]
class Verdict(BaseModel):
    """The decision, its reason, what it costs."""

    model_config = ConfigDict(frozen=True)

    why: Explanation
    likely: Chance
    share_at_home_ratio: float = Field(ge=0, le=1)
    both_usd_per_month: float


def verdict(needs: Needs, case: Case) -> Verdict:
    """Compute the money, then ask the rules.

    `both` runs at home what must stay, or, where
    all may leave, what needs no frontier, and sends
    the rest to the API; in USD a month.
    """
    bills = month(case)
    likely = chance(case, ranges(case))
    situation = Situation(
        **needs.model_dump(),
        api_usd_per_month=float(bills.api),
        own_usd_per_month=float(bills.own),
        chance_own_is_cheaper=(
            likely.own_is_cheaper_ratio
        ),
        hours_per_week_needed=case.own_hours_per_week,
    )
    home = needs.share_that_must_stay or (
        1 - needs.share_that_needs_frontier
    )
    here = month(scaled(case, home))
    there = month(scaled(case, 1 - home))
    both = here.own
    if home < 1:
        both += there.api_tokens + there.api_staff
    return Verdict(
        why=explain(situation),
        likely=likely,
        share_at_home_ratio=home,
        both_usd_per_month=float(both),
    )


# --8<-- [end:verdict]
