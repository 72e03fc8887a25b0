"""Speed of a model on a machine: how its bytes split, which family, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.data.layers import Attention, Blocks, Parallel
from snippets.data.machines import machine, read_machines
from snippets.data.models import model, read_models
from snippets.data.parameters import parameters
from snippets.hardware.roofline import Prompt, Step, cache_bytes, decode_seconds, touched_bytes
from snippets.hardware.speed import (
    Range,
    Rates,
    Spread,
    caches,
    decode_range,
    decode_tokens_per_s,
    family,
    machine_roof,
    model_weights,
    prefill_range,
    prefill_tokens_per_s,
    seen_tokens,
)
from tests.bounds import SMALLEST, assert_accepts_exactly

RATES = Rates(memory_efficiency=0.5, layer_overhead_s=1e-5, compute_efficiency=0.25)
SPREAD = Spread(low=0.5, high=2)
LLAMA = model("llama-3.1-8b")
ATTENTION = Attention(heads=4, kv_heads=1, key_head_dim=8, value_head_dim=8)
MODELS = sorted(read_models().values(), key=lambda one: one.id)


def f16(built: Any) -> float:
    return 2.0 * parameters(built).total


# --- caches, against known sizes at 16 bits -----------------------------------------------------


@pytest.mark.parametrize(
    ("name", "tokens", "mib"),
    [
        # as llama.cpp prints them for 131,072 tokens
        ("llama-3.1-8b", 131_072, 16_384),
        ("llama-3.3-70b", 131_072, 40_960),
        ("deepseek-v3", 131_072, 8_784),
    ],
)
def test_a_cache_is_as_large_as_the_engine_prints(name: str, tokens: int, mib: int) -> None:
    weights = model_weights(model(name), f16(model(name)))
    assert cache_bytes(weights, tokens) / 2**20 == pytest.approx(mib)


def test_windows_stop_growing_and_full_layers_do_not() -> None:
    weights = model_weights(model("gemma-3-27b"), f16(model("gemma-3-27b")))
    windows = {part.window_tokens: part.bytes_per_token for part in weights.caches}
    # 10 global layers and 52 of a window of 1,024 tokens, 8,192 bytes a token and layer
    assert windows == {None: 10 * 8192, 1024: 52 * 8192}


def test_a_hybrid_has_a_state_beside_its_cache() -> None:
    built = model("qwen3.5-27b")
    parts, state = caches(built, 16)
    assert sum(part.bytes_per_token for part in parts) * 131_072 / 2**20 == 8192
    assert state / 2**20 == pytest.approx(149.6, abs=0.05)


def test_a_layer_with_both_has_a_cache_and_a_state() -> None:
    built = model("falcon-h1-7b")
    (part,), state = caches(built, 16)
    heads = built.mixer_of(0)
    assert isinstance(heads, Parallel)
    width = heads.attention.kv_heads * 2 * heads.attention.key_head_dim
    assert part.bytes_per_token == built.layers * width * 2
    assert state > 0


def test_a_sparse_layer_looks_at_the_blocks_it_selects() -> None:
    blocks = Blocks(heads=1, head_dim=8, block_tokens=64, selected_blocks=16)
    part = ATTENTION.model_copy(update={"blocks": blocks})
    assert seen_tokens(LLAMA, "sparse", part) == 64 * 16
    assert seen_tokens(LLAMA, "full", part) is None


def test_bits_of_the_cache_scale_its_bytes() -> None:
    half = model_weights(LLAMA, f16(LLAMA), cache_bits=8)
    assert cache_bytes(half, 1000) == cache_bytes(model_weights(LLAMA, f16(LLAMA)), 1000) / 2


def test_attention_costs_four_flop_a_head_dimension_and_pair() -> None:
    (part,), state = caches(LLAMA, 16)
    assert state == 0
    assert part.flop_per_pair == 32 * 4 * 32 * 128


def test_latent_attention_scores_the_latent_and_sums_it() -> None:
    built = model("deepseek-v3")
    (part,), _ = caches(built, 16)
    assert part.bytes_per_token == 61 * 576 * 2
    assert part.flop_per_pair == 61 * 2 * 128 * (576 + 512)
    assert part.window_tokens is None


def test_an_indexer_bounds_what_a_token_looks_at() -> None:
    (part,), _ = caches(model("deepseek-v3.2"), 16)
    assert part.window_tokens == 2048


def test_an_unknown_kind_of_layer_is_refused_by_name() -> None:
    odd = LLAMA.model_copy(update={"mixers": ("ring",)})
    with pytest.raises(ValueError, match="layer 0: ring is not of full, sliding"):
        caches(odd, 16)


# --- weights ------------------------------------------------------------------------------------


def test_a_token_does_not_read_an_untied_embedding() -> None:
    weights = model_weights(LLAMA, f16(LLAMA))
    assert touched_bytes(weights, 1) == pytest.approx(2 * (8_030_261_248 - 128_256 * 4096))
    assert weights.expert_bytes == 0
    assert weights.output_parameters == 128_256 * 4096
    assert weights.active_parameters == parameters(LLAMA).active


def test_a_tied_embedding_is_read_as_the_output() -> None:
    built = model("llama-3.2-1b")
    assert touched_bytes(model_weights(built, f16(built)), 1) == pytest.approx(f16(built))


@pytest.mark.parametrize("built", MODELS, ids=lambda one: one.id)
def test_one_token_reads_its_active_parameters_and_many_read_all(built: Any) -> None:
    weights = model_weights(built, f16(built))
    count = parameters(built)
    assert touched_bytes(weights, 1) == pytest.approx(2 * count.active)
    assert touched_bytes(weights, 1e6) == pytest.approx(2 * (count.total - count.looked_up))


def test_experts_take_their_own_bits() -> None:
    built = model("gpt-oss-20b")
    weights = model_weights(built, 11.27 * 2**30, 4.25)
    # 24 layers of 32 experts: three matrices of 2880 x 2880, and their biases
    routed = 24 * 32 * (3 * 2880 * 2880 + 2 * 2880 + 2880)
    assert weights.expert_bytes == pytest.approx(routed * 4.25 / 8)
    assert weights.used_share == 4 / 32


def test_experts_that_need_more_bytes_than_the_file_are_refused() -> None:
    with pytest.raises(ValueError, match=r"experts alone take .* bytes of 1,000"):
        model_weights(model("gpt-oss-20b"), 1_000, 4.25)


def test_experts_may_leave_a_byte_and_not_none() -> None:
    built = model("gpt-oss-20b")
    experts = model_weights(built, 2e10, 4.25).expert_bytes
    assert model_weights(built, experts + 1, 4.25).shared_bytes < 1
    with pytest.raises(ValueError, match="experts alone"):
        model_weights(built, experts, 4.25)


# --- machines -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("rtx-4090", "NVIDIA GDDR"),
        ("l40s", "NVIDIA GDDR"),
        ("h100-sxm", "NVIDIA HBM"),
        ("m2-ultra", "Apple"),
        ("gb10", "unified"),
        ("ryzen-ai-max-395", "unified"),
        ("rx-7900-xtx", "AMD"),
        ("epyc-9005", "CPU"),
    ],
)
def test_families(name: str, said: str) -> None:
    assert family(machine(name)) == said


@pytest.mark.parametrize("name", sorted(read_machines()))
def test_every_machine_of_the_data_decodes_one_sequence(name: str) -> None:
    roof = machine_roof(machine(name), RATES)
    weights = model_weights(LLAMA, f16(LLAMA))
    assert decode_tokens_per_s(weights, roof, Step()) > 0


def test_a_roof_has_half_the_link_that_counts_both_directions() -> None:
    roof = machine_roof(machine("h100-sxm"), RATES, 4, "tensor", "fp8")
    assert (roof.link_gb_per_s, roof.devices, roof.split) == (450, 4, "tensor")
    assert roof.dense_tflops == machine("h100-sxm").dense_tflops["fp8"]
    assert roof.memory_efficiency == 0.5
    assert roof.compute_efficiency == 0.25
    assert roof.layer_overhead_s == 1e-5
    assert machine_roof(machine("m4"), RATES).link_gb_per_s is None


# --- speeds ---------------------------------------------------------------------------------------


def test_a_batch_counts_all_of_its_tokens() -> None:
    roof = machine_roof(machine("rtx-4090"), RATES)
    weights = model_weights(LLAMA, f16(LLAMA))
    step = Step(batch=8, context_tokens=100)
    assert decode_tokens_per_s(weights, roof, step) == pytest.approx(8 / decode_seconds(weights, roof, step))


@given(st.floats(1e-3, 1e6), st.floats(0.1, 1), st.floats(1, 10))
def test_a_range_is_around_its_middle(speed: float, low: float, high: float) -> None:
    assert Spread(low=low, high=high).around(speed) == Range(low * speed, speed, high * speed)


def test_ranges_are_around_the_expected_speed() -> None:
    roof = machine_roof(machine("rtx-4090"), RATES)
    weights = model_weights(LLAMA, f16(LLAMA))
    step, prompt = Step(context_tokens=10), Prompt(tokens=10)
    for said, speed in (
        (decode_range(LLAMA, weights, roof, step, SPREAD), decode_tokens_per_s(weights, roof, step)),
        (prefill_range(LLAMA, weights, roof, prompt, SPREAD), prefill_tokens_per_s(weights, roof, prompt)),
    ):
        assert said == Range(speed / 2, speed, speed * 2)


def test_context_beyond_training_is_refused() -> None:
    roof = machine_roof(machine("rtx-4090"), RATES)
    weights = model_weights(LLAMA, f16(LLAMA))
    decode_range(LLAMA, weights, roof, Step(context_tokens=131_072), SPREAD)
    with pytest.raises(ValueError, match=r"131,073 tokens, and the model is trained for 131,072"):
        decode_range(LLAMA, weights, roof, Step(context_tokens=131_073), SPREAD)
    with pytest.raises(ValueError, match="131,073 tokens"):
        prefill_range(LLAMA, weights, roof, Prompt(tokens=131_072, cached_tokens=1), SPREAD)


def test_prefill_on_a_machine_without_a_peak_names_the_field() -> None:
    roof = machine_roof(machine("m4-max"), RATES)
    with pytest.raises(ValueError, match="dense_tflops is missing"):
        prefill_range(LLAMA, model_weights(LLAMA, f16(LLAMA)), roof, Prompt(tokens=1), SPREAD)


def test_bounds() -> None:
    rates = RATES.model_dump()
    assert_accepts_exactly(Rates, rates, "memory_efficiency", SMALLEST, 1.0)
    assert_accepts_exactly(Rates, rates, "compute_efficiency", SMALLEST, 1.0)
    assert_accepts_exactly(Rates, rates, "layer_overhead_s", 0.0, 1.0)
    for field in ("low", "high"):
        assert_accepts_exactly(Spread, SPREAD.model_dump(), field, SMALLEST, 10.0)


def test_a_model_that_uses_all_of_its_experts_has_none_apart() -> None:
    built = model("mixtral-8x7b")
    assert built.experts
    every = built.model_copy(update={"experts": built.experts.model_copy(update={"active": 8})})
    found = model_weights(every, 5e10)
    assert (found.expert_bytes, found.used_share) == (0, 1)


@pytest.mark.parametrize("size", [0, -1])
def test_a_file_without_bytes_is_refused(size: float) -> None:
    with pytest.raises(ValueError, match=rf"weight_bytes is {size}; it has to be above 0"):
        model_weights(model("llama-3.1-8b"), size)


def test_experts_of_no_bits_are_not_taken_for_unknown() -> None:
    built = model("mixtral-8x7b")
    assert model_weights(built, 5e10, 0).expert_bytes == 0 < model_weights(built, 5e10).expert_bytes
