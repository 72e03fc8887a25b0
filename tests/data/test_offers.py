"""The same open weights at several hosts: who, and in which order."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.data.hosted import hosted_price
from snippets.data.offers import blended, offers
from snippets.data.providers import read_hosted
from snippets.data.records import UnknownNameError

TODAY = date(2026, 11, 24)
OPEN = sorted(record.weights for record in read_hosted().values() if record.weights)


@pytest.mark.parametrize("weights", OPEN)
def test_offers_come_cheapest_first_and_from_several_hosts(weights: str) -> None:
    prices = [blended(price) for price in offers(weights, TODAY)]
    assert prices == sorted(prices)
    assert len({price.provider for price in offers(weights, TODAY)}) >= 3


def test_unknown_weights_name_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown open weights 'llama-70b'; nearest: llama-3\.3-70b"):
        offers("llama-70b", TODAY)


@given(st.floats(0, 1))
def test_a_blend_lies_between_input_and_output(share: float) -> None:
    price = hosted_price("openai", "gpt-4o-mini", TODAY)
    assert 0.15 - 1e-9 <= blended(price, share) <= 0.60 + 1e-9


def test_a_blend_is_three_parts_in_and_one_out_unless_told() -> None:
    price = hosted_price("openai", "gpt-4o-mini", TODAY)
    assert blended(price) == pytest.approx((3 * 0.15 + 0.60) / 4)
    assert (blended(price, 1), blended(price, 0)) == (0.15, 0.60)


@pytest.mark.parametrize("share", [-0.01, 1.01, float("nan")])
def test_a_share_is_from_nothing_to_all(share: float) -> None:
    with pytest.raises(ValueError, match="input_share is"):
        blended(hosted_price("openai", "gpt-4o-mini", TODAY), share)
