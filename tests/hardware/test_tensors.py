"""A file's tensors: what belongs to no layer, what each layer has, and that all names are there once."""

from __future__ import annotations

import pytest

from snippets.data.models import model, read_models
from snippets.hardware.tensors import gguf_tensors

MODELS = sorted(read_models())


def shapes(name: str) -> dict[str, tuple[int, ...]]:
    return dict(gguf_tensors(model(name)))


@pytest.mark.parametrize(
    ("name", "count"),
    # As llama.cpp's loader prints them; 1,086 is of a published log of DeepSeek-V3.
    [("llama-3.1-8b", 292), ("deepseek-v3", 1086), ("qwen3-235b-a22b", 1131)],
)
def test_a_file_has_as_many_tensors_as_the_engine_prints(name: str, count: int) -> None:
    assert len(gguf_tensors(model(name))) == count


@pytest.mark.parametrize("name", MODELS)
def test_each_name_is_there_once_and_each_layer_has_a_norm(name: str) -> None:
    found = gguf_tensors(model(name))
    names = {one.name for one in found}
    assert len(names) == len(found)
    for layer in range(model(name).layers):
        norms = {f"blk.{layer}.{norm}.weight" for norm in ("attn_norm", "post_attention_norm")}
        assert norms & names  # OLMo 3 has norms behind its blocks only
    assert f"blk.{model(name).layers}.attn_norm.weight" not in names


def test_a_tied_model_has_no_output_matrix() -> None:
    assert "output.weight" not in shapes("llama-3.2-1b")
    assert shapes("llama-3.1-8b")["output.weight"] == (4096, 128256)


def test_factors_of_rotation_are_half_a_head_and_not_in_all_families() -> None:
    assert shapes("llama-3.1-8b")["rope_freqs.weight"] == (64,)
    assert shapes("gemma-4-31b")["rope_freqs.weight"] == (256,)
    assert "rope_freqs.weight" not in shapes("qwen3-8b")


def test_the_last_norm_of_lfm2_has_another_name() -> None:
    assert "token_embd_norm.weight" in shapes("lfm2-1.2b")
    assert "token_embd_norm.weight" in shapes("lfm2-8b-a1b")
    assert "output_norm.weight" not in shapes("lfm2-8b-a1b")


def test_embeddings_for_each_layer_are_padded_to_the_vocabulary() -> None:
    found = shapes("gemma-3n-e4b")
    assert found["per_layer_token_embd.weight"] == (35 * 256, model("gemma-3n-e4b").vocabulary)
    assert found["per_layer_model_proj.weight"] == (2048, 35 * 256)
    assert found["per_layer_proj_norm.weight"] == (256,)
    assert found["altup_proj.weight"] == found["altup_unembd_proj.weight"] == (2048, 2048, 3)


def test_the_first_layers_of_deepseek_v3_are_dense() -> None:
    found = shapes("deepseek-v3")
    assert "blk.2.ffn_gate.weight" in found
    assert "blk.2.ffn_gate_exps.weight" not in found
    assert "blk.3.ffn_gate_exps.weight" in found
    assert "blk.3.ffn_gate.weight" not in found


def test_layers_that_share_keys_have_none_but_in_gemma_3n() -> None:
    last = model("gemma-4-e2b").layers - 1
    assert f"blk.{last}.attn_k.weight" not in shapes("gemma-4-e2b")
    first = model("gemma-4-e2b").layers - model("gemma-4-e2b").kv_shared_layers
    assert f"blk.{first - 1}.attn_k.weight" in shapes("gemma-4-e2b")
    assert f"blk.{first}.attn_k.weight" not in shapes("gemma-4-e2b")
    assert f"blk.{model('gemma-3n-e4b').layers - 1}.attn_k.weight" in shapes("gemma-3n-e4b")


def test_falcon_h1_has_attention_and_mamba_in_one_layer() -> None:
    found = shapes("falcon-h1-7b")
    assert {"blk.0.attn_q.weight", "blk.0.ssm_in.weight", "blk.0.ffn_norm"} & {*found}
    assert "blk.0.attn_q.weight" in found
    assert "blk.0.ssm_in.weight" in found


def test_experts_of_gemma_4_have_scales_and_three_more_norms() -> None:
    built = model("gemma-4-26b-a4b")
    found = shapes("gemma-4-26b-a4b")
    assert found["blk.0.ffn_gate_inp.scale"] == (built.hidden_size,)
    assert built.experts
    assert found["blk.0.ffn_down_exps.scale"] == (built.experts.experts,)
    assert found["blk.0.pre_ffw_norm_2.weight"] == (built.hidden_size,)
    assert "blk.0.pre_ffw_norm_2.weight" not in shapes("gemma-4-31b")


def test_indexers_are_in_the_layers_that_have_their_own() -> None:
    built = model("glm-5.3")
    found = shapes("glm-5.3")
    for layer, who in enumerate(built.layer_indexers):
        assert (f"blk.{layer}.indexer.proj.weight" in found) == (who == "own"), layer
