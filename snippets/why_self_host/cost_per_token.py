"""What does a million tokens cost at which load?"""

# --8<-- [start:imports]
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from snippets.why_self_host.api_bill import DAYS
from snippets.why_self_host.capacity import (
    MOST_TOKENS_PER_DAY,
    Day,
)
from snippets.why_self_host.cost import Case, month

# --8<-- [end:imports]

# --8<-- [start:scaled]
AnyDay = TypeVar("AnyDay", bound=Day)
Floats = NDArray[np.float64]


def tokens_per_day(day: Day) -> float:
    """Tokens in and out, of one day."""
    return (
        day.input_tokens_per_day
        + day.output_tokens_per_day
    )


def scaled(
    case: AnyDay, times: float | Floats
) -> AnyDay:
    """The same day, with `times` as many tokens.

    times: one factor, or an array of them
    Raises ValueError for a factor below 0, NaN, or
    one that leads above 10^15 tokens a day.
    """
    tokens = tokens_per_day(case) * times
    allowed = np.asarray(times) >= 0
    allowed &= tokens <= MOST_TOKENS_PER_DAY
    if not np.all(allowed):
        raise ValueError(
            f"times={times}; from 0 to "
            f"{MOST_TOKENS_PER_DAY:g} tokens a day"
        )
    return case.model_copy(
        update={
            name: getattr(case, name) * times
            for name in (
                "input_tokens_per_day",
                "output_tokens_per_day",
            )
        }
    )


# --8<-- [end:scaled]


# --8<-- [start:curve]
class PerMillion(NamedTuple):
    """USD per million tokens, by load."""

    tokens_per_day: Floats
    api_usd: Floats
    own_usd: Floats


def cost_per_million(
    case: Case, times: Floats
) -> PerMillion:
    """Divide both bills by the tokens of a month.

    bill · 10^6 / (tokens a day · 365 / 12), in USD;
    tokens in and out count alike
    times: factors of the day's tokens
    Raises what `scaled` raises; ValueError where a
    day has no tokens.
    """
    bills = month(scaled(case, times))
    tokens = np.asarray(
        tokens_per_day(case) * times
    )
    if not np.all(tokens > 0):
        raise ValueError(
            f"times={times}; a day without tokens "
            "has no cost per token"
        )
    millions = tokens * DAYS / 1e6
    return PerMillion(
        tokens_per_day=tokens,
        api_usd=np.asarray(bills.api / millions),
        own_usd=np.asarray(bills.own / millions),
    )


# --8<-- [end:curve]
