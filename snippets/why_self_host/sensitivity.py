"""Which input moves the decision most?"""

# --8<-- [start:imports]
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

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
    """The case with the fields of a range moved.

    Raises ValueError for a field that the case
    lacks or that is no quantity, with the nearest
    names; a ValidationError out of its bounds.
    """
    kind = type(case)
    known = [
        name
        for name, field in kind.model_fields.items()
        if field.annotation is float
    ]
    for name in part.fields:
        if name not in known:
            near = get_close_matches(name, known)
            said = ", ".join(near) or "none"
            raise ValueError(
                f"{part.name}: no quantity "
                f"{name!r}; nearest: {said}"
            )
    return kind.model_validate(
        case.model_dump()
        | {
            name: getattr(case, name) * ratio
            for name in part.fields
        }
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


def saved_usd(case: Case) -> float:
    """API less own, in USD a month."""
    bills = month(case)
    return bills.api - bills.own


def tornado(
    case: Case, ranges: Sequence[Range]
) -> tuple[Swing, ...]:
    """Move one range at a time, widest swing first.

    Raises what `at` raises, at either end.
    """
    swings = [
        Swing(
            name=part.name,
            saved_at_low_usd=saved_usd(
                at(case, part, part.low_ratio)
            ),
            saved_at_high_usd=saved_usd(
                at(case, part, part.high_ratio)
            ),
        )
        for part in ranges
    ]
    return tuple(
        sorted(
            swings,
            key=lambda swing: -swing.width_usd,
        )
    )


# --8<-- [end:tornado]
