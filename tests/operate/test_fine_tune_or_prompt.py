"""Adapters are as large as their matrices say; tuning pays from the request on that the parts add up to."""

from __future__ import annotations

import re
from math import inf, isclose, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.data.small_model import read_small_model
from snippets.operate.fine_tune_or_prompt import (
    Matrix,
    Prompts,
    Tuning,
    adapter_parameters,
    break_even_requests_per_month,
    saved_usd,
    training_bytes,
    tuning_usd_per_month,
)
from tests.bounds import SMALLEST, assert_accepts_exactly

PROMPTS: dict[str, Any] = {
    "tokens_saved": 2_000,
    "usd_per_million_tokens": 0.5,
    "cached_share": 0.8,
    "cached_price_share": 0.25,
}
TUNING: dict[str, Any] = {
    "data_usd": 12_000,
    "round_usd": 3_000,
    "months_until_old": 6,
    "serving_usd_per_month": 100,
}


# --- adapters ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [1, 8, 64])
def test_an_adapter_of_the_small_model_has_as_many_values_as_the_two_factors_of_each_matrix(
    rank: int,
) -> None:
    random = np.random.default_rng(0)
    values = 0
    shapes: dict[tuple[int, int], int] = {}
    for name, weights in read_small_model().weights.items():
        if not re.search(r"(q|k|v|o|gate|up|down)_proj", name):
            continue
        outputs, inputs = weights.shape
        down, up = random.normal(size=(rank, inputs)), random.normal(size=(outputs, rank))
        assert (up @ down).shape == weights.shape
        if name.endswith("layers.0.self_attn.k_proj.weight"):
            assert np.linalg.matrix_rank(up @ down) == rank
        values += down.size + up.size
        shapes[inputs, outputs] = shapes.get((inputs, outputs), 0) + 1
    assert sum(shapes.values()) == 7 * 4
    found = adapter_parameters([Matrix(*sides, count) for sides, count in shapes.items()], rank)
    assert found == values


def test_gpt_3s_adapter_is_ten_thousand_times_smaller_as_its_paper_says() -> None:
    # Query and value matrices of 96 layers, 12,288 wide, with rank 4.
    found = adapter_parameters([Matrix(12_288, 12_288, 2 * 96)], 4)
    assert 175e9 / found == pytest.approx(10_000, rel=0.1)


@given(st.integers(1, 64), st.integers(64, 4096), st.integers(64, 4096), st.integers(1, 100))
def test_twice_the_rank_is_twice_the_adapter(rank: int, inputs: int, outputs: int, count: int) -> None:
    one = [Matrix(inputs, outputs, count)]
    if 2 * rank <= min(inputs, outputs):
        assert adapter_parameters(one, 2 * rank) == 2 * adapter_parameters(one, rank)


@pytest.mark.parametrize("rank", [0, -1, 9])
def test_a_rank_that_is_none_is_refused_with_what_is_allowed(rank: int) -> None:
    assert adapter_parameters([Matrix(8, 16, 1)], 8) == 8 * 24
    with pytest.raises(ValueError, match=rf"rank is {rank}; a matrix of 8 x 16 allows 1 to 8"):
        adapter_parameters([Matrix(8, 16, 1)], rank)


# --- memory -----------------------------------------------------------------------------------


def test_training_7_5_billion_parameters_keeps_120_gb_as_the_zero_paper_counts() -> None:
    assert training_bytes(7.5e9) == 120e9


def test_an_adapter_adds_what_it_trains_to_a_base_that_lies_still() -> None:
    assert training_bytes(8e9, 0) == 16e9
    assert training_bytes(8e9, 0, base_bits=4.5) == 4.5e9
    assert training_bytes(8e9, 1e7) - training_bytes(8e9, 0) == training_bytes(1e7)


# --- what pays --------------------------------------------------------------------------------


def test_cached_tokens_are_saved_at_their_own_price() -> None:
    # 2,000 tokens at $0.50 a million: $0.001; of it 80 % at a quarter of the price.
    assert saved_usd(Prompts(**PROMPTS)) == pytest.approx(0.001 * (0.2 + 0.8 * 0.25))


def test_a_month_of_tuning_is_its_parts() -> None:
    assert tuning_usd_per_month(Tuning(**TUNING), 24) == pytest.approx(500 + 500 + 100)
    assert tuning_usd_per_month(Tuning(**TUNING), 0.5) == pytest.approx(24_000 + 500 + 100)


def test_at_the_break_even_a_month_of_either_costs_the_same() -> None:
    prompts, tuning = Prompts(**PROMPTS), Tuning(**TUNING)
    requests = break_even_requests_per_month(prompts, tuning, 24)
    assert requests * saved_usd(prompts) == pytest.approx(tuning_usd_per_month(tuning, 24))
    assert requests == pytest.approx(1_100 / 0.0004)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1e4), st.floats(0, 100))
def test_the_better_the_cache_the_less_tuning_saves(
    first: float, second: float, tokens: float, usd: float
) -> None:
    low, high = sorted((first, second))
    case = PROMPTS | {"tokens_saved": tokens, "usd_per_million_tokens": usd}
    more, less = (saved_usd(Prompts(**case | {"cached_share": share})) for share in (low, high))
    assert more >= less or isclose(more, less)


def test_what_saves_nothing_never_pays_and_what_costs_nothing_does_at_once() -> None:
    nothing = Prompts(**PROMPTS | {"tokens_saved": 0})
    free = Tuning(**TUNING | {"data_usd": 0, "round_usd": 0, "serving_usd_per_month": 0})
    assert break_even_requests_per_month(nothing, Tuning(**TUNING), 24) == inf
    assert break_even_requests_per_month(Prompts(**PROMPTS), free, 24) == 0
    assert break_even_requests_per_month(nothing, free, 24) == 0


@pytest.mark.parametrize("months", [0, -1, inf, nan])
def test_months_that_cannot_be_are_refused(months: float) -> None:
    with pytest.raises(ValueError, match="it has to be greater than 0, and finite"):
        tuning_usd_per_month(Tuning(**TUNING), months)


def test_fields_are_bounded() -> None:
    assert_accepts_exactly(Prompts, PROMPTS, "tokens_saved", 0.0, 1e7)
    assert_accepts_exactly(Prompts, PROMPTS, "usd_per_million_tokens", 0.0, 1e9)
    assert_accepts_exactly(Prompts, PROMPTS, "cached_share", 0.0, 1.0)
    assert_accepts_exactly(Prompts, PROMPTS, "cached_price_share", 0.0, 1.0)
    assert_accepts_exactly(Tuning, TUNING, "data_usd", 0.0, 1e9)
    assert_accepts_exactly(Tuning, TUNING, "round_usd", 0.0, 1e9)
    assert_accepts_exactly(Tuning, TUNING, "months_until_old", SMALLEST, 120.0)
    assert_accepts_exactly(Tuning, TUNING, "serving_usd_per_month", 0.0, 1e9)


def test_a_misspelled_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="tokens_save"):
        Prompts(**PROMPTS | {"tokens_save": 1})
