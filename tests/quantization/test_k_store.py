"""Scales of a super-block: shared, rounded to float16, and weights rounded to what is stored."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snippets.quantization.k_quants import FORMATS
from snippets.quantization.k_store import grouped, round_again, share, share_signed, stored, ungrouped
from tests.quantization.golden_k import golden


@pytest.mark.parametrize("size", [16, 32])
def test_groups_stand_side_by_side_and_go_back(size: int) -> None:
    x = np.arange(256 * 3, dtype=np.float32).reshape(3, 256).T
    groups = grouped(x, size)
    assert groups.shape == (size, 256 // size * 3)
    np.testing.assert_array_equal(groups[:, 1], x[:size, 1])
    np.testing.assert_array_equal(ungrouped(groups, 3), x)


@pytest.mark.parametrize("most", [15, 63])
def test_the_largest_value_gets_the_highest_code(most: int) -> None:
    values = np.array([0.5, 1, 2, 4], np.float32)
    codes, shared = share(values, 1, most)
    assert codes.ravel().tolist() == np.rint(values / 4 * most).tolist()
    assert shared == pytest.approx(4 / most)


def test_the_farthest_scale_gets_the_lowest_code_whatever_its_sign() -> None:
    scales = np.array([[1, 0.0], [-4, 0], [2, 0]], np.float32)
    with np.errstate(all="ignore"):
        codes, shared = share_signed(scales, 32)
    assert codes.T.tolist() == [[8, -32, 16], [-32, -32, -32]]
    assert shared.tolist() == [0.125, 0]


@pytest.mark.parametrize("wrong", [65_520, np.inf, np.nan, -65_520])
def test_a_scale_that_float16_cannot_hold_is_an_error(wrong: float) -> None:
    with pytest.raises(ValueError, match="float16 ends at 65504"):
        stored(np.array([1, wrong], np.float32))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_weights_go_to_the_nearest_level_of_what_is_stored(seed: int) -> None:
    draw = np.random.default_rng(seed)
    x = draw.uniform(-3, 3, (256, 2)).astype(np.float32)
    old = np.full((256, 2), 9, np.int32)
    scales = draw.uniform(0.1, 1, (16, 2)).astype(np.float32)
    scales[3] = 0
    with np.errstate(divide="ignore"):
        again = round_again(x, old, scales, None, (-4, 3)).reshape(16, 16, 2)
    assert (again[3] == 9).all()
    for group in (0, 15):
        levels = (np.arange(8)[:, None, None] - 4) * scales[group]
        best = np.abs(levels - x.reshape(16, 16, 2)[group]).argmin(axis=0)
        np.testing.assert_array_equal(again[group], best)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_blocks_are_laid_out_as_the_engine_lays_them_out(name: str) -> None:
    np.testing.assert_array_equal(FORMATS[name].quantize(golden()["blocks"]), golden()[name])
