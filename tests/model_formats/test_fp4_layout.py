"""MXFP4 is read as transformers reads gpt-oss, and moved into GGUF's blocks as gguf reads them."""

from __future__ import annotations

import gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.model_formats.fp4_layout import (
    e8m0_values,
    gguf_mxfp4,
    grouped,
    mxfp4_blocks,
    mxfp4_weights,
    pack_neighbors,
    unpack_neighbors,
)
from tests.model_formats.goldens import golden, same

BLOCKS = np.random.default_rng(7).integers(0, 256, (2, 8, 4, 16), dtype=np.uint8)
SCALES = np.random.default_rng(8).integers(110, 135, (2, 8, 4), dtype=np.uint8)


def test_weights_are_those_transformers_reads_from_gpt_oss() -> None:
    assert "transformers 5.24.0" in golden("floats")["versions"]
    found = mxfp4_weights(BLOCKS, SCALES).transpose(0, 2, 1).copy()  # the model's experts stand (in, out)
    assert same(found, golden("floats")["gpt_oss_found"])


def test_weights_are_the_same_in_gguf() -> None:
    moved = gguf_mxfp4(BLOCKS, SCALES)
    assert moved.shape == (2, 8, 4, 17)
    theirs = gguf.quants.dequantize(moved.reshape(16, -1), gguf.GGMLQuantizationType.MXFP4)
    assert np.array_equal(theirs, mxfp4_weights(BLOCKS, SCALES).reshape(16, -1))


def test_bytes_are_those_of_compressed_tensors() -> None:
    assert same(pack_neighbors(golden("floats")["fp4_codes"]), golden("floats")["fp4_packed"])


def test_each_scale_has_the_value_of_pytorch() -> None:
    ours, theirs = e8m0_values(np.arange(256, dtype=np.uint8)), golden("floats")["e8m0"]
    assert same(ours[:255], theirs[:255])
    assert np.isnan([ours[255], theirs[255]]).all()


@given(st.integers(1, 3), st.integers(0, 2**32))
def test_what_is_packed_comes_back(groups: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 16, (2, 32 * groups), dtype=np.uint8)
    blocks = mxfp4_blocks(codes)
    assert blocks.shape == (2, groups, 16)
    assert same(unpack_neighbors(blocks).reshape(2, -1), codes)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="codes to 16 in rows of 2: 0 to 15 in even rows are needed"):
        pack_neighbors(np.array([[16, 0]], np.uint8))
    with pytest.raises(ValueError, match="in rows of 3"):
        pack_neighbors(np.zeros((1, 3), np.uint8))
    with pytest.raises(ValueError, match="rows of 48 weights, a multiple of 32 is needed"):
        mxfp4_blocks(np.zeros((1, 48), np.uint8))
    with pytest.raises(ValueError, match="rows of 24 weights, a multiple of 16"):
        grouped(np.zeros((1, 24), np.uint8), 16)
    with pytest.raises(
        ValueError, match=r"blocks \(2, 8, 4, 16\) and scales \(2, 8, 3\): the first needs 16 more"
    ):
        mxfp4_weights(BLOCKS, SCALES[..., :3])
