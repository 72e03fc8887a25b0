"""GPTQ rounds as GPTQModel does, and cancels errors where its inputs allow it."""

from __future__ import annotations

import base64
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from snippets.data.small_forward import Inputs, forward
from snippets.data.small_model import read_small_model
from snippets.quantization.gptq import (
    Rounding,
    encode,
    fit,
    gptq,
    hessian,
    output_error,
    round_to_nearest,
)
from tests.quantization.gptq_truth import COLUMNS, ROWS, case
from tests.quantization.measure import calibration

TRUTH = json.loads(Path(__file__).with_name("gptq_truth.json").read_text("utf-8"))


def weights(seed: int, rows: int = 4, columns: int = 32) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)


def inputs(seed: int, columns: int = 32, tokens: int = 100) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(tokens, columns)) @ rng.normal(size=(columns, columns))
    return mixed.astype(np.float32)


@pytest.mark.parametrize("one", TRUTH["cases"], ids=lambda one: "-".join(str(v) for v in one.values())[:12])
def test_codes_are_those_of_gptqmodel(one: dict[str, Any]) -> None:
    weight, x = case(one["bits"])
    how = Rounding(bits=one["bits"], group_size=one["group_size"])
    found = gptq(weight, hessian([x]), how, one["act_order"])
    theirs = np.frombuffer(base64.b64decode(one["codes"]), np.uint8).reshape(ROWS, COLUMNS)
    assert (found.codes == theirs).all()


def test_the_truth_covers_bits_groups_and_orders() -> None:
    covered = {(one["bits"], one["group_size"], one["act_order"]) for one in TRUTH["cases"]}
    assert covered == set(itertools.product((2, 3, 4, 8), (32, 64, 128), (False, True)))


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("act_order", [False, True])
def test_the_small_models_outputs_lose_less_than_by_rounding_alone(bits: int, act_order: bool) -> None:
    read: Inputs = {}
    model = read_small_model()
    forward(model, calibration()[0], read)
    for part in ("1.self_attn.q_proj", "2.self_attn.v_proj", "0.self_attn.o_proj"):
        name = f"model.layers.{part}.weight"
        weight, h = model.weights[name], hessian([read[name]])
        how = Rounding.model_validate({"bits": bits})
        alone = output_error(weight, round_to_nearest(weight, how).values, h)
        made_up = output_error(weight, gptq(weight, h, how, act_order).values, h)
        assert 0 < made_up < 0.8 * alone


@given(st.integers(0, 10_000), st.sampled_from([2, 3, 4, 8]), st.sampled_from([8, 16, 32]))
@settings(max_examples=30, deadline=None)
def test_inputs_that_do_not_depend_on_each_other_leave_rounding_alone(
    seed: int, bits: int, group_size: int
) -> None:
    how = Rounding.model_validate({"bits": bits, "group_size": group_size})
    h = np.diag(np.random.default_rng(seed).uniform(0.1, 10, 32))
    found, alone = gptq(weights(seed), h, how), round_to_nearest(weights(seed), how)
    assert (found.codes == alone.codes).all()
    assert found.scales == pytest.approx(alone.scales)
    assert (found.zeros == alone.zeros).all()


@given(st.integers(0, 10_000), st.sampled_from([2, 3]))
@settings(max_examples=50, deadline=None)
def test_the_second_of_two_columns_is_the_best_there_is_for_the_first(seed: int, bits: int) -> None:
    weight = weights(seed, 1, 2)
    h = hessian([inputs(seed, 2)])
    found = gptq(weight, h, Rounding.model_validate({"bits": bits, "group_size": 2}), damping=0)
    errors = []
    for code in range(2**bits):
        tried = found._replace(codes=np.array([[found.codes[0, 0], code]], np.uint8))
        errors.append(output_error(weight, tried.values, h))
    assert errors[found.codes[0, 1]] == pytest.approx(min(errors), rel=1e-9)


def test_a_column_that_repeats_another_makes_up_for_all_of_its_error() -> None:
    x = np.repeat(inputs(1, 1), 2, axis=1)
    weight = np.array([[0.3, 1.0]], np.float32)
    found = gptq(weight, hessian([x]), Rounding(bits=2, group_size=1), damping=1e-9)
    # A grid of its own for the second column holds what the first left exactly.
    assert found.values.sum() == pytest.approx(1.3, rel=1e-6)


@given(st.integers(0, 10_000), st.integers(-50, 50))
@settings(max_examples=20, deadline=None)
def test_more_of_the_same_inputs_change_nothing(seed: int, times: int) -> None:
    h = hessian([inputs(seed)])
    how = Rounding(group_size=16)
    assert (gptq(weights(seed), h, how).codes == gptq(weights(seed), h * 2.0**times, how).codes).all()


def test_a_large_damping_is_rounding_alone() -> None:
    how = Rounding(group_size=32)
    found = gptq(weights(3), hessian([inputs(3)]), how, damping=1e9)
    assert (found.codes == round_to_nearest(weights(3), how).codes).all()


def test_act_order_begins_with_the_largest_inputs_and_groups_by_that_order() -> None:
    h = np.diag([1.0, 9.0, 4.0, 16.0])
    found = gptq(weights(5, 2, 4), h, Rounding(group_size=2), act_order=True)
    assert found.group_of.tolist() == [1, 0, 1, 0]
    together = round_to_nearest(weights(5, 2, 4)[:, [3, 1, 2, 0]], Rounding(group_size=2))
    assert (found.codes[:, [3, 1, 2, 0]] == together.codes).all()


@pytest.mark.parametrize(
    ("row", "scale", "zero"),
    [
        ([-1.0, 2.0], 1.0, 1),
        ([1.0, 3.0], 1.0, 0),
        ([-3.0, -1.0], 1.0, 3),
        ([0.0, 0.0], 1.0, 0),
        ([-6.0, 0.0], 2.0, 3),
    ],
)
def test_a_grid_holds_the_range_and_zero(row: list[float], scale: float, zero: int) -> None:
    scales, zeros = fit(np.array([row]), 2)
    assert scales.tolist() == [scale]
    assert zeros.tolist() == [zero]


def test_codes_end_where_the_grid_ends() -> None:
    w = np.array([-9.0, -0.6, 0.4, 9.0])
    assert encode(w, np.ones(1), np.ones(1), 2).tolist() == [0, 0, 1, 3]


@given(st.integers(0, 10_000), st.sampled_from([2, 3, 4, 8]), st.sampled_from([8, 16, 32]))
@settings(max_examples=30, deadline=None)
def test_rounding_alone_is_off_by_a_step_at_most(seed: int, bits: int, group_size: int) -> None:
    how = Rounding.model_validate({"bits": bits, "group_size": group_size})
    found = round_to_nearest(weights(seed), how)
    step = found.scales[:, found.group_of]
    # Half a step, and at the ends of the range what rounding the zero point takes.
    assert (np.abs(found.values - weights(seed)) <= step * (1 + 1e-6)).all()
    assert found.codes.max() <= 2**bits - 1


def test_what_was_rounded_stays_as_it_is() -> None:
    how = Rounding(group_size=16)
    once = round_to_nearest(weights(1), how).values
    assert round_to_nearest(once, how).values == pytest.approx(once, abs=1e-12)


def test_errors_are_those_of_the_outputs() -> None:
    weight, x = weights(1), inputs(2)
    other = round_to_nearest(weight, Rounding(group_size=16)).values
    out, off = x @ weight.T, x @ (weight - other).T
    expected = np.sum(off**2) / np.sum(out**2)
    assert output_error(weight, other, hessian([x])) == pytest.approx(expected, rel=1e-5)
    assert output_error(weight, weight, hessian([x])) == 0


def test_inputs_may_come_in_parts() -> None:
    x = inputs(2)
    assert hessian([x[:30], x[30:]]) == pytest.approx(x.astype(np.float64).T @ x, rel=1e-12)


def test_bits_of_a_weight_count_scale_and_zero() -> None:
    assert Rounding().bits_per_weight == pytest.approx(4.15625)
    assert Rounding(bits=3, group_size=32).bits_per_weight == pytest.approx(3 + 19 / 32)


def test_four_bits_in_groups_of_128_unless_asked_otherwise() -> None:
    assert Rounding() == Rounding(bits=4, group_size=128)


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [("bits", 2, 5), ("bits", 8, 1), ("group_size", 1, 0), ("group_size", 65_536, 65_537)],
)
def test_what_no_file_has_is_refused(field: str, good: int, bad: int) -> None:
    Rounding.model_validate({field: good})
    with pytest.raises(ValidationError, match=field):
        Rounding.model_validate({field: bad})


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(wrong: float) -> None:
    weight = weights(1)
    weight[2, 3] = wrong
    with pytest.raises(ValueError, match="weight: finite values are needed"):
        round_to_nearest(weight, Rounding(group_size=32))
    with pytest.raises(ValueError, match="weight: finite"):
        gptq(weight, np.eye(32), Rounding(group_size=32))


def test_columns_that_groups_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="32 columns, a multiple of 24 needed"):
        round_to_nearest(weights(1), Rounding(group_size=24))


def test_inputs_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match=r"h: shape \(31, 31\), needed is \(32, 32\)"):
        gptq(weights(1), np.eye(31), Rounding(group_size=32))


@pytest.mark.parametrize("damping", [-0.1, np.nan, np.inf])
def test_a_damping_below_zero_or_without_end_is_refused(damping: float) -> None:
    with pytest.raises(ValueError, match=r"damping: .*, allowed is 0 or more"):
        gptq(weights(1), np.eye(32), Rounding(group_size=32), damping=damping)


@pytest.mark.parametrize("given", [[], [np.zeros((3, 4), np.float32)], [np.full((3, 4), np.nan)]])
def test_inputs_that_say_nothing_are_refused(given: list[NDArray[np.float32]]) -> None:
    with pytest.raises(ValueError, match="inputs: some that are not 0 are needed"):
        hessian(given)
