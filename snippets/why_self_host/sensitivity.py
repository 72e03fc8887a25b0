"""Which input moves the decision most?"""

# --8<-- [start:imports]
from collections.abc import Sequence
from typing import Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from snippets.data.records import find
from snippets.why_self_host.cost import Case, month

# --8<-- [end:imports]


# --8<-- [start:range]
class Range(BaseModel):
    """Inputs that vary together, as factors.

    1 is the case's own value and the most likely.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    name: str = Field(min_length=1)
    fields: tuple[str, ...] = Field(min_length=1)
    low_ratio: float = Field(ge=0, le=1)
    high_ratio: float = Field(ge=1, le=1_000)

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low_ratio == self.high_ratio:
            raise ValueError(
                f"{self.name}: low_ratio and "
                "high_ratio are both 1"
            )
        return self


def at(
    case: Case, part: Range, ratio: float
) -> Case:
    """Multiply the fields of a range by a factor.

    Only floats vary: not counts, choices or hours.
    A field that is 0 stays 0.
    Raises UnknownNameError with the nearest names
    for a field that is none of them; a
    ValidationError where one leaves its bounds.
    """
    kind = type(case)
    known = {
        name: getattr(case, name)
        for name, field in kind.model_fields.items()
        if field.annotation is float
    }
    what = f"quantity in {part.name}"
    moved = {
        name: find(known, name, what) * ratio
        for name in part.fields
    }
    return kind.model_validate(
        case.model_dump() | moved
    )


# --8<-- [end:range]


# --8<-- [start:tornado]
class Swing(BaseModel):
    """What one range moves, in USD a month."""

    model_config = ConfigDict(frozen=True)

    name: str
    saved_at_low_usd: float
    saved_at_high_usd: float

    @property
    def width_usd(self) -> float:
        """From one end to the other."""
        return abs(
            self.saved_at_high_usd
            - self.saved_at_low_usd
        )

    @property
    def turns(self) -> bool:
        """Own is cheaper at one end only."""
        return (self.saved_at_low_usd > 0) != (
            self.saved_at_high_usd > 0
        )


def saved_usd(case: Case) -> float:
    """Subtract own from API, in USD a month.

    Above 0, own is cheaper.
    """
    bills = month(case)
    return bills.api - bills.own


def tornado(
    case: Case, ranges: Sequence[Range]
) -> tuple[Swing, ...]:
    """Move one range at a time, widest swing first.

    Savings at low_ratio and at high_ratio, all
    other inputs as they are; API less own.
    Raises what `at` raises, at either end.
    """
    swings = []
    for part in ranges:
        low = at(case, part, part.low_ratio)
        high = at(case, part, part.high_ratio)
        swings.append(
            Swing(
                name=part.name,
                saved_at_low_usd=float(
                    saved_usd(low)
                ),
                saved_at_high_usd=float(
                    saved_usd(high)
                ),
            )
        )
    return tuple(
        sorted(
            swings,
            key=lambda swing: -swing.width_usd,
        )
    )


# --8<-- [end:tornado]


# --8<-- [start:example]
LOAD = (
    "input_tokens_per_day",
    "output_tokens_per_day",
)
API = tuple(
    f"{name}_usd_per_million_tokens"
    for name in (
        "input",
        "output",
        "cached",
        "batch_input",
        "batch_output",
    )
)
SPEED = (
    "input_tokens_per_s",
    "output_tokens_per_s",
)

RANGES = tuple(
    Range(
        name=name,
        fields=fields,
        low_ratio=low,
        high_ratio=high,
    )
    for name, fields, low, high in (
        # A guess, until a pilot has run.
        ("load", LOAD, 0.5, 2),
        # They fall more often than they rise.
        ("API prices", API, 0.5, 1.1),
        # A contract asks less, a large cloud more.
        ("rent", ("usd_per_gpu_hour",), 0.7, 1.5),
        # What is published is seldom reached.
        ("throughput", SPEED, 0.5, 1.1),
        # Work is more often under- than overrated.
        ("upkeep", ("own_hours_per_week",), 0.7, 2),
        ("set-up", ("own_setup_hours",), 0.5, 3),
        # By country, and by who is called.
        ("pay", ("staff_usd_per_hour",), 0.7, 1.5),
        # From no job that may wait to twice that.
        ("batches", ("batch_share",), 0, 2),
        # Nobody knows before prompts are written.
        ("cache hits", ("cached_share",), 0.5, 2),
        # A test set grows with each complaint.
        (
            "evaluation",
            ("evaluation_usd_per_month",),
            0.5,
            3,
        ),
    )
)
# --8<-- [end:example]
