"""An API's bill: by hand, additive in tokens, monotone in prices, and honest about what it assumes."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.data.hosted import HostedPrice, hosted_price
from snippets.data.offers import offers
from snippets.why_self_host.api_bill import ApiDay, ApiPrices, api_prices, api_tokens_usd
from snippets.why_self_host.capacity import Day
from tests.bounds import assert_accepts_exactly, defaults

TODAY = date(2026, 11, 24)
PRICES = (
    "input_usd_per_million_tokens",
    "output_usd_per_million_tokens",
    "cached_usd_per_million_tokens",
    "batch_input_usd_per_million_tokens",
    "batch_output_usd_per_million_tokens",
)
VALID: dict[str, Any] = {
    "input_tokens_per_day": 37_500_000.0,
    "output_tokens_per_day": 12_500_000.0,
    "cached_share": 0.3,
    "batch_share": 0.2,
} | dict(zip(PRICES, (2.0, 12.0, 0.2, 1.0, 6.0), strict=True))

usd = st.floats(0, 1_000)
tokens = st.floats(0, 1e12)
shares = st.floats(0, 1)
days = st.builds(
    ApiDay,
    input_tokens_per_day=tokens,
    output_tokens_per_day=tokens,
    cached_share=shares,
    batch_share=shares,
    input_usd_per_million_tokens=usd,
    output_usd_per_million_tokens=usd,
    cached_usd_per_million_tokens=usd,
    batch_input_usd_per_million_tokens=usd,
    batch_output_usd_per_million_tokens=usd,
)


def bill(**changes: float) -> float:
    return api_tokens_usd(ApiDay.model_validate(VALID | changes))


# --- by hand ----------------------------------------------------------------------------------


def test_a_year_is_the_sum_of_its_invoice_lines() -> None:
    # A day of 37.5M in and 12.5M out at GPT-5.6 Terra's prices, counted line by line:
    # batch 7.5M in at $1 and 2.5M out at $6; the rest: 9M cached at $0.20, 21M new at $2, 10M out at $12.
    lines = [7.50, 15.00, 1.80, 42.00, 120.00]
    assert 12 * bill() == pytest.approx(365 * sum(lines))


def test_a_day_without_discounts_costs_what_the_price_list_says() -> None:
    # Llama 3.3 70B at $0.59 in and $0.79 out: $22.125 and $9.875 a day, whatever is cached or may wait.
    flat = dict(zip(PRICES, (0.59, 0.79, 0.59, 0.59, 0.79), strict=True))
    assert bill(**flat) == pytest.approx((22.125 + 9.875) * 365 / 12)


def test_one_million_tokens_of_input_a_day_at_a_dollar_is_one_dollar_a_day() -> None:
    only = {
        "input_tokens_per_day": 1e6,
        "output_tokens_per_day": 0.0,
        "cached_share": 0.0,
        "batch_share": 0.0,
    }
    assert 12 * bill(**only, input_usd_per_million_tokens=1.0) == pytest.approx(365)


def test_what_is_all_cached_or_all_in_batches_pays_only_that_price() -> None:
    cached = bill(cached_share=1, batch_share=0, output_tokens_per_day=0)
    assert cached == pytest.approx(37.5 * 0.2 * 365 / 12)
    batch = bill(batch_share=1)  # a batch reads no cache, so the cached share does not matter
    assert batch == pytest.approx((37.5 * 1 + 12.5 * 6) * 365 / 12)
    assert bill(batch_share=1, cached_share=0.9) == pytest.approx(batch)


# --- properties -------------------------------------------------------------------------------


@given(days)
def test_no_bill_is_negative_and_no_tokens_cost_nothing(case: ApiDay) -> None:
    assert api_tokens_usd(case) >= 0
    idle = case.model_copy(update={"input_tokens_per_day": 0.0, "output_tokens_per_day": 0.0})
    assert api_tokens_usd(idle) == 0


@given(days, tokens, tokens)
def test_the_bill_of_two_days_is_the_bill_of_both_together(
    case: ApiDay, more_in: float, more_out: float
) -> None:
    other = case.model_copy(update={"input_tokens_per_day": more_in, "output_tokens_per_day": more_out})
    both = case.model_copy(
        update={
            "input_tokens_per_day": case.input_tokens_per_day + more_in,
            "output_tokens_per_day": case.output_tokens_per_day + more_out,
        }
    )
    assert api_tokens_usd(both) == pytest.approx(api_tokens_usd(case) + api_tokens_usd(other))


@given(days, st.sampled_from(PRICES), st.floats(0, 1_000))
def test_a_higher_price_never_lowers_the_bill(case: ApiDay, price: str, more: float) -> None:
    dearer = case.model_copy(update={price: getattr(case, price) + more})
    assert api_tokens_usd(dearer) >= api_tokens_usd(case) * (1 - 1e-12)


@given(days, shares)
def test_caching_more_never_costs_more_where_cached_input_is_no_dearer(case: ApiDay, share: float) -> None:
    cheaper = min(case.cached_usd_per_million_tokens, case.input_usd_per_million_tokens)
    low, high = sorted((case.cached_share, share))
    some, more = (
        api_tokens_usd(
            case.model_copy(update={"cached_usd_per_million_tokens": cheaper, "cached_share": one})
        )
        for one in (low, high)
    )
    assert more <= some * (1 + 1e-9)


@given(days, shares)
def test_what_has_no_discount_costs_the_same_however_it_is_sent(case: ApiDay, share: float) -> None:
    flat = case.model_copy(
        update={
            "cached_usd_per_million_tokens": case.input_usd_per_million_tokens,
            "batch_input_usd_per_million_tokens": case.input_usd_per_million_tokens,
            "batch_output_usd_per_million_tokens": case.output_usd_per_million_tokens,
        }
    )
    other = flat.model_copy(update={"cached_share": share, "batch_share": 1 - share})
    assert api_tokens_usd(other) == pytest.approx(api_tokens_usd(flat))


@pytest.mark.parametrize("field", sorted(VALID))
def test_an_array_in_a_field_is_billed_draw_by_draw(field: str) -> None:
    draws = np.array([0.0, 0.25, 1.0])
    at_once = api_tokens_usd(ApiDay.model_validate(VALID).model_copy(update={field: draws}))
    assert list(np.asarray(at_once)) == pytest.approx([bill(**{field: float(one)}) for one in draws])


# --- prices from the data ---------------------------------------------------------------------


def test_a_host_that_lists_only_two_prices_has_three_assumed_and_named() -> None:
    found = api_prices(hosted_price("groq", "llama-3.3-70b-versatile", TODAY))
    assert tuple(found.fields[name] for name in PRICES) == (0.59, 0.79, 0.59, 0.59, 0.79)
    assert found.assumed == ("cached", "batch_input", "batch_output")


def test_a_host_that_lists_all_five_has_none_assumed() -> None:
    found = api_prices(hosted_price("anthropic", "claude-sonnet-5-5", TODAY))
    assert tuple(found.fields[name] for name in PRICES) == (2, 10, 0.1, 1, 5)
    assert found.assumed == ()


def test_a_price_of_zero_is_a_price_and_not_missing() -> None:
    price = hosted_price("groq", "llama-3.3-70b-versatile", TODAY)
    free = price.model_copy(update={"cache_read_usd_per_million_tokens": 0.0})
    found = api_prices(free)
    assert found.fields["cached_usd_per_million_tokens"] == 0
    assert "cached" not in found.assumed


@pytest.mark.parametrize("price", offers("llama-3.3-70b", TODAY), ids=lambda price: price.provider)
def test_every_price_of_a_host_fills_a_day(price: HostedPrice) -> None:
    assert set(api_prices(price).fields) == set(PRICES)
    assert bill(**api_prices(price).fields) > 0


def test_hosts_of_the_same_weights_differ_by_more_than_four_times_for_the_office() -> None:
    bills = [bill(**api_prices(price).fields) for price in offers("llama-3.3-70b", TODAY)]
    assert (round(min(bills)), round(max(bills))) == (306, 1338)


# --- bounds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "highest"),
    [
        ("input_tokens_per_day", 1e15),
        ("output_tokens_per_day", 1e15),
        ("cached_share", 1.0),
        ("batch_share", 1.0),
        *((name, 10_000.0) for name in PRICES),
    ],
)
def test_bounds_of_a_day_at_an_api(field: str, highest: float) -> None:
    assert_accepts_exactly(ApiDay, VALID, field, 0.0, highest)
    with pytest.raises(ValidationError, match=field):
        ApiDay.model_validate(VALID | {field: 10**30})


def test_nothing_has_a_default_and_nothing_else_is_taken() -> None:
    assert defaults(ApiDay) == defaults(ApiPrices) == {}
    assert set(VALID) == set(ApiDay.model_fields)
    with pytest.raises(ValidationError, match="cache_share"):
        ApiDay.model_validate(VALID | {"cache_share": 0.3})
    with pytest.raises(ValidationError, match="cached_share"):
        ApiDay.model_validate({name: value for name, value in VALID.items() if name != "cached_share"})
    with pytest.raises(ValidationError, match="frozen"):
        ApiDay.model_validate(VALID).cached_share = 0.5  # type: ignore[misc]  # that it is refused is the test


@pytest.mark.parametrize(
    "field", ["input_tokens_per_day", "output_tokens_per_day", "cached_share", "batch_share"]
)
def test_a_day_at_an_api_and_a_day_at_home_have_the_same_tokens(field: str) -> None:
    assert repr(ApiDay.model_fields[field]) == repr(Day.model_fields[field])
