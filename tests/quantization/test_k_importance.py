"""With an importance matrix, K-quants equal the engine's bytes, and the output's error falls."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snippets.quantization.blocks import Floats
from snippets.quantization.engine import engine_quantize, find_engine
from snippets.quantization.k_importance import ENCODERS, error_weights, quantize_by_importance
from snippets.quantization.k_quants import FORMATS
from tests.hardware.engine import missing
from tests.quantization.golden_k import golden
from tests.quantization.test_k_quants import HOSTILE, normal

NAMES = sorted(ENCODERS)
needs_engine = pytest.mark.skipif(missing() is not None, reason=f"{missing()}")


def importance(seed: int, columns: int = 1024, zeros: float = 0) -> Floats:
    """Mean squares, some of them 0."""
    draw = np.random.default_rng(seed)
    found: Floats = (draw.standard_normal(columns) ** 2).astype(np.float32)
    found[draw.random(columns) < zeros] = 0
    return found


@pytest.mark.parametrize("name", NAMES)
def test_chosen_blocks_are_those_of_the_engine(name: str) -> None:
    found = quantize_by_importance(name, golden()["blocks"], golden()["importance"])
    np.testing.assert_array_equal(found, golden()[f"by {name}"])


@needs_engine
@pytest.mark.parametrize("what", sorted(HOSTILE))
@pytest.mark.parametrize("name", NAMES)
def test_hostile_weights_are_stored_as_the_engine_stores_them(name: str, what: str) -> None:
    for weights in (importance(1), importance(2, zeros=0.5), np.ones(1024, np.float32)):
        expected = engine_quantize(find_engine(), name, HOSTILE[what], weights)
        np.testing.assert_array_equal(quantize_by_importance(name, HOSTILE[what], weights), expected)


@needs_engine
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), zeros=st.floats(0, 1))
def test_random_weights_are_stored_as_the_engine_stores_them(name: str, seed: int, zeros: float) -> None:
    rows, weights = normal(seed, 2), importance(seed, zeros=zeros)
    expected = engine_quantize(find_engine(), name, rows, weights)
    np.testing.assert_array_equal(quantize_by_importance(name, rows, weights), expected)


@pytest.mark.parametrize("name", NAMES)
def test_the_error_of_the_output_falls(name: str) -> None:
    draw = np.random.default_rng(4)
    rows = normal(5, 64, 512)
    inputs = (draw.standard_normal((300, 512)) * np.exp(draw.standard_normal(512))).astype(np.float32)
    weights = (inputs**2).mean(axis=0)
    kind = FORMATS[name]
    plain, weighted = (
        ((inputs @ (kind.dequantize(data) - rows).T) ** 2).mean()
        for data in (kind.quantize(rows), quantize_by_importance(name, rows, weights))
    )
    assert weighted < plain


def test_an_error_counts_by_input_and_by_weight() -> None:
    x = np.full((256, 1), 2, np.float32)
    found = error_weights(x, np.full((256, 1), 3, np.float32), 2)
    np.testing.assert_allclose(found, 3 * np.sqrt(2 * 4 + 4), rtol=1e-6)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (np.ones(512, np.float32), r"importance of shape \(512,\): \(1024,\) is needed"),
        (np.full(1024, -1, np.float32), "importance -1.0: at least 0 is needed"),
        (np.full(1024, np.nan, np.float32), "importance: row 0, column 0: nan is not finite"),
    ],
)
def test_a_wrong_importance_is_an_error(weights: Floats, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        quantize_by_importance("Q4_K", normal(1), weights)


def test_wrong_rows_are_an_error() -> None:
    with pytest.raises(ValueError, match="Q4_K: rows of 288 weights, multiples of 256"):
        quantize_by_importance("Q4_K", normal(1, 2, 288), np.ones(288, np.float32))
    rows = normal(1, 2)
    rows[1, 3] = np.nan
    with pytest.raises(ValueError, match="Q4_K: row 1, column 3: nan is not finite"):
        quantize_by_importance("Q4_K", rows, np.ones(1024, np.float32))
