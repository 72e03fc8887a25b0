"""What does a month of tokens cost at an API?"""

# --8<-- [start:imports]
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from snippets.data.hosted import HostedPrice
from snippets.why_self_host.capacity import (
    Share,
    Tokens,
)

# --8<-- [end:imports]

# --8<-- [start:model]
DAYS = 365 / 12  # of a month

Usd = Annotated[float, Field(ge=0, le=10_000)]


class ApiDay(BaseModel):
    """A day's tokens, and what an API asks."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    input_tokens_per_day: Tokens
    output_tokens_per_day: Tokens
    cached_share: Share = Field(
        description="input that a cache has read"
    )
    batch_share: Share = Field(
        description="tokens that may wait a day"
    )
    input_usd_per_million_tokens: Usd
    output_usd_per_million_tokens: Usd
    cached_usd_per_million_tokens: Usd = Field(
        description="input that its cache has read"
    )
    batch_input_usd_per_million_tokens: Usd
    batch_output_usd_per_million_tokens: Usd


# --8<-- [end:model]


# --8<-- [start:bill]
def api_tokens_usd(case: ApiDay) -> float:
    """Price a month of tokens at the API, in USD.

    days · ((1 - batch) · (input · ((1 - cached)
    · price + cached · cached price) + output
    · price) + batch · (input · batch price
    + output · batch price)) / 10^6
    A batch reads no cache here, and writing to a
    cache costs what reading without one costs.
    Fields of `case` may be arrays of draws.
    """
    cached = case.cached_share
    tokens_in = case.input_tokens_per_day
    tokens_out = case.output_tokens_per_day
    now = tokens_in * (
        (1 - cached)
        * case.input_usd_per_million_tokens
        + cached
        * case.cached_usd_per_million_tokens
    )
    now += (
        tokens_out
        * case.output_usd_per_million_tokens
    )
    later = (
        tokens_in
        * case.batch_input_usd_per_million_tokens
        + tokens_out
        * case.batch_output_usd_per_million_tokens
    )
    batch = case.batch_share
    usd_per_day = (
        (1 - batch) * now + batch * later
    ) / 1e6
    return DAYS * usd_per_day


# --8<-- [end:bill]


# --8<-- [start:prices]
class ApiPrices(BaseModel):
    """A hosted price, as fields of a day."""

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )

    fields: dict[str, float]
    assumed: tuple[str, ...]


def api_prices(price: HostedPrice) -> ApiPrices:
    """Fill the five prices of a day.

    What the data have no price for costs what it
    costs otherwise; `assumed` names it.
    """
    own = {
        "input": price.input_usd_per_million_tokens,
        "output": (
            price.output_usd_per_million_tokens
        ),
        "cached": (
            price.cache_read_usd_per_million_tokens
        ),
        "batch_input": (
            price.batch_input_usd_per_million_tokens
        ),
        "batch_output": (
            price.batch_output_usd_per_million_tokens
        ),
    }
    usual = {
        "cached": "input",
        "batch_input": "input",
        "batch_output": "output",
    }
    assumed = tuple(
        name for name in usual if own[name] is None
    )
    own |= {
        name: own[usual[name]] for name in assumed
    }
    unit = "usd_per_million_tokens"
    return ApiPrices.model_validate(
        {
            "fields": {
                f"{name}_{unit}": usd
                for name, usd in own.items()
            },
            "assumed": assumed,
        }
    )


# --8<-- [end:prices]
