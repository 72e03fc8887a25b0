"""Trellises are unpacked as GPTQModel unpacks them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.model_formats.exl3_layout import (
    exl3_weights,
    hadamard,
    inner_weights,
    pack_symbols,
    trellis_bits,
    unpack_states,
)
from tests.model_formats.goldens import golden, same

THEIRS = golden("exl3")


@pytest.mark.parametrize("bits", range(1, 9))
def test_states_and_values_are_those_of_gptqmodel(bits: int) -> None:
    assert THEIRS["versions"].tolist() == ["gptqmodel 7.7.0", "torch 2.13.0+cpu"]
    trellis = THEIRS[f"trellis_{bits}"]
    assert trellis_bits(trellis) == bits
    assert np.array_equal(unpack_states(trellis), THEIRS[f"states_{bits}"])
    assert same(inner_weights(trellis), THEIRS[f"inner_{bits}"])


@pytest.mark.parametrize("bits", range(1, 9))
def test_a_state_ends_with_its_symbol_and_symbols_pack_again(bits: int) -> None:
    trellis = THEIRS[f"trellis_{bits}"]
    symbols = (unpack_states(trellis) & np.uint16((1 << bits) - 1)).astype(np.uint8)
    assert same(pack_symbols(symbols, bits), trellis)


@given(st.integers(1, 8), st.integers(0, 2**32))
def test_neighboring_states_share_their_bits_all_around_the_ring(bits: int, seed: int) -> None:
    symbols = np.random.default_rng(seed).integers(0, 1 << bits, (1, 1, 256), dtype=np.uint8)
    states = unpack_states(pack_symbols(symbols, bits)).astype(np.int64)
    before = np.roll(states, 1, axis=-1)
    assert np.array_equal(states, ((before << bits) & 0xFFFF) | symbols)


def test_weights_are_those_of_gptqmodel_to_rounding_in_float32() -> None:
    found = exl3_weights({name: THEIRS[name] for name in ("trellis", "suh", "svh")}, "mcg")[::16]
    largest = np.abs(THEIRS["found"]).max()
    assert np.abs(found - THEIRS["found"]).max() < 8 * np.finfo(np.float32).eps * largest


def test_the_hadamard_matrix_undoes_itself() -> None:
    assert np.allclose(hadamard() @ hadamard(), np.eye(128), atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1, 72), (1, 1, 0), (1, 1, 144), (1, 16), (1, 1, 1, 64)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"trellis: shape .* is needed, bits from 1 to 8"):
        trellis_bits(np.zeros(shape, np.int16))


def test_sides_and_symbols_that_cannot_be_are_refused() -> None:
    scales = {"suh": np.ones(16, np.float16), "svh": np.ones(128, np.float16)}
    with pytest.raises(ValueError, match=r"shape \(16, 128\): both sides have to be multiples of 128"):
        exl3_weights({"trellis": np.zeros((1, 8, 64), np.int16), **scales})
    with pytest.raises(ValueError, match=r"shape \(128, 16\)"):
        exl3_weights({"trellis": np.zeros((8, 1, 64), np.int16), **scales})
    with pytest.raises(ValueError, match="symbol 8: 3 bits hold 0 to 7"):
        pack_symbols(np.full((1, 1, 256), 8, np.uint8), 3)
