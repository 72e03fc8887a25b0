"""The engine's own quantizers: they answer, and what would end the process is refused before it does."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import gguf
import numpy as np
import pytest

from snippets.quantization import engine
from snippets.quantization.engine import (
    Floats,
    engine_accepts,
    engine_dequantize,
    engine_quantize,
    find_engine,
    find_kind,
    hard_tensors,
)
from tests.hardware.engine import missing

needs_engine = pytest.mark.skipif(missing() is not None, reason=f"{missing()}")
ROWS = np.random.default_rng(2).normal(0, 0.02, (4, 512)).astype(np.float32)
STORED = (
    *("F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"),
    *("IQ4_NL", "IQ4_XS", "IQ3_S", "TQ1_0", "TQ2_0", "MXFP4", "NVFP4"),
)
NEED_IMPORTANCE = ("IQ2_XXS",)


def in_a_process_of_its_own(code: str) -> subprocess.CompletedProcess[str]:
    """Run what may end it."""
    start = (
        "import ctypes\nimport numpy as np\nfrom snippets.quantization.engine import *\nlib = find_engine()\n"
        "rows = np.random.default_rng(2).normal(size=(2, 256)).astype('f4')\n"
    )
    return subprocess.run(
        [sys.executable, "-c", start + code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "GGML_NO_BACKTRACE": "1"},
    )


@needs_engine
@pytest.mark.parametrize("name", STORED)
def test_what_is_made_is_read_alike_by_gguf_and_taken(name: str) -> None:
    data = engine_quantize(find_engine(), name, ROWS)
    ours = engine_dequantize(find_engine(), name, data, 512)
    theirs = gguf.dequantize(data, gguf.GGMLQuantizationType[name])
    assert (ours.view(np.uint32) == theirs.view(np.uint32)).all()
    assert engine_accepts(find_engine(), name, data)
    assert np.square(ours - ROWS).sum() < 0.5 * np.square(ROWS).sum() or name.startswith("TQ")


@needs_engine
@pytest.mark.parametrize("name", NEED_IMPORTANCE)
def test_some_types_need_importance(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: the engine needs importance"):
        engine_quantize(find_engine(), name, ROWS)
    data = engine_quantize(find_engine(), name, ROWS, np.ones(512, np.float32))
    assert engine_accepts(find_engine(), name, data)


@needs_engine
def test_importance_moves_error_to_where_it_costs_less() -> None:
    important = np.ones(512, np.float32)
    important[::2] = 1_000
    plain, weighted = (
        engine_dequantize(find_engine(), "Q4_K", engine_quantize(find_engine(), "Q4_K", ROWS, given), 512)
        for given in (None, important)
    )
    even, odd = np.s_[:, ::2], np.s_[:, 1::2]
    assert np.square(weighted - ROWS)[even].sum() < np.square(plain - ROWS)[even].sum()
    assert np.square(weighted - ROWS)[odd].sum() > np.square(plain - ROWS)[odd].sum()


@needs_engine
@pytest.mark.parametrize("name", ["F32", "Q8_1", "Q8_K", "I8", "F64"])
def test_types_that_store_no_weights_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: the engine stores none"):
        engine_quantize(find_engine(), name, ROWS)
    member = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
    data = np.zeros((1, 512 // member[0] * member[1]), np.uint8)
    with pytest.raises(ValueError, match=f"{name}: the engine stores none"):
        engine_dequantize(find_engine(), name, data, 512)


def test_a_type_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="Q4_2 is no type of gguf's"):
        find_kind("Q4_2")


def test_numbers_and_sizes_are_those_of_gguf() -> None:
    assert find_kind("Q6_K") == ("Q6_K", 14, 256, 210)


@needs_engine
@pytest.mark.parametrize("name", ["Q4_0", "Q6_K", "MXFP4"])
def test_what_would_end_the_process_is_refused(name: str) -> None:
    for shape in ((512,), (0, 512), (1, 1, 512)):
        with pytest.raises(ValueError, match="rows and columns are needed"):
            engine_quantize(find_engine(), name, np.zeros(shape, np.float32))
    with pytest.raises(ValueError, match=f"{name}: rows of 500, multiples of"):
        engine_quantize(find_engine(), name, ROWS[:, :500])
    broken = ROWS.copy()
    broken[1, 7] = np.nan
    with pytest.raises(ValueError, match=f"{name}: finite values are needed"):
        engine_quantize(find_engine(), name, broken)
    with pytest.raises(ValueError, match="importance"):
        engine_quantize(find_engine(), name, ROWS, np.ones(500, np.float32))


@needs_engine
def test_bytes_that_are_no_rows_are_refused() -> None:
    data = engine_quantize(find_engine(), "Q4_0", ROWS)
    for wrong in (data[:, :-1], data[0]):
        with pytest.raises(ValueError, match="rows of 288 bytes are needed"):
            engine_dequantize(find_engine(), "Q4_0", wrong, 512)
    for columns in (0, 33, -32):
        with pytest.raises(ValueError, match=f"rows of {columns}, multiples of 32"):
            engine_dequantize(find_engine(), "Q4_0", data, columns)


@needs_engine
def test_scales_that_are_not_finite_are_not_taken() -> None:
    data = engine_quantize(find_engine(), "Q4_0", ROWS)
    data[0, :2] = (0, 0x7C)
    assert not engine_accepts(find_engine(), "Q4_0", data)


def with_nan(name: str) -> Floats:
    """What the engine reads from what it made of a row with a NaN in place 5."""
    rows = ROWS.copy()
    rows[0, 5] = np.nan
    data = engine_quantize(find_engine(), name, rows, any_value=True)
    assert engine_accepts(find_engine(), name, data)
    back: Floats = engine_dequantize(find_engine(), name, data, 512)[0]
    return back


@needs_engine
@pytest.mark.parametrize("name", ["Q4_0", "Q4_K", "Q5_K"])
def test_a_nan_becomes_the_smallest_number_of_its_block_in_some_types(name: str) -> None:
    assert with_nan(name)[5] == pytest.approx(ROWS[0, :32].min(), rel=0.01)


@needs_engine
@pytest.mark.parametrize(("name", "emptied"), [("Q8_0", 1), ("Q6_K", 16), ("IQ4_NL", 32), ("IQ4_XS", 32)])
def test_a_nan_becomes_zero_and_takes_its_neighbors_along_in_some_types(name: str, emptied: int) -> None:
    back = with_nan(name)
    assert back[5] == 0
    assert np.isfinite(back).all()
    around = back[:emptied] if emptied > 1 else back[5:6]
    assert not around.any()
    assert back[emptied : emptied + 32].any()


@needs_engine
@pytest.mark.parametrize("name", ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "IQ4_NL", "Q4_K", "Q2_K"])
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinity_is_stored_and_then_not_taken(name: str, value: float) -> None:
    rows = ROWS.copy()
    rows[0, 5] = value
    data = engine_quantize(find_engine(), name, rows, any_value=True)
    assert not engine_accepts(find_engine(), name, data)


@needs_engine
@pytest.mark.parametrize("name", ["IQ3_S"])
def test_a_nan_ends_the_process_in_some_types(name: str) -> None:
    done = in_a_process_of_its_own(
        f"rows[0, 5] = np.nan\nengine_quantize(lib, {name!r}, rows, any_value=True)\nprint('alive')"
    )
    assert done.returncode < 0
    assert "GGML_ASSERT" in done.stderr
    assert "alive" not in done.stdout


@needs_engine
@pytest.mark.parametrize("name", ["Q4_0", "Q8_0", "MXFP4"])
def test_the_end_of_a_row_that_is_no_whole_block_is_dropped_in_silence(name: str) -> None:
    kind = find_kind(name)
    done = in_a_process_of_its_own(
        f"rows = np.ones((2, 33), 'f4')\nout = np.zeros(4096, np.uint8)\nlib = load(lib)\n"
        f"print(lib.ggml_quantize_chunk({kind.number}, pointer(rows), pointer(out), ctypes.c_int64(0), "
        "ctypes.c_int64(2), ctypes.c_int64(33), None))"
    )
    assert done.returncode == 0
    weights = int(done.stdout) // kind.bytes * kind.weights
    assert weights == 64  # of 66


@needs_engine
def test_iq4_nl_ends_the_process_on_such_a_row() -> None:
    done = in_a_process_of_its_own(
        "rows = np.ones((2, 33), 'f4')\nout = np.zeros(4096, np.uint8)\nlib = load(lib)\n"
        "lib.ggml_quantize_chunk(20, pointer(rows), pointer(out), ctypes.c_int64(0), "
        "ctypes.c_int64(2), ctypes.c_int64(33), None)"
    )
    assert done.returncode < 0
    assert "GGML_ASSERT(n_per_row%QK4_NL == 0)" in done.stderr


def test_the_library_is_one_file_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match="xllamacpp is not installed"):
        find_engine()


def test_hard_tensors_are_finite_and_depend_on_the_seed_alone() -> None:
    one, again, other = hard_tensors(1), hard_tensors(1), hard_tensors(2)
    for name, rows in one.items():
        assert rows.shape == (16, 256)
        assert rows.dtype == np.float32
        assert np.isfinite(rows).all()
        assert (rows.view(np.uint32) == again[name].view(np.uint32)).all()
    assert (one["normal"] != other["normal"]).any()


def test_hard_tensors_are_what_they_are_called() -> None:
    found = hard_tensors(1)
    assert {*np.signbit(found["zeros, both signs"]).ravel()} == {True, False}
    assert not found["zeros, both signs"].any()
    assert (np.ptp(found["one value"], axis=1) == 0).all()
    assert {*found["zeros and ones"].ravel()} == {0, 1}
    assert (found["denormal"][np.nonzero(found["denormal"])] < np.finfo(np.float32).tiny).all()
    for name, most in {"ties, 8 bits": 127, "ties, 4 bits": 8}.items():
        assert (np.abs(found[name]).reshape(-1, 32).max(axis=1) == most).all()
        assert (found[name] % 1 == 0.5).any()
    off = np.abs(found["beside a tie"] - found["ties, 8 bits"])
    assert (off[found["ties, 8 bits"] != 0] > 0).all()
    assert off.max() < 1e-5


def test_hard_tensors_stay_as_they_are() -> None:
    """The engine's bytes for them stand in other tests."""
    whole = np.concatenate(list(hard_tensors(1).values()))
    assert hashlib.sha256(whole.tobytes()).hexdigest()[:16] == "0c0840de45eb0d04"
