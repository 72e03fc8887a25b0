"""FP8: every code and every float16 as ml-dtypes has it, both modes of the standard, scales by tile."""

from __future__ import annotations

import json
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from snippets.quantization.float8 import (
    E4M3,
    E5M2,
    Floats,
    Scaled,
    SmallFloat,
    decode,
    decode_scaled,
    encode,
    encode_scaled,
    table,
)
from tests.quantization.golden_floats import digest, every_half

KINDS = [E4M3, E5M2]
DTYPES = {"E4M3": ml_dtypes.float8_e4m3fn, "E5M2": ml_dtypes.float8_e5m2}
E2M1 = SmallFloat("E2M1", 2, 1, 1, 7, None, None)
FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
GOLDEN = json.loads((Path(__file__).parent / "golden_floats.json").read_text())


def floats(*values: float) -> Floats:
    return np.array(values, np.float32)


def bits(values: Floats) -> list[int]:
    """What tells -0 from 0."""
    return [int(one) for one in values.view(np.uint32)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_code_has_the_value_that_ml_dtypes_reads(kind: SmallFloat) -> None:
    codes = np.arange(256, dtype=np.uint8)
    theirs = codes.view(DTYPES[kind.name]).astype(np.float32)
    ours = decode(codes, kind)
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    assert bits(ours[~np.isnan(ours)]) == bits(theirs[~np.isnan(theirs)])


@pytest.mark.parametrize("kind", KINDS)
def test_every_float16_has_the_code_that_ml_dtypes_writes(kind: SmallFloat) -> None:
    halves = np.arange(65_536, dtype=np.uint16).view(np.float16)
    with np.errstate(all="ignore"):
        theirs = halves.astype(DTYPES[kind.name]).view(np.uint8)
    assert (encode(halves.astype(np.float32), kind, saturate=False) == theirs).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_any_float32_has_the_code_that_ml_dtypes_writes(kind: SmallFloat, seed: int) -> None:
    some = np.random.default_rng(seed).integers(0, 2**32, 100_000, dtype=np.uint32).view(np.float32)
    with np.errstate(all="ignore"):
        theirs = some.astype(DTYPES[kind.name]).view(np.uint8)
    assert (encode(some, kind, saturate=False) == theirs).all()


@pytest.mark.parametrize("kind", KINDS)
def test_between_any_two_values_rounding_is_to_the_nearest_and_halves_to_even(kind: SmallFloat) -> None:
    values = table(kind)[: kind.largest + 1].astype(np.float64)
    middles = ((values[:-1] + values[1:]) / 2).astype(np.float32)
    low = np.arange(kind.largest)
    assert encode(middles, kind).tolist() == [one + one % 2 for one in low]
    assert encode(np.nextafter(middles, np.float32(0)), kind).tolist() == low.tolist()
    assert encode(np.nextafter(middles, np.float32(1e9)), kind).tolist() == (low + 1).tolist()


def test_casts_are_those_of_pytorch() -> None:
    halves = every_half()
    assert digest(encode(halves, E4M3, saturate=True)) == GOLDEN["float8_e4m3fn"]
    assert digest(encode(halves, E5M2, saturate=False)) == GOLDEN["float8_e5m2"]


@pytest.mark.parametrize(
    ("kind", "largest", "smallest", "tie"), [(E4M3, 448, 2**-9, 464), (E5M2, 57_344, 2**-16, 61_440)]
)
def test_saturation_is_as_the_standard_has_it(
    kind: SmallFloat, largest: float, smallest: float, tie: float
) -> None:
    assert (kind.largest_value, kind.smallest_value) == (largest, smallest)
    beyond = floats(largest, np.nextafter(np.float32(tie), np.float32(0)), tie * 1.01, 1e38, np.inf)
    assert decode(encode(beyond, kind), kind).tolist() == [largest] * 5
    assert decode(encode(-beyond, kind), kind).tolist() == [-largest] * 5
    free = decode(encode(beyond, kind, saturate=False), kind)
    assert free[:2].tolist() == [largest] * 2
    assert (np.isnan(free[2:]) if kind is E4M3 else free[2:] == np.inf).all()


@pytest.mark.parametrize("saturate", [True, False])
@pytest.mark.parametrize(("kind", "nan"), [(E4M3, 0x7F), (E5M2, 0x7E)])
def test_nan_stays_nan_with_its_sign(kind: SmallFloat, nan: int, saturate: bool) -> None:
    given = np.array([0x7FC00000, 0xFFC00000, 0x7F800001], np.uint32).view(np.float32)
    assert encode(given, kind, saturate).tolist() == [nan, nan | 0x80, nan]


def test_e5m2_reads_infinity_and_e4m3_has_none() -> None:
    codes = np.array([0x7C, 0xFC], np.uint8)
    assert decode(codes, E5M2).tolist() == [np.inf, -np.inf]
    assert decode(codes, E4M3).tolist() == [384, -384]
    assert np.isinf(table(E4M3)).sum() == 0
    assert np.isnan(table(E4M3)).sum() == 2
    assert np.isnan(table(E5M2)).sum() == 6


@pytest.mark.parametrize("kind", [*KINDS, E2M1])
def test_a_zero_keeps_its_sign_and_what_is_too_small_becomes_one(kind: SmallFloat) -> None:
    tiny = kind.smallest_value / 2
    given = floats(0.0, -0.0, tiny, -tiny, 1e-45, -1e-45)
    assert encode(given, kind).tolist() == [0, kind.sign] * 3


@pytest.mark.parametrize("kind", [*KINDS, E2M1])
def test_what_a_code_means_has_that_code(kind: SmallFloat) -> None:
    values = table(kind)
    finite = np.isfinite(values)
    assert (encode(values[finite], kind) == np.arange(len(values))[finite]).all()


@given(kind=st.sampled_from([*KINDS, E2M1]), x=arrays(np.float32, 2, elements=FINITE))
def test_order_is_kept(kind: SmallFloat, x: Floats) -> None:
    low, high = decode(encode(np.sort(x), kind), kind)
    assert low <= high


@given(kind=st.sampled_from([*KINDS, E2M1]), x=arrays(np.float32, 3, elements=FINITE))
def test_no_value_is_nearer_than_the_one_taken(kind: SmallFloat, x: Floats) -> None:
    values = table(kind).astype(np.float64)
    values = values[np.isfinite(values)]
    taken = decode(encode(x, kind), kind).astype(np.float64)
    best = np.abs(values - x.astype(np.float64)[:, None]).min(axis=1)
    assert (np.abs(taken - x) == best).all()


def test_a_format_without_nan_or_infinity_refuses_them() -> None:
    with pytest.raises(ValueError, match="E2M1: a value is NaN, and no code is NaN"):
        encode(floats(np.nan), E2M1)
    with pytest.raises(ValueError, match="E2M1: a value rounds beyond 6, and no code is infinity"):
        encode(floats(7.5), E2M1, saturate=False)
    assert encode(floats(6.9, np.inf), E2M1).tolist() == [7, 7]
    assert encode(floats(6.9), E2M1, saturate=False).tolist() == [7]


def test_shape_is_kept() -> None:
    assert encode(np.ones((2, 3, 4), np.float32).T, E4M3).shape == (4, 3, 2)
    assert (encode(np.ones((2, 3), np.float32)[:, ::2], E4M3) == 0x38).all()


def matrix(rows: int, columns: int) -> Floats:
    return np.random.default_rng(rows * columns).normal(0, 0.02, (rows, columns)).astype(np.float32)


@pytest.mark.parametrize(
    ("tile", "scales"),
    [((200, 300), (1, 1)), ((1, 300), (200, 1)), ((128, 128), (2, 3)), ((1, 1), (200, 300))],
)
def test_the_largest_of_each_tile_becomes_the_largest_value(
    tile: tuple[int, int], scales: tuple[int, int]
) -> None:
    x = matrix(200, 300)
    scaled = encode_scaled(x, E4M3, tile)
    assert scaled.scales.shape == scales
    corner = x[: tile[0], : tile[1]]
    assert scaled.scales[0, 0] == np.abs(corner).max() / np.float32(448)
    end = x[(scales[0] - 1) * tile[0] :, (scales[1] - 1) * tile[1] :]
    assert scaled.scales[-1, -1] == np.abs(end).max() / np.float32(448)
    largest = scaled.codes[: tile[0], : tile[1]] & 0x7F
    assert largest.max() == 0x7E


def test_each_weight_is_off_by_at_most_half_a_step() -> None:
    x = matrix(200, 300)
    scaled = encode_scaled(x, E4M3, (128, 128))
    back = decode_scaled(scaled, E4M3)
    most = 2**-4 * np.abs(x) + 2**-10 * scaled.scales.max()
    assert (np.abs(back - x) <= most * 1.001).all()


def test_a_scale_moves_with_the_weights_and_no_code_does() -> None:
    x = matrix(5, 7)
    once, more = (encode_scaled(one, E5M2, (1, 7)) for one in (x, x * 1024))
    assert (once.codes == more.codes).all()
    assert (once.scales * 1024 == more.scales).all()


def test_tiles_of_zeros_and_of_denormals_are_read_as_they_were_or_as_zeros() -> None:
    x = np.zeros((2, 4), np.float32)
    x[1] = 1e-45
    scaled = encode_scaled(x, E4M3, (1, 4))
    assert scaled.scales.ravel().tolist() == [1, 1]
    assert (decode_scaled(scaled, E4M3) == 0).all()


@given(
    arrays(
        np.float32, array_shapes(min_dims=2, max_dims=2), elements=st.floats(-(2.0**100), 2.0**100, width=32)
    )
)
def test_codes_again_are_the_same_codes(x: Floats) -> None:
    scaled = encode_scaled(x, E4M3, (2, 3))
    assert np.isfinite(decode_scaled(scaled, E4M3)).all()
    assert (encode(decode(scaled.codes, E4M3), E4M3) == scaled.codes).all()


def test_bits_count_the_scales() -> None:
    scaled = Scaled(np.zeros((128, 256), np.uint8), np.ones((1, 2), np.float32), (128, 128))
    assert scaled.bits_per_weight == 8 + 32 / 128**2


@pytest.mark.parametrize(
    ("x", "tile", "said"),
    [
        (np.zeros(3), (1, 1), r"rows: shape \(3,\), rows and columns"),
        (np.zeros((0, 3)), (1, 1), r"rows: shape \(0, 3\)"),
        (np.zeros((2, 2)), (0, 1), r"tile: \(0, 1\), at least \(1, 1\)"),
        (np.array([[0, np.nan]]), (1, 1), "rows: row 0, column 1 is nan, not finite"),
        (np.array([[0], [-np.inf]]), (1, 1), "rows: row 1, column 0 is -inf, not finite"),
    ],
)
def test_what_cannot_be_scaled_is_refused_by_name(x: np.ndarray, tile: tuple[int, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        encode_scaled(x.astype(np.float32), E4M3, tile)
