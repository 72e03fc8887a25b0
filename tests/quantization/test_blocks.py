"""Rows are cut into blocks and put together again, what is no tensor is refused by name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.quantization.blocks import BlockFormat, Bytes, Floats, chunks


def encode(x: Floats) -> Bytes:
    """The first of four weights, and their sum: a block that shows its place and its length."""
    return np.stack([x[0], x.sum(axis=0)]).astype(np.uint8)


def decode(data: Bytes) -> Floats:
    return np.repeat(data[:1].astype(np.float32), 4, axis=0)


TOY = BlockFormat("TOY", 4, 2, encode, decode)


def test_a_block_lies_in_its_row_and_blocks_in_their_order() -> None:
    rows = np.array([[1, 1, 1, 1, 2, 0, 0, 0], [3, 0, 0, 4, 5, 5, 0, 0]], np.float32)
    assert TOY.quantize(rows).tolist() == [[1, 4, 2, 2], [3, 7, 5, 10]]
    assert TOY.dequantize(TOY.quantize(rows)).tolist() == [[1] * 4 + [2] * 4, [3] * 4 + [5] * 4]


def test_bits_are_those_of_the_whole_block() -> None:
    assert TOY.bits_per_weight == 4


@given(st.integers(1, 70), st.integers(1, 400))
def test_where_chunks_end_changes_nothing(rows: int, blocks: int) -> None:
    tensor = np.arange(rows * blocks * 4).reshape(rows, -1).astype(np.float32) % 50
    whole = TOY.quantize(tensor)
    assert whole.shape == (rows, 2 * blocks)
    assert (whole == np.concatenate([TOY.quantize(row[None]) for row in tensor])).all()
    assert (TOY.dequantize(whole)[:, ::4] == tensor[:, ::4]).all()


@given(st.integers(1, 10_000), st.sampled_from([16, 32, 64, 256]))
def test_chunks_take_every_block_once_and_fit_a_cache_of_256_kb(blocks: int, weights: int) -> None:
    taken = chunks(blocks, weights)
    assert [i for each in taken for i in range(blocks)[each]] == list(range(blocks))
    longest = taken[0].stop - taken[0].start
    assert longest * weights * 4 <= 256_000


def test_lines_of_a_chunk_are_no_power_of_two_apart() -> None:
    assert [chunks(1, weights)[0].stop for weights in (1, 32, 64, 256)] == [64_000, 2_000, 1_000, 250]


def test_a_block_larger_than_a_chunk_is_taken_alone() -> None:
    assert chunks(2, 1_000_000) == [slice(0, 1), slice(1, 2)]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_with_its_place(value: float) -> None:
    rows = np.zeros((3, 8), np.float32)
    rows[2, 5] = value
    with pytest.raises(ValueError, match=f"TOY: row 2, column 5: {value} is not finite"):
        TOY.quantize(rows)


def test_finite_values_pass_though_their_sum_exceeds_float32() -> None:
    rows = np.full((1, 8), 3e38, np.float32)
    BlockFormat("TOY", 4, 2, lambda x: encode(x * 0), decode).quantize(rows)


def test_a_value_that_float32_cannot_hold_is_not_finite() -> None:
    with pytest.raises(ValueError, match="row 0, column 0: inf"):
        TOY.quantize(np.full((1, 4), 1e300))


@pytest.mark.parametrize("shape", [(4,), (1, 1, 4), (0, 4), (2, 0)])
def test_other_than_rows_and_columns_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="rows and columns"):
        TOY.quantize(np.zeros(shape, np.float32))
    with pytest.raises(ValueError, match="rows and columns"):
        TOY.dequantize(np.zeros(shape, np.uint8))


def test_rows_that_are_no_whole_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="TOY: rows of 6 weights, multiples of 4 are needed"):
        TOY.quantize(np.zeros((2, 6), np.float32))
    with pytest.raises(ValueError, match="TOY: rows of 3 bytes, multiples of 2 are needed"):
        TOY.dequantize(np.zeros((2, 3), np.uint8))


def test_what_is_read_has_to_be_bytes() -> None:
    with pytest.raises(ValueError, match=r"TOY: float32, bytes \(uint8\) are needed"):
        TOY.dequantize(np.zeros((2, 4), np.float32))
