"""Availability and rate limits: known values, laws of probability, and the edges."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.why_self_host.independence import Availability, Machine, Queue, all_of, any_of

availabilities = st.builds(Availability, percent=st.floats(0, 100))


def test_three_nines_are_43_minutes_a_month() -> None:
    assert Availability(percent=99.9).downtime_minutes_per_month == pytest.approx(43.2)


def test_a_machine_that_runs_as_long_as_it_is_repaired_is_up_half_the_time() -> None:
    machine = Machine(hours_between_failures=10, hours_to_repair=10)
    assert machine.availability_percent == 50


def test_two_alternatives_of_99_percent_make_four_nines() -> None:
    replica = Availability(percent=99)
    assert any_of(replica, replica).percent == pytest.approx(99.99)


def test_a_chain_of_two_99_percent_parts_is_weaker_than_either() -> None:
    part = Availability(percent=99)
    assert all_of(part, part).percent == pytest.approx(98.01)


@given(availabilities, availabilities)
def test_an_alternative_never_hurts_and_a_further_link_never_helps(
    one: Availability, other: Availability
) -> None:
    assert any_of(one, other).percent >= max(one.percent, other.percent) - 1e-9
    assert all_of(one, other).percent <= min(one.percent, other.percent) + 1e-9


@given(availabilities, availabilities)
def test_the_order_does_not_matter(one: Availability, other: Availability) -> None:
    assert any_of(one, other).percent == pytest.approx(any_of(other, one).percent)
    assert all_of(one, other).percent == pytest.approx(all_of(other, one).percent)


@given(st.floats(1, 1e5), st.floats(0.1, 1e4), st.floats(0.1, 1e4))
def test_a_longer_repair_never_raises_availability(running: float, repair: float, more: float) -> None:
    quick = Machine(hours_between_failures=running, hours_to_repair=repair)
    slow = Machine(hours_between_failures=running, hours_to_repair=repair + more)
    assert slow.availability_percent <= quick.availability_percent


def test_a_rate_limit_of_200_000_tokens_a_minute_is_288_million_a_day() -> None:
    assert Queue(backlog_tokens=0, tokens_per_minute=200_000).tokens_per_day == 288_000_000


@given(st.integers(0, 10**15), st.floats(1, 1e9))
def test_a_backlog_drains_at_its_rate(backlog: int, rate: float) -> None:
    queue = Queue(backlog_tokens=backlog, tokens_per_minute=rate)
    assert queue.minutes_to_drain * rate == pytest.approx(backlog)


@pytest.mark.parametrize("value", [-1, 101, nan, inf])
def test_an_availability_outside_0_to_100_names_the_field(value: float) -> None:
    with pytest.raises(ValidationError, match="percent"):
        Availability(percent=value)


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("backlog_tokens", -1, "greater than or equal to 0"),
        ("backlog_tokens", 10**30, "less than or equal to 1000000000000000"),
        ("tokens_per_minute", 0, "greater than 0"),
        ("tokens_per_minute", nan, "finite number"),
    ],
)
def test_a_bad_queue_names_the_field_and_what_is_allowed(field: str, value: float, allowed: str) -> None:
    with pytest.raises(ValidationError) as failure:
        Queue.model_validate({"backlog_tokens": 0, "tokens_per_minute": 1, field: value})
    (error,) = failure.value.errors()
    assert error["loc"] == (field,)
    assert allowed in error["msg"]


@pytest.mark.parametrize("field", ["hours_between_failures", "hours_to_repair"])
@pytest.mark.parametrize("value", [0, -1, nan, inf, 1e30])
def test_a_bad_machine_names_the_field(field: str, value: float) -> None:
    with pytest.raises(ValidationError, match=field):
        Machine.model_validate({"hours_between_failures": 1, "hours_to_repair": 1, field: value})
