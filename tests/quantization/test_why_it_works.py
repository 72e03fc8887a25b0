"""A bit is worth six decibels, and a block keeps what is far out to itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from snippets.quantization.why_it_works import (
    DB_PER_BIT,
    Floats,
    in_blocks,
    in_spreads,
    largest_in_spreads,
    round_evenly,
    signal_to_noise_db,
)

NORMAL = np.random.default_rng(4).normal(0, 0.05, (256, 256)).astype(np.float32)
values = arrays(np.float32, (4, 32), elements=st.floats(-10, 10, width=32))


@pytest.mark.parametrize(("error", "decibels"), [(0.1, 20), (0.01, 40), (1, 0)])
def test_an_error_of_a_tenth_is_20_decibels(error: float, decibels: float) -> None:
    weights = np.ones((2, 8), np.float32)
    restored = (weights + error * np.array([1, -1] * 4)).astype(np.float32)
    assert signal_to_noise_db(weights, restored) == pytest.approx(decibels, abs=1e-3)


def test_a_bit_is_worth_what_theory_says() -> None:
    even = np.linspace(-1, 1, 2**16, dtype=np.float32)[None]
    by_bits = [signal_to_noise_db(even, round_evenly(even, bits, even.size)) for bits in (8, 9)]
    assert by_bits[1] - by_bits[0] == pytest.approx(DB_PER_BIT, abs=0.06)
    assert pytest.approx(6.0206, abs=1e-4) == DB_PER_BIT


@given(weights=values, bits=st.integers(2, 8))
def test_no_weight_moves_by_more_than_half_a_step_of_its_block(weights: Floats, bits: int) -> None:
    moved = np.abs(round_evenly(weights, bits, 32) - weights)
    half = np.abs(weights).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1) / 2
    assert (moved <= half * 1.001).all()


@given(weights=values, bits=st.integers(2, 8))
def test_there_are_no_more_values_than_codes(weights: Floats, bits: int) -> None:
    for row in round_evenly(weights, bits, 32):
        assert len(np.unique(row)) <= 2**bits - 1


def test_a_block_is_rounded_without_a_look_at_its_neighbors() -> None:
    other = NORMAL.copy()
    other[0, :32] *= 1_000
    assert (round_evenly(other, 4, 32)[0, 32:] == round_evenly(NORMAL, 4, 32)[0, 32:]).all()
    assert (round_evenly(other, 4, 256)[0, 32:] == 0).all()


def test_zeros_stay_zeros() -> None:
    assert not round_evenly(np.zeros((2, 32), np.float32), 4, 32).any()


def test_smaller_blocks_have_nearer_ends_and_less_error() -> None:
    far = [largest_in_spreads(NORMAL, block) for block in (16, 32, 256, NORMAL.size)]
    assert far == sorted(far)
    decibels = [signal_to_noise_db(NORMAL, round_evenly(NORMAL, 4, b)) for b in (16, 32, 256, NORMAL.size)]
    assert decibels == sorted(decibels, reverse=True)


def test_the_largest_of_a_block_is_where_it_is_for_normal_weights() -> None:
    chance = np.random.default_rng(5).normal(size=(20_000, 32))
    assert largest_in_spreads(NORMAL, 32) == pytest.approx(np.abs(chance).max(axis=1).mean(), rel=0.02)


@given(st.floats(0.01, 100))
def test_spreads_do_not_depend_on_the_unit(factor: float) -> None:
    scaled = (NORMAL * factor).astype(np.float32)
    assert math.isclose(float(np.square(in_spreads(scaled)).mean()), 1, rel_tol=1e-3)
    assert np.allclose(in_spreads(scaled), in_spreads(NORMAL), rtol=1e-3, atol=1e-6)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match=r"restored: shape \(2,\), not \(256, 256\)"):
        signal_to_noise_db(NORMAL, NORMAL[0, :2])
    with pytest.raises(ValueError, match="no error at all"):
        signal_to_noise_db(NORMAL, NORMAL)
    with pytest.raises(ValueError, match="block: 48 does not divide 65536 weights"):
        round_evenly(NORMAL, 4, 48)
    with pytest.raises(ValueError, match="block: 0"):
        largest_in_spreads(NORMAL, 0)
    with pytest.raises(ValueError, match="bits: 1, at least 2"):
        round_evenly(NORMAL, 1, 32)
    assert round_evenly(NORMAL, 2, 32).any()


def test_a_block_of_one_weight_is_a_block() -> None:
    assert in_blocks(np.ones((2, 3), np.float32), 1).shape == (6, 1)
