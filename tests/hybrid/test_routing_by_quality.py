"""Routing by quality: the arithmetic against a simulated crowd, by hand, and what doubt may not do."""

from __future__ import annotations

import random
from math import nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.hybrid.policy import Cloud, Facts, Label, Scan, Task
from snippets.hybrid.routing_by_quality import (
    Judge,
    Outcome,
    Pair,
    break_even_escalation,
    cascade,
    escalated_ratio,
    escalates,
    mixed_accuracy,
    one_model,
    up_front,
    waiting_usd,
)
from tests.bounds import assert_accepts_exactly, defaults

PAIR: dict[str, Any] = {
    "local_usd_per_answer": 1.0,
    "cloud_usd_per_answer": 8.0,
    "judge_usd_per_answer": 0.5,
    "local_s": 2.0,
    "cloud_s": 5.0,
    "judge_s": 0.25,
    "local_accuracy": 0.75,
    "cloud_accuracy_where_right": 0.875,
    "cloud_accuracy_where_wrong": 0.5,
}
HALF = Judge(caught_ratio=0.5, false_alarm_ratio=0.25)


def pair(**changes: float) -> Pair:
    return Pair.model_validate(PAIR | changes)


shares = st.floats(0, 1)
judges = st.builds(Judge, caught_ratio=shares, false_alarm_ratio=shares)
pairs = st.builds(
    Pair,
    **{name: st.floats(0, 100) for name in PAIR if not name.endswith(("accuracy", "right", "wrong"))},
    local_accuracy=shares,
    cloud_accuracy_where_right=shares,
    cloud_accuracy_where_wrong=shares,
)


# --- by hand ----------------------------------------------------------------------------------


def test_of_sixteen_answers_twelve_are_right_and_five_are_sent_on() -> None:
    # 12 right, a quarter of them sent on: 3. 4 wrong, half of them sent on: 2.
    assert escalated_ratio(pair(), HALF) == 5 / 16
    # 9 kept; 7/8 of 3; half of 2.
    assert mixed_accuracy(pair(), HALF) == (9 + 3 * 7 / 8 + 1) / 16


def test_a_cascade_pays_the_first_answer_always() -> None:
    assert cascade(pair(), HALF) == Outcome(
        escalated_ratio=5 / 16,
        accuracy=12.625 / 16,
        usd_per_answer=1.5 + 8 * 5 / 16,
        mean_s=2.25 + 5 * 5 / 16,
        slowest_s=7.25,
    )


def test_a_router_up_front_pays_one_answer() -> None:
    assert up_front(pair(), HALF) == Outcome(
        escalated_ratio=5 / 16,
        accuracy=12.625 / 16,
        usd_per_answer=0.5 + (11 * 1 + 5 * 8) / 16,
        mean_s=0.25 + (11 * 2 + 5 * 5) / 16,
        slowest_s=5.25,
    )
    assert up_front(pair(local_s=9), HALF).slowest_s == 9.25


def test_one_model_has_no_judge() -> None:
    assert one_model(pair(), cloud=False) == Outcome(0, 0.75, 1, 2, 2)
    assert one_model(pair(), cloud=True) == Outcome(1, (12 * 7 / 8 + 2) / 16, 8, 5, 5)


def test_a_simulated_crowd_agrees() -> None:
    drawn = random.Random(6)  # noqa: S311 - a simulation, no secret
    each, judge, trials = pair(), HALF, 200_000
    right = sent = 0
    for _ in range(trials):
        first = drawn.random() < each.local_accuracy
        flagged = drawn.random() < (judge.false_alarm_ratio if first else judge.caught_ratio)
        again = each.cloud_accuracy_where_right if first else each.cloud_accuracy_where_wrong
        sent += flagged
        right += drawn.random() < again if flagged else first
    assert sent / trials == pytest.approx(escalated_ratio(each, judge), abs=0.005)
    assert right / trials == pytest.approx(mixed_accuracy(each, judge), abs=0.005)


# --- properties -------------------------------------------------------------------------------


@given(pairs, judges)
def test_accuracy_lies_between_nothing_and_a_perfect_mix(each: Pair, judge: Judge) -> None:
    wrong = 1 - each.local_accuracy
    best = each.local_accuracy + wrong * each.cloud_accuracy_where_wrong
    assert -1e-12 <= cascade(each, judge).accuracy <= best + 1e-9


@given(pairs, judges)
def test_a_cascade_costs_a_router_up_front_and_the_local_answers_thrown_away(
    each: Pair, judge: Judge
) -> None:
    first, front = cascade(each, judge), up_front(each, judge)
    thrown = first.escalated_ratio
    more = first.usd_per_answer - front.usd_per_answer
    assert more == pytest.approx(thrown * each.local_usd_per_answer, abs=1e-9)
    assert first.mean_s - front.mean_s == pytest.approx(thrown * each.local_s, abs=1e-9)


@given(pairs, judges)
def test_below_its_break_even_a_cascade_costs_less_than_the_cloud(each: Pair, judge: Judge) -> None:
    limit = break_even_escalation(each)
    saved = one_model(each, cloud=True).usd_per_answer - cascade(each, judge).usd_per_answer
    sent = escalated_ratio(each, judge)
    if limit is None or sent > limit + 1e-9:
        assert saved <= 1e-6
    elif sent < limit - 1e-9:
        assert saved >= -1e-6


def test_the_break_even_by_hand() -> None:
    assert break_even_escalation(pair()) == pytest.approx(6.5 / 8)
    assert break_even_escalation(pair(cloud_usd_per_answer=1.5)) is None
    free = pair(local_usd_per_answer=0, judge_usd_per_answer=0)
    assert break_even_escalation(free) == 1


def test_waiting_is_priced_by_the_hour() -> None:
    slow = Outcome(0, 0, 2, mean_s=1_800, slowest_s=0)
    assert waiting_usd(slow, 40) == 22
    assert waiting_usd(slow, 0) == 2
    for refused in (-0.1, nan):
        with pytest.raises(ValueError, match=f"usd_per_hour is {refused}; it has to be 0 or more"):
            waiting_usd(slow, refused)


# --- what doubt may not do --------------------------------------------------------------------

OPEN = Facts(label=Label.PUBLIC, scan=Scan.CLEAN, cloud=Cloud.READY)


def test_a_public_answer_in_doubt_is_asked_for_again() -> None:
    assert escalates(OPEN, 0.4, least=0.5)
    assert not escalates(OPEN, 0.5, least=0.5)
    assert escalates(OPEN, nan, least=0.5)


def test_a_batch_in_doubt_stays_as_batches_do() -> None:
    assert not escalates(OPEN.model_copy(update={"task": Task.BATCH}), 0.1, least=0.9)
    assert escalates(OPEN.model_copy(update={"task": Task.COMPLEX}), 0.1, least=0.9)


@given(
    st.builds(
        Facts,
        label=st.sampled_from(Label),
        task=st.sampled_from(Task),
        tainted=st.booleans(),
        scan=st.sampled_from(Scan),
        cloud=st.sampled_from(Cloud),
    ),
    st.floats(allow_nan=True),
    st.floats(allow_nan=True),
)
def test_no_doubt_sends_what_may_not_leave(facts: Facts, confidence: float, least: float) -> None:
    if escalates(facts, confidence, least):
        assert facts.label is Label.PUBLIC
        assert not facts.tainted
        assert facts.scan is Scan.CLEAN
        assert facts.cloud is Cloud.READY


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize("field", list(PAIR))
def test_bounds_of_a_pair(field: str) -> None:
    highest = 1e6 if field.endswith(("usd_per_answer", "_s")) else 1.0
    assert_accepts_exactly(Pair, PAIR, field, 0.0, highest)


@pytest.mark.parametrize("field", ["caught_ratio", "false_alarm_ratio"])
def test_bounds_of_a_judge(field: str) -> None:
    valid = {"caught_ratio": 0.5, "false_alarm_ratio": 0.5}
    assert_accepts_exactly(Judge, valid, field, 0.0, 1.0)


def test_nothing_has_a_default_and_nothing_unknown_is_taken() -> None:
    assert [defaults(model) for model in (Pair, Judge)] == [{}, {}]
    with pytest.raises(ValidationError, match="caught_rate"):
        Judge.model_validate({"caught_ratio": 1, "false_alarm_ratio": 0, "caught_rate": 1})
