"""Self-host, hosted API or both: what decides?"""

# --8<-- [start:imports]
from typing import Annotated, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from snippets.decision.flowchart import Rule

# --8<-- [end:imports]

# --8<-- [start:situation]
Share = Annotated[float, Field(ge=0, le=1)]
Usd = Annotated[float, Field(ge=0, le=1e9)]
Hours = Annotated[float, Field(ge=0, le=168)]
Weeks = Annotated[float, Field(ge=0, le=520)]


class Situation(BaseModel):
    """One workload: constraints, money, people."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    offline: bool = Field(
        description="has to work without internet"
    )
    share_that_must_stay: Share = Field(
        description="requests that may not leave"
    )
    share_that_needs_frontier: Share = Field(
        description="requests that open models fail"
    )
    weights_are_hosted: bool = Field(
        description="others host the model you need"
    )
    vendor_certificate_needed: bool = Field(
        description="an auditor asks for one"
    )
    own_certificate: bool = Field(
        description="your operation has that one"
    )
    api_usd_per_month: Usd
    own_usd_per_month: Usd
    chance_own_is_cheaper: Share = Field(
        description="over the ranges of the inputs"
    )
    chance_wanted: Share = Field(
        description="less than that is too little"
    )
    hours_per_week_needed: Hours
    hours_per_week_there: Hours = Field(
        description="of people who can do it"
    )
    weeks_to_set_up: Weeks
    weeks_until_needed: Weeks

    @model_validator(mode="after")
    def _can_be_served(self) -> Self:
        stay = self.share_that_must_stay
        frontier = self.share_that_needs_frontier
        if self.offline and frontier:
            raise ValueError(
                f"share_that_needs_frontier={frontier:g}"
                " has to be 0 where offline is true"
            )
        # 1 + 1e-300 is 1 to a float.
        if stay + frontier > 1 or (
            stay and frontier == 1
        ):
            raise ValueError(
                "share_that_must_stay and "
                "share_that_needs_frontier are "
                f"{stay:g} and {frontier:g}; "
                "together they may be 1 at most"
            )
        if self.outside_only and (
            self.offline or stay
        ):
            raise ValueError(
                "own_certificate has to be true: "
                "one is needed, of no vendor"
            )
        return self

    @property
    def outside_only(self) -> bool:
        """Only a vendor has the certificate."""
        return (
            self.vendor_certificate_needed
            and not self.own_certificate
        )

    @property
    def own_pays(self) -> bool:
        """Own is likely enough to be cheaper."""
        return (
            self.chance_own_is_cheaper
            >= self.chance_wanted
        )

    @property
    def own_can_be_run(self) -> bool:
        """People and time suffice."""
        return (
            self.hours_per_week_there
            >= self.hours_per_week_needed
            and self.weeks_until_needed
            >= self.weeks_to_set_up
        )


# --8<-- [end:situation]

# --8<-- [start:rules]
REQUIRED = "Self-host: nothing else is allowed"
CHEAPER = "Self-host: it is cheaper"
VENDOR = "Hosted API: nothing else will do"
API = "Hosted API: it costs less, in money or time"
HYBRID = "Hybrid: part at home, part hosted"

RULES: tuple[Rule[Situation], ...] = (
    Rule(
        name="offline",
        question="Without internet?",
        outcome=REQUIRED,
        applies=lambda case: case.offline,
    ),
    Rule(
        name="certificate",
        question="Must a vendor be certified?",
        outcome=VENDOR,
        applies=lambda case: case.outside_only,
    ),
    Rule(
        name="frontier",
        question="All requests need the frontier?",
        outcome=VENDOR,
        applies=lambda case: (
            case.share_that_needs_frontier == 1
        ),
    ),
    Rule(
        name="all data",
        question="Must all data stay?",
        outcome=REQUIRED,
        applies=lambda case: (
            case.share_that_must_stay == 1
        ),
    ),
    Rule(
        name="some data",
        question="Must some data stay?",
        outcome=HYBRID,
        applies=lambda case: (
            case.share_that_must_stay > 0
        ),
    ),
    Rule(
        name="weights",
        question="Does nobody else host the model?",
        outcome=REQUIRED,
        applies=lambda case: (
            not case.weights_are_hosted
        ),
    ),
    Rule(
        name="money",
        question="Is the API likely cheaper?",
        outcome=API,
        applies=lambda case: not case.own_pays,
    ),
    Rule(
        name="people",
        question="Are people or weeks missing?",
        outcome=API,
        applies=lambda case: (
            not case.own_can_be_run
        ),
    ),
    Rule(
        name="some frontier",
        question="Do some need the frontier?",
        outcome=HYBRID,
        applies=lambda case: (
            case.share_that_needs_frontier > 0
        ),
    ),
)
# --8<-- [end:rules]
