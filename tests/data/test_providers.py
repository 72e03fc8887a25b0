"""Who sells what: exact names, known days, and records that date a price."""

from __future__ import annotations

from datetime import date

import pytest
from genai_prices.data import providers
from genai_prices.types import StartDateConstraint
from pydantic import ValidationError

from snippets.data.providers import (
    Hosted,
    Offer,
    find_model,
    first_day,
    listed_prices,
    price_dates,
    read_data,
    read_hosted,
)
from snippets.data.records import UnknownNameError
from tests.bounds import defaults

TODAY = date(2026, 11, 24)
DATA = read_data()
LISTED = [(provider.id, model) for provider in providers for model in provider.models]
OFFERS = [(record, offer) for record in read_hosted().values() for offer in record.offers]


# --- days -------------------------------------------------------------------------------------


def test_the_day_of_the_data_is_the_newest_price_that_has_begun() -> None:
    days = {day for provider, model in LISTED for day in price_dates(provider, model.id)}
    assert max(day for day in days if day <= TODAY) == DATA.as_of


def test_the_first_price_of_a_list_is_never_taken_for_a_date_that_it_lacks() -> None:
    for _, model in LISTED:
        if isinstance(model.prices, list):
            assert model.prices[0].constraint is None
            days = [
                one.constraint.start_date
                for one in model.prices
                if isinstance(one.constraint, StartDateConstraint)
            ]
            assert days == sorted(set(days))


def test_a_model_with_one_price_has_no_list_of_them() -> None:
    assert listed_prices(find_model("openai", "gpt-4")) == []
    assert len(listed_prices(find_model("openai", "gpt-5.6-sol"))) >= 2


@pytest.mark.parametrize(
    ("provider", "model", "first"),
    [
        ("openai", "gpt-4o-mini", date(2024, 7, 18)),  # announced
        ("openai", "gpt-5.6-sol", date(2026, 8, 21)),  # dated
        ("groq", "llama-3.3-70b-versatile", DATA.as_of),  # neither
    ],
)
def test_the_first_day_is_announced_or_dated_or_that_of_the_data(
    provider: str, model: str, first: date
) -> None:
    assert first_day(provider, model) == first


# --- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize("near", ["OpenAI", "open-ai", "openai ", "oppenai"])
def test_a_provider_is_never_guessed(near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown provider '{near}'; nearest: openai"):
        find_model(near, "gpt-4o-mini")


@pytest.mark.parametrize("near", ["gpt-4o-Mini", "gpt4o-mini", "gpt-4o-mini-2024-07-18"])
def test_a_model_is_never_guessed(near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown model of openai '{near}'; nearest: .*gpt-4o-mini"):
        find_model("openai", near)


def test_the_nearest_name_is_found_whatever_its_case() -> None:
    with pytest.raises(UnknownNameError, match=r"nearest: meta-llama/Llama-3\.3-70B-Instruct-Turbo"):
        find_model("together", "meta-llama/llama-3.3-70b-instruct")


def test_a_name_like_no_other_has_no_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"^unknown provider 'ß'$"):
        find_model("ß", "gpt-4o-mini")


# --- records ----------------------------------------------------------------------------------


def test_no_offer_stands_twice() -> None:
    names = [(offer.provider, offer.model) for _, offer in OFFERS]
    assert len(names) == len(set(names))
    weights = [record.weights for record, _ in OFFERS if record.weights]
    assert len(set(weights)) == sum(1 for record in read_hosted().values() if record.weights)


def test_defaults_of_an_offer_and_of_a_record() -> None:
    assert defaults(Offer) == {"fact": None, "note": ""}
    assert defaults(Hosted) == {"weights": None, "expires": None}
    with pytest.raises(ValidationError, match="offers"):
        Hosted(id="a", name="A", offers=(), sources=("a",), as_of=TODAY)
