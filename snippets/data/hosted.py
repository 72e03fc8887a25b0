"""What does a hosted model cost on which day?"""

# --8<-- [start:imports]
from datetime import UTC, date, datetime, time
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from snippets.data.providers import (
    find_model,
    first_day,
    listed_prices,
    price_dates,
    read_data,
)
from snippets.data.records import Text

# --8<-- [end:imports]

# --8<-- [start:models]
Usd = Annotated[float, Field(ge=0, le=10_000)]


class HostedPrice(BaseModel):
    """What a provider asks for a model, one day."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    provider: Text
    model: Text
    valid_on: date = Field(
        description="the day asked for"
    )
    hour_utc: int = Field(ge=0, le=23)
    input_tokens: int = Field(
        ge=0,
        le=100_000_000,
        description="of a prompt; picks the tier",
    )
    input_usd_per_million_tokens: Usd
    output_usd_per_million_tokens: Usd
    cache_read_usd_per_million_tokens: Usd | None
    cache_write_usd_per_million_tokens: Usd | None
    batch_input_usd_per_million_tokens: Usd | None
    batch_output_usd_per_million_tokens: Usd | None
    tiered: bool = Field(
        description="long prompts have other prices"
    )
    varies_by_hour: bool
    deprecated: bool
    starts: date | None = Field(
        description="None: the data do not say"
    )
    ends: date | None = Field(
        description="the next price announced"
    )
    as_of: date = Field(
        description="the day of the data"
    )


# --8<-- [end:models]


# --8<-- [start:price]
def hosted_price(
    provider: str,
    model: str,
    on: date,
    input_tokens: int = 0,
    hour_utc: int = 12,
) -> HostedPrice:
    """Look a price up by exact ids, in USD.

    provider, model: ids of genai-prices
    on, hour_utc: the day and the hour, UTC
    input_tokens: length of one prompt

    Raises UnknownNameError with the nearest ids;
    ValueError before the first known day, from the
    day on which the data expire, and where tokens
    in or out have no price.
    Source: genai-prices, the data in the package.
    """
    info = find_model(provider, model)
    name = f"{provider}/{model}"
    first = first_day(provider, model)
    end = read_data().expires
    if on < first or (end and on >= end):
        raise ValueError(
            f"{name} has no known price on {on}: "
            f"the data are from {first}, to read "
            f"again on {end}"
        )
    at = datetime.combine(on, time(hour_utc), UTC)
    usual = info.get_prices(at)
    batch = info.get_prices(
        at, {"processing": "batch"}
    )
    if batch == usual:
        batch = type(usual)()
    kinds: dict[str, Any] = {
        "input": usual.input_mtok,
        "output": usual.output_mtok,
        "cache_read": usual.cache_read_mtok,
        "cache_write": usual.cache_write_mtok,
        "batch_input": batch.input_mtok,
        "batch_output": batch.output_mtok,
    }
    if None in (kinds["input"], kinds["output"]):
        raise ValueError(
            f"{name} is not sold by the token"
        )
    prices = {
        f"{kind}_usd_per_million_tokens": _usd(
            price, input_tokens
        )
        for kind, price in kinds.items()
    }
    starts = price_dates(provider, model)
    begun = [day for day in starts if day <= on]
    coming = [day for day in starts if day > on]
    return HostedPrice.model_validate(
        {
            **prices,
            "provider": provider,
            "model": model,
            "valid_on": on,
            "hour_utc": hour_utc,
            "input_tokens": input_tokens,
            "tiered": any(
                hasattr(price, "tiers")
                for price in kinds.values()
            ),
            "varies_by_hour": any(
                hasattr(
                    one.constraint, "start_time"
                )
                for one in listed_prices(info)
            ),
            "deprecated": bool(info.deprecated),
            "starts": max(begun, default=None),
            "ends": min(coming, default=None),
            "as_of": read_data().as_of,
        }
    )


def _usd(price: Any, tokens: int) -> float | None:
    """Per million tokens, in a prompt's tier."""
    if price is None:
        return None
    for tier in reversed(
        getattr(price, "tiers", [])
    ):
        if tokens > tier.start:
            return float(tier.price)
    return float(getattr(price, "base", price))


# --8<-- [end:price]
