"""What mixes tokens: the tensors of each kind of mixer hold its parameters, in the shapes that GGUF has."""

from __future__ import annotations

from math import prod

from snippets.data.models import model
from snippets.hardware.mixer_tensors import (
    Tensor,
    attention_tensors,
    conv_tensors,
    delta_tensors,
    indexer_tensors,
    latent_tensors,
    linear_tensors,
    mamba_tensors,
)


def shapes(found: list[Tensor]) -> dict[str, tuple[int, ...]]:
    assert len({name for name, _ in found}) == len(found)
    return dict(found)


def test_attention_of_llama_3_1_8b_is_four_matrices() -> None:
    built = model("llama-3.1-8b")
    assert built.attention
    assert shapes(attention_tensors(built.attention, 4096)) == {
        "attn_q.weight": (4096, 4096),
        "attn_k.weight": (4096, 1024),
        "attn_v.weight": (4096, 1024),
        "attn_output.weight": (4096, 4096),
    }


def test_norms_of_queries_and_keys_are_as_long_as_a_head() -> None:
    built = model("qwen3-8b")
    assert built.attention
    found = shapes(attention_tensors(built.attention, built.hidden_size))
    assert found["attn_q_norm.weight"] == found["attn_k_norm.weight"] == (128,)


def test_norms_of_a_whole_layer_are_as_long_as_all_its_heads() -> None:
    built = model("minimax-m2.5")
    assert built.attention
    found = shapes(attention_tensors(built.attention, built.hidden_size))
    assert found["attn_q_norm.weight"] == (found["attn_q.weight"][1],)
    assert found["attn_k_norm.weight"] == (found["attn_k.weight"][1],)


def test_a_layer_that_shares_keys_has_queries_and_an_output_alone() -> None:
    built = model("gemma-4-e2b")
    assert built.attention
    found = shapes(attention_tensors(built.attention, built.hidden_size, shares_kv=True))
    assert {*found} == {"attn_q.weight", "attn_output.weight", "attn_q_norm.weight"}


def test_a_fused_matrix_has_the_columns_of_all_three() -> None:
    built = model("phi-4")
    assert built.attention
    apart = shapes(attention_tensors(built.attention, 5120))
    fused = shapes(attention_tensors(built.attention, 5120, fused=True))
    columns = sum(apart[f"attn_{name}.weight"][1] for name in "qkv")
    assert fused == {
        "attn_qkv.weight": (5120, columns),
        "attn_output.weight": apart["attn_output.weight"],
    }


def test_biases_and_sinks_of_gpt_oss_are_named() -> None:
    built = model("gpt-oss-20b")
    assert built.attention
    found = shapes(attention_tensors(built.attention, 2880))
    assert found["attn_sinks.weight"] == (64,)
    assert found["attn_q.bias"] == (4096,)
    assert found["attn_k.bias"] == found["attn_v.bias"] == (512,)
    assert found["attn_output.bias"] == (2880,)


def test_an_output_gate_doubles_the_queries() -> None:
    built = model("qwen3.6-27b")
    assert built.attention
    found = shapes(attention_tensors(built.attention, 5120))
    assert found["attn_q.weight"][1] == 2 * found["attn_output.weight"][0]


def test_latent_attention_of_deepseek_v3_is_split_by_head_with_keys_transposed() -> None:
    part = model("deepseek-v3").latent
    assert part
    found = shapes(latent_tensors(part, 7168))
    assert found["attn_k_b.weight"] == (128, 512, 128)
    assert found["attn_v_b.weight"] == (512, 128, 128)
    assert found["attn_kv_a_mqa.weight"] == (7168, 576)
    assert found["attn_q_b.weight"] == (1536, 24576)
    assert found["attn_q_a_norm.weight"] == (1536,)
    assert indexer_tensors(part, 7168) == []


def test_latent_attention_without_a_rank_of_queries_has_one_matrix_for_them() -> None:
    built = model("deepseek-v2-lite")
    assert built.latent
    found = shapes(latent_tensors(built.latent, 2048))
    assert found["attn_q.weight"] == (2048, 16 * 192)
    assert "attn_q_a.weight" not in found


def test_an_indexer_reads_the_short_queries() -> None:
    part = model("deepseek-v3.2").latent
    assert part
    assert shapes(indexer_tensors(part, 7168)) == {
        "indexer.k_norm.weight": (128,),
        "indexer.k_norm.bias": (128,),
        "indexer.proj.weight": (7168, 64),
        "indexer.attn_k.weight": (7168, 128),
        "indexer.attn_q_b.weight": (1536, 8192),
    }


def test_two_numbers_a_head_are_one_matrix_or_two_with_the_same_weights() -> None:
    part = model("qwen3-next-80b-a3b").linear
    assert part
    joined = linear_tensors(part, 2048, joined=True)
    apart = linear_tensors(part, 2048, joined=False)
    assert sum(prod(one.shape) for one in joined) == sum(prod(one.shape) for one in apart)
    assert shapes(joined)["ssm_ba.weight"] == (2048, 64)
    assert shapes(joined)["attn_qkv.weight"] == (2048, 8192)
    assert shapes(joined)["ssm_conv1d.weight"] == (4, 8192)


def test_a_mamba_block_projects_gate_input_states_and_steps_at_once() -> None:
    part = model("nemotron-3-nano-30b-a3b").mamba
    assert part
    found = shapes(mamba_tensors(part, 2688))
    inner = part.heads * part.head_dim
    # Gate and input, keys and queries of each group, a step a head.
    assert found["ssm_in.weight"] == (2688, 2 * inner + 2 * 8 * 128 + 64)
    assert found["ssm_norm.weight"] == (inner // 8, 8)
    assert found["ssm_a"] == found["ssm_d"] == (1, 64)


def test_kimi_delta_attention_has_a_convolution_each_for_queries_keys_and_values() -> None:
    part = model("kimi-linear-48b-a3b").delta
    assert part
    found = shapes(delta_tensors(part, 2304))
    assert {found[f"ssm_conv1d_{name}.weight"] for name in "qkv"} == {(4, 1, 4096)}
    assert found["ssm_f_b.weight"] == (128, 4096)
    assert found["ssm_a"] == (1, 32)


def test_a_short_convolution_projects_to_three_streams() -> None:
    part = model("lfm2-1.2b").conv
    assert part
    found = shapes(conv_tensors(part, 2048))
    assert found["shortconv.in_proj.weight"] == (2048, 3 * 2048)
    assert found["shortconv.conv.weight"] == (3, 2048)
