"""The words are those of autoawq and of compressed-tensors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.model_formats.awq_packing import (
    awq_matrix,
    awq_tensors,
    compressed_matrix,
    compressed_tensors,
    pack_awq,
    unpack_awq,
)
from tests.model_formats.goldens import golden, same
from tests.model_formats.test_int32_packing import GOOD, matrix


def test_words_are_those_of_autoawq() -> None:
    theirs, ours = golden("int32"), awq_tensors(GOOD)
    assert same(ours["qweight"], theirs["awq_qweight"])
    assert same(ours["qzeros"], theirs["awq_qzeros"])
    assert same(ours["scales"], np.ascontiguousarray(GOOD.scales.T))


def test_weights_are_those_autoawq_reads() -> None:
    theirs = golden("int32")
    tensors = {"qweight": theirs["awq_qweight"], "qzeros": theirs["awq_qzeros"], "scales": GOOD.scales.T}
    assert same(awq_matrix(tensors).dequantize(), theirs["awq_found"])


def test_neighbors_are_interleaved() -> None:
    assert pack_awq(np.arange(8, dtype=np.uint8)[None]).view("<u4")[0, 0] == 0x75316420


@pytest.mark.parametrize("bits", [3, 4, 8])
def test_words_are_those_of_compressed_tensors(bits: int) -> None:
    theirs, ours = golden("floats"), compressed_tensors(matrix(bits))
    assert same(ours["weight_packed"], theirs[f"codes_{bits}"])
    assert same(ours["weight_zero_point"], theirs[f"zeros_{bits}"])
    assert ours["weight_shape"].tolist() == [32, 128]
    assert ours["weight_shape"].dtype == np.int64
    assert same(compressed_matrix(ours, bits).dequantize(), matrix(bits).dequantize())


@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 2**32))
def test_what_is_packed_comes_back(rows: int, words: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 16, (rows, words * 8), dtype=np.uint8)
    assert same(unpack_awq(pack_awq(codes)), codes)


def test_what_awq_has_no_place_for_is_refused() -> None:
    with pytest.raises(ValueError, match="bits is 8: AWQ has 4"):
        awq_tensors(matrix(8))
    with pytest.raises(ValueError, match="12 columns: AWQ needs a multiple of 8"):
        pack_awq(np.zeros((1, 12), np.uint8))
    with pytest.raises(ValueError, match="codes from 0 to 16"):
        pack_awq(np.array([[16, 0, 0, 0, 0, 0, 0, 0]], np.uint8))
    with pytest.raises(ValueError, match="zeros: shape"):
        compressed_tensors(GOOD._replace(zeros=GOOD.zeros.T))
