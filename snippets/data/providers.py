"""What is sold by whom, under which name?"""

# --8<-- [start:imports]
from collections.abc import Iterable
from datetime import date
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

import snippets.data
from snippets.data.facts import Fact, read_facts
from snippets.data.records import (
    Id,
    Record,
    Text,
    UnknownNameError,
    read_entries,
)

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

# --8<-- [end:imports]


# --8<-- [start:models]
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
    # A block of a page has no __file__.
    data = Path(*snippets.data.__path__)
    return read_entries(data / "hosted", Hosted)


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


def find_model(
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
            for price in listed_prices(
                find_model(provider, model)
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
    return min([*facts, *starts, read_data().as_of])


def read_data() -> Fact:
    """When the package's data were current."""
    return read_facts()["genai-prices"]


def listed_prices(info: "ModelInfo") -> list[Any]:
    """Prices with constraints, dated or not."""
    prices = info.prices
    return (
        prices if isinstance(prices, list) else []
    )


# --8<-- [end:dates]
