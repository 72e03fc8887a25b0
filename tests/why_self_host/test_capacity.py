"""How many replicas a day needs: by hand, hour by hour, and by the laws that hold for any day."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.why_self_host.capacity import HOURS, MOST_TOKENS_PER_DAY, Day, Fleet, curve, fleet
from tests.bounds import assert_accepts_exactly, defaults

FLAT = curve({range(24): 1})
OFFICE = curve({range(8, 18): 10, range(18, 23): 3, range(23, 24): 1, range(8): 1})
# a replica reads 1,000 or writes 100 tokens a second; 10 hours of writing a day
VALID: dict[str, Any] = {
    "input_tokens_per_day": 0,
    "output_tokens_per_day": 3_600_000,
    "cached_share": 0,
    "batch_share": 0,
    "hourly_shares": FLAT,
    "input_tokens_per_s": 1_000,
    "output_tokens_per_s": 100,
    "highest_utilization": 1,
    "gpus_per_replica": 1,
    "spare_replicas": 0,
}


def day(**changes: Any) -> Day:
    return Day.model_validate(VALID | changes)


shares = st.floats(0, 1)
curves = (
    st.lists(st.floats(0, 100), min_size=24, max_size=24)
    .filter(lambda load: sum(load) > 1)
    .map(lambda load: curve({range(hour, hour + 1): one for hour, one in enumerate(load)}))
)
days = st.builds(
    Day,
    input_tokens_per_day=st.floats(0, 1e10),
    output_tokens_per_day=st.floats(0, 1e10),
    cached_share=shares,
    batch_share=shares,
    hourly_shares=curves,
    input_tokens_per_s=st.floats(100, 1e5),
    output_tokens_per_s=st.floats(100, 1e5),
    highest_utilization=st.floats(0.1, 1),
    gpus_per_replica=st.integers(1, 16),
    spare_replicas=st.integers(0, 3),
)


def served(one: Day, replicas: float) -> bool:
    """Whether so many replicas serve the day: each hour's callers at once, and batches in what is left."""
    own = fleet(one)
    room = replicas * one.highest_utilization * (1 + 1e-6) + 1e-6
    callers = [own.work_hours_per_day * (1 - one.batch_share) * share for share in one.hourly_shares]
    left = sum(room - load for load in callers)
    return max(callers) <= room and own.work_hours_per_day * one.batch_share <= left


# --- by hand ----------------------------------------------------------------------------------


def test_ten_hours_of_work_fill_one_replica_for_ten_hours() -> None:
    assert fleet(day())._asdict() == pytest.approx(
        {
            "work_hours_per_day": 10,
            "peak_replicas": 10 / 24,
            "replicas": 1,
            "gpus": 1,
            "gpu_hours_per_day": 24,
            "least_gpu_hours_per_day": 24,
            "utilization_ratio": 10 / 24,
        }
    )


def test_reading_and_writing_add_up_and_a_cache_reads_for_free() -> None:
    both = day(input_tokens_per_day=7_200_000)
    assert fleet(both).work_hours_per_day == pytest.approx(10 + 2)
    assert fleet(day(input_tokens_per_day=7_200_000, cached_share=0.5)).work_hours_per_day == pytest.approx(
        11
    )
    assert fleet(day(input_tokens_per_day=7_200_000, cached_share=1)).work_hours_per_day == pytest.approx(10)


def test_a_day_that_comes_in_one_hour_needs_ten_replicas_in_it() -> None:
    own = fleet(day(hourly_shares=curve({range(9, 10): 1})))
    assert own.replicas == 10
    assert own.gpu_hours_per_day == 240
    # one replica is kept through the other 23 hours
    assert own.least_gpu_hours_per_day == 10 + 23
    assert own.utilization_ratio == pytest.approx(10 / 240)


def test_stopped_by_the_hour_each_hour_keeps_room_too() -> None:
    # five hours of work in each of two hours, at half of the utilization
    two = curve({range(9, 11): 1})
    assert fleet(day(hourly_shares=two, highest_utilization=0.5)).least_gpu_hours_per_day == 2 * 10 + 22


def test_what_may_wait_needs_no_replica_of_its_own() -> None:
    rush = curve({range(9, 10): 1})
    assert [fleet(day(hourly_shares=rush, batch_share=part)).replicas for part in (0, 0.5, 0.9, 1)] == [
        10,
        5,
        1,
        1,
    ]


def test_an_exact_fit_is_no_replica_more() -> None:
    for replicas in (1, 2, 3, 7, 100):
        full = day(output_tokens_per_day=100 * 86_400 * replicas)
        assert fleet(full).replicas == replicas
        assert fleet(full).utilization_ratio == pytest.approx(1)
        above = day(output_tokens_per_day=100 * 86_400 * replicas * 1.001)
        assert fleet(above).replicas == replicas + 1


def test_an_idle_day_is_paid() -> None:
    own = fleet(day(output_tokens_per_day=0, gpus_per_replica=2, spare_replicas=1))
    assert (own.replicas, own.gpus, own.gpu_hours_per_day, own.utilization_ratio) == (2, 4, 96, 0)


def test_the_spare_is_on_all_day_and_takes_part_in_nothing() -> None:
    alone, spared = fleet(day()), fleet(day(spare_replicas=2))
    assert spared.replicas == alone.replicas + 2
    assert spared.least_gpu_hours_per_day == alone.least_gpu_hours_per_day + 48
    assert spared.utilization_ratio == pytest.approx(alone.utilization_ratio / 3)


def test_half_the_utilization_needs_twice_the_replicas() -> None:
    busy = {"output_tokens_per_day": 36_000_000, "hourly_shares": FLAT}
    assert fleet(day(**busy, highest_utilization=0.5)).peak_replicas == pytest.approx(
        2 * fleet(day(**busy)).peak_replicas
    )


def test_the_office_day_of_the_page() -> None:
    own = fleet(
        day(
            input_tokens_per_day=375e6,
            output_tokens_per_day=125e6,
            cached_share=0.3,
            batch_share=0.2,
            hourly_shares=OFFICE,
            input_tokens_per_s=14_571,
            output_tokens_per_s=5_247,
            highest_utilization=0.6,
            gpus_per_replica=2,
            spare_replicas=1,
        )
    )
    assert (own.replicas, own.gpus) == (3, 6)
    assert own.utilization_ratio == pytest.approx(0.16, abs=0.005)


# --- laws -------------------------------------------------------------------------------------


@given(days)
def test_the_fleet_serves_the_day_and_one_replica_less_does_not(one: Day) -> None:
    needed = fleet(one).replicas - one.spare_replicas
    assert served(one, needed)
    assert needed == 1 or not served(one, needed - 1 - 1e-3)


@given(days)
def test_no_replica_is_busier_than_allowed(one: Day) -> None:
    assert 0 <= fleet(one).utilization_ratio <= one.highest_utilization * (1 + 1e-9)


@given(days)
def test_work_is_conserved(one: Day) -> None:
    own = fleet(one)
    done = own.utilization_ratio * own.gpu_hours_per_day / one.gpus_per_replica
    assert done == pytest.approx(own.work_hours_per_day)


@given(days)
def test_stopping_idle_replicas_never_costs_more_hours_and_still_does_the_work(one: Day) -> None:
    own = fleet(one)
    assert own.least_gpu_hours_per_day <= own.gpu_hours_per_day
    working = own.least_gpu_hours_per_day / one.gpus_per_replica - one.spare_replicas * HOURS
    assert working >= HOURS
    assert working * one.highest_utilization >= own.work_hours_per_day - 1e-6


@given(days, st.floats(1, 100))
def test_more_tokens_never_need_less(one: Day, times: float) -> None:
    names = ("input_tokens_per_day", "output_tokens_per_day")
    more = one.model_copy(update={name: getattr(one, name) * times for name in names})
    little, much = fleet(one), fleet(more)
    for name in Fleet._fields:
        if name != "utilization_ratio":
            assert getattr(much, name) >= getattr(little, name)


@given(days, shares)
def test_more_cache_or_more_that_waits_never_needs_more(one: Day, share: float) -> None:
    for name in ("cached_share", "batch_share"):
        more = one.model_copy(update={name: max(share, getattr(one, name))})
        assert fleet(more).replicas <= fleet(one).replicas


@given(days)
def test_a_flat_day_needs_the_fewest_replicas(one: Day) -> None:
    flat = one.model_copy(update={"hourly_shares": FLAT})
    assert fleet(flat).replicas <= fleet(one).replicas


@given(days, st.integers(1, 23))
def test_the_hour_at_which_the_day_begins_does_not_matter(one: Day, hours: int) -> None:
    turned = one.hourly_shares[hours:] + one.hourly_shares[:hours]
    assert fleet(one.model_copy(update={"hourly_shares": turned})) == pytest.approx(fleet(one))


@given(st.lists(days, min_size=1, max_size=5))
def test_arrays_of_draws_give_what_each_draw_gives(drawn: list[Day]) -> None:
    names = [name for name in VALID if name not in {"hourly_shares", "gpus_per_replica", "spare_replicas"}]
    first = drawn[0]
    arrays = first.model_copy(
        update={name: np.array([getattr(one, name) for one in drawn]) for name in names}
    )
    own = fleet(arrays)
    for at, one in enumerate(drawn):
        same = one.model_copy(
            update={name: getattr(first, name) for name in VALID if name not in names},
        )
        for name in Fleet._fields:
            assert np.broadcast_to(getattr(own, name), len(drawn))[at] == pytest.approx(
                getattr(fleet(same), name)
            )


# --- curves -----------------------------------------------------------------------------------


def test_weights_become_shares_of_a_day() -> None:
    assert curve({range(1): 1, range(12, 14): 2}) == (0.2, *[0.0] * 11, 0.4, 0.4, *[0.0] * 10)


def test_weights_of_one_hour_add_up() -> None:
    assert curve({range(24): 1, range(1): 24})[0] == pytest.approx(25 / 48)


@given(curves)
def test_a_curve_is_a_whole_day(load: tuple[float, ...]) -> None:
    assert len(load) == HOURS
    assert sum(load) == pytest.approx(1)
    assert day(hourly_shares=load).hourly_shares == load


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({}, "some hour has to have load"),
        ({range(24): 0}, "some hour has to have load"),
        ({range(24): 1, range(1): -2}, "none less than zero"),
        ({range(24): nan}, "some hour has to have load"),
        ({range(24): inf}, "some hour has to have load"),
        ({range(23, 26): 1}, "hour 24 is not of the day"),
        ({range(-1, 3): 1}, "hour -1 is not of the day"),
    ],
)
def test_a_curve_of_no_day_is_refused(weights: dict[range, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        curve(weights)


# --- bounds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [
        ("input_tokens_per_day", 0.0, MOST_TOKENS_PER_DAY),
        ("output_tokens_per_day", 0.0, MOST_TOKENS_PER_DAY),
        ("cached_share", 0.0, 1.0),
        ("batch_share", 0.0, 1.0),
        ("input_tokens_per_s", 0.1, 1e9),
        ("output_tokens_per_s", 0.1, 1e9),
        ("highest_utilization", 0.01, 1.0),
        ("gpus_per_replica", 1, 1_000),
        ("spare_replicas", 0, 1_000),
    ],
)
def test_bounds(field: str, lowest: float, highest: float) -> None:
    assert_accepts_exactly(Day, VALID, field, lowest, highest)


def test_a_million_million_tokens_a_day_is_the_most() -> None:
    assert MOST_TOKENS_PER_DAY == 10**15
    with pytest.raises(
        ValidationError, match=r"output_tokens_per_day\n.*less than or equal to 1000000000000000"
    ):
        day(output_tokens_per_day=10**30)


def test_nothing_has_a_default() -> None:
    assert defaults(Day) == {}


@pytest.mark.parametrize(
    ("load", "said"),
    [
        ([1 / 24] * 23, "at least 24 items"),
        ([1 / 25] * 25, "at most 24 items"),
        ([0.5] * 24, "hourly_shares add up to 12; it has to be 1"),
        ([0.0] * 24, "hourly_shares add up to 0; it has to be 1"),
        ([-0.5, 1.5, *[0.0] * 22], "greater than or equal to 0"),
        ([nan, *[1 / 23] * 23], "finite number"),
    ],
)
def test_hours_that_make_no_day_are_refused(load: list[float], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        day(hourly_shares=load)


def test_utilization_is_no_input() -> None:
    with pytest.raises(ValidationError, match=r"utilization_ratio\n.*Extra inputs"):
        day(utilization_ratio=0.8)
