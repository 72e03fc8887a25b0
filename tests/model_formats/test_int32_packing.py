"""GPTQ's words are those that auto-gptq writes, and what cannot be packed is refused by what is wrong."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.model_formats.int32_packing import (
    IntegerMatrix,
    gptq_matrix,
    gptq_tensors,
    in_order,
    pack_bits,
    unpack_bits,
)
from tests.model_formats.goldens import golden, integers, same


def matrix(bits: int) -> IntegerMatrix:
    """Rows of the small model, rounded to nearest."""
    codes, zeros, scales = integers(bits)
    return IntegerMatrix(codes, zeros, scales, in_order(128, 32), bits)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_words_are_those_of_auto_gptq(bits: int) -> None:
    theirs, ours = golden("int32"), gptq_tensors(matrix(bits))
    assert same(ours["qweight"], theirs[f"gptq_qweight_{bits}"])
    assert same(ours["qzeros"], theirs[f"gptq_qzeros_{bits}"])
    assert same(ours["g_idx"], theirs["gptq_g_idx"])
    assert ours["scales"].dtype == np.float16


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_weights_are_those_auto_gptq_multiplies_by(bits: int) -> None:
    theirs = golden("int32")
    names = {"qweight": theirs[f"gptq_qweight_{bits}"], "qzeros": theirs[f"gptq_qzeros_{bits}"]}
    read = gptq_matrix({**names, "g_idx": theirs["gptq_g_idx"], "scales": matrix(bits).scales.T}, bits)
    assert same(read.dequantize()[:8], theirs[f"gptq_found_{bits}"])


def test_the_golden_files_say_which_versions_made_them() -> None:
    assert list(golden("int32")["versions"]) == ["auto-gptq 0.7.1", "autoawq 0.2.9", "torch 2.13.0+cpu"]


def test_version_2_stores_zeros_as_they_are() -> None:
    first, second = gptq_tensors(matrix(4)), gptq_tensors(matrix(4), version=2)
    assert (second["qzeros"].view("<u4") - first["qzeros"].view("<u4") == 0x11111111).all()
    read_as_first = gptq_matrix(second, 4)
    assert ((read_as_first.zeros - matrix(4).zeros) & 15 == 1).all()
    assert same(gptq_matrix(second, 4, version=2).zeros, matrix(4).zeros)


@pytest.mark.parametrize("version", [0, 3])
def test_another_version_is_refused(version: int) -> None:
    for call in (
        lambda: gptq_tensors(matrix(4), version),
        lambda: gptq_matrix(gptq_tensors(matrix(4)), 4, version),
    ):
        with pytest.raises(ValueError, match=f"version is {version}, not 1 or 2"):
            call()


def test_columns_in_any_order_of_groups_are_dequantized_by_g_idx() -> None:
    shuffled = matrix(4)._replace(group_of=np.tile(np.arange(4, dtype=np.int32), 32))
    column = shuffled.dequantize()[:, 5]
    plain = (shuffled.codes[:, 5] - shuffled.zeros[:, 1].astype(np.float32)) * shuffled.scales[:, 1]
    assert np.array_equal(column, plain)


def test_codes_of_three_bits_run_over_the_border_of_a_word() -> None:
    codes = np.zeros((1, 32), np.uint8)
    codes[0, 10] = 0b101  # bits 30, 31 and 32
    assert pack_bits(codes, 3).view("<u4").tolist() == [[1 << 30, 1, 0]]


@given(st.integers(2, 8), st.integers(1, 3), st.integers(0, 2**32))
def test_what_is_packed_comes_back(bits: int, rows: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 1 << bits, (rows, 32), dtype=np.uint8)
    words = pack_bits(codes, bits)
    assert words.shape == (rows, bits)
    assert same(unpack_bits(words, bits), codes)


GOOD = matrix(4)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (GOOD._replace(codes=GOOD.codes + np.uint8(1)), "codes from . to 16: 4 bits hold 0 to 15"),
        (GOOD._replace(codes=cast(Any, GOOD.codes.astype(np.int16) - 1)), "codes from -1 to 14"),
        (GOOD._replace(zeros=GOOD.zeros[:, :3]), r"zeros: shape \(32, 3\), \(32, 4\) is needed"),
        (GOOD._replace(scales=GOOD.scales.T), r"scales: shape \(4, 32\), \(32, 4\) is needed"),
        (GOOD._replace(group_of=GOOD.group_of[1:]), r"group_of: shape \(127,\), \(128,\) is needed"),
        (GOOD._replace(zeros=GOOD.zeros * np.uint8(0)), "a zero of 0 has no place in version 1"),
        (GOOD._replace(bits=1), "bits is 1, not 2 to 8"),
        (GOOD._replace(bits=9), "bits is 9, not 2 to 8"),
        (GOOD._replace(bits=3), "3 bits hold 0 to 7"),
    ],
)
def test_what_cannot_be_is_refused(wrong: IntegerMatrix, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        gptq_tensors(wrong)


def test_a_zero_of_0_has_a_place_in_version_2() -> None:
    zeros = np.zeros_like(GOOD.zeros)
    tensors = gptq_tensors(GOOD._replace(zeros=zeros), version=2)
    assert same(gptq_matrix(tensors, 4, version=2).zeros, zeros)


def test_rows_have_to_fill_words_and_groups() -> None:
    with pytest.raises(ValueError, match="12 codes of 4 bits do not fill whole words of 32 bits"):
        pack_bits(np.zeros((1, 12), np.uint8), 4)
    with pytest.raises(ValueError, match="2 words hold no whole number of codes of 3 bits"):
        unpack_bits(np.zeros((1, 2), np.int32), 3)
    with pytest.raises(ValueError, match="rows of 100 weights, a multiple of the group of 32 is needed"):
        in_order(100, 32)
    with pytest.raises(ValueError, match="the group of 0"):
        in_order(100, 0)
    assert in_order(4, 2).tolist() == [0, 0, 1, 1]
    for bits in (1, 9):
        with pytest.raises(ValueError, match="no whole number"):
            unpack_bits(np.zeros((1, 9), np.int32), bits)
