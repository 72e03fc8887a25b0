"""AWQ's scales leave a model as it is, and cost its outputs less once it is rounded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from snippets.data.small_forward import Inputs, forward
from snippets.data.small_model import SmallModel, read_small_model
from snippets.quantization.awq import (
    EXPONENTS,
    RANGES,
    channel_scales,
    clip_search,
    folded,
    folds,
    mean_size,
    search_scales,
)
from snippets.quantization.gptq import Rounding, hessian, output_error, round_to_nearest
from tests.quantization.measure import calibration

HOW = Rounding(bits=3, group_size=16)


def weights(seed: int, rows: int = 6, columns: int = 32) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)


def inputs(seed: int, columns: int = 32, tokens: int = 64) -> NDArray[np.float32]:
    """Two channels much larger than the others, as large models have them."""
    x = np.random.default_rng(seed).normal(size=(tokens, columns))
    x[:, [3, 20]] *= 30
    return x.astype(np.float32)


def test_scales_folded_into_their_places_leave_all_logits_as_they_were() -> None:
    model = read_small_model()
    tokens = calibration()[0][:64]
    before = forward(model, tokens)
    rng = np.random.default_rng(0)
    new = dict(model.weights)
    for layer in range(model.config.num_hidden_layers):
        for fold in folds(layer):
            columns = new[fold.after[0]].shape[1]
            new = folded(new, fold, np.asarray(rng.uniform(0.25, 4, columns)))
    after = forward(SmallModel(model.config, new), tokens)
    assert np.abs(after - before).max() < 1e-4 * np.abs(before).max()
    moved = {name for name in new if not np.array_equal(new[name], model.weights[name])}
    kept = {name for name in new if "o_proj" in name or not name.startswith("model.layers")}
    assert moved == set(new) - kept


def test_folding_makes_a_new_model_and_leaves_the_old_one() -> None:
    old = read_small_model().weights
    name = "model.layers.0.input_layernorm.weight"
    before = old[name].copy()
    folded(old, folds(0)[0], np.full(256, 2.0))
    assert np.array_equal(old[name], before)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_scales_found_never_cost_more_than_none(seed: int) -> None:
    weight, x = weights(seed), inputs(seed)
    h = hessian([x])
    found = search_scales([weight], mean_size([x]), h, HOW)
    by_hand = round_to_nearest(weight * found.scales, HOW).values / found.scales
    alone = output_error(weight, round_to_nearest(weight, HOW).values, h)
    assert output_error(weight, by_hand, h) <= alone * (1 + 1e-9)
    assert found.errors[0] == pytest.approx(alone * np.sum((x @ weight.T) ** 2, dtype=np.float64), rel=1e-4)
    assert min(found.errors) == found.errors[EXPONENTS.index(found.exponent)]


def test_channels_that_stand_out_are_worth_a_scale() -> None:
    weight, x = weights(1, 64), inputs(1)
    found = search_scales([weight], mean_size([x]), hessian([x]), HOW)
    assert min(found.errors) < 0.6 * found.errors[0]
    assert found.exponent > 0.2
    assert found.scales[3] > 3 * np.median(found.scales)


def test_matrices_that_share_inputs_share_scales() -> None:
    x = inputs(2)
    pair = [weights(1), weights(2)]
    size, h = mean_size([x]), hessian([x])
    found = search_scales(pair, size, h, HOW)
    each = [search_scales([one], size, h, HOW).errors for one in pair]
    assert found.errors == pytest.approx([a + b for a, b in zip(*each, strict=True)])


def test_exponents_and_ranges_are_those_of_the_authors() -> None:
    assert pytest.approx(np.arange(0, 1, 0.05)) == EXPONENTS
    assert pytest.approx(np.arange(1, 0.5, -0.05)) == RANGES


def test_the_extremes_of_scales_lie_around_one() -> None:
    scales = channel_scales(np.array([1.0, 4.0, 16.0]), 0.5)
    assert scales == pytest.approx([0.5, 1.0, 2.0])
    assert channel_scales(np.array([1.0, 4.0, 16.0]), 0.0).tolist() == [1, 1, 1]


def test_a_channel_that_is_never_used_is_not_divided_by_zero() -> None:
    scales = channel_scales(np.array([0.0, 1.0]), 0.5)
    assert scales == pytest.approx([0.01, 100])


def test_sizes_are_means_over_all_tokens() -> None:
    parts = [np.array([[1.0, -2.0]]), np.array([[-3.0, 2.0], [2.0, 2.0]])]
    assert mean_size(parts) == pytest.approx([2.0, 2.0])


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_ranges_found_never_cost_more_than_the_full_one_within_a_group(seed: int) -> None:
    weight = weights(seed)
    h = hessian([inputs(seed)])
    # Inputs of one group do not depend on those of the other.
    h[:16, 16:] = h[16:, :16] = 0
    alone = output_error(weight, round_to_nearest(weight, HOW).values, h)
    assert output_error(weight, clip_search(weight, h, HOW).values, h) <= alone * (1 + 1e-9)


def test_a_weight_that_stands_out_in_a_channel_without_inputs_is_cut() -> None:
    weight = weights(1, 1)
    weight[0, 5] = 20
    h = np.diag([0.001 if i == 5 else 1.0 for i in range(32)])
    found = clip_search(weight, h, HOW)
    assert found.values[0, 5] == pytest.approx(11, rel=0.2)
    rest = [i for i in range(16) if i != 5]
    alone = round_to_nearest(weight, HOW).values
    cut, full = (np.abs(one[0, rest] - weight[0, rest]).sum() for one in (found.values, alone))
    assert cut < full


def test_a_layer_has_scales_in_three_places() -> None:
    names = set(read_small_model().weights)
    for layer in range(4):
        places = folds(layer)
        assert len(places) == 3
        assert {name for fold in places for name in (fold.before, *fold.after)} <= names
        assert all(f"layers.{layer}." in fold.before for fold in places)


def test_the_small_models_outputs_lose_less_with_scales() -> None:
    model = read_small_model()
    read: Inputs = {}
    forward(model, calibration()[0], read)
    fold = folds(0)[2]
    (name,) = fold.after
    h = hessian([read[name]])
    how = Rounding(bits=3)
    found = search_scales([model.weights[name]], mean_size([read[name]]), h, how)
    assert min(found.errors) < found.errors[0]
