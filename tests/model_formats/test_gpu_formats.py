"""The table's names, types and shapes are those that the formats' own libraries write."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest

from snippets.hardware.formats import stored_bytes
from snippets.hardware.mixer_tensors import Tensor
from snippets.model_formats.awq_packing import compressed_tensors
from snippets.model_formats.gpu_formats import LAYOUTS, bits_per_weight, layout
from tests.model_formats.goldens import golden
from tests.model_formats.test_int32_packing import GOOD

BYTES = {
    "I64": 8,
    "I32": 4,
    "U32": 4,
    "F32": 4,
    "I16": 2,
    "F16": 2,
    "BF16": 2,
    "I8": 1,
    "U8": 1,
    "F8_E4M3": 1,
}


def shapes(name: str, out: int, columns: int) -> dict[str, tuple[int, ...]]:
    """Shapes of the table, by name."""
    return {each.name: each.shape for each in layout(name, out, columns)}


def dtype(array: Any) -> str:
    """The name safetensors has for a type of NumPy."""
    return f"{array.dtype.kind.upper()}{array.dtype.itemsize * 8}"


def check(name: str, arrays: dict[str, Any], out: int, columns: int) -> None:
    """Compare names, types and shapes with a library's arrays."""
    table = {each.name: (each.dtype, each.shape) for each in layout(name, out, columns)}
    assert table == {key: (dtype(value), value.shape) for key, value in arrays.items()}


@pytest.mark.parametrize(("name", "start"), [("NF4", "nf4_False/"), ("NF4, double", "nf4_True/")])
def test_nf4_is_that_of_bitsandbytes(name: str, start: str) -> None:
    arrays = {
        key.removeprefix(start): each for key, each in golden("bitsandbytes").items() if key.startswith(start)
    }
    arrays.pop("found")
    arrays.pop("quant_state.bitsandbytes__nf4")
    check(name, {key if key == "weight" else f"weight.{key}": each for key, each in arrays.items()}, 32, 120)


def test_int8_is_that_of_bitsandbytes() -> None:
    theirs = golden("bitsandbytes")
    arrays = {"weight": theirs["int8/weight"], "SCB": theirs["int8/scb"], "weight_format": np.uint8(0)}
    check("LLM.int8", arrays, 32, 120)


def test_int_quantized_is_a_byte_a_weight_and_a_scale_a_row() -> None:
    found = {each.name: (each.dtype, each.shape) for each in layout("int-quantized", 32, 120)}
    assert found == {"weight": ("I8", (32, 120)), "weight_scale": ("BF16", (32, 1))}


def test_mlx_is_that_of_mlx() -> None:
    theirs = golden("mlx")
    table = shapes("MLX", 32, 128)
    assert table == {key: theirs[f"{key}_4"].shape for key in ("weight", "scales", "biases")}
    assert dtype(theirs["weight_4"]) == "U32"


def test_packed_words_are_those_of_compressed_tensors() -> None:
    theirs = compressed_tensors(GOOD)
    table = shapes("pack-quantized", 32, 128)
    assert table["weight_packed"] == theirs["weight_packed"].shape == golden("floats")["codes_4"].shape
    assert table["weight_shape"] == theirs["weight_shape"].shape
    assert table["weight_scale"] == (32, 1)


def test_gptq_and_awq_are_those_of_their_libraries() -> None:
    theirs = golden("int32")
    groups = 4  # theirs are of 32, those of the table of 128
    for name in ("gptq", "awq"):
        ending = "_4" if name == "gptq" else ""
        table = shapes(name.upper(), 32, 128)
        assert table["qweight"] == theirs[f"{name}_qweight{ending}"].shape
        assert (table["qzeros"][0] * groups, table["qzeros"][1]) == theirs[f"{name}_qzeros{ending}"].shape
        assert table["scales"] == (1, 32)
    assert shapes("GPTQ", 32, 128)["g_idx"] == theirs["gptq_g_idx"].shape


def test_floats_of_four_bits_are_those_of_their_libraries() -> None:
    theirs = golden("floats")
    assert shapes("NVFP4", 32, 128) == {
        "weight": theirs["fp4_packed"].shape,
        "weight_scale": theirs["nvfp4_scales"].shape,
        "weight_scale_2": (),
    }
    assert shapes("MXFP4", 8, 128) == {"_blocks": (8, 4, 16), "_scales": (8, 4)}
    assert theirs["gpt_oss_found"].shape == (2, 128, 8)


def test_blocks_of_fp8_and_onnx_are_rounded_up() -> None:
    assert shapes("FP8, block", 192, 160)["weight_scale_inv"] == golden("floats")["fp8_block_scale"].shape
    assert shapes("MatMulNBits", 32, 112) == {"B": (32, 4, 16), "scales": (32, 4), "zero_points": (32, 2)}
    assert shapes("MatMulNBits", 32, 96)["zero_points"] == (32, 2)


def test_exl3_is_that_of_gptqmodel() -> None:
    theirs = golden("exl3")
    check("EXL3", {**{key: theirs[key] for key in ("suh", "svh")}, "mcg": np.int32(0)} | {
        "trellis": np.zeros((8, 16, 64), np.int16)}, 256, 128)  # fmt: skip
    assert theirs["trellis"].shape == (8, 16, 32)  # of 2 bits


# By the chapter on memory, which counts bits by rule instead of tensors.
RULES = {
    "GPTQ": "gptq",
    "AWQ": "awq",
    "MLX": "mlx-4",
    "int-quantized": "int8",
    "FP8, channel": "fp8",
    "FP8, block": "fp8-block",
    "MXFP4": "mxfp4",
    "NF4": "nf4",
    "NF4, double": "nf4-double",
    "NVFP4": "nvfp4",
}


@pytest.mark.parametrize("name", RULES)
def test_bits_are_those_that_memory_counts_with(name: str) -> None:
    tensor = Tensor("blk.0.ffn_down_exps.weight", (4096, 2048, 1))
    rule = 8 * stored_bytes(tensor, RULES[name]) / prod(tensor.shape)
    assert bits_per_weight(name, 2048, 4096) == pytest.approx(rule, abs=0.002)


@pytest.mark.parametrize("name", LAYOUTS)
def test_bits_are_those_of_the_tensors(name: str) -> None:
    stored = layout(name, 256, 512)
    whole = sum(BYTES[each.dtype] * prod(each.shape) for each in stored)
    assert bits_per_weight(name, 256, 512) == 8 * whole / (256 * 512)
    assert all(each.bits == 8 * BYTES[each.dtype] * prod(each.shape) for each in stored)


@pytest.mark.parametrize(
    ("name", "out", "columns", "said"),
    [
        ("GGUF", 1, 1, "format 'GGUF' is not of GPTQ, AWQ, "),
        ("AWQ", 12, 128, "out is 12, a multiple of 8 is needed"),
        ("AWQ", 16, 100, "in is 100, a multiple of 128 is needed"),
        ("EXL3", 0, 128, "a matrix of 0 by 128: sides from 1 are needed"),
        ("EXL3", 128, 0, "a matrix of 128 by 0"),
    ],
)
def test_what_cannot_be_is_refused(name: str, out: int, columns: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        layout(name, out, columns)


def test_a_matrix_of_one_weight_can_be() -> None:
    assert bits_per_weight("FP8, tensor", 1, 1) == 40
