"""NVFP4 is read as compressed-tensors reads it, and its scales are ordered as PyTorch orders them."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.model_formats.nvfp4_layout import nvfp4_weights, swizzle, unswizzle
from tests.model_formats.goldens import golden, same

THEIRS = golden("floats")


def test_weights_are_those_of_compressed_tensors() -> None:
    found = nvfp4_weights(THEIRS["fp4_packed"], THEIRS["nvfp4_scales"], 1 / THEIRS["nvfp4_global"])
    assert same(found, THEIRS["nvfp4_found"])


def test_scales_are_ordered_as_pytorch_orders_them() -> None:
    order = np.arange(160 * 6, dtype=np.int16).reshape(160, 6)
    assert np.array_equal(swizzle(cast(Any, order)), THEIRS["swizzled"])


@given(st.integers(1, 300), st.integers(1, 9), st.integers(0, 2**32))
def test_what_is_swizzled_comes_back(rows: int, columns: int, seed: int) -> None:
    scales = np.random.default_rng(seed).integers(0, 256, (rows, columns), dtype=np.uint8)
    mixed = swizzle(scales)
    assert len(mixed) % 512 == 0
    assert same(unswizzle(mixed, (rows, columns)).copy(), scales)


def test_row_33_stands_behind_row_1() -> None:
    scales = np.zeros((128, 4), np.uint8)
    scales[33, 2] = 1
    assert swizzle(scales).nonzero()[0].tolist() == [16 * 1 + 4 * 1 + 2]


def test_what_does_not_agree_is_refused() -> None:
    with pytest.raises(ValueError, match="511 scales, 512 are needed"):
        unswizzle(np.zeros(511, np.uint8), (128, 4))
    with pytest.raises(ValueError, match="1024 scales, 512 are needed"):
        unswizzle(np.zeros(1024, np.uint8), (128, 4))
    with pytest.raises(ValueError, match=r"scales: shape \(512,\), \(32, 8\) is needed; swizzled"):
        nvfp4_weights(THEIRS["fp4_packed"], np.zeros(512, np.uint8), np.ones(1))
    with pytest.raises(ValueError, match="rows of 24 weights, a multiple of 16 is needed"):
        nvfp4_weights(np.zeros((1, 12), np.uint8), np.zeros((1, 1), np.uint8), np.ones(1))
