"""IQ4_NL: the engine's bytes, and no worse than even steps for what weights look like."""

from __future__ import annotations

import hashlib

import gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from snippets.quantization.block_formats import Q4_0
from snippets.quantization.blocks import BlockFormat, Bytes, Floats
from snippets.quantization.engine import engine_dequantize, engine_quantize, find_engine, hard_tensors
from snippets.quantization.iq4_nl import FORMATS, HALVES, IQ4_NL, VALUES
from tests.hardware.engine import missing

needs_engine = pytest.mark.skipif(missing() is not None, reason=f"{missing()}")
# The engine's bytes for what `rows` gives.
ENGINE_BYTES = "b7027a9a2baa2ab1"


def rows() -> Floats:
    """Hard tensors, every value between two codes, and blocks around the smallest that is stored."""
    between = np.linspace(-140, 140, 31 * 16).reshape(-1, 31)
    edges = np.concatenate([np.full((16, 1), -127.0), between], axis=1).reshape(-1, 256)
    tiny = np.linspace(-1, 1, 512).reshape(2, 256) * [[1.5e-15], [0.7e-15]]
    parts = [*hard_tensors(seed=6).values(), edges, tiny]
    return np.concatenate(parts).astype(np.float32)


def digest(data: Bytes) -> str:
    return hashlib.sha256(data.tobytes()).hexdigest()[:16]


def test_bytes_are_those_of_the_engine() -> None:
    assert digest(IQ4_NL.quantize(rows())) == ENGINE_BYTES


@needs_engine
def test_the_engine_still_makes_these_bytes_and_reads_them_alike() -> None:
    data = engine_quantize(find_engine(), "IQ4_NL", rows())
    assert digest(data) == ENGINE_BYTES
    theirs = engine_dequantize(find_engine(), "IQ4_NL", data, 256)
    assert (IQ4_NL.dequantize(data).view(np.uint32) == theirs.view(np.uint32)).all()


@needs_engine
@given(tensor=arrays(np.float32, (4, 32), elements=st.floats(-1e5, 1e5, width=32)))
def test_bytes_are_those_of_the_engine_for_any_values(tensor: Floats) -> None:
    assert (IQ4_NL.quantize(tensor) == engine_quantize(find_engine(), "IQ4_NL", tensor)).all()


@given(data=arrays(np.uint8, (3, 36)))
def test_any_bytes_are_read_as_gguf_reads_them(data: Bytes) -> None:
    with np.errstate(all="ignore"):
        theirs = gguf.dequantize(data, gguf.GGMLQuantizationType.IQ4_NL)
    ours = IQ4_NL.dequantize(data)
    real = ~np.isnan(theirs)
    assert (np.isnan(ours) == ~real).all()
    assert (ours[real].view(np.uint32) == theirs[real].view(np.uint32)).all()


def test_a_block_that_is_made_of_the_values_is_kept() -> None:
    tensor = np.tile(VALUES, 2)[None] * np.float32(0.25)
    assert (IQ4_NL.dequantize(IQ4_NL.quantize(tensor)) == tensor).all()


def test_the_tables_reach_over_all_that_a_signed_byte_holds() -> None:
    assert HALVES[[0, -1]].tolist() == [-128, 127.5]
    assert np.diff(HALVES).tolist() == [0.5] * 511


def test_less_error_than_even_steps_for_normal_weights() -> None:
    tensor = np.random.default_rng(3).normal(0, 0.02, (64, 256)).astype(np.float32)

    def error(kind: BlockFormat) -> float:
        return float(np.square(kind.dequantize(kind.quantize(tensor)) - tensor).mean())

    assert error(IQ4_NL) < 0.9 * error(Q4_0)


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-16, -1e-40])
def test_what_is_next_to_nothing_is_stored_as_zeros(value: float) -> None:
    tensor = np.full((1, 32), value, np.float32)
    assert not IQ4_NL.dequantize(IQ4_NL.quantize(tensor)).any()


@pytest.mark.parametrize("value", [1e8, 1e20, 3e38])
def test_a_scale_that_float16_cannot_hold_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="float16 ends at 65504"):
        IQ4_NL.quantize(np.full((1, 32), value, np.float32))


def test_sizes_are_those_of_gguf() -> None:
    (kind,) = FORMATS.values()
    assert gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType.IQ4_NL] == (kind.weights, kind.bytes)


def test_a_block_alone_becomes_what_it_becomes_among_others() -> None:
    rows = np.random.default_rng(3).standard_normal((400, 32)).astype(np.float32)
    together = IQ4_NL.quantize(rows)
    assert all((IQ4_NL.quantize(rows[i : i + 1])[0] == together[i]).all() for i in range(len(rows)))
