"""What does a hosted model cost on which day?"""

# --8<-- [start:imports]
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from snippets.data.facts import Fact, read_facts
from snippets.data.records import (
    Id,
    Record,
    Text,
    UnknownNameError,
    find,
    read_entries,
)

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

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


class Offer(BaseModel):
    """A model of genai-prices, by its exact ids."""

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )

    provider: Text
    model: Text
    fact: Id | None = Field(
        default=None,
        description=(
            "says the same price on an earlier day"
        ),
    )
    note: str = ""


class Hosted(Record):
    """One model and who hosts it."""

    name: Text
    weights: Id | None = Field(
        default=None,
        description="the model, if one can own it",
    )
    offers: tuple[Offer, ...] = Field(min_length=1)


# --8<-- [end:models]


# --8<-- [start:find]
@cache
def read_hosted() -> dict[str, Hosted]:
    """Every record of data/hosted, by id."""
    folder = Path(__file__).with_name("hosted")
    return read_entries(folder, Hosted)


@cache
def _models() -> dict[str, dict[str, "ModelInfo"]]:
    """What the package has; nothing is fetched."""
    # Half a second to import, so only when needed.
    from genai_prices.data import (  # noqa: PLC0415
        providers,
    )

    return {
        provider.id: {
            model.id: model
            for model in provider.models
        }
        for provider in providers
    }


def _require(
    names: Iterable[str], name: str, what: str
) -> None:
    """Raise UnknownNameError with the nearest."""
    cased = {
        known.lower(): known for known in names
    }
    if name in cased.values():
        return
    near = get_close_matches(
        name.lower(), cased, n=3, cutoff=0.4
    )
    said = ", ".join(cased[one] for one in near)
    raise UnknownNameError(
        f"unknown {what} {name!r}"
        + (f"; nearest: {said}" if near else "")
    )


def _model(
    provider: str, model: str
) -> "ModelInfo":
    """Look both ids up, never by a guess."""
    _require(_models(), provider, "provider")
    known = _models()[provider]
    _require(known, model, f"model of {provider}")
    return known[model]


# --8<-- [end:find]


# --8<-- [start:dates]
def price_dates(
    provider: str, model: str
) -> tuple[date, ...]:
    """The days on which a dated price starts."""
    return tuple(
        sorted(
            price.constraint.start_date
            for price in _listed(
                _model(provider, model)
            )
            if hasattr(
                price.constraint, "start_date"
            )
        )
    )


def first_day(provider: str, model: str) -> date:
    """The earliest day with a known price.

    Of a price that genai-prices dates, of one that
    another source confirms, or of the data: what
    has no date need not have held before it.
    """
    starts = price_dates(provider, model)
    facts = [
        read_facts()[offer.fact].as_of
        for record in read_hosted().values()
        for offer in record.offers
        if offer.fact
        and offer.provider == provider
        and offer.model == model
    ]
    return min([*facts, *starts, _data().as_of])


def _data() -> Fact:
    """When the package's data were current."""
    return read_facts()["genai-prices"]


def _listed(info: "ModelInfo") -> list[Any]:
    """Prices with constraints, dated or not."""
    prices = info.prices
    return (
        prices if isinstance(prices, list) else []
    )


# --8<-- [end:dates]


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
    info = _model(provider, model)
    name = f"{provider}/{model}"
    first = first_day(provider, model)
    end = _data().expires
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
                for one in _listed(info)
            ),
            "deprecated": bool(info.deprecated),
            "starts": max(begun, default=None),
            "ends": min(coming, default=None),
            "as_of": _data().as_of,
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


# --8<-- [start:offers]
def offers(
    weights: str, on: date
) -> tuple[HostedPrice, ...]:
    """Who hosts these open weights, cheapest first.

    weights: id of a model, as in llama-3.3-70b
    on: the day of the prices

    Raises UnknownNameError with the nearest ids.
    """
    known = {
        record.weights: record
        for record in read_hosted().values()
        if record.weights
    }
    record = find(known, weights, "open weights")
    return tuple(
        sorted(
            (
                hosted_price(
                    offer.provider, offer.model, on
                )
                for offer in record.offers
            ),
            key=blended,
        )
    )


def blended(
    price: HostedPrice, input_share: float = 0.75
) -> float:
    """Average a price over tokens in and out.

    share × input + (1 - share) × output, in USD
    per million tokens. input_share: from 0 to 1.
    Raises ValueError for another share.
    """
    if not 0 <= input_share <= 1:
        raise ValueError(
            f"input_share is {input_share}; "
            "it has to be from 0 to 1"
        )
    tokens_in = price.input_usd_per_million_tokens
    tokens_out = price.output_usd_per_million_tokens
    return (
        input_share * tokens_in
        + (1 - input_share) * tokens_out
    )


# --8<-- [end:offers]
