"""Blocks of 32 weights: byte for byte those of gguf, and those of the engine where gguf has others."""

from __future__ import annotations

import hashlib

import gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from snippets.data.small_model import read_small_model
from snippets.quantization.block_formats import FORMATS, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, scaled
from snippets.quantization.blocks import BlockFormat, Bytes, Floats
from snippets.quantization.engine import engine_dequantize, engine_quantize, find_engine, hard_tensors
from tests.hardware.engine import missing

needs_engine = pytest.mark.skipif(missing() is not None, reason=f"{missing()}")
each = pytest.mark.parametrize("kind", FORMATS.values(), ids=FORMATS)
HARD = hard_tensors(seed=5)
# gguf takes another zero than the engine where a block has zeros of both signs.
ZEROS = ("zeros, both signs", "zeros and ones")
# The engine's bytes for all of HARD.
ENGINE_BYTES = {
    "Q4_0": "cf29bee6ead073a1",
    "Q4_1": "ee10c64daa6d9dba",
    "Q5_0": "7d46d7df15b0eb22",
    "Q5_1": "d44bd3bf1dd69358",
    "Q8_0": "34fb02c05d2f0011",
}


def gguf_type(kind: BlockFormat) -> gguf.GGMLQuantizationType:
    return gguf.GGMLQuantizationType[kind.name]


def by_gguf(kind: BlockFormat, rows: Floats) -> Bytes:
    """What gguf makes of rows; it divides by what is next to nothing, and warns."""
    with np.errstate(all="ignore"):
        return gguf.quantize(rows, gguf_type(kind))


def same_bits(one: Floats, other: Floats) -> bool:
    """Equal to the sign of a zero, and to what a NaN carries."""
    return bool((one.view(np.uint32) == other.view(np.uint32)).all())


def one_block(*values: float, rest: float = 0) -> Floats:
    return np.array([[*values, *[rest] * (32 - len(values))]], np.float32)


@each
def test_bytes_are_those_of_gguf(kind: BlockFormat) -> None:
    for name, rows in HARD.items():
        if name not in ZEROS:
            assert (kind.quantize(rows) == by_gguf(kind, rows)).all(), name


@each
def test_bytes_of_a_real_tensor_are_those_of_gguf(kind: BlockFormat) -> None:
    rows = read_small_model().weights["model.layers.2.mlp.down_proj.weight"]
    assert (kind.quantize(rows) == by_gguf(kind, rows)).all()


finite = st.floats(-6e4, 6e4, width=32)


@each
@given(rows=arrays(np.float32, (2, 32), elements=finite))
def test_bytes_are_those_of_gguf_for_any_values(kind: BlockFormat, rows: Floats) -> None:
    rows += 0  # no -0: see below
    spread = rows.max(axis=1) - rows.min(axis=1)
    rows[spread > 6e4] /= 2  # what float16 cannot hold is refused
    assert (kind.quantize(rows) == by_gguf(kind, rows)).all()


@each
@given(data=arrays(np.uint8, st.integers(1, 4).map(lambda n: (2, n * 4 * 11 * 17 * 10))))
def test_any_bytes_are_read_as_gguf_reads_them(kind: BlockFormat, data: np.ndarray) -> None:
    data = data[:, : data.shape[1] // kind.bytes * kind.bytes]
    with np.errstate(all="ignore"):
        theirs = gguf.dequantize(data, gguf_type(kind))
    ours = kind.dequantize(data)
    real = ~np.isnan(theirs)
    assert (np.isnan(ours) == ~real).all()
    assert same_bits(ours[real], theirs[real])


def digest(kind: BlockFormat) -> str:
    whole = np.concatenate(list(HARD.values()))
    return hashlib.sha256(kind.quantize(whole).tobytes()).hexdigest()[:16]


@each
def test_bytes_are_those_of_the_engine_to_the_sign_of_a_zero(kind: BlockFormat) -> None:
    assert digest(kind) == ENGINE_BYTES[kind.name]


@needs_engine
@each
def test_the_engine_still_makes_these_bytes_and_reads_them_alike(kind: BlockFormat) -> None:
    whole = np.concatenate(list(HARD.values()))
    data = engine_quantize(find_engine(), kind.name, whole)
    assert hashlib.sha256(data.tobytes()).hexdigest()[:16] == ENGINE_BYTES[kind.name]
    assert same_bits(kind.dequantize(data), engine_dequantize(find_engine(), kind.name, data, 256))


@needs_engine
@each
@given(rows=arrays(np.float32, (4, 64), elements=st.floats(-3e4, 3e4, width=32)))
def test_bytes_are_those_of_the_engine_for_any_values(kind: BlockFormat, rows: Floats) -> None:
    assert (kind.quantize(rows) == engine_quantize(find_engine(), kind.name, rows)).all()


@each
@given(rows=arrays(np.float32, (2, 32), elements=st.floats(-8, 8, width=32)))
def test_no_weight_moves_by_more_than_a_step(kind: BlockFormat, rows: Floats) -> None:
    moved = np.abs(kind.dequantize(kind.quantize(rows)) - rows).max(axis=1)
    bits = {"4": 4, "5": 5, "8": 8}[kind.name[1]]
    step = (rows.max(axis=1) - rows.min(axis=1)).clip(2 * np.abs(rows).max(axis=1)) / (2**bits - 2)
    # Scales are rounded to 11 bits, and below 2**-14 to multiples of 2**-24.
    assert (moved <= 1.01 * step + 2**bits * 2.0**-24).all()


def test_the_farthest_value_is_kept_and_the_other_end_clipped() -> None:
    rows = one_block(-8, 8, 7, 0.49)
    assert Q4_0.dequantize(Q4_0.quantize(rows))[0, :4].tolist() == [-8, 7, 7, 0]
    assert Q4_0.dequantize(Q4_0.quantize(-rows))[0, :4].tolist() == [8, -7, -7, 0]


def test_the_first_of_two_equally_far_decides() -> None:
    first, second = Q4_0.quantize(one_block(-8, 8)), Q4_0.quantize(one_block(8, -8))
    assert first[0, :2].view("<f2") == 1
    assert second[0, :2].view("<f2") == -1


def test_the_end_values_of_a_block_with_a_least_value_are_kept() -> None:
    rows = one_block(-3, 12, rest=1)
    assert (Q4_1.dequantize(Q4_1.quantize(rows)) == rows).all()
    rows = one_block(-3, 28, rest=1)
    assert (Q5_1.dequantize(Q5_1.quantize(rows)) == rows).all()


def test_halves_are_rounded_away_from_zero_and_what_is_below_a_half_is_not() -> None:
    below = float(np.nextafter(np.float32(0.5), np.float32(0)))
    data = Q8_0.quantize(one_block(127, 0.5, -0.5, 1.5, below, -below, 126.5, 2.5))
    assert data[0, 2:10].view(np.int8).tolist() == [127, 1, -1, 2, 0, 0, 127, 3]


def test_a_block_of_zeros_stays_zeros() -> None:
    for kind in FORMATS.values():
        assert not kind.dequantize(kind.quantize(one_block())).any()


@pytest.mark.parametrize("kind", [Q4_1, Q5_1], ids=["Q4_1", "Q5_1"])
def test_one_value_is_kept_where_there_is_a_least_value(kind: BlockFormat) -> None:
    rows = np.full((1, 32), 0.375, np.float32)
    assert (kind.dequantize(kind.quantize(rows)) == rows).all()


@pytest.mark.parametrize("kind", [Q4_0, Q5_0, Q8_0], ids=["Q4_0", "Q5_0", "Q8_0"])
def test_denormals_become_zeros(kind: BlockFormat) -> None:
    assert not kind.dequantize(kind.quantize(one_block(1e-40, -2e-42, 1e-45))).any()


@pytest.mark.parametrize(
    ("kind", "steps"),
    [(Q4_0, 8), (Q5_0, 16), (Q8_0, 127), (Q4_1, 15), (Q5_1, 31)],
    ids=["Q4_0", "Q5_0", "Q8_0", "Q4_1", "Q5_1"],
)
def test_a_scale_that_float16_cannot_hold_is_refused(kind: BlockFormat, steps: int) -> None:
    most = float(65_520 * steps)
    with pytest.raises(ValueError, match="65520: float16 ends at 65504"):
        kind.quantize(one_block(most))
    fits = kind.quantize(one_block(float(np.nextafter(np.float32(most), np.float32(0)))))
    assert float(np.abs(fits[0, :2].view("<f2"))[0]) == 65_504


def test_a_scale_without_an_inverse_leaves_no_infinity_to_a_cast() -> None:
    """What a cast makes of one is the processor's choice; the engine on x86-64 makes code 0."""
    x = np.array([[1e-40, 1], [0, -1]], np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        assert scaled(x, np.array([1e-41, 0.5], np.float32), 8.5).tolist() == [[0, 10.5], [0, 6.5]]


def test_a_least_value_that_float16_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="float16 ends at 65504"):
        Q4_1.quantize(one_block(-65_520, rest=-65_530))


def test_sizes_are_those_of_gguf() -> None:
    for kind in FORMATS.values():
        assert gguf.GGML_QUANT_SIZES[gguf_type(kind)] == (kind.weights, kind.bytes)
