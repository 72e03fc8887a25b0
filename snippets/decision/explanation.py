"""Why this outcome, and what would change it?"""

# --8<-- [start:imports]
from collections.abc import Iterator
from itertools import combinations

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
)

from snippets.decision.flowchart import decide
from snippets.decision.framework import (
    CHEAPER,
    HYBRID,
    REQUIRED,
    RULES,
    Situation,
)

# --8<-- [end:imports]


# --8<-- [start:models]
class Change(BaseModel):
    """Inputs that, at these values, change it."""

    model_config = ConfigDict(frozen=True)

    then: dict[str, float]
    outcome: str


class Explanation(BaseModel):
    """Outcome, reason, costs, what flips it."""

    model_config = ConfigDict(frozen=True)

    outcome: str
    rule: str
    api_usd_per_month: float
    own_usd_per_month: float
    warnings: tuple[str, ...]
    changes: tuple[Change, ...]


# --8<-- [end:models]

# --8<-- [start:changes]
LIMITS = {
    "chance_own_is_cheaper": (
        "chance_wanted",
        0.01,
    ),
    "hours_per_week_there": (
        "hours_per_week_needed",
        1,
    ),
    "weeks_until_needed": ("weeks_to_set_up", 1),
}


def other_values(
    case: Situation,
) -> Iterator[tuple[str, float]]:
    """What each input could be instead."""
    values = case.model_dump()
    for name, now in values.items():
        others: list[float] = []
        if isinstance(now, bool):
            others = [not now]
        elif name.startswith("share_"):
            others = [0, 0.5, 1]
        elif name in LIMITS:
            limit, step = LIMITS[name]
            enough = values[limit]
            others = [enough, enough - step]
        for other in others:
            if other != now:
                yield name, other


def changes(
    case: Situation, outcome: str
) -> Iterator[Change]:
    """The fewest inputs to change, by outcome."""
    others = [*other_values(case)]
    reached = {outcome}
    for size in (1, 2, 3):
        found = set()
        for then in combinations(others, size):
            try:
                other = Situation.model_validate(
                    case.model_dump() | dict(then)
                )
            except ValidationError:
                continue
            new = decide(
                other, RULES, CHEAPER
            ).outcome
            if new not in reached:
                found.add(new)
                yield Change(
                    then=dict(then), outcome=new
                )
        reached |= found


# --8<-- [end:changes]


# --8<-- [start:explain]
def explain(case: Situation) -> Explanation:
    """Decide, and try every input at other values.

    Money is US dollars a month, either way.
    """
    found = decide(case, RULES, CHEAPER)
    return Explanation(
        outcome=found.outcome,
        rule=found.rule,
        api_usd_per_month=case.api_usd_per_month,
        own_usd_per_month=case.own_usd_per_month,
        warnings=tuple(
            _warnings(case, found.outcome)
        ),
        changes=tuple(changes(case, found.outcome)),
    )


def _warnings(
    case: Situation, outcome: str
) -> Iterator[str]:
    """What the outcome does not have, and needs."""
    at_home = outcome in {REQUIRED, CHEAPER, HYBRID}
    missing = (
        case.hours_per_week_needed
        - case.hours_per_week_there
    )
    late = (
        case.weeks_to_set_up
        - case.weeks_until_needed
    )
    if at_home and missing > 0:
        yield f"{missing:g} hours a week missing"
    if at_home and late > 0:
        yield f"it is ready {late:g} weeks late"
    if outcome == REQUIRED and not case.own_pays:
        yield "it is not for money"


# --8<-- [end:explain]
