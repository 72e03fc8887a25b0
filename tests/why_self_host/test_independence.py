"""Availability and rate limits: known values, laws of probability, and the edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from snippets.why_self_host.independence import Availability, Machine, Queue, all_of, any_of
from tests.bounds import SMALLEST, assert_accepts_exactly, defaults

RANGES = [
    (Machine, "hours_between_failures", SMALLEST, 1e6),
    (Machine, "hours_to_repair", SMALLEST, 1e6),
    (Availability, "percent", 0.0, 100.0),
    (Queue, "backlog_tokens", 0, 10**15),
    (Queue, "tokens_per_minute", SMALLEST, 1e12),
]
VALID: dict[type[BaseModel], dict[str, float]] = {
    Machine: {"hours_between_failures": 1, "hours_to_repair": 1},
    Availability: {"percent": 99},
    Queue: {"backlog_tokens": 0, "tokens_per_minute": 1},
}

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


def test_two_million_tokens_leave_in_ten_minutes_at_200_000_a_minute() -> None:
    assert Queue(backlog_tokens=2_000_000, tokens_per_minute=200_000).minutes_to_drain == 10


@given(st.integers(0, 10**15), st.floats(1, 1e9))
def test_a_backlog_drains_at_its_rate(backlog: int, rate: float) -> None:
    queue = Queue(backlog_tokens=backlog, tokens_per_minute=rate)
    assert queue.minutes_to_drain * rate == pytest.approx(backlog)


@pytest.mark.parametrize(("model", "field", "lowest", "highest"), RANGES)
def test_a_field_accepts_exactly_its_range(
    model: type[BaseModel], field: str, lowest: float, highest: float
) -> None:
    assert_accepts_exactly(model, VALID[model], field, lowest, highest)


@pytest.mark.parametrize("model", VALID)
def test_every_field_has_a_range_and_no_default(model: type[BaseModel]) -> None:
    assert [field for one, field, _, _ in RANGES if one is model] == [*model.model_fields]
    assert defaults(model) == {}


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("backlog_tokens", 10**30, "less than or equal to 1000000000000000"),
        ("tokens_per_minute", 0, "greater than 0"),
    ],
)
def test_a_bad_queue_is_told_what_is_allowed(field: str, value: float, allowed: str) -> None:
    with pytest.raises(ValidationError, match=allowed):
        Queue.model_validate(VALID[Queue] | {field: value})
