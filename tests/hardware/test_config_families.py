"""Each adapter says what its family has; published files, in test_config.py, prove the rest."""

from __future__ import annotations

from typing import Any

import pytest

from snippets.data.layers import Dense
from snippets.hardware import config_families as families
from snippets.hardware.config_mixers import Fields

ATTENTION = {"hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 6, "intermediate_size": 96}
EXPERTS = {"num_experts": 8, "num_local_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 24}


def fields(kind: str, **given: Any) -> Fields:
    """Fields of a small model, without fallbacks."""
    return Fields(kind, {**ATTENTION, **EXPERTS, **given}, {})


def test_a_llama_has_biases_on_all_four_or_none() -> None:
    for bias in (True, False):
        part = families.llama(fields("llama", attention_bias=bias))["attention"]
        assert (part.bias, part.output_bias) == (bias, bias)


def test_a_qwen3_has_biases_on_all_four_or_none() -> None:
    for bias in (True, False):
        part = families.qwen3(fields("qwen3", attention_bias=bias))["attention"]
        assert (part.bias, part.output_bias) == (bias, bias)


@pytest.mark.parametrize(("first", "kinds"), [(0, "eeeeee"), (1, "deeeee"), (6, "dddddd"), (9, "dddddd")])
def test_the_first_layers_may_be_dense(first: int, kinds: str) -> None:
    names = {"d": "dense", "e": "experts"}
    read = fields("deepseek_v3", first_k_dense_replace=first)
    assert families.leading(read) == tuple(names[kind] for kind in kinds)


def test_a_deepseek_may_share_no_expert() -> None:
    read = fields("deepseek_v3", first_k_dense_replace=0, n_routed_experts=8, n_shared_experts=0)
    part = families.deepseek_feed(read)
    assert (part["experts"].shared, part["experts"].shared_size) == (0, 0)
    assert "dense" not in part


def test_only_deepseek_v2_is_not_steered() -> None:
    read = fields("deepseek_v3", first_k_dense_replace=1, n_routed_experts=8, n_shared_experts=2)
    assert families.deepseek_feed(read)["experts"].selection_bias
    assert not families.deepseek_feed(read, steered=False)["experts"].selection_bias
    assert families.deepseek_feed(read)["dense"] == Dense(size=96)


def test_a_minimax_may_have_no_norms_and_no_steering() -> None:
    part = families.minimax_m2(fields("minimax_m2"))
    assert part["attention"].query_key_norm == "none"
    assert not part["experts"].selection_bias


def test_a_step_of_llama_4_leaves_dense_layers_between() -> None:
    given = {"interleave_moe_layer_step": 3, "intermediate_size_mlp": 50, "attention_chunk_size": 16}
    part = families.llama4(fields("llama4", **given))
    assert part["feed_forwards"] == ("dense", "dense", "experts") * 2
    assert part["mixers"] == ("chunked", "chunked", "chunked", "full", "chunked", "chunked")
    assert part["dense"] == Dense(size=50)


WIDE = {
    "attention_k_eq_v": False,
    "global_head_dim": 32,
    "head_dim": 16,
    "hidden_size_per_layer_input": 0,
    "num_key_value_heads": 2,
    "sliding_window": 16,
    "sliding_window_pattern": 2,
    "use_double_wide_mlp": True,
}


def test_layers_of_gemma_4_that_share_keys_may_be_twice_as_wide() -> None:
    part = families.gemma4(fields("gemma4", **WIDE, num_kv_shared_layers=2))
    assert part["feed_forwards"] == ("dense",) * 4 + ("wide",) * 2
    assert (part["dense"], part["wide"]) == (Dense(size=96), Dense(size=192))
    assert "wide" not in families.gemma4(fields("gemma4", **WIDE, num_kv_shared_layers=0))


def test_full_layers_of_gemma_4_may_make_values_of_keys_with_a_number_of_their_own() -> None:
    equal = WIDE | {"attention_k_eq_v": True, "num_kv_shared_layers": 0, "num_global_key_value_heads": 1}
    part = families.gemma4(fields("gemma4", **equal))["full_attention"]
    assert (part.kv_heads, part.key_head_dim, part.values_are_keys) == (1, 32, True)
    other = equal | {"attention_k_eq_v": False}
    part = families.gemma4(fields("gemma4", **other))["full_attention"]
    assert (part.kv_heads, part.values_are_keys) == (2, False)


@pytest.mark.parametrize(("shared", "size"), [(0, 0), (2, 24)])
def test_kimi_linear_may_share_experts(shared: int, size: int) -> None:
    given = {
        "first_k_dense_replace": 1,
        "kv_lora_rank": 8,
        "linear_attn_config": {
            "full_attn_layers": [3, 6],
            "num_heads": 4,
            "head_dim": 16,
            "short_conv_kernel_size": 4,
        },
        "num_experts_per_token": 2,
        "num_shared_experts": shared,
        "qk_nope_head_dim": 8,
        "qk_rope_head_dim": 4,
        "v_head_dim": 8,
    }
    part = families.kimi_linear(fields("kimi_linear", **given))
    assert part["mixers"] == ("delta", "delta", "latent") * 2
    assert (part["experts"].shared, part["experts"].shared_size) == (shared, size)


@pytest.mark.parametrize("width", [None, 0, 1, 16])
def test_experts_of_nemotron_may_work_at_a_width_of_their_own(width: int | None) -> None:
    given: dict[str, Any] = {
        "hybrid_override_pattern": "EEEEEE",
        "moe_shared_expert_intermediate_size": 40,
        "n_routed_experts": 8,
        "n_shared_experts": 1,
    }
    if width is not None:
        given["moe_latent_size"] = width
    part = families.nemotron_h(fields("nemotron_h", **given))["experts"]
    assert part.latent_size == (width or 0)
