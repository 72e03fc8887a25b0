"""Waiting in line: known values of Erlang, a simulation, and what more slots or more load do."""

from __future__ import annotations

import heapq
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.why_self_host.waiting import Line, burst_s, mean_wait_s, wait_probability, wait_within_s
from tests.bounds import SMALLEST, assert_accepts_exactly, defaults

VALID = {"slots": 1, "service_s": 1, "utilization_ratio": 0.5}

lines = st.builds(
    Line,
    slots=st.integers(1, 300),
    service_s=st.floats(0.01, 1_000),
    utilization_ratio=st.floats(0.01, 0.99),
)


def line(slots: int, utilization: float, service_s: float = 1) -> Line:
    return Line(slots=slots, service_s=service_s, utilization_ratio=utilization)


# --- known values -----------------------------------------------------------------------------


@pytest.mark.parametrize("utilization", [0.1, 0.5, 0.9])
def test_with_one_slot_as_many_wait_as_it_is_busy(utilization: float) -> None:
    assert wait_probability(line(1, utilization)) == pytest.approx(utilization)
    assert mean_wait_s(line(1, utilization)) == pytest.approx(utilization / (1 - utilization))


@pytest.mark.parametrize("utilization", [0.2, 0.6, 0.95])
def test_two_slots_by_hand(utilization: float) -> None:
    # C(2) = 2 u² / (1 + u)
    assert wait_probability(line(2, utilization)) == pytest.approx(2 * utilization**2 / (1 + utilization))


@pytest.mark.parametrize(("slots", "utilization"), [(3, 0.6), (10, 0.8), (64, 0.9)])
def test_erlang_c_by_its_definition(slots: int, utilization: float) -> None:
    load = slots * utilization
    busy = load**slots / math.factorial(slots) / (1 - utilization)
    some_free = sum(load**k / math.factorial(k) for k in range(slots))
    assert wait_probability(line(slots, utilization)) == pytest.approx(busy / (some_free + busy))


def test_a_simulated_line_waits_as_long() -> None:
    slots, utilization, requests = 3, 0.8, 200_000
    chance = np.random.default_rng(1)
    arrivals = np.cumsum(chance.exponential(1 / (slots * utilization), requests))
    free_at, waits = [0.0] * slots, []
    for now, service in zip(arrivals, chance.exponential(1, requests), strict=True):
        first = max(heapq.heappop(free_at), now)
        waits.append(first - now)
        heapq.heappush(free_at, first + service)
    one = line(slots, utilization)
    assert mean_wait_s(one) == pytest.approx(np.mean(waits), rel=0.05)
    assert wait_probability(one) == pytest.approx(np.mean(np.array(waits) > 0), rel=0.03)
    assert wait_within_s(one, 0.95) == pytest.approx(np.percentile(waits, 95), rel=0.05)


def test_a_burst_drains_through_what_is_spare() -> None:
    # 40 of 100 slots are free, and 4 requests a second find one
    assert burst_s(line(100, 0.6, service_s=10), 40) == 0
    assert burst_s(line(100, 0.6, service_s=10), 80) == pytest.approx(10)


# --- properties -------------------------------------------------------------------------------


@given(lines)
def test_a_probability_is_one(one: Line) -> None:
    assert 0 <= wait_probability(one) <= 1


@given(lines)
def test_a_slot_more_at_the_same_utilization_never_makes_anyone_wait_longer(one: Line) -> None:
    more = one.model_copy(update={"slots": one.slots + 1})
    assert wait_probability(more) <= wait_probability(one) + 1e-12
    assert mean_wait_s(more) <= mean_wait_s(one) + 1e-12


@given(lines, st.floats(0.001, 0.009))
def test_more_load_makes_everyone_wait_longer(one: Line, more: float) -> None:
    busier = one.model_copy(update={"utilization_ratio": one.utilization_ratio + more})
    assert wait_probability(busier) >= wait_probability(one)
    assert mean_wait_s(busier) >= mean_wait_s(one)
    assert burst_s(busier, 1_000) >= burst_s(one, 1_000)


@given(lines, st.floats(0.5, 100))
def test_waits_scale_with_the_service(one: Line, times: float) -> None:
    slower = one.model_copy(update={"service_s": one.service_s * times})
    assert mean_wait_s(slower) == pytest.approx(mean_wait_s(one) * times)
    assert wait_within_s(slower, 0.95) == pytest.approx(wait_within_s(one, 0.95) * times)
    assert burst_s(slower, 500) == pytest.approx(burst_s(one, 500) * times)


@given(lines)
def test_a_larger_share_waits_up_to_longer(one: Line) -> None:
    waits = [wait_within_s(one, share) for share in (0, 0.5, 0.9, 0.99)]
    assert all(low <= high for low, high in pairwise(waits))


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize("share", [-0.01, 1, 1.5, float("nan")])
def test_a_share_is_below_all(share: float) -> None:
    with pytest.raises(ValueError, match=r"share is .*; it has to be at least 0 and below 1"):
        wait_within_s(line(1, 0.5), share)


@pytest.mark.parametrize("requests", [-1, 10**30])
def test_a_burst_is_no_absurd_number(requests: int) -> None:
    with pytest.raises(ValueError, match=r"requests is .*; 0 to 10\^9"):
        burst_s(line(1, 0.5), requests)


def test_a_line_that_gets_more_than_it_serves_is_refused() -> None:
    with pytest.raises(ValidationError, match="utilization_ratio"):
        line(3, 1)


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [("slots", 1, 100_000), ("service_s", SMALLEST, 1e5), ("utilization_ratio", 0.0, 0.999)],
)
def test_bounds(field: str, lowest: float, highest: float) -> None:
    assert_accepts_exactly(Line, VALID, field, lowest, highest)


def test_nothing_has_a_default() -> None:
    assert defaults(Line) == {}


def test_a_burst_has_bounds() -> None:
    assert burst_s(line(3, 0.5), 10**9) > burst_s(line(3, 0.5), 0) == 0
    for requests in (-1, 10**9 + 1):
        with pytest.raises(ValueError, match="requests"):
            burst_s(line(3, 0.5), requests)
