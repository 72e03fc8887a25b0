"""File types: block sizes and what gives way, which tensors are kept, and what a tensor does by its name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.hardware.file_types import BASES, PLAIN, block_size, fallback, kept_type, role_of
from snippets.hardware.mixer_tensors import Tensor

QUANTIZED = sorted({kind for file, kind in BASES.items() if file not in PLAIN})


@pytest.mark.parametrize(
    ("kind", "weights"), [("Q4_K", 256), ("IQ2_XS", 256), ("Q8_0", 32), ("MXFP4", 32), ("F16", 1)]
)
def test_a_block_holds_as_many_weights_as_the_format_says(kind: str, weights: int) -> None:
    assert block_size(kind) == weights


@pytest.mark.parametrize(
    ("kind", "instead"),
    [
        ("Q4_K", "Q5_0"),
        ("Q5_K", "Q5_1"),
        ("Q6_K", "Q8_0"),
        ("Q2_K", "Q4_0"),
        ("Q3_K", "Q4_0"),
        ("IQ4_XS", "IQ4_NL"),
        ("IQ1_S", "IQ4_NL"),
        ("Q8_0", "Q8_0"),
    ],
)
def test_a_row_of_2880_takes_what_llama_quantize_falls_back_to(kind: str, instead: str) -> None:
    assert fallback(kind, 2880) == instead
    assert fallback(kind, 4096) == kind


@given(kind=st.sampled_from(QUANTIZED), row=st.integers(1, 20_000))
def test_blocks_of_what_is_chosen_always_divide_the_row(kind: str, row: int) -> None:
    chosen = fallback(kind, row)
    assert row % block_size(chosen) == 0
    assert (chosen == "F16") == (row % 32 > 0)


@pytest.mark.parametrize(
    ("name", "shape", "kept"),
    [
        ("blk.0.attn_q.weight", (4096, 4096), ""),
        ("blk.0.attn_q.bias", (4096, 1), "F32"),
        ("blk.0.attn_sinks.weight", (64,), "F32"),
        ("blk.0.ssm_norm.weight", (1024, 8), "F32"),
        ("blk.0.ffn_gate_inp.weight", (4096, 128), "F32"),
        ("blk.0.ssm_conv1d.weight", (4, 4096), "F32"),
        ("blk.0.shortconv.conv.weight", (3, 2048), "F32"),
        ("blk.0.shortconv.in_proj.weight", (2048, 6144), ""),
        ("blk.0.altup_correct_coef.weight", (4, 4), "F32"),
        ("blk.0.altup_predict_coef.weight", (4, 16), "F32"),
        ("blk.0.altup_router.weight", (2048, 4), "BF16"),
        ("blk.0.laurel_l.weight", (2048, 64), "BF16"),
        ("per_layer_model_proj.weight", (2048, 7680), "BF16"),
        ("per_layer_token_embd.weight", (7680, 262144), ""),
    ],
)
def test_what_is_not_quantized_keeps_what_the_converter_wrote(
    name: str, shape: tuple[int, ...], kept: str
) -> None:
    assert kept_type(Tensor(name, shape), "BF16") == kept


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("output.weight", "logits"),
        ("token_embd.weight", "embedding"),
        ("per_layer_token_embd.weight", "embedding"),
        ("blk.0.attn_output.weight", "output"),
        ("blk.0.attn_v.weight", "value"),
        ("blk.0.attn_qkv.weight", "value"),
        ("blk.0.attn_kv_b.weight", "value"),
        ("blk.0.attn_v_b.weight", "other"),
        ("blk.0.attn_k.weight", "key"),
        ("blk.0.attn_q.weight", "query"),
        ("blk.0.ffn_up_shexp.weight", "up"),
        ("blk.0.ffn_gate_exps.weight", "gate"),
        ("blk.0.ffn_down_exps.weight", "down"),
        ("blk.0.ssm_out.weight", "other"),
    ],
)
def test_a_tensor_says_what_it_does_by_its_name(name: str, role: str) -> None:
    assert role_of(name) == role


def test_a_file_type_is_named_after_what_most_of_it_is_made_to() -> None:
    for file, base in BASES.items():
        assert file.startswith(base[:3]), file
    assert (BASES["IQ2_M"], BASES["IQ2_S"], BASES["IQ3_M"]) == ("IQ2_S", "IQ2_XS", "IQ3_S")
