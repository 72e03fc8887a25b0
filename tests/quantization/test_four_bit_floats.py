"""E2M1 and MXFP4: bit for bit what gguf and llama.cpp write, and where OCP's own rules differ."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from gguf import GGMLQuantizationType, quants
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from snippets.quantization.blocks import Bytes, Floats
from snippets.quantization.engine import engine_dequantize, engine_quantize, find_engine
from snippets.quantization.float8 import decode, encode, table
from snippets.quantization.four_bit_floats import E2M1, MXFP4, MXFP4_OCP, doubled, nearest
from tests.hardware.engine import missing

needs_engine = pytest.mark.skipif(missing() is not None, reason=f"{missing()}")
FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
ROWS = arrays(np.float32, (3, 64), elements=FINITE)


def near_powers() -> Floats:
    """Blocks whose largest value is a power of two, or one of the 40 floats below or 8 above it."""
    powers = np.ldexp(np.float32(1), np.arange(-126, 128)).view(np.uint32)
    largest = (powers[:, None].astype(np.int64) + np.arange(-40, 8)).astype(np.uint32).view(np.float32)
    rows = np.zeros((largest.size, 32), np.float32)
    rows[:, 0], rows[:, 9] = largest.ravel(), -0.4 * largest.ravel()
    return rows


def wide() -> Floats:
    """Blocks of every size that float32 has, denormals too."""
    chance = np.random.default_rng(3)
    sizes = 10.0 ** chance.uniform(-45, 36, (2_000, 1))
    return (chance.normal(0, 1, (2_000, 32)) * sizes).astype(np.float32)


def ties() -> Floats:
    """What lies between two values, in blocks of several sizes, and both zeros."""
    values = table(E2M1)[:8]
    between = np.concatenate([(values[1:] + values[:-1]) / 2, values, [7, 7.5, -0.0]])
    block = np.concatenate([between, -between[:14]])
    sizes = np.exp2(np.arange(-30, 30))[:, None]
    return np.asarray(block * sizes, np.float32)


def odd() -> Floats:
    """All zeros, one value, the largest floats, the smallest, one far out."""
    rows = np.zeros((6, 32), np.float32)
    rows[1], rows[2], rows[3] = -0.0, 5, np.finfo(np.float32).max
    rows[3, 1:], rows[4, 7] = 3.2e38, 1e-45
    rows[5, 3], rows[5, 4] = 1, 1e30
    return rows


TENSORS = {"near powers": near_powers(), "wide": wide(), "ties": ties(), "odd": odd()}


def theirs(rows: Floats) -> Bytes:
    """What gguf writes."""
    with np.errstate(all="ignore"):
        data = quants.quantize(rows, GGMLQuantizationType.MXFP4)
    found: Bytes = np.asarray(data, np.uint8)
    return found


def test_values_are_those_of_ml_dtypes() -> None:
    codes = np.arange(16, dtype=np.uint8).view(ml_dtypes.float4_e2m1fn)
    assert (table(E2M1).view(np.uint32) == codes.astype(np.float32).view(np.uint32)).all()


def test_rounding_is_that_of_ml_dtypes() -> None:
    x = np.linspace(-6, 6, 4_801, dtype=np.float32)
    assert (encode(x, E2M1) == x.astype(ml_dtypes.float4_e2m1fn).view(np.uint8)).all()


@pytest.mark.parametrize("name", TENSORS)
def test_mxfp4_is_that_of_gguf(name: str) -> None:
    assert (MXFP4.quantize(TENSORS[name]) == theirs(TENSORS[name])).all()


@needs_engine
@pytest.mark.parametrize("name", TENSORS)
def test_mxfp4_is_that_of_the_engine(name: str) -> None:
    rows = TENSORS[name]
    data = engine_quantize(find_engine(), "MXFP4", rows)
    assert (MXFP4.quantize(rows) == data).all()
    back = engine_dequantize(find_engine(), "MXFP4", data, 32)
    assert (MXFP4.dequantize(data).view(np.uint32) == back.view(np.uint32)).all()


@given(ROWS)
def test_mxfp4_is_that_of_gguf_for_any_weights(rows: Floats) -> None:
    assert (MXFP4.quantize(rows) == theirs(rows)).all()


@needs_engine
@given(ROWS)
def test_mxfp4_is_that_of_the_engine_for_any_weights(rows: Floats) -> None:
    assert (MXFP4.quantize(rows) == engine_quantize(find_engine(), "MXFP4", rows)).all()


@given(arrays(np.uint8, (3, 34)))
def test_any_bytes_are_read_as_gguf_reads_them(data: Bytes) -> None:
    with np.errstate(all="ignore"):
        expected = quants.dequantize(data, GGMLQuantizationType.MXFP4)
    assert (MXFP4.dequantize(data).view(np.uint32) == expected.view(np.uint32)).all()


@needs_engine
@pytest.mark.parametrize(("value", "exponent", "code"), [(np.nan, 125, 0), (np.inf, 0, 0), (-np.inf, 0, 0)])
def test_what_is_not_finite_is_refused_here_and_spoils_its_block_in_the_engine(
    value: float, exponent: int, code: int
) -> None:
    rows = np.ones((1, 32), np.float32)
    rows[0, 3] = value
    with pytest.raises(ValueError, match="MXFP4"):
        MXFP4.quantize(rows)
    data = engine_quantize(find_engine(), "MXFP4", rows, any_value=True)
    assert data[0, 0] == exponent
    assert data[0, 4] & 15 == code


def test_rows_that_are_no_whole_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="MXFP4"):
        MXFP4.quantize(np.zeros((2, 33), np.float32))


def codes_of(data: Bytes) -> Bytes:
    """The 32 codes of one block."""
    return np.concatenate([data[0, 1:17] & 15, data[0, 1:17] >> 4])


def test_code_i_and_code_i_plus_16_share_a_byte() -> None:
    row = np.zeros((1, 32), np.float32)
    row[0, 0], row[0, 16], row[0, 15], row[0, 31] = 6, -1, 0.5, 4
    data = MXFP4.quantize(row)
    assert data[0].tolist() == [127, 0xA7, *[0] * 14, 0x61]
    assert (MXFP4.dequantize(data) == row).all()


def test_the_engine_breaks_ties_toward_zero_and_ocp_to_even() -> None:
    row = np.zeros((1, 32), np.float32)
    row[0, :8] = [0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5, 6]
    assert codes_of(MXFP4.quantize(row))[:8].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert codes_of(MXFP4_OCP.quantize(row))[:8].tolist() == [0, 2, 2, 4, 4, 6, 6, 7]


def test_only_ocp_keeps_the_sign_of_what_becomes_zero() -> None:
    row = np.full((1, 32), -0.1, np.float32)
    row[0, 0] = 6
    assert set(codes_of(MXFP4.quantize(row))) == {7, 0}
    assert set(codes_of(MXFP4_OCP.quantize(row))) == {7, 8}
    for kind, kept in ((MXFP4, False), (MXFP4_OCP, True)):
        assert np.signbit(kind.dequantize(MXFP4_OCP.quantize(row))[0, 1]) == kept


def test_below_2_to_minus_125_the_engine_loses_the_block_and_ocp_does_not() -> None:
    row = np.full((1, 32), 2.0**-126, np.float32)
    assert MXFP4.quantize(row)[0, 0] == 255
    assert (MXFP4.dequantize(MXFP4.quantize(row)) == 0).all()
    assert MXFP4_OCP.quantize(row)[0, 0] == 0
    assert (MXFP4_OCP.dequantize(MXFP4_OCP.quantize(row)) == row).all()
    least = np.full((1, 32), 2.0**-125, np.float32)
    assert (MXFP4.dequantize(MXFP4.quantize(least)) == least).all()


def test_the_engine_rounds_a_logarithm_up_and_ocp_does_not() -> None:
    row = np.full((1, 32), np.nextafter(np.float32(8), np.float32(0)))
    assert MXFP4.quantize(row)[0, 0] == 128
    assert MXFP4_OCP.quantize(row)[0, 0] == 127


@pytest.mark.parametrize(
    ("largest", "exponent"),
    [(0, 0), (1e-45, 0), (2.0**-124, 1), (1, 125), (4, 127), (7.99, 127), (8, 128), (3e38, 252)],
)
def test_ocp_takes_the_power_of_two_below_the_largest_over_4(largest: float, exponent: int) -> None:
    row = np.zeros((1, 32), np.float32)
    row[0, 5] = -largest
    assert MXFP4_OCP.quantize(row)[0, 0] == exponent


def test_ocp_reads_exponent_255_as_nan_and_the_engine_as_a_number() -> None:
    data = np.full((1, 17), 0x11, np.uint8)
    data[0, 0] = 255
    assert np.isnan(MXFP4_OCP.dequantize(data)).all()
    assert (MXFP4.dequantize(data) == 2.0**127).all()
    data[0, 0] = 254
    assert (MXFP4_OCP.dequantize(data) == 2.0**126).all()


@given(ROWS)
def test_what_is_read_is_written_again_as_it_was(rows: Floats) -> None:
    rows = np.where(np.abs(rows) < 1e-30, 0, rows).astype(np.float32)
    with np.errstate(all="ignore"):
        back = MXFP4_OCP.dequantize(MXFP4_OCP.quantize(rows))
    again = MXFP4_OCP.dequantize(MXFP4_OCP.quantize(back))
    assert (again == back).all()


@given(arrays(np.float32, (1, 32), elements=st.floats(-100, 100, width=32)))
def test_no_weight_is_off_by_more_than_a_quarter_of_the_largest(rows: Floats) -> None:
    rows[np.abs(rows) < 1e-30] = 0
    for kind in (MXFP4, MXFP4_OCP):
        off = np.abs(kind.dequantize(kind.quantize(rows)) - rows).max()
        # Eight becomes six, at worst.
        assert off <= np.abs(rows).max() / 4


def test_a_scale_of_zero_takes_code_0_for_all() -> None:
    x = np.array([[3.0], [-3.0], [0.0]], np.float32)
    assert nearest(x, np.zeros(1, np.float32)).ravel().tolist() == [0, 0, 0]


def test_where_all_differences_are_equal_the_first_code_is_taken() -> None:
    x = np.array([[1e9, -1e9, 6, -6]], np.float32)
    assert nearest(x, np.full(4, 0.5, np.float32)).tolist() == [[0, 0, 7, 15]]


def test_values_are_whole_when_doubled() -> None:
    assert doubled().tolist() == [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]
    assert not np.signbit(doubled()[8])
    assert np.signbit(decode(np.array([8], np.uint8), E2M1))[0]


def test_sizes_are_those_of_gguf() -> None:
    for kind in (MXFP4, MXFP4_OCP):
        assert (kind.weights, kind.bytes) == (32, 17)
        assert kind.bits_per_weight == 4.25
