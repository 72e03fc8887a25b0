"""INT8 by row, INT4 by group: codes, scales and zeros are those of compressed-tensors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from snippets.quantization.integers import (
    Floats,
    Groups,
    decode_eight,
    decode_groups,
    encode_eight,
    encode_groups,
)
from tests.quantization.golden_floats import digest
from tests.quantization.golden_floats import rows as golden_rows

GOLDEN = json.loads((Path(__file__).parent / "golden_floats.json").read_text())
ROWS = arrays(np.float32, (3, 16), elements=st.floats(-1000, 1000, width=32))


def row(*values: float) -> Floats:
    return np.array([values], np.float32)


def test_a_row_goes_from_minus_127_to_127() -> None:
    eight = encode_eight(np.array([[-2, 1, 0.5, 0], [0, 0, 0, 127]], np.float32))
    assert eight.codes.tolist() == [[-127, 64, 32, 0], [0, 0, 0, 127]]
    assert eight.codes.dtype == np.int8
    assert eight.scales.tolist() == [np.float32(2) / np.float32(127), 1]
    zeros = encode_eight(np.zeros((1, 3), np.float32))
    assert (zeros.codes.tolist(), zeros.scales.tolist()) == ([[0, 0, 0]], [1])


def test_halves_go_to_even() -> None:
    assert encode_eight(row(127, 0.5, 1.5, 2.5, -0.5, -1.5)).codes.tolist() == [[127, 0, 2, 2, 0, -2]]


@given(ROWS)
def test_eight_bits_are_off_by_at_most_half_a_step(rows: Floats) -> None:
    eight = encode_eight(rows)
    off = np.abs(decode_eight(eight) - rows)
    assert (off <= eight.scales[:, None] * 0.5001).all()


@given(ROWS)
def test_the_negative_of_a_row_has_the_negatives_of_its_codes(rows: Floats) -> None:
    eight, other = encode_eight(rows), encode_eight(-rows)
    assert (eight.codes == -other.codes).all()
    assert eight.codes.min() >= -127


@given(ROWS)
def test_eight_bits_again_are_the_same_codes(rows: Floats) -> None:
    rows[np.abs(rows) < 1e-30] = 0
    eight = encode_eight(rows)
    assert (encode_eight(decode_eight(eight)).codes == eight.codes).all()


@pytest.mark.parametrize(("name", "symmetric"), [("int4", False), ("int4_symmetric", True)])
def test_scales_zeros_and_codes_are_those_of_compressed_tensors(name: str, symmetric: bool) -> None:
    groups = encode_groups(golden_rows(), symmetric=symmetric)
    assert digest(groups.scales) == GOLDEN[name]["scales"]
    assert digest(groups.zeros) == GOLDEN[name]["zeros"]
    assert digest(groups.codes) == GOLDEN[name]["codes"]


def test_a_group_goes_from_its_least_to_its_largest() -> None:
    groups = encode_groups(row(-1, 0, 0.4, 2, 0, 15, 7, 1), group=4)
    assert groups.scales.tolist() == [[np.float16(0.2), 1]]
    assert groups.zeros.tolist() == [[5, 0]]
    assert groups.codes.tolist() == [[0, 5, 7, 15, 0, 15, 7, 1]]
    assert decode_groups(groups)[0, 4:].tolist() == [0, 15, 7, 1]


def test_zero_is_in_the_range_of_a_group_that_is_all_of_one_sign() -> None:
    groups = encode_groups(row(14, 15, -30, -28), group=2)
    assert groups.zeros.tolist() == [[0, 15]]
    assert decode_groups(groups).tolist() == [[14, 15, -30, -28]]


def test_a_symmetric_group_has_its_zero_in_the_middle_and_one_step_too_few_above() -> None:
    groups = encode_groups(row(-7.5, 7.5, 0, 1, 0, 0, 0, 15), group=4, symmetric=True)
    assert groups.zeros.tolist() == [[8, 8]]
    assert groups.scales.tolist() == [[1, 2]]
    assert groups.codes.tolist() == [[0, 15, 8, 9, 8, 8, 8, 15]]
    assert decode_groups(groups).tolist() == [[-8, 7, 0, 1, 0, 0, 0, 14]]


@pytest.mark.parametrize(("bits", "most"), [(2, 3), (3, 7), (4, 15), (8, 255)])
def test_codes_have_as_many_bits_as_asked(bits: int, most: int) -> None:
    groups = encode_groups(row(0, 1), bits=bits, group=2)
    assert groups.codes.tolist() == [[0, most]]
    assert encode_groups(row(0, 1), bits=bits, group=2, symmetric=True).zeros.tolist() == [[2 ** (bits - 1)]]


@given(ROWS, st.sampled_from([2, 3, 4, 8]), st.sampled_from([1, 4, 16]))
def test_weights_are_off_by_a_step_at_most(rows: Floats, bits: int, group: int) -> None:
    # Half a step for the weight, half for the zero; the step is rounded to float16.
    groups = encode_groups(rows, bits=bits, group=group)
    off = np.abs(decode_groups(groups) - rows).reshape(3, -1, group).max(axis=2)
    slack = 2.0**-10 * np.abs(rows).reshape(3, -1, group).max(axis=2) * 2 + 2.0**-24 * 256
    assert (off <= groups.scales.astype(np.float32) * 1.001 + slack).all()


@given(ROWS)
def test_zeros_stay_zeros(rows: Floats) -> None:
    rows[:, ::3] = 0
    for symmetric in (True, False):
        back = decode_groups(encode_groups(rows, group=8, symmetric=symmetric))
        assert (back[:, ::3] == 0).all()


def test_scales_are_rounded_before_they_divide() -> None:
    # 0.1 in float16 is 0.09998: 15 steps of it are 1.4996, and 0.75 / it is 7.5018.
    groups = encode_groups(row(0, 1.5, 0.75), group=3)
    assert groups.codes.tolist() == [[0, 15, 8]]


def test_groups_of_zeros_tiny_ones_and_one_value_are_read_as_they_are_or_as_zeros() -> None:
    rows = np.array([[0, 0], [-0.0, 0], [1e-9, 1e-9], [3, 3], [-3, -3]], np.float32)
    groups = encode_groups(rows, group=2)
    assert groups.scales[:2].ravel().tolist() == [1, 1]
    assert groups.scales[2, 0] == 2.0**-24
    back = decode_groups(groups)
    assert (back[:3] == 0).all()
    assert np.allclose(back[3:], rows[3:], rtol=1e-3)


def test_bits_count_scales_and_zeros() -> None:
    assert encode_groups(np.ones((2, 256), np.float32)).bits_per_weight == 4 + 20 / 128
    assert encode_groups(np.ones((2, 256), np.float32), bits=8, group=64).bits_per_weight == 8 + 24 / 64


def test_codes_are_bytes_and_scales_are_float16() -> None:
    groups = encode_groups(np.ones((2, 256), np.float32))
    assert isinstance(groups, Groups)
    assert [one.dtype.name for one in groups[:3]] == ["uint8", "float16", "uint8"]
    assert groups.scales.shape == groups.zeros.shape == (2, 2)
    assert groups.bits == 4


@pytest.mark.parametrize("wrong", [np.zeros(4), np.zeros((0, 4)), np.array([[np.nan]]), np.array([[np.inf]])])
def test_what_is_no_matrix_or_not_finite_is_refused(wrong: np.ndarray) -> None:
    for encode in (encode_eight, encode_groups):
        with pytest.raises(ValueError, match=r"rows: (shape|row 0, column 0 is (nan|inf), not finite)"):
            encode(wrong.astype(np.float32))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bits": 1, "group": 4}, "bits: 1, 2 to 8 are allowed"),
        ({"bits": 9, "group": 4}, "bits: 9, 2 to 8 are allowed"),
        ({"group": 3}, "group: 3 does not divide rows of 4"),
        ({"group": 0}, "group: 0 does not divide rows of 4"),
        ({}, "group: 128 does not divide rows of 4"),
    ],
)
def test_options_that_cannot_be_are_refused_by_name(options: dict[str, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        encode_groups(np.ones((1, 4), np.float32), **options)  # type: ignore[arg-type]


def test_scales_that_float16_cannot_hold_are_refused() -> None:
    assert np.isfinite(encode_groups(row(0, 65_504 * 15), group=2).scales).all()
    with pytest.raises(ValueError, match=r"scales: 66666\.7, at most 65504 is allowed"):
        encode_groups(row(0, 1e6), group=2)
