"""NF4: the last bit of every constant is bitsandbytes' own, and so are codes, scales and scales of scales."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from snippets.quantization.nf4 import (
    Floats,
    decode_blocks,
    decode_doubled,
    dynamic_values,
    encode_blocks,
    encode_doubled,
    even_steps,
    nearest,
    normal_values,
)
from tests.quantization.golden_floats import digest, weights

GOLDEN = json.loads((Path(__file__).parent / "golden_floats.json").read_text())
WEIGHTS = arrays(np.float32, st.integers(1, 300), elements=st.floats(-(2.0**60), 2.0**60, width=32))


def test_the_sixteen_values_are_those_of_bitsandbytes() -> None:
    assert normal_values().tolist() == GOLDEN["nf4_values"]


def test_the_256_values_of_scales_are_those_of_bitsandbytes() -> None:
    values = dynamic_values()
    assert len(values) == len(set(values.tolist())) == 256
    assert digest(values) == GOLDEN["dynamic_values"]


def test_codes_scales_and_weights_are_those_of_bitsandbytes() -> None:
    blocks = encode_blocks(weights(), normal_values(), 64)
    expected = GOLDEN["nf4"]
    assert digest(blocks.codes) == expected["codes"]
    assert digest(blocks.largest) == expected["scales"]
    assert digest(decode_blocks(blocks, normal_values())) == expected["decoded"]


def test_doubled_scales_are_those_of_bitsandbytes() -> None:
    doubled, expected = encode_doubled(weights()), GOLDEN["nf4_doubled"]
    assert digest(doubled.codes) == expected["codes"]
    assert digest(doubled.scales.codes) == expected["scales"]
    # Sums in another order: the mean may differ in its last bit.
    assert abs(float(doubled.mean) - expected["mean"]) <= 2.0**-27
    mean = np.float32(expected["mean"])
    largest = encode_blocks(weights(), normal_values(), 64).largest
    same = doubled._replace(scales=encode_blocks(largest - mean, dynamic_values(), 256), mean=mean)
    assert same.scales.largest.tolist() == expected["group_scales"]
    assert digest(same.scales.codes) == expected["scales"]
    assert digest(decode_doubled(same)) == expected["decoded"]


def test_each_side_of_the_middle_is_in_equal_shares_of_a_bell_curve() -> None:
    values = normal_values().astype(np.float64)
    widest = NormalDist().inv_cdf(0.9677083)
    shares = [NormalDist().cdf(one * widest) for one in values]
    below, above = np.diff(shares[:8]), np.diff(shares[7:])
    assert np.allclose(below, below[0], rtol=1e-5)
    assert np.allclose(above, above[0], rtol=1e-5)
    assert (values[0], values[7], values[15]) == (-1, 0, 1)


@given(st.integers(2, 40), st.floats(-10, 10, width=32), st.floats(-10, 10, width=32))
def test_steps_are_even_and_begin_and_end_where_asked(count: int, first: float, last: float) -> None:
    steps = even_steps(first, last, count)
    assert (steps[0], steps[-1], len(steps)) == (first, last, count)
    assert np.allclose(steps, np.linspace(first, last, count), atol=1e-5)


@given(x=arrays(np.float32, 20, elements=st.floats(-1.5, 1.5, width=32)))
def test_no_value_is_nearer_than_the_one_taken(x: Floats) -> None:
    for values in (normal_values(), dynamic_values()):
        taken = values[nearest(x, values)].astype(np.float64)
        best = np.abs(values.astype(np.float64) - x[:, None]).min(axis=1)
        assert np.allclose(np.abs(taken - x), best, atol=1e-7)


def test_of_two_as_near_the_lower_is_taken() -> None:
    values = np.array([-1, 0, 1], np.float32)
    assert nearest(np.array([-0.5, 0.5, 0.50001], np.float32), values).tolist() == [0, 1, 2]


@given(WEIGHTS)
def test_what_is_read_is_written_again_as_it_was(x: Floats) -> None:
    x[np.abs(x) < 1e-30] = 0
    values = normal_values()
    once = encode_blocks(x, values, 64)
    back = decode_blocks(once, values)
    again = encode_blocks(back, values, 64)
    assert (again.codes == once.codes).all()


@given(WEIGHTS)
def test_the_largest_of_a_block_is_kept_or_becomes_its_neighbor(x: Floats) -> None:
    x[np.abs(x) < 1e-30] = 0
    back = decode_blocks(encode_blocks(x, normal_values(), 64), normal_values())
    widest = max(high - low for low, high in pairwise(normal_values().tolist()))
    for start in range(0, len(x), 64):
        part = x[start : start + 64].astype(np.float64)
        off = np.abs(back[start : start + 64] - part).max()
        assert off <= np.abs(part).max() * widest / 2 * 1.0001


def test_any_shape_is_taken_row_after_row_and_the_last_block_may_be_short() -> None:
    x = weights()[:300].reshape(3, 100)
    blocks = encode_blocks(x, normal_values(), 64)
    assert blocks.codes.shape == (300,)
    assert blocks.largest.tolist() == [np.abs(x.ravel()[at : at + 64]).max() for at in range(0, 300, 64)]


def test_zeros_denormals_and_nothing_are_read_as_zero_or_nothing() -> None:
    for x in (np.zeros(5), np.full(5, -0.0), np.full(5, 1e-45)):
        blocks = encode_blocks(x.astype(np.float32), normal_values(), 4)
        assert (blocks.codes == 7).all()
        assert (decode_blocks(blocks, normal_values()) == 0).all()
    assert encode_blocks(np.zeros(0, np.float32), normal_values(), 4).codes.size == 0


def test_the_smallest_scale_that_divides_is_1e_38() -> None:
    x = np.array([1e-38, 0.5e-38, 0.1e-38], np.float32)
    assert encode_blocks(x, normal_values(), 1).codes.tolist() == [15, 12, 8]


@pytest.mark.parametrize(
    ("x", "block", "said"),
    [
        ([1.0], 0, "block: 0, at least 1"),
        ([0, np.nan], 64, "x: value 1 is nan, not finite"),
        ([np.inf], 64, "x: value 0 is inf"),
    ],
)
def test_what_cannot_be_encoded_is_refused_by_name(x: list[float], block: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        encode_blocks(np.array(x, np.float32), normal_values(), block)


def test_a_block_of_one_is_taken() -> None:
    blocks = encode_blocks(np.array([3, -3], np.float32), normal_values(), 1)
    assert (blocks.codes.tolist(), blocks.largest.tolist(), blocks.block) == ([15, 0], [3, 3], 1)


def test_bits_count_codes_scales_scales_of_scales_and_the_mean() -> None:
    doubled = encode_doubled(np.ones(64 * 512, np.float32))
    assert doubled.bits_per_weight == 4 + 8 / 64 + 32 / (64 * 256) + 32 / (64 * 512)


def test_groups_and_blocks_may_have_other_sizes() -> None:
    doubled = encode_doubled(weights()[:1000], block=10, group=20)
    assert (doubled.scales.codes.size, doubled.scales.largest.size) == (100, 5)
    off = decode_doubled(doubled) - weights()[:1000]
    assert np.linalg.norm(off) < 0.1 * np.linalg.norm(weights()[:1000])
