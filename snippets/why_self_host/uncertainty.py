"""How likely is it that own is cheaper?"""

# --8<-- [start:imports]
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from snippets.why_self_host.cost import Case
from snippets.why_self_host.sensitivity import (
    Range,
    at,
    saved_usd,
)

# --8<-- [end:imports]

# --8<-- [start:draw]
DRAWS = 100_000
FEWEST, MOST = 100, 1_000_000

Draws = NDArray[np.float64]


def draw(
    case: Case,
    ranges: Sequence[Range],
    draws: int = DRAWS,
    seed: int = 1,
) -> dict[str, Draws]:
    """Draw the fields of all ranges, by name.

    One factor a range and draw, triangular from
    low_ratio over 1 to high_ratio, independent of
    the other ranges.
    Raises what `at` raises, at either end;
    ValueError for a field in two ranges, or for
    fewer than 100 or more than 1,000,000 draws.
    """
    if not FEWEST <= draws <= MOST:
        raise ValueError(
            f"draws is {draws}; it has to be "
            f"from {FEWEST} to {MOST}"
        )
    named = Counter(
        name
        for part in ranges
        for name in part.fields
    )
    twice = sorted(
        name for name in named if named[name] > 1
    )
    if twice:
        raise ValueError(
            f"{', '.join(twice)}: in two ranges"
        )
    random = np.random.default_rng(seed)
    drawn = {}
    for part in ranges:
        low, high = part.low_ratio, part.high_ratio
        at(case, part, low)
        at(case, part, high)
        ratios = random.triangular(
            low, 1, high, draws
        )
        for name in part.fields:
            value = getattr(case, name)
            drawn[name] = value * ratios
    return drawn


def savings(
    case: Case,
    ranges: Sequence[Range],
    draws: int = DRAWS,
    seed: int = 1,
) -> Draws:
    """Save API less own, USD a month, by draw.

    Raises what `draw` raises.
    """
    drawn = draw(case, ranges, draws, seed)
    saved = saved_usd(case.model_copy(update=drawn))
    return np.broadcast_to(saved, draws)


# --8<-- [end:draw]


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
    draws: int = DRAWS,
    seed: int = 1,
) -> Chance:
    """Count the draws in which own is cheaper.

    ratio = draws with savings above 0 / draws
    standard error = sqrt(ratio · (1 - ratio)
        / draws): of the drawing, not of the ranges
    percentiles of savings, in USD a month
    Raises what `draw` raises.
    """
    saved = savings(case, ranges, draws, seed)
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
