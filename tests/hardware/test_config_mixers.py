"""A field of a file is read, falls back, or is refused by name; layers are written as they repeat."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.data.layers import Attention
from snippets.data.stack import unroll
from snippets.hardware.config_mixers import (
    LARGEST,
    PURPOSES,
    Fields,
    attention_part,
    every,
    indexers,
    latent_part,
    layer_kinds,
    mamba_part,
    rolled,
)

KINDS = st.lists(st.sampled_from(["full", "sliding", "linear"]), min_size=1, max_size=60)


def fields(kind: str = "llama", **given: Any) -> Fields:
    """Fields of a file without fallbacks."""
    return Fields(kind, given, {})


@given(KINDS)
def test_layers_written_as_they_repeat_are_those_layers(kinds: list[str]) -> None:
    assert unroll(tuple(rolled(tuple(kinds))), len(kinds)) == tuple(kinds)


@pytest.mark.parametrize(
    ("kinds", "written"),
    [
        (("full",) * 7, ["full"]),
        (("linear", "linear", "linear", "full") * 3, ["3 linear", "full"]),
        (("dense", *("experts",) * 26), ["dense", "26 experts"]),
        (("sliding", "full", "sliding"), ["sliding", "full"]),
    ],
)
def test_the_shortest_start_that_repeats_is_written(kinds: tuple[str, ...], written: list[str]) -> None:
    assert rolled(kinds) == written


def test_each_step_th_layer_is_the_other() -> None:
    assert every("sliding", "full", 3, 7) == ("sliding", "sliding", "full") * 2 + ("sliding",)
    assert every("dense", "experts", 1, 2) == ("experts", "experts")


def test_a_size_is_read_before_its_fallback() -> None:
    read = Fields("llama", {"head_dim": 64}, {"head_dim": 128})
    assert read.size("head_dim") == 64
    assert Fields("llama", {}, {"head_dim": 128}).size("head_dim") == 128
    assert Fields("llama", {"head_dim": None}, {"head_dim": 128}).size("head_dim") == 128


@pytest.mark.parametrize("name", sorted(PURPOSES))
def test_a_missing_field_is_said_with_its_purpose(name: str) -> None:
    with pytest.raises(ValueError, match=f"^llama needs {name}: {PURPOSES[name]}$"):
        fields().size(name)


def test_a_missing_field_without_a_purpose_is_a_size() -> None:
    with pytest.raises(ValueError, match=r"^llama needs conv_L_cache: a size$"):
        fields().size("conv_L_cache")


def test_a_size_is_from_1_to_a_hundred_million_unless_said_otherwise() -> None:
    assert LARGEST == 100_000_000
    for accepted in (1, LARGEST):
        assert fields(vocab_size=accepted).size("vocab_size") == accepted
    for refused in (0, -1, LARGEST + 1):
        with pytest.raises(ValueError, match=f"vocab_size is {refused}, not 1 to {LARGEST}"):
            fields(vocab_size=refused).size("vocab_size")
    assert fields(n_shared_experts=0).size("n_shared_experts", 0) == 0


def test_layers_are_1_to_999() -> None:
    for accepted in (1, 999):
        assert fields(num_hidden_layers=accepted).layers == accepted
    for refused in (0, 1000):
        with pytest.raises(ValueError, match=f"num_hidden_layers is {refused}, not 1 to 999"):
            _ = fields(num_hidden_layers=refused).layers


def test_a_missing_switch_is_off() -> None:
    assert fields().flag("attention_bias") is False
    assert Fields("seed_oss", {}, {"attention_bias": True}).flag("attention_bias") is True
    assert (
        Fields("seed_oss", {"attention_bias": False}, {"attention_bias": True}).flag("attention_bias")
        is False
    )


def test_a_section_that_is_missing_or_no_section_is_empty() -> None:
    assert fields(inner={"a": 5}).inside("inner").size("a") == 5
    for given_ in ({}, {"inner": 3}):
        with pytest.raises(ValueError, match=r"^llama\.inner needs a: a size$"):
            Fields("llama", given_, {}).inside("inner").size("a")


def test_a_missing_list_is_empty() -> None:
    assert fields().listed("layer_types") == ()
    assert layer_kinds(fields(num_hidden_layers=3)) == ()


def test_layers_are_translated() -> None:
    given_ = ["full_attention", "sliding_attention", "chunked_attention", "linear_attention", "mamba", "conv"]
    read = fields(num_hidden_layers=6, layer_types=given_)
    assert layer_kinds(read) == ("full", "sliding", "chunked", "linear", "mamba", "conv")


def test_heads_have_what_the_family_has() -> None:
    read = fields(num_attention_heads=8, hidden_size=512, attention_bias=True)
    assert attention_part(read) == Attention(
        heads=8, kv_heads=8, key_head_dim=64, value_head_dim=64, bias=True
    )
    assert attention_part(read, sinks=True, bias=False).sinks


LATENT: dict[str, Any] = {
    "num_attention_heads": 4,
    "kv_lora_rank": 32,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 16,
    "v_head_dim": 12,
}


def test_a_latent_without_a_rank_has_queries_that_are_not_compressed() -> None:
    part = latent_part(fields(**LATENT))
    assert (part.query_rank, part.key_value_rank) == (0, 32)
    assert (part.rope_head_dim, part.nope_head_dim, part.value_head_dim) == (8, 16, 12)
    assert part.indexer is None
    assert latent_part(fields(**LATENT, q_lora_rank=24)).query_rank == 24


def test_indexers_without_a_schedule_are_all_own() -> None:
    assert indexers(fields(num_hidden_layers=4)) == ("own",) * 4


def test_indexers_are_shared_between_those_of_a_schedule() -> None:
    own, shared = "own", "shared"
    read = fields(num_hidden_layers=7, index_topk_freq=3)
    assert indexers(read) == (own, own, shared, shared, own, shared, shared)
    read = fields(num_hidden_layers=4, index_topk_freq=2, index_skip_topk_offset=0)
    assert indexers(read) == (shared, own, shared, own)


def test_indexers_as_listed() -> None:
    read = fields(num_hidden_layers=2, indexer_types=["full", "shared"])
    assert indexers(read) == ("own", "shared")


def test_mamba_is_read_by_either_set_of_names() -> None:
    nemotron = fields(
        "nemotron_h", mamba_num_heads=6, mamba_head_dim=5, ssm_state_size=4, n_groups=3, conv_kernel=2
    )
    granite = fields(
        "granite", mamba_n_heads=6, mamba_d_head=5, mamba_d_state=4, mamba_n_groups=3, mamba_d_conv=2
    )
    assert mamba_part(nemotron) == mamba_part(granite)
    assert mamba_part(granite).norm
    assert not mamba_part(granite, norm=False).norm
