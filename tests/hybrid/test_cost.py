"""Cost of a hybrid: where requests end, what either way bills, and what more load or tries do to it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.hybrid.cost import (
    DAYS,
    Bill,
    Flow,
    Retries,
    Sides,
    Traffic,
    break_even_share,
    cloud_bill,
    flow,
    hybrid_bill,
    local_bill,
    replicas_needed,
    tries_per_request,
)
from tests.bounds import assert_accepts_exactly, defaults

FLAT = (1 / 24,) * 24
ONE_HOUR = (0.0,) * 9 + (1.0,) + (0.0,) * 14

TRAFFIC: dict[str, Any] = {
    "requests_per_day": 2_400.0,
    "sensitive_share": 0.25,
    "complex_share": 0.125,
    "batch_share": 0.125,
    "complex_work_ratio": 4.0,
    "hourly_shares": FLAT,
}
SIDES: dict[str, Any] = {
    "replicas": 1,
    "spare_replicas": 1,
    "requests_per_replica_hour": 100.0,
    "usd_per_replica_month": 3_000.0,
    "local_usd_per_month": 500.0,
    "cloud_usd_per_month": 200.0,
    "cloud_usd_per_request": 0.01,
    "complex_usd_per_request": 0.08,
    "batch_usd_per_request": 0.005,
}


def traffic(**changes: Any) -> Traffic:
    return Traffic.model_validate(TRAFFIC | changes)


def sides(**changes: Any) -> Sides:
    return Sides.model_validate(SIDES | changes)


# --- where requests end -----------------------------------------------------------------------


def test_a_quiet_day_leaves_only_what_is_hard() -> None:
    assert flow(traffic(), sides()) == Flow(local=2_100, complex=300, overflow=0, batches=0, waiting=0)


def test_a_busy_hour_sends_the_public_rest_away_first_and_batches_fill_the_night() -> None:
    # 600 sensitive and 1,200 others in one hour, room for 1,000; 300 batches find 23 idle hours.
    room = sides(requests_per_replica_hour=1_000)
    assert flow(traffic(hourly_shares=ONE_HOUR), room) == Flow(
        local=1_300, complex=300, overflow=800, batches=0, waiting=0
    )


def test_what_may_not_leave_waits_and_is_never_sent() -> None:
    # Room for 400 in the hour of 600 sensitive ones and 1,200 others.
    room = sides(requests_per_replica_hour=400)
    assert flow(traffic(hourly_shares=ONE_HOUR), room) == Flow(
        local=700, complex=300, overflow=1_200, batches=0, waiting=200
    )


def test_batches_that_find_no_room_all_day_go_to_the_cloud() -> None:
    # An hour has 75 callers and room for 80: 5 an hour for batches, which are 300.
    assert flow(traffic(), sides(requests_per_replica_hour=80)).batches == pytest.approx(300 - 24 * 5)


def test_an_empty_day_ends_nowhere() -> None:
    assert flow(traffic(requests_per_day=0), sides()) == Flow(0, 0, 0, 0, 0)
    assert hybrid_bill(traffic(requests_per_day=0), sides()).total == 6_700
    assert cloud_bill(traffic(requests_per_day=0), sides()).total == 200


def test_a_spare_gives_no_room_and_every_replica_does() -> None:
    busy = traffic(requests_per_day=24_000.0)
    assert flow(busy, sides(spare_replicas=9)) == flow(busy, sides())
    assert flow(busy, sides(replicas=2)) == flow(busy, sides(requests_per_replica_hour=200.0))


fractions = st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)).filter(
    lambda parts: sum(parts) > 0.1
)


@st.composite
def days(draw: st.DrawFn) -> Traffic:
    parts = draw(fractions)
    weights = draw(st.lists(st.floats(0, 10), min_size=24, max_size=24).filter(lambda w: sum(w) > 0.1))
    return traffic(
        requests_per_day=draw(st.floats(0, 1e6)),
        sensitive_share=parts[0] / sum(parts),
        complex_share=parts[1] / sum(parts),
        batch_share=parts[2] / sum(parts),
        hourly_shares=tuple(one / sum(weights) for one in weights),
    )


@given(days(), st.integers(0, 50))
def test_every_request_ends_somewhere_and_none_twice(day: Traffic, replicas: int) -> None:
    ends = flow(day, sides(replicas=replicas))
    assert min(ends) >= 0
    assert sum(ends) == pytest.approx(day.requests_per_day)


@given(days(), st.integers(0, 50))
def test_no_more_leave_than_may(day: Traffic, replicas: int) -> None:
    ends = flow(day, sides(replicas=replicas))
    may = day.requests_per_day * (1 - day.sensitive_share)
    assert ends.complex + ends.overflow + ends.batches <= may * (1 + 1e-9) + 1e-6


@given(days(), st.integers(0, 50))
def test_one_replica_more_sends_no_more_away(day: Traffic, replicas: int) -> None:
    few, more = (flow(day, sides(replicas=n)) for n in (replicas, replicas + 1))
    assert more.overflow <= few.overflow + 1e-6
    assert more.waiting <= few.waiting + 1e-6
    assert more.batches <= few.batches + 1e-6


@given(days())
def test_with_the_replicas_needed_nothing_waits_and_nothing_overflows(day: Traffic) -> None:
    needed = replicas_needed(day, sides(), False)
    ends = flow(day, sides(replicas=needed))
    assert ends.waiting + ends.overflow + ends.batches == pytest.approx(0, abs=1e-3)
    if needed > 1:
        short = flow(day, sides(replicas=needed - 1))
        assert short.waiting + short.overflow + short.batches > 0


# --- bills ------------------------------------------------------------------------------------


def test_a_year_of_days_is_twelve_months() -> None:
    assert DAYS * 12 == 365


def test_a_month_of_a_hybrid_line_by_line() -> None:
    # One that works and a spare; 300 hard ones a day at 8 cents; 365 days in 12 months.
    assert hybrid_bill(traffic(), sides()) == pytest.approx(
        Bill(local=6_500, people=200, complex=365 * 300 * 0.08 / 12, usual=0, batches=0)
    )
    assert hybrid_bill(traffic(), sides()).total == pytest.approx(7_430)


def test_what_overflows_and_what_finds_no_room_is_billed_at_its_own_price() -> None:
    bill = hybrid_bill(traffic(hourly_shares=ONE_HOUR), sides(requests_per_replica_hour=1_000.0))
    assert bill.usual == pytest.approx(365 * 800 * 0.01 / 12)
    bill = hybrid_bill(traffic(), sides(requests_per_replica_hour=80.0))
    assert bill.batches == pytest.approx(365 * 180 * 0.005 / 12)


def test_a_month_of_cloud_only_line_by_line() -> None:
    # 600 sensitive and 1,200 others a day at a cent, 300 batches at half a cent.
    assert cloud_bill(traffic(), sides()) == pytest.approx(
        Bill(
            local=0,
            people=200,
            complex=365 * 300 * 0.08 / 12,
            usual=365 * 1_800 * 0.01 / 12,
            batches=365 * 300 * 0.005 / 12,
        )
    )


def test_all_local_has_no_bill_of_a_cloud_and_a_replica_more_for_what_is_hard() -> None:
    # 75 usual ones an hour and 12.5 batches fit one replica; 12.5 hard ones are the work of 50 more.
    assert replicas_needed(traffic(), sides(), False) == 1
    assert replicas_needed(traffic(), sides(), True) == 2
    assert local_bill(traffic(), sides()) == Bill(local=3 * 3_000 + 500, people=0)


def test_batches_alone_take_replicas_by_their_mean() -> None:
    only = traffic(sensitive_share=0, complex_share=0, batch_share=1, requests_per_day=2_400 * 3.5)
    assert replicas_needed(only, sides(), True) == 4


def test_a_peak_takes_replicas_and_an_empty_day_takes_one() -> None:
    assert replicas_needed(traffic(hourly_shares=ONE_HOUR), sides(), False) == 18
    assert replicas_needed(traffic(requests_per_day=0), sides(), True) == 1


@given(days(), st.floats(1, 5))
def test_tries_multiply_what_the_cloud_bills_and_nothing_else(day: Traffic, tries: float) -> None:
    once, often = hybrid_bill(day, sides()), hybrid_bill(day, sides(), tries)
    assert (often.local, often.people) == (once.local, once.people)
    assert often[2:] == pytest.approx([tries * part for part in once[2:]])


# --- break-even -------------------------------------------------------------------------------


def test_the_share_that_pays_for_local_replaces_what_local_costs() -> None:
    day = traffic(requests_per_day=40_000.0)
    share = break_even_share(day, sides())
    assert share is not None
    assert share * 40_000 * 365 / 12 * 0.01 == pytest.approx(6_500)


def test_no_share_is_enough_where_local_costs_more_than_the_cloud() -> None:
    assert break_even_share(traffic(), sides()) is None
    assert break_even_share(traffic(requests_per_day=0), sides()) is None
    free = sides(spare_replicas=0, replicas=0, local_usd_per_month=0)
    assert break_even_share(traffic(requests_per_day=0), free) == 0


@given(st.floats(0.05, 0.95), st.floats(1e4, 1e6))
def test_below_the_share_the_cloud_is_cheaper_and_above_it_the_hybrid(kept: float, requests: float) -> None:
    roomy = sides(requests_per_replica_hour=1e7)
    day = traffic(
        requests_per_day=requests,
        sensitive_share=kept,
        complex_share=1 - kept,
        batch_share=0,
    )
    share = break_even_share(day, roomy)
    saved = cloud_bill(day, roomy).total - hybrid_bill(day, roomy).total
    if share is None or kept < share * (1 - 1e-9):
        assert saved < 1e-6 * requests
    elif kept > share * (1 + 1e-9):
        assert saved > -1e-6 * requests


# --- tries ------------------------------------------------------------------------------------


def tries(failed: float, most: int, budget: float) -> float:
    return tries_per_request(Retries(failed_ratio=failed, most_tries=most, budget_ratio=budget))


def test_tries_add_up_as_failures_repeat() -> None:
    assert tries(0, 5, 9) == 1
    assert tries(0.5, 3, 9) == 1.75
    assert tries(1, 4, 9) == 4


def test_the_budget_caps_an_outage() -> None:
    assert tries(1, 4, 0.1) == pytest.approx(1.1)
    assert tries(0.05, 4, 0.1) == pytest.approx(1 + 0.05 + 0.05**2 + 0.05**3)


@given(st.floats(0, 1), st.integers(1, 10), st.floats(0, 10))
def test_tries_lie_between_one_and_both_limits(failed: float, most: int, budget: float) -> None:
    assert 1 <= tries(failed, most, budget) <= min(most, 1 + budget)


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [("requests_per_day", 0.0, 1e12), ("complex_work_ratio", 0.1, 1_000.0)],
)
def test_bounds_of_traffic(field: str, lowest: float, highest: float) -> None:
    assert_accepts_exactly(Traffic, TRAFFIC, field, lowest, highest)


@pytest.mark.parametrize("field", ["sensitive_share", "complex_share", "batch_share"])
def test_bounds_of_shares(field: str) -> None:
    none = {"sensitive_share": 0.0, "complex_share": 0.0, "batch_share": 0.0}
    assert_accepts_exactly(Traffic, TRAFFIC | none, field, 0.0, 1.0)


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [
        ("replicas", 0, 100_000),
        ("spare_replicas", 0, 100_000),
        ("requests_per_replica_hour", 0.01, 1e9),
        *(
            (name, 0.0, 1e9)
            for name in SIDES
            if name.startswith(("usd", "local", "cloud", "complex", "batch"))
        ),
    ],
)
def test_bounds_of_sides(field: str, lowest: float, highest: float) -> None:
    assert_accepts_exactly(Sides, SIDES, field, lowest, highest)


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [("failed_ratio", 0.0, 1.0), ("most_tries", 1, 100), ("budget_ratio", 0.0, 100.0)],
)
def test_bounds_of_retries(field: str, lowest: float, highest: float) -> None:
    valid = {"failed_ratio": 0.5, "most_tries": 3, "budget_ratio": 0.1}
    assert_accepts_exactly(Retries, valid, field, lowest, highest)


def test_nothing_has_a_default_and_nothing_unknown_is_taken() -> None:
    assert [defaults(model) for model in (Traffic, Sides, Retries)] == [{}, {}, {}]
    with pytest.raises(ValidationError, match="sensitive_shares"):
        traffic(sensitive_shares=0.5)


def test_shares_of_more_than_a_whole_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"shares add up to 1\.25; it has to be 1 at most"):
        traffic(sensitive_share=1.0)
    assert traffic(sensitive_share=0.75 + 0.9e-6).rest_share == 0
    with pytest.raises(ValidationError, match="shares add up"):
        traffic(sensitive_share=0.75 + 2.1e-6)
    with pytest.raises(ValidationError, match="shares add up"):
        traffic(sensitive_share=0.75 + 1.1e-6)


@pytest.mark.parametrize("off", [0.5, -0.5, 1.1e-6, -1.1e-6])
def test_hours_that_are_no_whole_day_are_refused(off: float) -> None:
    with pytest.raises(ValidationError, match="hourly_shares add up to"):
        traffic(hourly_shares=(1 / 24 + off / 24,) * 24)
    assert traffic(hourly_shares=(1 / 24 + 0.9e-6 / 24,) * 24)


@pytest.mark.parametrize("hours", [23, 25])
def test_a_day_has_24_hours(hours: int) -> None:
    with pytest.raises(ValidationError, match="hourly_shares"):
        traffic(hourly_shares=(1 / hours,) * hours)
