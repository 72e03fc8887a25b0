"""NVFP4: the engine's variant bit for bit, and NVIDIA's, whose second scale saves small weights."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from gguf import GGMLQuantizationType, quants
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from snippets.quantization.blocks import Bytes, Floats
from snippets.quantization.engine import engine_dequantize, engine_quantize, find_engine
from snippets.quantization.float8 import E4M3, decode, encode
from snippets.quantization.nvfp4 import (
    NVFP4,
    decode_two,
    encode_scale,
    encode_two,
    scale_values,
)
from tests.hardware.engine import missing

needs_engine = pytest.mark.skipif(missing() is not None, reason=f"{missing()}")
FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
# The engine's bytes for what `tensor` gives.
ENGINE_BYTES = "2de3c374916587b1"


def tensor() -> Floats:
    """Parts of every size, scales at both ends of E4M3, zeros, denormals, one value, far too large ones."""
    chance = np.random.default_rng(7)
    sizes = np.repeat(10.0 ** chance.uniform(-6, 5, (2_000, 4)), 16, axis=1)
    wide = chance.normal(0, 1, (2_000, 64)) * sizes
    steps = np.linspace(0, 480 * 6, 2_000)[:, None] * np.linspace(-1, 1, 64)
    tiny = np.linspace(0, 6 * 2.0**-5, 2_000)[:, None] * np.linspace(1, -0.5, 64)
    odd = np.zeros((6, 64))
    odd[1], odd[2], odd[3], odd[4, 7], odd[5, 16:] = -0.0, 5, 3e38, 1e-45, 1e12
    return np.concatenate([wide, steps, tiny, odd]).astype(np.float32)


def digest(data: Bytes) -> str:
    return hashlib.sha256(data.tobytes()).hexdigest()[:16]


def test_bytes_are_those_of_the_engine() -> None:
    assert digest(NVFP4.quantize(tensor())) == ENGINE_BYTES


@needs_engine
def test_the_engine_still_makes_these_bytes_and_reads_them_alike() -> None:
    data = engine_quantize(find_engine(), "NVFP4", tensor())
    assert digest(data) == ENGINE_BYTES
    back = engine_dequantize(find_engine(), "NVFP4", data, 64)
    assert (NVFP4.dequantize(data).view(np.uint32) == back.view(np.uint32)).all()


@needs_engine
@given(arrays(np.float32, (2, 64), elements=FINITE))
def test_bytes_are_those_of_the_engine_for_any_weights(rows: Floats) -> None:
    assert (NVFP4.quantize(rows) == engine_quantize(find_engine(), "NVFP4", rows)).all()


@given(arrays(np.uint8, (3, 72)))
def test_any_bytes_are_read_as_gguf_reads_them(data: Bytes) -> None:
    expected = quants.dequantize(data, GGMLQuantizationType.NVFP4)
    assert (NVFP4.dequantize(data).view(np.uint32) == expected.view(np.uint32)).all()


def test_every_scale_is_read_as_gguf_reads_it() -> None:
    codes = np.arange(256, dtype=np.uint8)
    assert (scale_values() == 2 * quants.NVFP4.ue4m3_to_fp32(codes)).all()
    known = np.r_[0:127]
    assert (scale_values()[known] == decode(known.astype(np.uint8), E4M3)).all()


@given(arrays(np.float32, 50, elements=st.floats(0, 1000, width=32)))
def test_scales_are_written_as_gguf_writes_them(x: Floats) -> None:
    assert (encode_scale(x) == quants.NVFP4.fp32_to_ue4m3(x)).all()


def test_scales_from_256_on_become_448() -> None:
    x = np.array([247.9, 248, 256, 300, 448, 1e30], np.float32)
    assert scale_values()[encode_scale(x)].tolist() == [240, 448, 448, 448, 448, 448]
    assert decode(encode(x, E4M3), E4M3).tolist() == [248 - 8, 256, 256, 288, 448, 448]


def test_halves_go_up_and_the_last_denormal_is_never_passed() -> None:
    x = np.array([17, 19, 0.5 / 512, 0.49 / 512, 7.9 / 512, 8 / 512], np.float32)
    assert (scale_values()[encode_scale(x)] * 512).tolist() == [18 * 512, 20 * 512, 1, 0, 7, 8]


def test_a_block_is_four_scales_and_four_parts() -> None:
    row = np.zeros((1, 64), np.float32)
    row[0, 0], row[0, 8], row[0, 17], row[0, 63] = 6, -3, 12, 0.5 * 6
    data = NVFP4.quantize(row)[0]
    assert data[:4].tolist() == [0x38, 0x40, 0, 0x30]
    assert data[4:].tolist() == [0xD7, *[0] * 7, 0, 7, *[0] * 6, *[0] * 8, *[0] * 7, 0x70]
    assert (NVFP4.dequantize(data[None]) == row).all()


def test_size_is_that_of_gguf() -> None:
    assert (NVFP4.weights, NVFP4.bytes, NVFP4.bits_per_weight) == (64, 36, 4.5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="NVFP4"):
        NVFP4.quantize(np.full((1, 64), value, np.float32))
    with pytest.raises(ValueError, match=r"rows: row 0, column 0: (nan|inf) is not finite"):
        encode_two(np.full((1, 64), value, np.float32))


@pytest.mark.parametrize("shape", [(2, 24), (16,), (1, 16, 16)])
def test_rows_that_16_does_not_divide_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="rows of a multiple of 16"):
        encode_two(np.zeros(shape, np.float32))


def normal(size: float) -> Floats:
    return np.random.default_rng(1).normal(0, size, (64, 256)).astype(np.float32)


def error(x: Floats, back: Floats) -> float:
    return float(np.linalg.norm(back - x) / np.linalg.norm(x))


def test_the_second_scale_makes_the_size_of_weights_no_matter() -> None:
    errors = [error(x, decode_two(encode_two(x))) for x in map(normal, (1e-5, 0.02, 1, 1e5))]
    assert max(errors) < 0.11
    assert max(errors) - min(errors) < 0.001


def test_without_it_small_weights_are_lost() -> None:
    errors = [error(x, NVFP4.dequantize(NVFP4.quantize(x))) for x in map(normal, (1e-4, 0.005, 1))]
    assert errors[0] == 1
    assert errors[1] > 1.2 * errors[2]


def test_the_largest_weight_has_the_largest_code_of_the_largest_scale() -> None:
    x = normal(0.02)
    two = encode_two(x)
    at = np.unravel_index(np.abs(x).argmax(), x.shape)
    assert two.codes[at] & 7 == 7
    assert two.scales.max() == two.scales[at[0], at[1] // 16] == 0x7E
    assert two.tensor_scale == np.abs(x).max() / np.float32(448 * 6)
    assert np.isclose(decode_two(two)[at], x[at], rtol=1e-6)


@given(arrays(np.float32, (2, 32), elements=st.floats(-1000, 1000, width=32)))
def test_what_is_zero_or_too_small_becomes_zero_and_nothing_else_breaks(x: Floats) -> None:
    back = decode_two(encode_two(x))
    assert np.isfinite(back).all()
    assert (back[x == 0] == 0).all()
    assert np.abs(back - x).max() <= np.abs(x).max() / 5


def test_a_tensor_of_zeros_is_read_as_zeros() -> None:
    two = encode_two(np.zeros((2, 16), np.float32))
    assert two.tensor_scale == 1
    assert (decode_two(two) == 0).all()
