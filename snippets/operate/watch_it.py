"""When does a service need a person?"""

# --8<-- [start:imports]
from collections.abc import Sequence
from math import ceil

from pydantic import BaseModel, ConfigDict, Field

# --8<-- [end:imports]


# --8<-- [start:objective]
class Objective(BaseModel):
    """A share of events that has to be good."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    good_ratio: float = Field(ge=0.5, le=0.99999)
    period_h: float = Field(ge=24, le=8_784)

    @property
    def budget_ratio(self) -> float:
        """The share that may be bad."""
        return 1 - self.good_ratio


# --8<-- [end:objective]


# --8<-- [start:burn]
def burn_rate(
    objective: Objective,
    spent_ratio: float,
    window_h: float,
) -> float:
    """How much faster than even, to spend a share.

    spent · period / window: 1 spends the budget in
    exactly the period.
    spent_ratio: of the budget, within window_h
    Raises ValueError outside of 0 to 1, or for a
    window that is not within the period.
    Source: Google, The Site Reliability Workbook,
    chapter 5
    """
    if not 0 < spent_ratio <= 1:
        raise ValueError(
            f"spent_ratio is {spent_ratio:g}; it "
            "has to be above 0 and at most 1"
        )
    if not 0 < window_h <= objective.period_h:
        raise ValueError(
            f"window_h is {window_h:g}; it has to "
            "be above 0 and at most "
            f"{objective.period_h:g}"
        )
    return (
        spent_ratio * objective.period_h / window_h
    )


def bad_ratio(
    objective: Objective, burn: float
) -> float:
    """The share of bad events at a burn rate.

    burn · budget
    Raises ValueError where that is 1 or more: such
    an alert would never fire.
    """
    bad = burn * objective.budget_ratio
    if not 0 < bad < 1:
        raise ValueError(
            f"burn {burn:g} of a budget of "
            f"{objective.budget_ratio:g} is a "
            f"share of {bad:g}; it has to be above "
            "0 and below 1"
        )
    return bad


# --8<-- [end:burn]


# --8<-- [start:detect]
def detection_s(
    threshold_ratio: float,
    actual_ratio: float,
    window_s: float,
) -> float | None:
    """How long until a window's share is too high.

    window · threshold / actual, in seconds, from a
    window that was clean, at even traffic; None
    where it never gets there
    Raises ValueError for shares outside of 0 to 1.
    """
    for name, value in (
        ("threshold_ratio", threshold_ratio),
        ("actual_ratio", actual_ratio),
    ):
        if not 0 <= value <= 1:
            raise ValueError(
                f"{name} is {value:g}; 0 to 1"
            )
    if actual_ratio <= threshold_ratio:
        return None
    return window_s * threshold_ratio / actual_ratio


def lone_failure_requests(
    threshold_ratio: float,
) -> int:
    """Up to how many, one failure is an alert.

    1 / n > threshold: the largest such n
    Raises ValueError outside of 0 to 1.
    """
    if not 0 < threshold_ratio < 1:
        raise ValueError(
            "threshold_ratio is "
            f"{threshold_ratio:g}; it has to be "
            "above 0 and below 1"
        )
    return ceil(1 / threshold_ratio) - 1


# --8<-- [end:detect]


# --8<-- [start:queue]
def waiting_requests(
    wait_s: float, slots: int, service_s: float
) -> int:
    """How many in line wait too long.

    wait · slots / service, rounded down: while all
    slots are taken, one comes free so often.
    Source: Little's law
    Raises ValueError for a value of 0 or less.
    """
    for name, value in (
        ("wait_s", wait_s),
        ("slots", slots),
        ("service_s", service_s),
    ):
        if not 0 < value <= 1e6:
            raise ValueError(
                f"{name} is {value:g}; it has to "
                "be above 0 and at most 10^6"
            )
    return int(wait_s * slots / service_s)


# --8<-- [end:queue]


# --8<-- [start:edge]
def bucket_edge(
    limit_s: float, edges_s: Sequence[float]
) -> float:
    """The limit, where a histogram can count it.

    Raises ValueError with the edges around it: what
    lies between two edges can only be guessed.
    """
    if limit_s in edges_s:
        return limit_s
    below = [e for e in edges_s if e < limit_s]
    above = [e for e in edges_s if e > limit_s]
    near = [*below[-1:], *above[:1]]
    raise ValueError(
        f"limit_s is {limit_s:g}; no edge of the "
        "histogram; near are "
        + ", ".join(f"{edge:g}" for edge in near)
    )


# --8<-- [end:edge]
