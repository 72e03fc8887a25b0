"""IQ4_XS equals the engine's bytes; its levels lie where weights are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snippets.data.small_model import read_small_model
from snippets.quantization.engine import engine_quantize, find_engine
from snippets.quantization.iq4_xs import IQ4_XS
from tests.hardware.engine import missing
from tests.quantization.golden_k import golden
from tests.quantization.test_k_quants import HOSTILE, normal

needs_engine = pytest.mark.skipif(missing() is not None, reason=f"{missing()}")


def test_chosen_blocks_are_those_of_the_engine() -> None:
    np.testing.assert_array_equal(IQ4_XS.quantize(golden()["blocks"]), golden()["IQ4_XS"])


@needs_engine
@pytest.mark.parametrize("what", sorted(HOSTILE))
def test_hostile_weights_are_stored_as_the_engine_stores_them(what: str) -> None:
    expected = engine_quantize(find_engine(), "IQ4_XS", HOSTILE[what])
    np.testing.assert_array_equal(IQ4_XS.quantize(HOSTILE[what]), expected)


@needs_engine
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(-12, 3))
def test_random_weights_are_stored_as_the_engine_stores_them(seed: int, power: int) -> None:
    rows = normal(seed, 2) * np.float32(10.0**power)
    np.testing.assert_array_equal(IQ4_XS.quantize(rows), engine_quantize(find_engine(), "IQ4_XS", rows))


@needs_engine
def test_the_small_models_weights_are_stored_as_the_engine_stores_them() -> None:
    for tensor, rows in read_small_model().weights.items():
        if rows.ndim == 2:
            assert np.array_equal(IQ4_XS.quantize(rows), engine_quantize(find_engine(), "IQ4_XS", rows)), (
                tensor
            )


def test_the_golden_bytes_are_read_back_near_the_weights() -> None:
    blocks = golden()["blocks"][:4]
    back = IQ4_XS.dequantize(golden()["IQ4_XS"][:4])
    assert np.sqrt(((back - blocks) ** 2).mean() / (blocks**2).mean()) < 0.1


def test_what_cannot_be_stored_is_an_error() -> None:
    with pytest.raises(ValueError, match="IQ4_XS: rows of 288 weights, multiples of 256"):
        IQ4_XS.quantize(normal(1, 2, 288))
    with pytest.raises(ValueError, match="float16 ends at 65504"):
        IQ4_XS.quantize(normal(1) * np.float32(1e10))
