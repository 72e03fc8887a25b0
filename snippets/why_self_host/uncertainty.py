"""How likely is it that own is cheaper?"""

# --8<-- [start:imports]
from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from snippets.why_self_host.cost import Case
from snippets.why_self_host.sensitivity import (
    Range,
    at,
    saved_usd,
)

# --8<-- [end:imports]


# --8<-- [start:chance]
class Chance(BaseModel):
    """How often own is cheaper, and by how much."""

    model_config = ConfigDict(frozen=True)

    draws: int
    seed: int
    own_is_cheaper_ratio: float
    standard_error_ratio: float
    saved_p5_usd: float
    saved_p50_usd: float
    saved_p95_usd: float


def chance(
    case: Case,
    ranges: Sequence[Range],
    draws: int = 100_000,
    seed: int = 1,
) -> Chance:
    """Draw all ranges at once, independently.

    Factors are triangular: low, 1, high. Savings
    are API less own, in USD a month, with their
    5th, 50th and 95th percentile.
    Raises what `at` raises; ValueError for a field
    in two ranges, or fewer than 100 draws.
    """
    if not 100 <= draws <= 10_000_000:
        raise ValueError(
            f"draws={draws}; 100 to 10,000,000"
        )
    names = [
        name
        for part in ranges
        for name in part.fields
    ]
    twice = {
        name
        for name in names
        if names.count(name) > 1
    }
    if twice:
        raise ValueError(
            f"{sorted(twice)} in two ranges"
        )
    random = np.random.default_rng(seed)
    drawn = {}
    for part in ranges:
        at(case, part, part.low_ratio)
        at(case, part, part.high_ratio)
        ratios = random.triangular(
            part.low_ratio,
            1,
            part.high_ratio,
            draws,
        )
        for name in part.fields:
            drawn[name] = (
                getattr(case, name) * ratios
            )
    saved = np.broadcast_to(
        saved_usd(case.model_copy(update=drawn)),
        draws,
    )
    ratio = float((saved > 0).mean())
    low, middle, high = np.percentile(
        saved, [5, 50, 95]
    )
    return Chance(
        draws=draws,
        seed=seed,
        own_is_cheaper_ratio=ratio,
        standard_error_ratio=float(
            np.sqrt(ratio * (1 - ratio) / draws)
        ),
        saved_p5_usd=float(low),
        saved_p50_usd=float(middle),
        saved_p95_usd=float(high),
    )


# --8<-- [end:chance]
