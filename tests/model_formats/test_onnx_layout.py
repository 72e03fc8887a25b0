"""ONNX Runtime multiplies by the weights that we read, and onnx packs INT4 as we do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.model_formats.onnx_layout import (
    block_codes,
    dequantize_linear,
    matmul_tensors,
    matmul_weights,
    pack_bytes,
    pack_int4,
    unpack_bytes,
    unpack_int4,
)
from tests.model_formats.goldens import golden, integers, same

COLUMNS = 112  # the last block of 32 is half empty


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_onnx_runtime_multiplies_by_these_weights(bits: int) -> None:
    assert golden("onnx")["versions"].tolist() == ["onnx 1.23.2", "onnxruntime 1.32.0"]
    codes, zeros, scales = integers(bits)
    tensors = matmul_tensors(codes[:, :COLUMNS], zeros, scales.astype(np.float32), bits, 32)
    assert tensors["B"].shape == (32, 4, 4 * bits)
    assert tensors["zero_points"].shape == (32, bits // 2)
    assert np.array_equal(matmul_weights(tensors, bits, COLUMNS), golden("onnx")[f"found_{bits}"])
    tensors.pop("zero_points")
    assert np.array_equal(matmul_weights(tensors, bits, COLUMNS)[:8], golden("onnx")[f"middle_{bits}"])


def test_int4_is_stored_as_onnx_stores_it() -> None:
    codes, zeros, scales = integers(4)
    values, middle = codes.astype(np.int8) - np.int8(8), zeros.astype(np.int8) - np.int8(8)
    assert same(pack_int4(values), golden("onnx")["bytes_int4"])
    assert same(unpack_int4(golden("onnx")["bytes_int4"], (32, 128)), values)
    found = dequantize_linear(values, scales.astype(np.float32), middle, axis=1)
    assert same(found, golden("onnx")["found_int4"])


def test_an_odd_value_stands_alone_in_the_last_byte() -> None:
    odd = np.array([[1, -8, 7, -1, 3]], np.int8)
    assert same(pack_int4(odd), golden("onnx")["bytes_odd"])
    assert same(unpack_int4(golden("onnx")["bytes_odd"], (1, 5)), odd)


@given(st.sampled_from([2, 4, 8]), st.integers(1, 20), st.integers(0, 2**32))
def test_what_is_packed_comes_back(bits: int, count: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 1 << bits, (2, count), dtype=np.uint8)
    assert same(unpack_bytes(pack_bytes(codes, bits), bits)[:, :count].copy(), codes)


@pytest.mark.parametrize("size", [16, 32, 64])
def test_a_block_is_a_power_of_two_from_16(size: int) -> None:
    assert block_codes(np.zeros((2, 64), np.uint8), size, 0).shape == (128 // size, size)


@pytest.mark.parametrize("size", [8, 15, 24, 48])
def test_other_blocks_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"block_size is {size}, not a power of two from 16 up"):
        block_codes(np.zeros((2, 64), np.uint8), size, 0)


def test_what_cannot_be_is_refused() -> None:
    codes, zeros, scales = integers(4)
    with pytest.raises(ValueError, match=r"zeros: shape \(32, 3\), \(32, 4\) is needed"):
        matmul_tensors(codes, zeros[:, :3], scales, 4, 32)
    with pytest.raises(ValueError, match=r"scales: shape \(32, 3\)"):
        matmul_tensors(codes, zeros, scales[:, :3], 4, 32)
    with pytest.raises(ValueError, match="bits is 3, not 2, 4 or 8"):
        pack_bytes(codes, 3)
    with pytest.raises(ValueError, match="4 bits hold 0 to 15"):
        pack_bytes(codes + np.uint8(1), 4)
    with pytest.raises(ValueError, match="values from -9 to 0: INT4 holds -8 to 7"):
        pack_int4(np.array([-9, 0], np.int8))
    with pytest.raises(ValueError, match="values from 0 to 8"):
        pack_int4(np.array([8, 0], np.int8))
    with pytest.raises(ValueError, match="3 bytes for 4 values of 4 bits"):
        unpack_int4(np.zeros(3, np.uint8), (2, 2))
    with pytest.raises(ValueError, match="axis 1: 3 scales do not divide 128 values"):
        dequantize_linear(codes, scales[:, :3], zeros[:, :3], 1)
