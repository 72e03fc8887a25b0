"""Blocks of 256 weights are read as gguf and the engine read them, and packing is undone by unpacking."""

from __future__ import annotations

import gguf
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snippets.quantization.blocks import Bytes
from snippets.quantization.engine import engine_dequantize, find_engine
from snippets.quantization.k_layouts import (
    WEIGHTS,
    pack_signed_sixes,
    pack_sixes,
    unpack_signed_sixes,
    unpack_sixes,
    unweave,
    weave,
)
from tests.hardware.engine import missing
from tests.quantization.golden_k import FORMATS, golden

# Where each format keeps its float16: any other byte may be anything.
HALVES = {"Q2_K": (80, 82), "Q3_K": (108,), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,), "IQ4_XS": (0,)}
NAMES = sorted(HALVES)


def any_blocks(name: str, seed: int) -> Bytes:
    """Eight rows of three blocks, every byte at random; scales are finite."""
    draw = np.random.default_rng(seed)
    size = FORMATS[name].bytes
    data = draw.integers(0, 256, (8, 3, size), np.uint8)
    for place in HALVES[name]:
        halves = (draw.standard_normal((8, 3)) * 10.0 ** draw.integers(-7, 4, (8, 3))).astype("<f2")
        data[..., place : place + 2] = halves[..., None].view(np.uint8)
    return data.reshape(8, 3 * size)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_any_bytes_are_read_as_gguf_reads_them(name: str, seed: int) -> None:
    data = any_blocks(name, seed)
    expected = gguf.quants.dequantize(data, gguf.GGMLQuantizationType[name])
    found = FORMATS[name].dequantize(data)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))


@pytest.mark.skipif(missing() is not None, reason=f"{missing()}")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_are_read_as_the_engine_reads_them(name: str, seed: int) -> None:
    data = any_blocks(name, seed)
    expected = engine_dequantize(find_engine(), name, data, 3 * WEIGHTS)
    np.testing.assert_array_equal(FORMATS[name].dequantize(data).view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize("name", NAMES)
def test_sizes_are_those_of_gguf(name: str) -> None:
    kind = gguf.GGMLQuantizationType[name]
    assert gguf.GGML_QUANT_SIZES[kind] == (FORMATS[name].weights, FORMATS[name].bytes)


@pytest.mark.parametrize("name", NAMES)
def test_what_the_engine_stored_is_near_the_weights(name: str) -> None:
    blocks = golden()["blocks"]
    back = FORMATS[name].dequantize(golden()[name])
    off = np.sqrt(((back - blocks) ** 2).mean(axis=1))
    size = np.sqrt((blocks**2).mean(axis=1))
    most = {"Q2_K": 0.35, "Q3_K": 0.25, "Q4_K": 0.1, "IQ4_XS": 0.1, "Q5_K": 0.05, "Q6_K": 0.03}[name]
    assert np.median(off[size > 1e-3] / size[size > 1e-3]) < most


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([(1, 32), (2, 32), (4, 32), (4, 64), (4, 8), (2, 4)]), st.integers(0, 2**32 - 1))
def test_unweaving_undoes_weaving_and_fills_every_bit(layout: tuple[int, int], seed: int) -> None:
    bits, run = layout
    codes = np.random.default_rng(seed).integers(0, 1 << bits, (run * 8 // bits * 2, 3), np.uint8)
    woven = weave(codes, bits, run)
    assert woven.shape == (2 * run, 3)
    np.testing.assert_array_equal(unweave(woven, bits, run), codes)


def test_a_byte_takes_its_codes_from_a_run_apart_lowest_bits_first() -> None:
    codes = np.zeros((256, 1), np.uint8)
    codes[[0, 32, 64, 96]] = [[1], [2], [3], [0]]
    assert weave(codes, 2, 32)[0, 0] == 0b00_11_10_01


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_scales_of_six_bits_survive_twelve_bytes(seed: int) -> None:
    scales, mins = np.random.default_rng(seed).integers(0, 64, (2, 8, 4), np.uint8)
    packed = pack_sixes(scales, mins)
    assert packed.shape == (12, 4)
    for found, expected in zip(unpack_sixes(packed), (scales, mins), strict=True):
        np.testing.assert_array_equal(found, expected)
    both = np.concatenate([scales, mins])
    signed = pack_signed_sixes(both)
    assert signed.shape == (12, 4)
    np.testing.assert_array_equal(unpack_signed_sixes(signed), both.astype(np.float32) - 32)
