"""Codes changed one by one: never for the worse, and where the engine stops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snippets.quantization.k_importance import quantize_by_importance
from snippets.quantization.k_quants import FORMATS
from snippets.quantization.k_refine import refine, refined_centered, refined_positive
from tests.quantization.golden_k import golden


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_refining_never_explains_less(seed: int) -> None:
    draw = np.random.default_rng(seed)
    x = draw.standard_normal((16, 30)).astype(np.float32)
    codes = draw.integers(-4, 4, (16, 30)).astype(np.int32)
    before = codes.copy()
    with np.errstate(all="ignore"):
        scale = refine(codes, x, np.ones_like(x), -4, 3)
    assert codes.min() >= -4
    assert codes.max() <= 3
    fitted = np.divide((x * before).sum(0), (before**2).sum(0))
    error = ((scale * codes - x) ** 2).sum(axis=0)
    assert (error <= ((fitted * before - x) ** 2).sum(axis=0) + 1e-3).all()


def test_groups_of_zeros_have_no_scale() -> None:
    zeros = np.zeros((16, 2), np.float32)
    with np.errstate(all="ignore"):
        for found in (refined_centered(zeros, 4), refined_positive(zeros, 63, zeros + 1)):
            assert not found.codes.any()
            assert not found.scale.any()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_shared_scales_are_no_worse_than_the_largest_at_the_highest_code(seed: int) -> None:
    scales = np.random.default_rng(seed).uniform(0.1, 1, (8, 20)).astype(np.float32)
    with np.errstate(all="ignore"):
        found = refined_positive(scales, 63, np.ones_like(scales))
    plain = scales.max(axis=0) / 63
    before = (plain * np.rint(scales / plain) - scales) ** 2
    assert found.codes.max() == 63
    assert (((found.scale * found.codes - scales) ** 2).sum(0) <= before.sum(0) + 1e-6).all()


def test_q3_k_is_refined_as_the_engine_refines_it() -> None:
    np.testing.assert_array_equal(FORMATS["Q3_K"].quantize(golden()["blocks"]), golden()["Q3_K"])


@pytest.mark.parametrize("name", ["Q2_K", "Q4_K", "Q5_K"])
def test_scales_are_refined_as_the_engine_refines_them(name: str) -> None:
    found = quantize_by_importance(name, golden()["blocks"], golden()["importance"])
    np.testing.assert_array_equal(found, golden()[f"by {name}"])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(-12, 12))
def test_codes_do_not_know_the_unit_of_weights(seed: int, power: int) -> None:
    x = np.random.default_rng(seed).uniform(0.1, 1, (16, 20)).astype(np.float32)
    other = x * np.float32(2.0**power)
    weights = x * np.float32(4.0**power)
    with np.errstate(all="ignore"):
        for one, two in (
            (refined_centered(x, 4), refined_centered(other, 4)),
            (refined_positive(x, 15, x), refined_positive(other, 15, weights)),
        ):
            np.testing.assert_array_equal(one.codes, two.codes)
            np.testing.assert_array_equal(one.scale * np.float32(2.0**power), two.scale)
