"""Checkpoints: published sizes to the byte, what vLLM loaded, formats by hand, ranks, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.data.models import model, read_models
from snippets.data.parameters import parameters
from snippets.data.vllm_loads import VllmLoad, read_vllm_loads
from snippets.hardware.checkpoint import (
    checkpoint_bytes,
    checkpoint_tensors,
    kept_heads,
    shard,
)
from snippets.hardware.mixer_tensors import Tensor

LOADED = [one for one in read_vllm_loads().values() if one.model and one.weights and one.weights_gib]
READING = [one for one in LOADED if not one.sees and one.weights != "mxfp4"]
MATRIX = Tensor("blk.0.ffn_up.weight", (4_096, 14_336))
EXPERTS = Tensor("blk.0.ffn_up_exps.weight", (2_880, 2_880, 32))
COUNT = 4_096 * 14_336


# --- truth ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "total_size"),
    [
        ("llama-3.1-8b", "bf16", 16_060_522_496),
        ("gpt-oss-20b", "mxfp4", 13_761_264_768),
        ("gpt-oss-120b", "mxfp4", 65_248_815_744),
    ],
)
def test_the_index_of_a_published_checkpoint_states_as_many_bytes(
    name: str, kind: str, total_size: int
) -> None:
    assert checkpoint_bytes(model(name), kind).bytes == total_size


@pytest.mark.parametrize("one", READING, ids=lambda one: one.id)
def test_vllm_loaded_as_much_within_one_percent(one: VllmLoad) -> None:
    assert one.model
    assert one.weights
    assert one.weights_gib
    gib = checkpoint_bytes(model(one.model), one.weights, one.gpus).gib
    # Never less than the weights; and 0.01 is the last digit of what vLLM prints.
    assert gib - 0.01 <= one.weights_gib <= gib * 1.01 + 0.005


@pytest.mark.parametrize("built", read_models().values(), ids=lambda built: built.id)
def test_unquantized_weights_are_two_bytes_a_parameter(built: object) -> None:
    one = model(built.id)  # type: ignore[attr-defined]
    counted = parameters(one).total
    # A router's bias is in the file, and is no parameter; Gemma 3n pads a table.
    assert checkpoint_bytes(one, "bf16").parameters == pytest.approx(counted, rel=0.006)
    assert checkpoint_bytes(one, "bf16").bytes == pytest.approx(2 * counted, rel=0.006)


# --- ranks ------------------------------------------------------------------------------------


def test_ranks_share_what_divides_and_repeat_the_rest() -> None:
    built = model("llama-3.3-70b")
    whole, half = (checkpoint_bytes(built, "bf16", ranks).groups for ranks in (1, 2))
    for part in ("embedding", "output", "attention", "feed-forward"):
        assert 2 * half[part] == whole[part]
    assert half["norms"] == whole["norms"]


def test_each_rank_has_a_head_of_keys() -> None:
    assert [kept_heads(8, ranks) for ranks in (1, 2, 4, 8, 16, 64)] == [8, 4, 2, 1, 1, 1]
    built = model("llama-3.3-70b")
    keys = next(one for one in checkpoint_tensors(built) if "attn_k." in one.name)
    assert [shard(keys, built, ranks).shape[1] for ranks in (1, 8, 16)] == [1_024, 128, 128]


def test_words_are_padded_to_64() -> None:
    built = model("llama-3.1-8b").model_copy(update={"vocabulary": 128_001})
    table = Tensor("token_embd.weight", (4_096, 128_001))
    assert shard(table, built, 2).shape == (4_096, 64_032)


def test_latents_stay_whole() -> None:
    built = model("deepseek-v3")
    for tensor in checkpoint_tensors(built):
        if "attn_kv_a_mqa" in tensor.name or "attn_q_a." in tensor.name:
            assert shard(tensor, built, 8) == tensor


@given(st.sampled_from([1, 2, 4, 8]), st.sampled_from(["llama-3.1-8b", "qwen3-30b-a3b", "deepseek-v3"]))
def test_all_ranks_have_at_least_the_whole(ranks: int, name: str) -> None:
    whole, one = (checkpoint_bytes(model(name), "fp8", count).bytes for count in (1, ranks))
    assert whole <= ranks * one + ranks
    assert one <= whole


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "ranks", "said"),
    [
        ("llama-3.1-8b", "q4", 1, "format 'q4' is not of bf16, fp8"),
        ("llama-3.1-8b", "bf16", 0, "tensor_parallel is 0; 1 to 1,024"),
        ("llama-3.1-8b", "bf16", 1_025, "tensor_parallel is 1025"),
        ("llama-3.1-8b", "bf16", 1_024, "tensor_parallel 1024 does not divide 32 heads"),
        ("llama-3.1-8b", "bf16", 3, "tensor_parallel 3 does not divide 32 heads"),
        ("phi-4", "bf16", 4, "tensor_parallel 4 does not divide 10 KV heads"),
        ("deepseek-v2-lite", "gptq", 1, "gptq has groups of 128"),
    ],
)
def test_what_is_refused(name: str, kind: str, ranks: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        checkpoint_bytes(model(name), kind, ranks)


def test_bits_of_an_unquantized_weight_are_16() -> None:
    assert checkpoint_bytes(model("llama-3.1-8b"), "bf16").bits_per_weight == 16
    assert checkpoint_bytes(model("llama-3.1-8b"), "bf16").gib == 16_060_522_496 / 2**30


def test_a_latents_halves_have_its_rows() -> None:
    shapes = {one.name: one.shape for one in checkpoint_tensors(model("deepseek-v2-lite"))}
    assert shapes["blk.0.attn_k_b.weight"] == (512, 128 * 16)
    assert shapes["blk.0.attn_v_b.weight"] == (512, 128 * 16)
