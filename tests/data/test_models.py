"""How models are built: what each layer is, what a record has to have, and which sizes are refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from snippets.data.models import (
    Attention,
    Dense,
    Experts,
    Indexer,
    Latent,
    Linear,
    Mamba,
    Model,
    PerLayer,
    model,
    read_models,
    unroll,
)
from snippets.data.providers import read_hosted
from snippets.data.records import UnknownNameError
from tests.bounds import assert_accepts_exactly, defaults

MODELS = read_models()
WITHOUT_ARCHITECTURE = {
    "deepseek-v4.1-flash": "an encoder-decoder with compressed attention and Engram tables, which no part is",
}
ATTENTION = {"heads": 32, "kv_heads": 8, "key_head_dim": 128, "value_head_dim": 128}
EXPERTS = {"experts": 1_000_000, "active": 1, "size": 768, "shared": 1, "shared_size": 768}
INDEXER = {"heads": 64, "head_dim": 128, "selected_tokens": 2048, "pattern": ["own"]}
LATENT = {
    "heads": 128,
    "query_rank": 1536,
    "key_value_rank": 512,
    "rope_head_dim": 64,
    "nope_head_dim": 128,
    "value_head_dim": 128,
}
LINEAR = {"key_heads": 16, "value_heads": 48, "key_head_dim": 128, "value_head_dim": 128, "conv_kernel": 4}
MAMBA = {"heads": 128, "head_dim": 64, "state_size": 128, "groups": 1, "conv_kernel": 4}
PER_LAYER = {"vocabulary": 262_144, "size": 256, "streams": 4, "laurel_rank": 64}
RECORD: dict[str, Any] = {
    "id": "some-model",
    "name": "Some model",
    "maker": "Somebody",
    "family": "Some",
    "license": "MIT",
    "sources": ["card"],
    "as_of": "2026-11-24",
    "context_tokens": 131_072,
    "published_parameters": 10**14,
    "published_rounding_parameters": 1,
    "published_active_parameters": 10**9,
    "active_rounding_parameters": 1,
    "vocabulary": 128_256,
    "tied_embeddings": False,
    "hidden_size": 4096,
    "layers": 999,
    "mixers": ["5 sliding", "full"],
    "feed_forwards": ["dense"],
    "window_tokens": 1024,
    "attention": ATTENTION,
    "dense": {"size": 14_336},
}


def built(**changes: Any) -> Model:
    """A model with some fields changed, and without those that are None."""
    changed = {**RECORD, **changes}
    return Model.model_validate({name: value for name, value in changed.items() if value is not None})


def test_there_are_at_least_forty_models() -> None:
    assert len(MODELS) >= 40


@pytest.mark.parametrize("weights", sorted({one.weights for one in read_hosted().values() if one.weights}))
def test_weights_that_others_host_are_models_here(weights: str) -> None:
    assert (weights in MODELS) != (weights in WITHOUT_ARCHITECTURE)


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
    ],
)
def test_layers_of_a_kind_are_as_many_as_the_makers_say(name: str, kind: str, layers: int) -> None:
    assert model(name).layer_mixers.count(kind) == layers


@pytest.mark.parametrize(
    ("name", "kind", "layers"),
    [("deepseek-v3", "dense", 3), ("kimi-k2", "dense", 1), ("llama-4-maverick", "experts", 24)],
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


@given(
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from("ab")), min_size=1, max_size=4), st.integers(1, 99)
)
def test_a_pattern_repeats_until_every_layer_has_a_kind(runs: list[tuple[int, str]], layers: int) -> None:
    once = "".join(kind * count for count, kind in runs)
    written = tuple(kind if count == 1 else f"{count} {kind}" for count, kind in runs)
    found = unroll(written, layers)
    assert len(found) == layers
    assert all(kind == once[index % len(once)] for index, kind in enumerate(found))


@pytest.mark.parametrize("one", MODELS.values(), ids=str)
def test_what_is_published_is_rounded_to_a_power_of_ten(one: Model) -> None:
    for count, rounding in (
        (one.published_parameters, one.published_rounding_parameters),
        (one.published_active_parameters or 0, one.active_rounding_parameters or 1),
    ):
        assert str(rounding).strip("0") == "1"
        assert count % rounding == 0


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("llama-3.3-7b", "llama-3.3-70b"), ("Gemma-3-27B", "gemma-3-27b"), ("gpt-oss", "gpt-oss-20b")],
)
def test_an_unknown_name_is_an_error_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError, match=nearest):
        model(name)


def test_a_name_that_resembles_none_is_an_error_without_a_guess() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown model 'zzzz'$"):
        model("zzzz")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"attention": None}, "its layers use attention, dense, and it has dense"),
        ({"linear": LINEAR}, "its layers use attention, dense, and it has attention, dense, linear"),
        ({"feed_forwards": ["none"]}, "its layers use attention, and it has attention, dense"),
        ({"mixers": ["sliding", "wide"]}, "mixers: wide is not of full, sliding"),
        ({"feed_forwards": ["sparse"]}, "feed_forwards: sparse is not of dense, experts, none"),
        ({"window_tokens": None}, "a window and layers that use it go together"),
        ({"mixers": ["full"]}, "a window and layers that use it go together"),
        ({"layers": 6, "kv_shared_layers": 6}, "6 of 6 layers share"),
        ({"mixers": ["sliding"], "full_attention": ATTENTION}, "full layers differ from no other"),
        (
            {"mixers": ["full"], "window_tokens": None, "full_attention": ATTENTION},
            "full layers differ from no other",
        ),
        ({"active_rounding_parameters": None}, "active parameters and their rounding go together"),
        ({"published_active_parameters": None}, "active parameters and their rounding go together"),
        ({"published_parameters": 10**9 - 1}, "1000000000 active parameters of 999999999"),
    ],
)
def test_a_model_whose_parts_do_not_fit_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as failure:
        built(**changes)
    assert said in str(failure.value)


@pytest.mark.parametrize("written", ["0 full", "Full", "5  full", "full 5", "5", "", "1000 full", "-1 full"])
def test_a_run_is_a_count_and_a_kind(written: str) -> None:
    with pytest.raises(ValidationError) as failure:
        built(mixers=[written])
    assert ("mixers", 0) in {error["loc"] for error in failure.value.errors()}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"experts": 4, "active": 5}, "5 active of 4 experts"),
        ({"shared_size": 0}, "1 shared experts of size 0"),
        ({"shared": 0}, "0 shared experts of size 768"),
    ],
)
def test_experts_that_do_not_fit_are_refused(changes: dict[str, int], said: str) -> None:
    with pytest.raises(ValidationError) as failure:
        Experts.model_validate({**EXPERTS, **changes})
    assert said in str(failure.value)


SIZES: list[tuple[type[BaseModel], dict[str, Any], list[str]]] = [
    (Attention, ATTENTION, [*ATTENTION]),
    (Indexer, INDEXER, ["heads", "head_dim", "selected_tokens"]),
    (Latent, LATENT, [name for name in LATENT if name != "query_rank"]),
    (Linear, LINEAR, [*LINEAR]),
    (Mamba, MAMBA, [*MAMBA]),
    (Dense, {"size": 1}, ["size"]),
    (Experts, EXPERTS, ["active", "size", "experts"]),
    (PerLayer, PER_LAYER, ["vocabulary", "size"]),
    (Model, RECORD, ["vocabulary", "hidden_size"]),
]


@pytest.mark.parametrize(
    ("part", "valid", "field"),
    [(part, valid, field) for part, valid, fields in SIZES for field in fields],
    ids=lambda value: value.__name__ if isinstance(value, type) else "" if isinstance(value, dict) else value,
)
def test_sizes_are_at_least_one(part: type[BaseModel], valid: dict[str, Any], field: str) -> None:
    assert_accepts_exactly(part, valid, field, 1, 1_000_000)


COUNTS: list[tuple[type[BaseModel], dict[str, Any], list[str]]] = [
    (Latent, LATENT, ["query_rank"]),
    (Experts, EXPERTS, ["latent_size"]),
    (PerLayer, PER_LAYER, ["streams", "laurel_rank"]),
    (Model, RECORD, ["norms_per_layer", "layer_extras"]),
]


@pytest.mark.parametrize(
    ("part", "valid", "field"),
    [(part, valid, field) for part, valid, fields in COUNTS for field in fields],
    ids=lambda value: value.__name__ if isinstance(value, type) else "" if isinstance(value, dict) else value,
)
def test_counts_may_be_zero(part: type[BaseModel], valid: dict[str, Any], field: str) -> None:
    assert_accepts_exactly(part, valid, field, 0, 100_000)


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [
        ("context_tokens", 1_024, 100_000_000),
        ("layers", 1, 999),
        ("window_tokens", 1, 10_000_000),
        ("kv_shared_layers", 0, 998),
        ("published_parameters", 10**9, 10**14),
        ("published_rounding_parameters", 1, 10**12),
        ("published_active_parameters", 1_000_000, 10**14),
        ("active_rounding_parameters", 1, 10**12),
    ],
)
def test_bounds_of_a_model(field: str, lowest: int, highest: int) -> None:
    valid = RECORD if field != "published_parameters" else _without_active()
    assert_accepts_exactly(Model, valid, field, lowest if field != "published_parameters" else 10**6, highest)


def _without_active() -> dict[str, Any]:
    return {name: value for name, value in RECORD.items() if not name.count("active")}


def test_shared_experts_are_bounded_with_their_size() -> None:
    for size in (0, 100_000):
        assert Experts.model_validate({**EXPERTS, "shared": size, "shared_size": size}).shared == size
    for size in (-1, 100_001):
        with pytest.raises(ValidationError) as failure:
            Experts.model_validate({**EXPERTS, "shared": size, "shared_size": size})
        assert {error["loc"] for error in failure.value.errors()} == {("shared",), ("shared_size",)}


@pytest.mark.parametrize(
    ("part", "optional"),
    [
        (
            Attention,
            {
                "values_are_keys": False,
                "bias": False,
                "output_bias": False,
                "query_key_norm": "none",
                "output_gate": False,
                "sinks": False,
            },
        ),
        (Indexer, {}),
        (Latent, {"indexer": None}),
        (Linear, {}),
        (Mamba, {}),
        (Dense, {"gated": True}),
        (Experts, {"gated": True, "bias": False, "latent_size": 0, "shared_gate": False}),
        (PerLayer, {}),
        (
            Model,
            {
                "expires": None,
                "window_tokens": None,
                "kv_shared_layers": 0,
                "norms_per_layer": 2,
                "layer_extras": 0,
                "attention": None,
                "full_attention": None,
                "latent": None,
                "linear": None,
                "mamba": None,
                "dense": None,
                "experts": None,
                "per_layer": None,
                "published_active_parameters": None,
                "active_rounding_parameters": None,
                "note": "",
            },
        ),
    ],
)
def test_what_may_be_left_out(part: type[BaseModel], optional: dict[str, Any]) -> None:
    assert defaults(part) == optional


def test_a_misspelled_field_of_a_part_is_refused() -> None:
    with pytest.raises(ValidationError) as failure:
        built(attention={**ATTENTION, "kv_head": 8})
    assert {error["loc"] for error in failure.value.errors()} == {("attention", "kv_head")}


def test_a_model_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        model("phi-4").layers = 41  # type: ignore[misc]  # what is refused at run time too
