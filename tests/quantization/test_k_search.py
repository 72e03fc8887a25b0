"""The searches for a scale: rounding and sums as the engine's, and no worse than without a search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snippets.quantization import k_importance, k_quants
from snippets.quantization.blocks import Floats
from snippets.quantization.k_search import (
    Search,
    Shifted,
    divide,
    in_order,
    nearest,
    search_centered,
    search_shifted,
)
from tests.quantization.golden_k import golden

SEARCHES = [k_quants.TWO, k_quants.FOUR, k_quants.FIVE]


def groups(seed: int, size: int = 32) -> Floats:
    """Forty groups, some with a mean that is not 0."""
    draw = np.random.default_rng(seed)
    drawn = draw.standard_normal((size, 40)) + draw.choice([-3, 0, 3], 40)
    return np.asarray(drawn, np.float32)


@settings(max_examples=25, deadline=None)
@given(st.floats(-4_194_303, 4_194_303, width=32))
def test_rounding_is_to_the_nearest_and_to_even_at_halves(value: float) -> None:
    assert nearest(np.array([value], np.float32))[0] == np.rint(np.float32(value))


@pytest.mark.parametrize(("value", "code"), [(np.inf, -(2**22)), (-np.inf, -(2**22)), (np.nan, 0)])
def test_what_is_not_finite_rounds_to_what_its_bits_say(value: float, code: int) -> None:
    assert nearest(np.array([value], np.float32))[0] == code


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_sums_are_those_of_a_loop(seed: int, count: int) -> None:
    terms = groups(seed)[:, :count]
    for found, column in zip(in_order(terms), terms.T, strict=True):
        total = np.float32(0)
        for term in column:
            total += term
        assert found == total


def test_division_stays_in_float32_and_bears_zero() -> None:
    with np.errstate(all="ignore"):
        found = divide(np.ones(2, np.float32), np.array([0, 3], np.float32))
    assert found.dtype == np.float32
    assert found.tolist() == [np.inf, np.float32(1) / np.float32(3)]


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(SEARCHES), st.integers(0, 2**32 - 1))
def test_searching_lowers_the_error_that_counts(search: Search, seed: int) -> None:
    x = groups(seed)
    weights = np.abs(x) + np.float32(0.1)
    with np.errstate(all="ignore"):
        plain = search_shifted(x, weights, search._replace(steps=-1))
        found = search_shifted(x, weights, search)

    def error(of: Shifted) -> Floats:
        off = np.abs(of.scale * of.codes - of.minus - x)
        return np.asarray((weights * (off if search.absolute else off * off)).sum(axis=0))

    assert (found.minus >= 0).all()
    assert found.codes.min() >= 0
    assert found.codes.max() <= search.most
    assert (error(found) <= error(plain) * np.float32(1.00001)).all()
    assert error(found).sum() < error(plain).sum()


def test_divisors_begin_below_the_levels_and_go_on_by_their_step() -> None:
    found = Search(15, -1, 0.1, 20).divisors()
    assert len(found) == 21
    np.testing.assert_allclose(found, np.linspace(14, 16, 21), rtol=1e-6)


@pytest.mark.parametrize("middle", [4, 32])
def test_a_centered_search_is_at_least_as_good_as_the_farthest_weight_alone(middle: int) -> None:
    x = groups(3, 16)
    with np.errstate(all="ignore"):
        found = search_centered(x, middle, np.ones_like(x))
    top = x[np.abs(x).argmax(axis=0), np.arange(x.shape[1])]
    plain = top / -middle * (x / top * -middle).round().clip(-middle, middle - 1)
    off = found.scale * (found.codes - middle) - x
    assert ((off**2).sum(axis=0) <= ((plain - x) ** 2).sum(axis=0) * 1.00001).all()


@pytest.mark.parametrize("name", ["Q2_K", "Q4_K", "Q5_K", "Q6_K"])
def test_found_scales_are_the_engines(name: str) -> None:
    np.testing.assert_array_equal(k_quants.FORMATS[name].quantize(golden()["blocks"]), golden()[name])


def test_found_scales_are_the_engines_with_an_importance() -> None:
    found = k_importance.quantize_by_importance("Q3_K", golden()["blocks"], golden()["importance"])
    np.testing.assert_array_equal(found, golden()["by Q3_K"])
