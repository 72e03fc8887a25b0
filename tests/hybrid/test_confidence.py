"""Confidence: against SciPy-free definitions, by hand, and on the small model's own answers."""

from __future__ import annotations

from math import inf, log, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.data.small_forward import forward, losses, softmax
from snippets.data.small_model import read_small_model, read_text
from snippets.data.small_tokenizer import read_tokenizer
from snippets.hybrid.confidence import (
    Flags,
    Rates,
    Scores,
    Threshold,
    auc,
    best_share,
    calibration_error,
    choose_threshold,
    kept,
    margin,
    mean_log_probability,
    rates_at,
    wilson,
)

FOUR = np.log(np.array([[0.5, 0.25, 0.125, 0.125], [0.1, 0.2, 0.3, 0.4]]))


@st.composite
def answers(draw: st.DrawFn) -> tuple[Scores, Flags]:
    """Scores with ties, some right and some wrong."""
    right = draw(st.lists(st.booleans(), min_size=2, max_size=40).filter(lambda r: len(set(r)) == 2))
    scores = draw(st.lists(st.integers(0, 8), min_size=len(right), max_size=len(right)))
    return np.array(scores) / 8, np.array(right)


# --- signals ----------------------------------------------------------------------------------


def test_the_mean_of_an_answer_by_hand_and_by_the_model() -> None:
    assert mean_log_probability([-1.0, -2.0, -6.0]) == -3
    model, tokenizer = read_small_model(), read_tokenizer()
    tokens = [1, *tokenizer.encode(read_text("held_back.txt")[:80])]
    spent = losses(forward(model, tokens), tokens)
    assert mean_log_probability([-loss for loss in spent]) == pytest.approx(-spent.mean())


def test_an_answer_of_nothing_has_no_mean() -> None:
    with pytest.raises(ValueError, match="log_probabilities is empty"):
        mean_log_probability([])


def test_margin_and_share_by_hand() -> None:
    assert margin(FOUR) == pytest.approx([log(2), log(4 / 3)])
    assert best_share(FOUR) == pytest.approx([0.5, 0.4])


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=6), st.floats(-500, 500))
def test_a_share_is_the_largest_of_softmax_whatever_is_added(scores: list[float], more: float) -> None:
    rows = np.array([scores])
    assert best_share(rows + more) == pytest.approx(softmax(rows).max(axis=1), rel=1e-6)
    assert (margin(rows) >= 0).all()


# --- how well it sorts ------------------------------------------------------------------------


@given(answers())
def test_auc_is_the_share_of_pairs_in_order(case: tuple[Scores, Flags]) -> None:
    scores, right = case
    pairs = [(g > b) + (g == b) / 2 for g in scores[right] for b in scores[~right]]
    assert auc(scores, right) == pytest.approx(np.mean(pairs))


@given(answers())
def test_auc_of_the_opposite_is_the_rest(case: tuple[Scores, Flags]) -> None:
    scores, right = case
    assert auc(-scores, right) == pytest.approx(1 - auc(scores, right))


@pytest.mark.parametrize("flag", [True, False])
def test_auc_needs_both(flag: bool) -> None:
    with pytest.raises(ValueError, match=r"(3 right and 0|0 right and 3) wrong; some of each"):
        auc(np.zeros(3), np.array([flag] * 3))


# --- calibration ------------------------------------------------------------------------------


def test_calibration_error_by_hand() -> None:
    # Two of 0.75, one right: a gap of 1/4. Two of 0.25, none right: 1/4 as well. One of 1, right: none.
    confidence = np.array([0.75, 0.75, 0.25, 0.25, 1.0])
    right = np.array([True, False, False, False, True])
    assert calibration_error(confidence, right, bins=4) == pytest.approx((0.5 + 0.5) / 5 - 0)
    # In one bin, gaps cancel: 3 of 5 expected, 2 of 5 right.
    assert calibration_error(confidence, right, bins=1) == pytest.approx(1 / 5)


def test_ten_bins_unless_told() -> None:
    # In each tenth a right one at its lower end and a wrong one at its upper end: they share a bin.
    tenths = np.arange(10) / 10
    confidence = np.concatenate([tenths + 0.001, tenths + 0.099])
    right = np.arange(20) < 10
    apart = np.abs(2 * tenths + 0.1 - 1).sum() / 20
    assert calibration_error(confidence, right) == pytest.approx(apart)


def test_calibrated_answers_have_little_error() -> None:
    drawn = np.random.default_rng(1)
    confidence = drawn.random(100_000)
    assert calibration_error(confidence, drawn.random(100_000) < confidence) < 0.01


def test_bad_confidences_and_bins_are_refused() -> None:
    right = np.array([True, False])
    with pytest.raises(ValueError, match="bins is 0; it has to be 1 up"):
        calibration_error(np.array([0.5, 0.5]), right, bins=0)
    for bad in (1.1, -0.1, nan, inf):
        with pytest.raises(ValueError, match="confidence has to be from 0 to 1"):
            calibration_error(np.array([0.5, bad]), right)
    assert calibration_error(np.array([0.0, 1.0]), right) == 1


# --- intervals and thresholds -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [  # as R's prop.test(correct = FALSE) gives them
        (0, 10, 0.0, 0.2775328),
        (5, 10, 0.2365931, 0.7634069),
        (90, 100, 0.8256343, 0.9447708),
    ],
)
def test_wilson_as_in_the_books(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson(successes, trials) == pytest.approx((low, high), abs=1e-7)


def test_wilson_solves_its_own_equation() -> None:
    for successes, trials in ((3, 7), (400, 1000), (19, 20)):
        for bound in wilson(successes, trials):
            away = (successes / trials - bound) / (bound * (1 - bound) / trials) ** 0.5
            assert abs(away) == pytest.approx(1.9599640, abs=1e-6)


@pytest.mark.parametrize(("successes", "trials"), [(-1, 5), (6, 5), (0, 0)])
def test_wilson_refuses_what_is_no_share(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match=f"successes is {successes} of {trials}"):
        wilson(successes, trials)


def test_what_a_threshold_keeps() -> None:
    scores = np.array([0.1, 0.5, 0.5, 0.9])
    right = np.array([False, True, False, True])
    low, high = wilson(2, 3)
    assert kept(scores, right, 0.5) == pytest.approx(Threshold(0.5, 0.75, 2 / 3, low, high))
    assert rates_at(scores, right, 0.5) == Rates(caught_ratio=0.5, false_alarm_ratio=0)
    with pytest.raises(ValueError, match="successes is 0 of 0"):
        kept(scores, right, 1.0)
    for flags in ([True] * 4, [False] * 4):
        with pytest.raises(ValueError, match=f"{sum(flags)} right of 4; some of each"):
            rates_at(scores, np.array(flags), 0.5)


def test_the_lowest_threshold_that_meets_the_target_is_chosen() -> None:
    scores = np.arange(1_000) / 1_000
    right = scores >= 0.3
    found = choose_threshold(scores, right, 0.95)
    assert found is not None
    assert found.accuracy_low >= 0.95
    assert found.lowest_score == pytest.approx(0.28, abs=0.01)
    lower = kept(scores, right, found.lowest_score - 0.01)
    assert lower.accuracy_low < 0.95
    assert choose_threshold(scores, right, 0.95, steps=2) == kept(scores, right, float(np.median(scores)))


def test_no_threshold_where_the_best_are_not_good_enough() -> None:
    scores = np.arange(100) / 100
    assert choose_threshold(scores, scores < 0, 0.5) is None
    assert choose_threshold(scores, scores >= 0, 0.5) == kept(scores, scores >= 0, 0.0)


@given(answers(), st.floats(0, 1))
def test_rates_and_kept_count_the_same_answers(case: tuple[Scores, Flags], lowest: float) -> None:
    scores, right = case
    rates = rates_at(scores, right, lowest)
    share = float(right.mean())
    sent = share * rates.false_alarm_ratio + (1 - share) * rates.caught_ratio
    if (scores >= lowest).any():
        assert kept(scores, right, lowest).kept_ratio == pytest.approx(1 - sent)
    else:
        assert sent == pytest.approx(1)
