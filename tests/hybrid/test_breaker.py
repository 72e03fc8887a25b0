"""A breaker opens after so many failures in a row, and lets one try after a while."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from snippets.hybrid.breaker import Breaker, BreakerSettings

SETTINGS = BreakerSettings(failures=3, open_s=10)


def broken(now_s: float = 100) -> Breaker:
    breaker = Breaker(SETTINGS)
    for _ in range(3):
        breaker.failed(now_s)
    return breaker


def test_it_opens_at_the_last_failure_in_a_row() -> None:
    breaker = Breaker(SETTINGS)
    for _ in range(2):
        breaker.failed(100)
        assert breaker.closed(100)
        assert breaker.enter(100)
    breaker.failed(100)
    assert not breaker.closed(100)
    assert not breaker.enter(100)


def test_a_success_begins_the_count_again() -> None:
    breaker = Breaker(SETTINGS)
    for _ in range(5):
        breaker.failed(100)
        breaker.failed(100)
        breaker.succeeded()
    assert breaker.enter(100)


def test_after_a_success_all_but_the_last_failure_leave_it_closed() -> None:
    breaker = broken()
    breaker.succeeded()
    for _ in range(2):
        breaker.failed(200)
    assert breaker.enter(200)
    breaker.failed(200)
    assert not breaker.enter(200)


def test_after_the_wait_one_may_try_and_the_next_waits() -> None:
    breaker = broken()
    assert not breaker.enter(109.9)
    assert breaker.closed(110)
    assert breaker.enter(110)
    assert not breaker.enter(110)
    assert not breaker.enter(119.9)
    assert breaker.enter(120)


def test_a_try_that_fails_opens_it_from_then() -> None:
    breaker = broken()
    assert breaker.enter(110)
    breaker.failed(115)
    assert not breaker.enter(124.9)
    assert breaker.enter(125)


def test_a_try_that_succeeds_closes_it() -> None:
    breaker = broken()
    assert breaker.enter(110)
    breaker.succeeded()
    assert all(breaker.enter(110) for _ in range(5))


def test_asking_whether_it_is_closed_uses_no_try() -> None:
    breaker = broken()
    assert all(breaker.closed(110) for _ in range(3))
    assert breaker.enter(110)


def test_unless_told_it_takes_five_failures_and_half_a_minute() -> None:
    settings = BreakerSettings()
    assert (settings.failures, settings.open_s) == (5, 30)


@pytest.mark.parametrize(
    "wrong", [{"failures": 0}, {"open_s": 0}, {"open_s": float("inf")}, {"opens": 1}, {"failures": 1.5}]
)
def test_bounds(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        BreakerSettings.model_validate(wrong)


def test_the_least_that_is_allowed() -> None:
    breaker = Breaker(BreakerSettings(failures=1, open_s=0.001))
    breaker.failed(1)
    assert not breaker.enter(1)
    assert breaker.enter(1.001)
