"""What does a month of tokens cost at an API?"""

# --8<-- [start:imports]
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from snippets.data.hosted import HostedPrice
from snippets.why_self_host.capacity import Day

# --8<-- [end:imports]

# --8<-- [start:model]
DAYS = 365 / 12  # of a month

Usd = Annotated[float, Field(ge=0, le=10_000)]


class ApiDay(Day):
    """A day's tokens, and what an API asks."""

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
    · price) + batch · the batch prices) / 10^6
    A batch reads no cache here.
    """
    cached = case.cached_share
    tokens_in = case.input_tokens_per_day
    tokens_out = case.output_tokens_per_day
    price_in = (
        1 - cached
    ) * case.input_usd_per_million_tokens
    price_in += (
        cached * case.cached_usd_per_million_tokens
    )
    now = tokens_in * price_in
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
    return (
        DAYS
        * ((1 - batch) * now + batch * later)
        / 1e6
    )


# --8<-- [end:bill]


# --8<-- [start:prices]
class ApiPrices(BaseModel):
    """A hosted price, as fields of a day."""

    model_config = ConfigDict(frozen=True)

    fields: dict[str, float]
    assumed: tuple[str, ...]


def api_prices(price: HostedPrice) -> ApiPrices:
    """Fill the five prices of a day.

    What the provider does not discount costs what
    it costs otherwise; `assumed` says which.
    """
    tokens_in = price.input_usd_per_million_tokens
    tokens_out = price.output_usd_per_million_tokens
    asked = {
        "input": (tokens_in, tokens_in),
        "output": (tokens_out, tokens_out),
        "cached": (
            price.cache_read_usd_per_million_tokens,
            tokens_in,
        ),
        "batch_input": (
            price.batch_input_usd_per_million_tokens,
            tokens_in,
        ),
        "batch_output": (
            price.batch_output_usd_per_million_tokens,
            tokens_out,
        ),
    }
    return ApiPrices(
        fields={
            f"{name}_usd_per_million_tokens": (
                usual if own is None else own
            )
            for name, (own, usual) in asked.items()
        },
        assumed=tuple(
            f"{name} costs as much as any other"
            for name, (own, _) in asked.items()
            if own is None
        ),
    )


# --8<-- [end:prices]
