"""What bitsandbytes stores is read back to its own weights, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.model_formats.bitsandbytes_layout import (
    QuantState,
    block_scales,
    eight_bit_weights,
    four_bit_weights,
    pack_pairs,
    read_state,
    state_bytes,
    unpack_pairs,
)
from tests.model_formats.goldens import golden, same

KINDS = [(kind, nested) for kind in ("nf4", "fp4") for nested in (False, True)]


def stored(kind: str, nested: bool) -> dict[str, Any]:
    """The tensors of one layer, by the end of their names."""
    start = f"{kind}_{nested}/"
    return {
        key.removeprefix(start): value
        for key, value in golden("bitsandbytes").items()
        if key.startswith(start)
    }


@pytest.mark.parametrize(("kind", "nested"), KINDS)
def test_weights_are_those_of_bitsandbytes(kind: str, nested: bool) -> None:
    assert golden("bitsandbytes")["versions"].tolist() == ["bitsandbytes 0.50.2", "torch 2.13.0+cpu"]
    tensors = stored(kind, nested)
    found = four_bit_weights(tensors) + np.float32(0)  # code 8 of FP4 is -0 in its own map
    assert same(found, tensors["found"] + np.float32(0))


@pytest.mark.parametrize(("kind", "nested"), KINDS)
def test_bytes_are_those_of_bitsandbytes(kind: str, nested: bool) -> None:
    tensors = stored(kind, nested)
    state = read_state(tensors)
    assert same(pack_pairs(unpack_pairs(tensors["weight"], state.shape)), tensors["weight"])
    assert same(state_bytes(state), tensors[f"quant_state.bitsandbytes__{kind}"])


@pytest.mark.parametrize("kind", ["nf4", "fp4"])
def test_double_quantization_stores_scales_in_a_byte(kind: str) -> None:
    plain, double = stored(kind, nested=False), stored(kind, nested=True)
    assert (plain["absmax"].dtype, double["absmax"].dtype) == (np.float32, np.uint8)
    assert np.allclose(block_scales(double), block_scales(plain), rtol=0.1)
    assert not np.array_equal(block_scales(double), block_scales(plain))


def test_scales_beyond_the_first_256_take_the_next_outer_scale() -> None:
    state = read_state(stored("nf4", nested=True))
    tensors: dict[str, Any] = {
        "absmax": np.zeros(257, np.uint8),
        "nested_quant_map": np.full(256, 0.5, np.float32),
        "nested_absmax": np.array([2, 4], np.float32),
        "quant_state.bitsandbytes__nf4": state_bytes(state.model_copy(update={"nested_offset": 1.0})),
    }
    assert block_scales(tensors)[[0, 255, 256]].tolist() == [2, 2, 3]


def test_int8_weights_are_those_of_bitsandbytes() -> None:
    theirs = golden("bitsandbytes")
    assert same(eight_bit_weights(theirs["int8/weight"], theirs["int8/scb"]), theirs["int8/found"])


@given(st.integers(1, 20), st.integers(0, 2**32))
def test_what_is_packed_comes_back(count: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 16, count, dtype=np.uint8)
    data = pack_pairs(codes)
    assert data.shape == ((count + 1) // 2, 1)
    assert same(unpack_pairs(data, (count,)), codes)


def test_the_first_of_two_stands_high() -> None:
    assert pack_pairs(np.array([1, 2, 3], np.uint8)).tolist() == [[0x12], [0x30]]


def broken(**change: Any) -> dict[str, Any]:
    """A layer with some tensors changed, or without them."""
    tensors = stored("nf4", nested=False) | change
    return {key: value for key, value in tensors.items() if value is not None}


STATE = read_state(stored("nf4", nested=False))
NAME = "quant_state.bitsandbytes__nf4"


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        (broken(**{NAME: None}), "0 tensors named quant_state.bitsandbytes__…: one is needed"),
        (broken(**{"quant_state.bitsandbytes__fp4": state_bytes(STATE)}), "2 tensors named"),
        (broken(weight=np.zeros((9, 1), np.uint8)), "9 bytes for 3840 codes of 4 bits"),
        (broken(absmax=np.zeros(59, np.float32)), "absmax: 59 scales for 60 blocks"),
    ],
)
def test_what_does_not_agree_is_refused(tensors: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        four_bit_weights(tensors)


def test_codes_above_15_and_other_shapes_of_scales_are_refused() -> None:
    with pytest.raises(ValueError, match="codes from 16 to 16: 4 bits hold 0 to 15"):
        pack_pairs(np.array([16], np.uint8))
    with pytest.raises(ValueError, match=r"SCB: shape \(3,\), \(2,\) is needed"):
        eight_bit_weights(np.zeros((2, 4), np.int8), np.zeros(3, np.float32))


@pytest.mark.parametrize("size", [32, 4096])
def test_a_block_of_bitsandbytes_is_taken(size: int) -> None:
    assert QuantState(quant_type="fp4", blocksize=size, dtype="float32", shape=(1, 1)).blocksize == size


@pytest.mark.parametrize(
    ("field", "value"),
    [("blocksize", 31), ("blocksize", 4097), ("quant_type", "nf5"), ("nested_offset", "nan")],
)
def test_a_state_that_cannot_be_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=field):
        QuantState.model_validate({**STATE.model_dump(), field: value})
