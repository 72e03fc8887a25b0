"""K-quants equal the engine's bytes, on random, real and hostile weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snippets.data.small_model import read_small_model
from snippets.quantization.blocks import Floats
from snippets.quantization.engine import engine_quantize, find_engine
from snippets.quantization.k_quants import FORMATS
from tests.hardware.engine import missing
from tests.quantization.golden_k import golden

NAMES = sorted(FORMATS)
needs_engine = pytest.mark.skipif(missing() is not None, reason=f"{missing()}")


def normal(seed: int, rows: int = 16, columns: int = 1024) -> Floats:
    """Weights as many tensors have them."""
    drawn: Floats = np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)
    return drawn


def hostile() -> dict[str, Floats]:
    """Weights at the edges of what float32 and a block hold."""
    draw = np.random.default_rng(1)
    x = normal(2)
    return {
        "zeros": x * 0,
        "minus zeros": x * np.float32(-0.0),
        "one value": np.full_like(x, 3.7),
        "one negative value": np.full_like(x, -3.7),
        "positive": np.abs(x),
        "negative": -np.abs(x) - 1,
        "denormal": x * np.float32(1e-40),
        "denormal ranges": x * np.float32(1e-38),
        "at the threshold": x * np.float32(1e-15),
        "scales denormal in float16": x * np.float32(1e-6),
        "huge": x * np.float32(1e5),
        "sparse": np.where(draw.random(x.shape) < 0.9, 0, x),
        "whole": np.round(x * 3),
        "outliers": np.where(draw.random(x.shape) < 0.01, x * 1000, x),
        "groups far apart": x * np.repeat(10.0 ** draw.integers(-30, 3, (16, 64)), 16, axis=1),
    }


HOSTILE = {what: rows.astype(np.float32) for what, rows in hostile().items()}


@pytest.mark.parametrize("name", NAMES)
def test_chosen_blocks_are_those_of_the_engine(name: str) -> None:
    np.testing.assert_array_equal(FORMATS[name].quantize(golden()["blocks"]), golden()[name])


@needs_engine
@pytest.mark.parametrize("what", sorted(HOSTILE))
@pytest.mark.parametrize("name", NAMES)
def test_hostile_weights_are_stored_as_the_engine_stores_them(name: str, what: str) -> None:
    expected = engine_quantize(find_engine(), name, HOSTILE[what])
    np.testing.assert_array_equal(FORMATS[name].quantize(HOSTILE[what]), expected)


@needs_engine
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), power=st.integers(-12, 3), heavy=st.floats(0, 4))
def test_random_weights_are_stored_as_the_engine_stores_them(
    name: str, seed: int, power: int, heavy: float
) -> None:
    x = normal(seed, 2)
    rows = (np.sign(x) * np.abs(x) ** np.float32(1 + heavy) * np.float32(10.0**power)).astype(np.float32)
    np.testing.assert_array_equal(FORMATS[name].quantize(rows), engine_quantize(find_engine(), name, rows))


@needs_engine
@pytest.mark.parametrize("name", NAMES)
def test_the_small_models_weights_are_stored_as_the_engine_stores_them(name: str) -> None:
    for tensor, rows in read_small_model().weights.items():
        if rows.ndim == 2:
            expected = engine_quantize(find_engine(), name, rows)
            assert np.array_equal(FORMATS[name].quantize(rows), expected), tensor


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_an_error_that_says_where(name: str, wrong: float) -> None:
    rows = normal(1, 3)
    rows[1, 700] = wrong
    with pytest.raises(ValueError, match=f"{name}: row 1, column 700: {wrong} is not finite"):
        FORMATS[name].quantize(rows)


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_no_whole_blocks_are_an_error(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: rows of 288 weights, multiples of 256"):
        FORMATS[name].quantize(normal(1, 2, 288))


@pytest.mark.parametrize("power", [9, 20, 38])
@pytest.mark.parametrize("name", NAMES)
def test_weights_too_large_for_float16_scales_are_an_error(name: str, power: int) -> None:
    rows = np.clip(normal(1), -3, 3) * np.float32(10.0**power)
    with pytest.raises(ValueError, match="float16 ends at 65504"):
        FORMATS[name].quantize(rows)


def test_more_bits_are_a_smaller_error() -> None:
    rows = normal(7)
    errors = [
        float(((FORMATS[name].dequantize(FORMATS[name].quantize(rows)) - rows) ** 2).mean()) for name in NAMES
    ]
    assert errors == sorted(errors, reverse=True)
    bits = [FORMATS[name].bits_per_weight for name in NAMES]
    assert bits == sorted(bits)
