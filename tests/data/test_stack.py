"""Which layer is of which kind: patterns that repeat, and parts that layers use."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.data.models import Model, model, read_models
from snippets.data.stack import Stack, unroll
from tests.bounds import assert_accepts_exactly, defaults
from tests.data.samples import ATTENTION, BLOCKS, LINEAR, STACK

MODELS = read_models()


def stacked(**changes: Any) -> Stack:
    """A stack with some fields changed, and without those that are None."""
    changed = {**STACK, **changes}
    return Stack.model_validate({name: value for name, value in changed.items() if value is not None})


@pytest.mark.parametrize("one", MODELS.values(), ids=str)
def test_every_layer_of_every_model_is_one_of_the_known_kinds(one: Model) -> None:
    assert len(one.layer_mixers) == len(one.layer_feed_forwards) == len(one.layer_indexers) == one.layers
    assert all(
        pair != ("none", "none") for pair in zip(one.layer_mixers, one.layer_feed_forwards, strict=True)
    )


@pytest.mark.parametrize("one", [one for one in MODELS.values() if one.attention], ids=str)
def test_query_heads_share_kv_heads_evenly(one: Model) -> None:
    for mixer in {*one.layer_mixers} & {"full", "sliding", "chunked"}:
        heads = one.attention_of(mixer)
        assert heads
        assert heads.heads % heads.kv_heads == 0


@pytest.mark.parametrize(
    ("name", "kind", "layers"),
    [
        ("gemma-3-27b", "full", 10),  # the global ones, as llama.cpp counts them
        ("granite-4.0-h-small", "full", 4),  # its card: 4 attention, 36 Mamba2
        ("granite-4.0-h-small", "mamba", 36),
        ("nemotron-3-nano-30b-a3b", "mamba", 23),
        ("qwen3.5-27b", "full", 16),  # its card: 16 × (3 gated delta nets, 1 attention)
        ("gpt-oss-120b", "sliding", 18),
        ("kimi-k2", "latent", 61),
        ("llama-4-maverick", "full", 12),
        ("command-r7b-12-2024", "full", 8),
        ("lfm2-1.2b", "conv", 10),  # its card: 10 conv + 6 attn
        ("lfm2-2.6b", "conv", 22),  # its card: 22 conv + 8 attn
        ("lfm2-8b-a1b", "full", 6),
        ("kimi-linear-48b-a3b", "latent", 7),
        ("kimi-linear-48b-a3b", "delta", 20),
        ("granite-4.0-h-tiny", "mamba", 36),
        ("gemma-4-e2b", "full", 7),
        ("minimax-m3", "sparse", 57),
    ],
)
def test_layers_of_a_kind_are_as_many_as_the_makers_say(name: str, kind: str, layers: int) -> None:
    assert model(name).layer_mixers.count(kind) == layers


@pytest.mark.parametrize(
    ("name", "kind", "layers"),
    [
        ("deepseek-v3", "dense", 3),
        ("kimi-k2", "dense", 1),
        ("llama-4-maverick", "experts", 24),
        ("lfm2-8b-a1b", "dense", 2),
        ("gemma-4-e2b", "wide", 20),
    ],
)
def test_dense_layers_and_those_with_experts_are_as_many_as_the_makers_say(
    name: str, kind: str, layers: int
) -> None:
    assert model(name).layer_feed_forwards.count(kind) == layers


def test_the_first_layers_of_deepseek_v3_are_the_dense_ones() -> None:
    assert model("deepseek-v3").layer_feed_forwards[:4] == ("dense", "dense", "dense", "experts")


def test_the_fourth_layer_of_a_qwen_hybrid_is_full() -> None:
    assert model("qwen3.6-27b").layer_mixers[:4] == ("linear", "linear", "linear", "full")


def test_glm_5_3_shares_an_indexer_among_four_layers_after_the_first_three() -> None:
    indexers = model("glm-5.3").layer_indexers
    assert indexers[:7] == ("own", "own", "own", "shared", "shared", "shared", "own")
    assert indexers.count("own") == 21


def test_the_feed_forward_block_of_a_layer_is_of_its_kind() -> None:
    kimi = model("kimi-linear-48b-a3b")
    assert kimi.dense_of(0) is kimi.dense
    assert kimi.dense_of(1) is None
    gemma = model("gemma-4-e2b")
    assert (gemma.dense_of(14), gemma.dense_of(15)) == (gemma.dense, gemma.wide)
    assert model("nemotron-3-nano-30b-a3b").dense_of(0) is None


def test_models_without_an_indexer_say_so() -> None:
    assert {*model("deepseek-v3").layer_indexers} == {"none"}


def test_full_layers_of_gemma_4_have_other_heads_than_sliding_ones() -> None:
    gemma = model("gemma-4-31b")
    full, sliding = gemma.attention_of("full"), gemma.attention_of("sliding")
    assert full
    assert sliding
    assert (full.kv_heads, full.key_head_dim) == (4, 512)
    assert (sliding.kv_heads, sliding.key_head_dim) == (16, 256)


def test_full_layers_have_the_same_heads_where_nothing_else_is_said() -> None:
    gemma = model("gemma-3-27b")
    assert gemma.attention_of("full") == gemma.attention_of("sliding") == gemma.attention


@pytest.mark.parametrize("one", MODELS.values(), ids=str)
def test_a_layer_without_a_mixer_has_no_part_and_every_other_has_one(one: Model) -> None:
    for index, mixer in enumerate(one.layer_mixers):
        assert (one.mixer_of(index) is None) == (mixer == "none")


def test_the_part_of_a_layer_is_of_its_kind() -> None:
    qwen = model("qwen3.6-27b")
    assert qwen.mixer_of(2) is qwen.linear
    assert qwen.mixer_of(3) is qwen.attention
    gemma = model("gemma-4-31b")
    assert gemma.mixer_of(0) is gemma.attention
    assert gemma.mixer_of(5) is gemma.full_attention
    nemotron = model("nemotron-3-nano-30b-a3b")
    assert nemotron.mixer_of(0) is nemotron.mamba
    kimi = model("kimi-linear-48b-a3b")
    assert kimi.mixer_of(0) is kimi.delta
    assert kimi.mixer_of(26) is kimi.latent
    lfm = model("lfm2-1.2b")
    assert lfm.mixer_of(0) is lfm.conv
    falcon = model("falcon-h1-7b")
    assert falcon.mixer_of(43) is falcon.parallel
    minimax = model("minimax-m3")
    assert minimax.mixer_of(2) is minimax.full_attention
    assert minimax.mixer_of(3) is minimax.attention
    deepseek = model("deepseek-v3")
    assert deepseek.mixer_of(60) is deepseek.latent


@given(
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from("ab")), min_size=1, max_size=4), st.integers(1, 99)
)
def test_a_pattern_repeats_until_every_layer_has_a_kind(runs: list[tuple[int, str]], layers: int) -> None:
    once = "".join(kind * count for count, kind in runs)
    written = tuple(kind if count == 1 else f"{count} {kind}" for count, kind in runs)
    found = unroll(written, layers)
    assert len(found) == layers
    assert all(kind == once[index % len(once)] for index, kind in enumerate(found))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"attention": None}, "its layers use attention, dense, and it has dense"),
        ({"linear": LINEAR}, "its layers use attention, dense, and it has attention, dense, linear"),
        ({"feed_forwards": ["none"]}, "its layers use attention, and it has attention, dense"),
        ({"mixers": ["sliding", "wide"]}, "mixers: wide is not of full, sliding"),
        ({"feed_forwards": ["sparse"]}, "feed_forwards: sparse is not of dense, wide, experts, none"),
        ({"window_tokens": None}, "a window and layers that use it go together"),
        ({"mixers": ["full"]}, "a window and layers that use it go together"),
        ({"layers": 6, "kv_shared_layers": 6}, "6 of 6 layers share"),
        ({"mixers": ["sparse"], "window_tokens": None}, "blocks and sparse go together"),
        ({"attention": {**ATTENTION, "blocks": BLOCKS}}, "blocks and sparse go together"),
        ({"mixers": ["sliding"], "full_attention": ATTENTION}, "full layers differ from no other"),
        (
            {"mixers": ["full"], "window_tokens": None, "full_attention": ATTENTION},
            "full layers differ from no other",
        ),
    ],
)
def test_a_stack_whose_parts_do_not_fit_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as failure:
        stacked(**changes)
    assert said in str(failure.value)


@pytest.mark.parametrize("written", ["0 full", "Full", "5  full", "full 5", "5", "", "1000 full", "-1 full"])
def test_a_run_is_a_count_and_a_kind(written: str) -> None:
    with pytest.raises(ValidationError) as failure:
        stacked(mixers=[written])
    assert ("mixers", 0) in {error["loc"] for error in failure.value.errors()}


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [
        ("hidden_size", 1, 1_000_000),
        ("layers", 1, 999),
        ("window_tokens", 1, 10_000_000),
        ("kv_shared_layers", 0, 998),
        ("norms_per_layer", 0, 100_000),
        ("layer_extras", 0, 100_000),
    ],
)
def test_bounds_of_a_stack(field: str, lowest: int, highest: int) -> None:
    assert_accepts_exactly(Stack, STACK, field, lowest, highest)


@pytest.mark.parametrize("field", ["mixers", "feed_forwards"])
def test_a_stack_has_at_least_one_kind_of_each(field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        stacked(**{field: ()})


def test_what_a_stack_may_leave_out() -> None:
    assert defaults(Stack) == {
        "window_tokens": None,
        "kv_shared_layers": 0,
        "norms_per_layer": 2,
        "layer_extras": 0,
        "attention": None,
        "full_attention": None,
        "latent": None,
        "linear": None,
        "delta": None,
        "mamba": None,
        "conv": None,
        "parallel": None,
        "dense": None,
        "wide": None,
        "experts": None,
        "per_layer": None,
    }
