"""A cache is rounded as its type says, and what was measured of it can be measured again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from snippets.data.small_forward import forward
from snippets.data.small_model import read_small_model, read_text
from snippets.quantization.block_formats import FORMATS
from snippets.quantization.kv_cache import (
    CacheOutcome,
    Rounded,
    block,
    hadamard,
    half,
    integers,
    read_cache_outcomes,
    rotated,
)
from tests.quantization import measure_cache
from tests.quantization.measure import build, types_of

MODEL = read_small_model()
ROWS = read_cache_outcomes(read_text("kv_cache.csv").splitlines())
TOKENS = list(measure_cache.judged()[0][:96])
ENGINE = pytest.mark.skipif(
    "WITHOUT_ENGINE" in os.environ, reason="WITHOUT_ENGINE is set: mutants are judged by what is quick"
)


def cached(seed: int, tokens: int = 32) -> NDArray[np.float32]:
    """Keys of two heads; a channel stands out, as in keys it does."""
    x = np.random.default_rng(seed).normal(size=(2, tokens, 64))
    x[:, :, 7] *= 20
    return x.astype(np.float32)


def exact(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return x


def test_a_cache_that_rounds_nothing_changes_nothing() -> None:
    assert np.array_equal(Rounded(MODEL, exact, exact).read(TOKENS), forward(MODEL, TOKENS))


def test_with_the_newest_whole_parts_make_the_text_as_at_once() -> None:
    reading = Rounded(MODEL, exact, exact, newest_whole=True)
    parts = np.concatenate([reading.read(TOKENS[i : i + 32]) for i in range(0, 96, 32)])
    assert parts == pytest.approx(forward(MODEL, TOKENS), abs=1e-3)


def test_what_was_read_before_is_rounded_once_and_the_newest_is_not() -> None:
    calls: list[int] = []

    def count(x: NDArray[np.float32]) -> NDArray[np.float32]:
        calls.append(x.shape[1])
        return np.zeros_like(x)

    reading = Rounded(MODEL, count, exact, newest_whole=True)
    whole = Rounded(MODEL, exact, exact, newest_whole=True)
    for part in (TOKENS[:32], TOKENS[32:48], TOKENS[48:]):
        reading.read(part)
        whole.read(part)
    assert calls == [32] * 4 + [16] * 4
    keys = reading.caches[0].keys
    assert not keys[:, :48].any()
    assert np.array_equal(keys[:, 48:], whole.caches[0].keys[:, 48:])
    assert np.array_equal(reading.caches[0].values, whole.caches[0].values)


def test_values_are_rounded_as_values_and_keys_as_keys() -> None:
    def none(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.zeros_like(x)

    for whole in (False, True):
        reading = Rounded(MODEL, exact, none, newest_whole=whole)
        for part in (TOKENS[:48], TOKENS[48:]):
            reading.read(part)
        assert reading.caches[1].keys.any()
        assert not reading.caches[1].values[:, :48].any()
        assert reading.caches[1].values[:, 48:].any() == whole


@pytest.mark.parametrize("name", FORMATS)
def test_a_block_is_of_one_tokens_head(name: str) -> None:
    x = cached(1)
    expected = np.stack([FORMATS[name].dequantize(FORMATS[name].quantize(head)) for head in x])
    assert np.array_equal(block(name)(x), expected)


def test_a_type_that_no_block_has_is_refused() -> None:
    with pytest.raises(ValueError, match="Q9_0 is not of Q4_0, Q4_1, Q5_0, Q5_1, Q8_0"):
        block("Q9_0")


def test_half_is_sixteen_bits() -> None:
    x = np.array([1 / 3, 1000.3], np.float32)
    assert half(x).tolist() == np.float16(x).astype(np.float32).tolist()


@given(st.integers(0, 1_000), st.sampled_from([1, 2, 3, 4, 8]))
@settings(max_examples=20, deadline=None)
def test_whole_numbers_are_off_by_half_a_step_at_most(seed: int, bits: int) -> None:
    x = cached(seed)
    for along, parts in (("token", x.reshape(2, 32, 2, 32)), ("channel", x)):
        axis = -1 if along == "token" else -2
        step = (parts.max(axis, keepdims=True) - parts.min(axis, keepdims=True)) / (2**bits - 1)
        found = integers(bits, "token" if along == "token" else "channel")(x).reshape(parts.shape)
        assert (np.abs(found - parts) <= step * 0.5001).all()
        # A range has so many values and no more.
        one_range = found[0, 0, 0] if along == "token" else found[0, :, 0]
        assert len(np.unique(one_range)) <= 2**bits


def test_a_range_without_width_is_kept() -> None:
    flat = np.full((1, 32, 64), 0.5, np.float32)
    assert np.array_equal(integers(2, "token")(flat), flat)
    assert np.array_equal(integers(2, "channel")(flat), flat)


def test_a_channel_that_stands_out_costs_less_with_a_range_of_its_own() -> None:
    x = cached(3)
    rest = [i for i in range(32) if i != 7]
    by_token, by_channel = (np.abs(integers(4, a)(x) - x)[..., rest].mean() for a in ("token", "channel"))
    assert by_channel < 0.3 * by_token


def test_a_rotation_spreads_what_stands_out() -> None:
    x = cached(3)
    plain, turned = (np.abs(one(x) - x)[..., :7].mean() for one in (block("Q4_0"), rotated(block("Q4_0"))))
    assert turned < 0.5 * plain


@pytest.mark.parametrize("size", [1, 2, 8, 64])
def test_a_rotation_is_its_own_inverse_and_mixes_all_channels(size: int) -> None:
    h = hadamard(size)
    assert h @ h == pytest.approx(np.eye(size), abs=1e-6)
    assert np.abs(h) == pytest.approx(np.full((size, size), size**-0.5))
    assert (h == h.T).all()


def test_a_rotation_by_hand() -> None:
    assert hadamard(4) * 2 == pytest.approx(
        np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
    )


@pytest.mark.parametrize("size", [0, -2, 3, 96])
def test_a_rotation_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"size: {size}, a power of 2 is needed"):
        hadamard(size)


def test_rotated_keys_and_queries_have_the_products_they_had() -> None:
    q, k, h = cached(1)[0], cached(2)[0], hadamard(64)
    assert (q @ h) @ (k @ h).T == pytest.approx(q @ k.T, abs=0.01)
    assert rotated(exact)(cached(1)) == pytest.approx(cached(1), abs=1e-4)


def test_every_cache_was_measured_once() -> None:
    asked = [("llama.cpp", *one) for one in measure_cache.engine_caches()]
    asked += [("NumPy", *one) for one in measure_cache.numpy_caches()]
    assert [(one.run_by, one.keys, one.values, one.rotated) for one in ROWS] == asked
    for one in ROWS:
        assert one.bits == (measure_cache.bits(one.keys) + measure_cache.bits(one.values)) / 2


def row(run_by: str, *cache: Any) -> CacheOutcome:
    (found,) = (one for one in ROWS if (one.run_by, one.keys, one.values, one.rotated) == (run_by, *cache))
    return found


@pytest.mark.parametrize(
    "cache",
    [("q4_0", "q4_0", True), ("q4_0", "q4_0", False), ("2 by channel", "2 by token", False)],
)
def test_numpy_loses_again_what_was_measured(cache: tuple[str, str, bool]) -> None:
    found = measure_cache.first_divergence(measure_cache.by_numpy(*cache, measure_cache.FIRST))
    # A value near the middle of two codes falls to either side, as sums are ordered.
    assert found == pytest.approx(row("NumPy", *cache).first_divergence_nats, rel=0.05)


@ENGINE
@pytest.mark.parametrize("cache", [("q4_0", "q4_0", True), ("q4_0", "q4_0", False), ("q8_0", "q8_0", True)])
def test_llama_cpp_loses_again_what_was_measured(cache: tuple[str, str, bool], tmp_path: Path) -> None:
    path = tmp_path / "small.gguf"
    build(path, types_of("F32"))
    found = measure_cache.first_divergence(measure_cache.by_llama(path, *cache, measure_cache.FIRST))
    assert found == pytest.approx(row("llama.cpp", *cache).first_divergence_nats, rel=0.1)


@pytest.mark.parametrize("name", ["q8_0", "q5_0", "q4_0"])
def test_numpy_and_llama_cpp_agree_on_what_a_cache_costs(name: str) -> None:
    for turn in (True, False):
        ours, theirs = (row(by, name, name, turn).divergence_nats for by in ("NumPy", "llama.cpp"))
        # llama.cpp rounds more than the cache: beside 8 bits that counts, beside fewer it is below a tenth.
        assert ours == pytest.approx(theirs, rel=0.1, abs=1e-5)


GOOD: dict[str, Any] = {
    "run_by": "NumPy",
    "keys": "f16",
    "values": "f16",
    "rotated": False,
    "bits": 16,
    "rise_nats": 0,
    "error_nats": 0,
    "divergence_nats": 0,
    "same_top_percent": 100,
    "first_divergence_nats": 0,
}


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("run_by", "llama.cpp", "vLLM"),
        ("keys", "x", ""),
        ("values", "x", ""),
        ("bits", 32, 33),
        ("bits", 0.1, 0),
        ("rise_nats", 100, 101),
        ("rise_nats", -100, -101),
        ("error_nats", 100, 101),
        ("error_nats", 0, -1),
        ("divergence_nats", 100, 101),
        ("divergence_nats", 0, -1),
        ("same_top_percent", 100, 101),
        ("same_top_percent", 0, -1),
        ("first_divergence_nats", 100, 101),
        ("first_divergence_nats", 0, -1),
    ],
)
def test_what_cannot_be_measured_is_refused(field: str, good: object, bad: object) -> None:
    CacheOutcome.model_validate({**GOOD, field: good})
    with pytest.raises(ValidationError, match=field):
        CacheOutcome.model_validate({**GOOD, field: bad})
