"""Hosted prices: exact names, exact dates, nothing filled in."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data import providers
from genai_prices.types import ModelInfo, TieredPrices
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.data.facts import read_facts
from snippets.data.hosted import HostedPrice, hosted_price
from snippets.data.providers import Hosted, Offer, first_day, price_dates, read_hosted
from tests.bounds import assert_accepts_exactly, defaults

TODAY = date(2026, 11, 24)
DATA = read_facts()["genai-prices"]
LISTED = [(provider.id, model) for provider in providers for model in provider.models]
OFFERS = [(record, offer) for record in read_hosted().values() for offer in record.offers]
DATED = [("openrouter", "meta-llama/llama-3.3-70b-instruct"), ("openai", "gpt-5.6-sol"), ("openai", "o3")]


def usd(price: HostedPrice) -> tuple[float, float]:
    return price.input_usd_per_million_tokens, price.output_usd_per_million_tokens


def sold_by_the_token(model: ModelInfo) -> bool:
    prices = [one.prices for one in model.prices] if isinstance(model.prices, list) else [model.prices]
    return all(one.input_mtok is not None and one.output_mtok is not None for one in prices)


# --- what the data say ------------------------------------------------------------------------


@pytest.mark.parametrize("on", [date(2024, 7, 18), date(2025, 7, 18), TODAY])
def test_gpt_4o_mini_has_cost_the_same_since_it_was_announced(on: date) -> None:
    assert usd(hosted_price("openai", "gpt-4o-mini", on)) == (0.15, 0.60)


def test_a_dated_price_holds_from_its_day_to_the_day_before_the_next() -> None:
    first, second, third = price_dates("openrouter", "meta-llama/llama-3.3-70b-instruct")
    assert (first, second, third) == (date(2026, 10, 19), date(2026, 11, 3), date(2026, 11, 9))
    last = hosted_price("openrouter", "meta-llama/llama-3.3-70b-instruct", second - timedelta(days=1))
    next_ = hosted_price("openrouter", "meta-llama/llama-3.3-70b-instruct", second)
    assert (usd(last), last.starts, last.ends) == ((0.10, 0.32), first, second)
    assert (usd(next_), next_.starts, next_.ends) == ((0.45, 0.90), second, third)


def test_an_announced_price_is_the_end_of_todays_and_holds_from_its_day() -> None:
    today = hosted_price("google", "gemini-4-argon", TODAY)
    later = hosted_price("google", "gemini-4-argon", date(2026, 12, 1))
    assert (usd(today), today.starts, today.ends) == ((2, 10), None, date(2026, 12, 1))
    assert (usd(later), later.starts, later.ends) == ((4, 20), date(2026, 12, 1), None)


def test_cache_and_batch_are_none_where_the_data_have_none() -> None:
    price = hosted_price("anthropic", "claude-sonnet-5-5", TODAY)
    assert (price.cache_read_usd_per_million_tokens, price.cache_write_usd_per_million_tokens) == (0.1, 2.5)
    assert (price.batch_input_usd_per_million_tokens, price.batch_output_usd_per_million_tokens) == (1, 5)
    price = hosted_price("groq", "llama-3.3-70b-versatile", TODAY)
    assert price.cache_read_usd_per_million_tokens is None
    assert price.cache_write_usd_per_million_tokens is None
    assert price.batch_input_usd_per_million_tokens is None
    assert price.batch_output_usd_per_million_tokens is None


def test_batch_prices_are_not_dated_back() -> None:
    before = hosted_price("openai", "gpt-4o-mini", date(2026, 10, 13))
    assert before.batch_input_usd_per_million_tokens is None
    since = hosted_price("openai", "gpt-4o-mini", date(2026, 10, 14))
    assert since.batch_input_usd_per_million_tokens == 0.075


def test_a_tier_begins_after_its_number_of_tokens() -> None:
    short = hosted_price("openai", "gpt-5.6-sol", TODAY, input_tokens=272_000)
    long = hosted_price("openai", "gpt-5.6-sol", TODAY, input_tokens=272_001)
    assert usd(short) == (4, 20)
    assert usd(long) == (8, 30)
    assert short.batch_input_usd_per_million_tokens == 2
    assert long.batch_input_usd_per_million_tokens == 4
    assert short.tiered
    assert long.tiered
    assert not hosted_price("openai", "gpt-4o-mini", TODAY).tiered


def test_an_hour_picks_the_price_where_it_varies() -> None:
    noon = hosted_price("deepseek", "deepseek-v4-flash", TODAY)
    peak = hosted_price("deepseek", "deepseek-v4-flash", TODAY, hour_utc=2)
    assert (noon.hour_utc, usd(noon), usd(peak)) == (12, (0.15, 0.6), (0.3, 1.2))
    assert noon.varies_by_hour
    assert not hosted_price("openai", "gpt-4o-mini", TODAY).varies_by_hour


def test_a_model_that_is_withdrawn_says_so() -> None:
    assert hosted_price("cerebras", "llama-3.3-70b", TODAY).deprecated
    assert not hosted_price("groq", "llama-3.3-70b-versatile", TODAY).deprecated


def test_the_answer_repeats_what_was_asked() -> None:
    price = hosted_price("openai", "gpt-5", TODAY, input_tokens=7, hour_utc=3)
    asked = (price.provider, price.model, price.valid_on, price.input_tokens, price.hour_utc)
    assert asked == ("openai", "gpt-5", TODAY, 7, 3)
    assert price.as_of == DATA.as_of
    assert hosted_price("openai", "gpt-5", TODAY).input_tokens == 0


# --- what the package promises ---------------------------------------------------------------


@pytest.mark.parametrize(("provider", "name"), DATED)
def test_every_price_agrees_with_the_package(provider: str, name: str) -> None:
    for day in price_dates(provider, name):
        ours = hosted_price(provider, name, day)
        theirs = calc_price(
            Usage(input_tokens=1_000, output_tokens=1_000),
            name,
            provider_id=provider,
            genai_request_timestamp=datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
        )
        assert float(theirs.total_price) == pytest.approx(sum(usd(ours)) / 1_000)


@given(st.sampled_from([one for one in LISTED if sold_by_the_token(one[1])]), st.integers(0, 2_000_000))
def test_every_model_sold_by_the_token_has_a_price_today(listed: tuple[str, ModelInfo], tokens: int) -> None:
    provider, model = listed
    if first_day(provider, model.id) <= TODAY:
        price = hosted_price(provider, model.id, TODAY, input_tokens=tokens)
        assert price.starts is None or price.starts <= TODAY
        assert price.ends is None or price.ends > TODAY


TIERED = [
    (provider, model.id)
    for provider, model in LISTED
    if sold_by_the_token(model)
    and not isinstance(model.prices, list)
    and isinstance(model.prices.input_mtok, TieredPrices)
]


@given(st.sampled_from(TIERED), st.integers(0, 2_000_000), st.integers(0, 2_000_000))
def test_a_longer_prompt_never_costs_less_a_token(name: tuple[str, str], one: int, other: int) -> None:
    short, long = (hosted_price(*name, TODAY, input_tokens=tokens) for tokens in sorted((one, other)))
    assert usd(short) <= usd(long)


# --- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "model", "first"),
    [
        ("openai", "gpt-4o-mini", date(2024, 7, 18)),  # announced
        ("openai", "gpt-5.6-sol", date(2026, 8, 21)),  # dated
        ("groq", "llama-3.3-70b-versatile", DATA.as_of),  # neither
    ],
)
def test_before_its_first_known_day_a_model_has_no_price(provider: str, model: str, first: date) -> None:
    assert hosted_price(provider, model, first)
    before = first - timedelta(days=1)
    with pytest.raises(
        ValueError, match=f"{provider}/{model} has no known price on {before}: .* from {first}"
    ):
        hosted_price(provider, model, before)


def test_data_that_have_expired_give_no_price() -> None:
    assert DATA.expires
    assert hosted_price("openai", "gpt-4o-mini", DATA.expires - timedelta(days=1))
    with pytest.raises(ValueError, match=f"has no known price on {DATA.expires}"):
        hosted_price("openai", "gpt-4o-mini", DATA.expires)


def test_what_is_not_sold_by_the_token_has_no_price() -> None:
    with pytest.raises(ValueError, match="google/gemini-embedding-001 is not sold by the token"):
        hosted_price("google", "gemini-embedding-001", TODAY)
    with pytest.raises(ValueError, match="google/gemma-3 is not sold by the token"):
        hosted_price("google", "gemma-3", TODAY)


def test_a_prompt_has_no_negative_length() -> None:
    with pytest.raises(ValidationError, match="input_tokens"):
        hosted_price("openai", "gpt-4o-mini", TODAY, input_tokens=-1)


VALID = hosted_price("anthropic", "claude-sonnet-5-5", TODAY).model_dump()


@pytest.mark.parametrize("field", [name for name in VALID if name.endswith("_tokens") and "usd" in name])
def test_prices_are_not_negative_nor_absurd(field: str) -> None:
    assert_accepts_exactly(HostedPrice, VALID, field, 0, 10_000)


def test_bounds_of_what_is_asked() -> None:
    assert_accepts_exactly(HostedPrice, VALID, "input_tokens", 0, 100_000_000)
    for hour in (0, 23):
        assert hosted_price("openai", "gpt-4o-mini", TODAY, hour_utc=hour).hour_utc == hour
    for hour in (-1, 24):
        with pytest.raises(ValueError, match="hour"):
            hosted_price("openai", "gpt-4o-mini", TODAY, hour_utc=hour)
        with pytest.raises(ValidationError):
            HostedPrice.model_validate({**VALID, "hour_utc": hour})
    assert defaults(HostedPrice) == {}


# --- offers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("record", "offer"), OFFERS, ids=lambda one: getattr(one, "model", None) or one.id)
def test_every_offer_is_sold_today_and_on_the_day_of_its_record(record: Hosted, offer: Offer) -> None:
    for on in (TODAY, record.as_of):
        assert not hosted_price(offer.provider, offer.model, on).deprecated


@pytest.mark.parametrize("offer", [offer for _, offer in OFFERS if offer.fact], ids=lambda offer: offer.model)
def test_a_fact_that_dates_a_price_states_the_same_price(offer: Offer) -> None:
    assert offer.fact
    fact = read_facts()[offer.fact]
    price = hosted_price(offer.provider, offer.model, fact.as_of)
    assert usd(price) == tuple(fact.values[f"{kind}_usd_per_million_tokens"] for kind in ("input", "output"))


# --- nothing comes over the network -----------------------------------------------------------

OFFLINE = """
import socket, sys, threading
def refuse(*_, **__): raise AssertionError("a socket was opened")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
from datetime import date
import snippets.data.hosted as hosted
assert "genai_prices" not in sys.modules, "the package is imported before it is needed"
hosted.hosted_price("openai", "gpt-4o-mini", date(2026, 11, 24))
assert threading.active_count() == 1, threading.enumerate()
"""


def test_nothing_is_fetched_and_the_import_is_light() -> None:
    subprocess.run([sys.executable, "-c", OFFLINE], check=True, timeout=60)
