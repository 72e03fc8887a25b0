"""A fleet: the fewest replicas within a target, a spare, and what it costs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snippets.hardware.concurrency import capacity_per_s, steady
from snippets.hardware.fleet import Target, most_requests_per_s, plan
from snippets.hardware.replica import Load, Replica, StepTime
from tests.bounds import SMALLEST, assert_accepts_exactly, defaults

ONE = Replica(
    step=StepTime(overhead_s=0.003, weights_s=0.004, token_s=2e-5, context_token_s=3e-8, pair_s=1e-9),
    kv_tokens=900_000,
)
TARGET = Target(time_to_first_token_s=1, time_per_token_s=0.02)


def load(rate: float) -> Load:
    return Load(requests_per_s=rate, input_tokens=1_000, output_tokens=300)


def test_the_most_within_a_target_meets_it_and_no_more_does() -> None:
    most = most_requests_per_s(ONE, load(1), TARGET)
    at, beyond = steady(ONE, load(most)), steady(ONE, load(most * 1.001))
    assert at.time_per_token_s <= 0.02 < beyond.time_per_token_s
    assert most < capacity_per_s(ONE, load(1))


def test_the_first_token_can_be_the_limit() -> None:
    strict = Target(time_to_first_token_s=0.035, time_per_token_s=1)
    most = most_requests_per_s(ONE, load(1), strict)
    assert steady(ONE, load(most)).time_to_first_token_s == pytest.approx(0.035)


def test_a_plan_by_hand() -> None:
    one = most_requests_per_s(ONE, load(1), TARGET)
    found = plan(ONE, load(one * 2.5), TARGET, usd_per_hour=3, spare=2)
    assert found.replicas == 3 + 2
    assert found.each == steady(ONE, load(one * 2.5 / 3))
    assert found.utilization_ratio == pytest.approx(one * 2.5 / 5 / capacity_per_s(ONE, load(1)))
    tokens_per_hour = one * 2.5 * 1_300 * 3_600
    assert found.usd_per_million_tokens == pytest.approx(5 * 3 / tokens_per_hour * 1e6)


def test_one_spare_unless_told() -> None:
    assert plan(ONE, load(0.1), TARGET, 3).replicas == 2
    assert plan(ONE, load(0.1), TARGET, 0, spare=0).replicas == 1


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 500), st.floats(1.01, 3))
def test_more_load_needs_no_fewer_and_each_meets_the_target(rate: float, times: float) -> None:
    less, more = (plan(ONE, load(asked), TARGET, 3) for asked in (rate, rate * times))
    assert more.replicas >= less.replicas
    assert more.usd_per_million_tokens > 0
    for found in (less, more):
        assert found.each.time_to_first_token_s <= TARGET.time_to_first_token_s
        assert found.each.time_per_token_s <= TARGET.time_per_token_s


@given(st.integers(1, 20), st.floats(0.05, 0.95))
def test_more_replicas_never_wait_longer(replicas: int, share: float) -> None:
    rate = share * capacity_per_s(ONE, load(1)) * replicas
    few, many = (steady(ONE, load(rate / count)) for count in (replicas, replicas + 1))
    assert many.time_to_first_token_s <= few.time_to_first_token_s
    assert many.time_per_token_s <= few.time_per_token_s


def test_a_target_below_one_request_alone_is_refused() -> None:
    with pytest.raises(ValueError, match=r"time_per_token_s is 0.007\d* alone, above 0.007"):
        most_requests_per_s(ONE, load(1), Target(time_to_first_token_s=1, time_per_token_s=0.007))
    with pytest.raises(ValueError, match=r"time_to_first_token_s is 0.02\d+ alone, above 0.01"):
        most_requests_per_s(ONE, load(1), Target(time_to_first_token_s=0.01, time_per_token_s=1))


@pytest.mark.parametrize(("usd", "spare"), [(-1, 0), (float("inf"), 0), (float("nan"), 0), (1, -1)])
def test_no_negative_price_or_spare(usd: float, spare: int) -> None:
    with pytest.raises(ValueError, match="both at least 0"):
        plan(ONE, load(1), TARGET, usd, spare)


def test_bounds() -> None:
    valid = TARGET.model_dump()
    assert_accepts_exactly(Target, valid, "time_to_first_token_s", SMALLEST, 1e5)
    assert_accepts_exactly(Target, valid, "time_per_token_s", SMALLEST, 1e3)
    assert defaults(Target) == {}
