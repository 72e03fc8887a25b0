"""Does a model know when it is wrong?"""

# --8<-- [start:imports]
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]
# --8<-- [end:imports]


# --8<-- [start:signals]
def mean_log_probability(
    log_probabilities: Sequence[float],
) -> float:
    """Average an answer's tokens, in nats a token.

    A mean, as a sum would only punish length.
    Raises ValueError for an answer of no tokens.
    """
    if not len(log_probabilities):
        raise ValueError(
            "log_probabilities is empty; an answer "
            "has one token at least"
        )
    return float(np.mean(log_probabilities))


def margin(options: Scores) -> Scores:
    """How far the best is ahead, in nats.

    options: (answers, options), ln p of each
    """
    order = np.sort(options, axis=1)
    return np.asarray(order[:, -1] - order[:, -2])


def best_share(options: Scores) -> Scores:
    """Share of the best among the options.

    softmax over the options, its largest value: a
    probability, if the model is calibrated
    """
    top = options.max(axis=1, keepdims=True)
    return np.asarray(
        1 / np.exp(options - top).sum(axis=1)
    )


# --8<-- [end:signals]


# --8<-- [start:auc]
def auc(scores: Scores, right: Flags) -> float:
    """How often a right answer outscores a wrong.

    Over all pairs; a tie counts half. 1/2 is a
    coin. By ranks: Mann-Whitney's U.
    Raises ValueError where all are right or wrong.
    """
    good, bad = scores[right], scores[~right]
    if not len(good) or not len(bad):
        raise ValueError(
            f"{len(good)} right and {len(bad)} "
            "wrong; some of each are needed"
        )
    order = np.sort(bad)
    below = np.searchsorted(order, good, "left")
    tied = np.searchsorted(order, good, "right")
    won = (below + tied).sum() / 2
    return float(won / len(good) / len(bad))


def calibration_error(
    confidence: Scores, right: Flags, bins: int = 10
) -> float:
    """Gap of confidence and accuracy, mean of bins.

    Σ share of a bin · |mean confidence - accuracy|
    over equal bins of 0 to 1
    Raises ValueError for less than one bin, and for
    a confidence that is not from 0 to 1.
    """
    if bins < 1:
        raise ValueError(
            f"bins is {bins}; it has to be 1 up"
        )
    if not (
        (confidence >= 0) & (confidence <= 1)
    ).all():
        raise ValueError(
            "confidence has to be from 0 to 1; is "
            f"from {confidence.min():g} "
            f"to {confidence.max():g}"
        )
    place = np.minimum(
        (confidence * bins).astype(int), bins - 1
    )
    gap = np.bincount(place, confidence - right)
    return float(np.abs(gap).sum() / len(right))


# --8<-- [end:auc]


# --8<-- [start:threshold]
Z = 1.959964  # 95 of 100, both sides


def wilson(
    successes: int, trials: int
) -> tuple[float, float]:
    """Bound a share, with 95 % confidence.

    (p + z²/2n ± z √(p(1-p)/n + z²/4n²))
    / (1 + z²/n)
    Takes the trials as independent.
    Raises ValueError for no trials, or successes
    that are not from 0 to trials.
    Source: Wilson, 1927
    """
    if not 0 <= successes <= trials or not trials:
        raise ValueError(
            f"successes is {successes} of {trials};"
            " it has to be from 0 to trials, and "
            "those 1 or more"
        )
    share = successes / trials
    square = Z * Z / trials
    middle = share + square / 2
    spread = (
        share * (1 - share) * square
        + square * square / 4
    ) ** 0.5
    whole = 1 + square
    return (
        (middle - spread) / whole,
        (middle + spread) / whole,
    )


class Threshold(NamedTuple):
    """Keep what scores this or more."""

    lowest_score: float
    kept_ratio: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float


def kept(
    scores: Scores, right: Flags, lowest: float
) -> Threshold:
    """Count what a threshold keeps.

    Raises ValueError where it keeps nothing.
    """
    chosen = right[scores >= lowest]
    low, high = wilson(
        int(chosen.sum()), len(chosen)
    )
    return Threshold(
        lowest_score=lowest,
        kept_ratio=len(chosen) / len(right),
        accuracy=float(chosen.mean()),
        accuracy_low=low,
        accuracy_high=high,
    )


def choose_threshold(
    scores: Scores,
    right: Flags,
    least_accuracy: float,
    steps: int = 100,
) -> Threshold | None:
    """Keep as many as the target allows.

    Of `steps` quantiles of the scores, from the
    lowest up, the first whose kept answers are as
    accurate as asked at the lower bound of their
    interval; None where no threshold is.
    """
    for step in range(steps):
        lowest = float(
            np.quantile(scores, step / steps)
        )
        found = kept(scores, right, lowest)
        if found.accuracy_low >= least_accuracy:
            return found
    return None


# --8<-- [end:threshold]


# --8<-- [start:rates]
class Rates(NamedTuple):
    """What is sent on, of wrong and right ones."""

    caught_ratio: float
    false_alarm_ratio: float


def rates_at(
    scores: Scores, right: Flags, lowest: float
) -> Rates:
    """Find a threshold's point of the ROC.

    Raises ValueError where all are right or wrong.
    """
    if right.all() or not right.any():
        raise ValueError(
            f"{right.sum()} right of {len(right)}; "
            "some of each are needed"
        )
    sent = scores < lowest
    return Rates(
        caught_ratio=float(sent[~right].mean()),
        false_alarm_ratio=float(sent[right].mean()),
    )


# --8<-- [end:rates]
