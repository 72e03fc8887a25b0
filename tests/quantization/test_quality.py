import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.data.small_model import read_text
from snippets.quantization.quality import (
    Compared,
    Quality,
    compare,
    log_softmax,
    read_measured,
    summarize,
)

ROW: dict[str, Any] = {
    "file_type": "Q4_0",
    "run_by": "llama.cpp",
    "bits_per_weight": 4.5,
    "nats": 2.0,
    "rise_nats": 0.1,
    "error_nats": 0.01,
    "divergence_nats": 0.2,
    "same_top_percent": 90.0,
}


def logits(seed: int, tokens: int = 5, words: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, (tokens, words)).astype(np.float32)


@given(st.integers(0, 1_000), st.floats(-100, 100))
def test_probabilities_sum_to_one_and_do_not_depend_on_a_constant(seed: int, more: float) -> None:
    rows = logits(seed).astype(np.float64)
    logs = log_softmax(rows)
    assert np.exp(logs).sum(axis=1) == pytest.approx(np.ones(5))
    assert log_softmax(rows + more) == pytest.approx(logs)


def test_two_outcomes_by_hand() -> None:
    base = np.log([[0.5, 0.5], [0.9, 0.1], [1.0, 1.0]])
    other = np.log([[0.25, 0.75], [0.8, 0.2], [1.0, 1.0]])
    found = compare(base, other, [0, 1, 0])
    assert found.nats == pytest.approx([-math.log(0.75), -math.log(0.8)])
    assert found.base_nats == pytest.approx([-math.log(0.5), -math.log(0.9)])
    assert found.divergence == pytest.approx(
        [
            0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75),
            0.9 * math.log(0.9 / 0.8) + 0.1 * math.log(0.1 / 0.2),
        ]
    )
    assert found.same_top.tolist() == [False, True]


@given(st.integers(0, 1_000))
def test_a_divergence_is_never_negative_and_zero_of_itself(seed: int) -> None:
    base, other = logits(seed), logits(seed + 1)
    assert (compare(base, other, [0] * 5).divergence >= 0).all()
    same = compare(base, base, [0] * 5)
    assert same.divergence == pytest.approx(np.zeros(4), abs=1e-12)
    assert same.same_top.all()


def test_a_window_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="4 tokens, logits of 5 and 5: the same number is needed"):
        compare(logits(0), logits(1), [0] * 4)


def window(rise: float) -> Compared:
    zeros = np.zeros(4)
    return Compared(zeros + 2 + rise, zeros + 2, zeros + 0.5, np.array([True, True, True, False]))


def test_a_summary_averages_windows_and_takes_its_error_from_them() -> None:
    found = summarize("Q4_0", "llama.cpp", 4.5, [window(0.1), window(0.3)])
    assert found.nats == pytest.approx(2.2)
    assert found.rise_nats == pytest.approx(0.2)
    assert found.error_nats == pytest.approx(0.1)
    assert found.divergence_nats == 0.5
    assert found.same_top_percent == 75
    assert found.perplexity == pytest.approx(math.exp(2.2))


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("file_type", "x", ""),
        ("run_by", "x", ""),
        ("bits_per_weight", 32, 32.5),
        ("bits_per_weight", 1, 0),
        ("nats", 100, 101),
        ("nats", 1, 0),
        ("rise_nats", 100, 101),
        ("rise_nats", -100, -101),
        ("error_nats", 0, -1),
        ("error_nats", 100, 101),
        ("divergence_nats", -1e-6, -2e-6),
        ("divergence_nats", 100, 101),
        ("same_top_percent", 100, 101),
        ("same_top_percent", 0, -1),
        ("nats", 1, math.nan),
    ],
)
def test_what_cannot_be_measured_is_refused(field: str, good: object, bad: object) -> None:
    Quality.model_validate({**ROW, field: good})
    with pytest.raises(ValidationError, match=field):
        Quality.model_validate({**ROW, field: bad})


def test_a_type_that_stands_twice_is_refused() -> None:
    line = ",".join(map(str, ROW.values()))
    with pytest.raises(ValueError, match="Q4_0 stands twice"):
        read_measured([",".join(ROW), line, line])


def measured() -> dict[str, Quality]:
    return read_measured(read_text("quality.csv").splitlines())


def test_the_unquantized_model_is_what_training_measured() -> None:
    report = json.loads(read_text("training.json"))
    assert measured()["F32"].nats == pytest.approx(report["held_back_nats_per_token"], abs=0.02)
    assert measured()["F32"].same_top_percent == 100


def by(field: Callable[[Quality], float], *types: str) -> list[float]:
    return [field(measured()[one]) for one in types]


def test_fewer_bits_of_one_kind_move_the_probabilities_more() -> None:
    kinds = [
        ("F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K"),
        ("Q8_0", "Q5_0", "Q4_0"),
        ("Q5_1", "Q4_1"),
    ]
    for types in kinds:
        divergences = by(lambda one: one.divergence_nats, *types)
        assert divergences == sorted(divergences)
        bits = by(lambda one: one.bits_per_weight, *types)
        assert bits == sorted(bits, reverse=True)
