"""A published config.json gives the architecture that the data has; what is missing is said by name."""

from __future__ import annotations

import csv
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

import tests.data
from snippets.data.machines import machine
from snippets.data.models import Architecture, model, read_models
from snippets.data.parameters import parameters
from snippets.hardware.config import ADAPTERS, FALLBACKS, WRAPPERS, architecture_from_config
from snippets.hardware.kv_cache import Context
from snippets.hardware.memory import Plan, fits
from snippets.hardware.placement import device
from snippets.hardware.roofline import Step
from snippets.hardware.speed import Rates, Spread, decode_range, machine_roof, model_weights
from snippets.hardware.tensors import gguf_tensors
from snippets.hardware.weights import weights

DATA = Path(*tests.data.__path__)
CONFIGS = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (DATA / "configs").glob("*.json")
}


# Where a file and the data differ, and why.
DIFFERENT = {
    "deepseek-v2-lite": {"context_tokens": 163_840},  # the card gives 32K; in the file, stretched
    "lfm2-8b-a1b": {"context_tokens": 128_000},  # the card gives 32K
    "qwen2.5-7b": {"context_tokens": 32_768},  # of the tuned model; the rest needs scaling
    "qwen2.5-72b": {"context_tokens": 32_768},  # so here
    "gemma-3-4b": {"vocabulary": 262_208},  # 64 rows more than tokens, for images; the data counts tokens
    "gemma-3-12b": {"vocabulary": 262_208},
    "gemma-3-27b": {"vocabulary": 262_208},
}


# What the copy of a file leaves out, and the model has.
COMPLETED = {"falcon-h1-7b": {"mamba_rms_norm": True}}


def architecture(name: str) -> Architecture:
    """The architecture by the published file."""
    return architecture_from_config(CONFIGS[name] | COMPLETED.get(name, {}))


def comparable(built: Architecture) -> dict[str, Any]:
    """All fields of an architecture, with one entry a layer, and without the name of a family."""
    fields = {name: getattr(built, name) for name in Architecture.model_fields}
    del fields["family"]
    fields |= {"mixers": built.layer_mixers, "feed_forwards": built.layer_feed_forwards}
    if built.latent and built.latent.indexer:
        fields["latent"] = built.latent.model_copy(update={"indexer": None})
        fields["indexer"] = (built.latent.indexer.model_copy(update={"pattern": ()}), built.layer_indexers)
    return fields


def text_of(config: dict[str, Any]) -> dict[str, Any]:
    """The section that describes the text model."""
    section: dict[str, Any] = config.get("text_config", config)
    return section


def without(name: str, key: str) -> dict[str, Any]:
    """A published file without a key of its text model."""
    config = json.loads(json.dumps(CONFIGS[name] | COMPLETED.get(name, {})))
    del text_of(config)[key]
    return dict(config)


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_the_published_file_gives_the_architecture_of_the_data_field_for_field(name: str) -> None:
    expected = comparable(model(name)) | DIFFERENT.get(name, {})
    assert comparable(architecture(name)) == expected


@pytest.mark.parametrize("name", sorted(set(CONFIGS) - set(DIFFERENT)))
def test_the_published_file_gives_the_parameters_of_the_data(name: str) -> None:
    assert parameters(architecture(name)) == parameters(model(name))


def test_a_wider_embedding_is_all_that_parts_gemma_3_from_the_data() -> None:
    wider = parameters(architecture("gemma-3-4b")).total - parameters(model("gemma-3-4b")).total
    assert wider == 64 * 2560


def has_tensors(name: str) -> bool:
    """Say whether this guide knows the tensors of the model's GGUF file."""
    try:
        return bool(gguf_tensors(model(name)))
    except (ValueError, KeyError):
        return False


@pytest.mark.parametrize("name", sorted(name for name in set(CONFIGS) - set(DIFFERENT) if has_tensors(name)))
def test_the_family_read_from_a_file_has_the_tensors_of_the_family_in_the_data(name: str) -> None:
    assert gguf_tensors(architecture(name)) == gguf_tensors(model(name))


def test_most_models_of_the_data_are_held_against_a_file() -> None:
    assert len(CONFIGS) >= 59
    assert set(CONFIGS) <= set(read_models())


def test_each_adapter_is_held_against_a_file_but_those_listed() -> None:
    used = {str(text_of(one).get("model_type", one["model_type"])) for one in CONFIGS.values()}
    assert set(ADAPTERS) - {kind.removesuffix("_text") for kind in used} == {"cohere2", "lfm2"}


def test_every_file_has_a_source() -> None:
    with (DATA / "configs/sources.toml").open("rb") as file:
        sources = tomllib.load(file)
    assert set(sources) == set(CONFIGS)
    assert {one["copy"] for one in sources.values()} == {"file", "quoted", "class"}


def test_cohere2_reads_command_r7b() -> None:
    config = {
        "model_type": "cohere2",
        "hidden_size": 4096,
        "intermediate_size": 14_336,
        "max_position_embeddings": 131_072,
        "num_attention_heads": 32,
        "num_hidden_layers": 32,
        "num_key_value_heads": 8,
        "vocab_size": 256_000,
    }
    assert comparable(architecture_from_config(config)) == comparable(model("command-r7b-12-2024"))


LFM2 = {
    "model_type": "lfm2",
    "block_ff_dim": 12_288,
    "full_attn_idxs": [2, 5, 8, 10, 12, 14],
    "hidden_size": 2048,
    "max_position_embeddings": 32_768,
    "num_attention_heads": 32,
    "num_hidden_layers": 16,
    "num_key_value_heads": 8,
    "vocab_size": 65_536,
}


def test_lfm2_adjusts_its_width_to_two_thirds() -> None:
    assert comparable(architecture_from_config(LFM2)) == comparable(model("lfm2-1.2b"))


def test_lfm2_rounds_its_width_up_to_a_multiple() -> None:
    built = architecture_from_config(LFM2 | {"block_ff_dim": 12_290})
    assert built.dense
    assert built.dense.size == 8192 + 256


def test_lfm2_may_say_under_two_names_whether_embeddings_are_tied() -> None:
    assert not architecture_from_config(LFM2 | {"tie_embedding": False}).tied_embeddings
    assert not architecture_from_config(LFM2 | {"tie_word_embeddings": False}).tied_embeddings
    assert architecture_from_config(LFM2).tied_embeddings


def test_fallbacks_are_those_of_transformers() -> None:
    with (DATA / "transformers_defaults.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    said: dict[str, dict[str, int | bool]] = {}
    for row in rows:
        said.setdefault(row["model_type"], {})[row["field"]] = json.loads(row["value"])
    assert said == FALLBACKS


@pytest.mark.parametrize("kind", sorted(FALLBACKS))
def test_a_fallback_is_for_a_family_that_is_known(kind: str) -> None:
    assert kind in ADAPTERS


def error_of(config: dict[str, Any]) -> str:
    """What is said against a file; nothing if it is read."""
    try:
        architecture_from_config(config)
    except ValueError as failure:
        return str(failure)
    return ""


@pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name, config in CONFIGS.items() for key in text_of(config)]
)
def test_without_a_field_the_file_is_read_by_a_fallback_or_the_error_names_it(name: str, key: str) -> None:
    said = error_of(without(name, key))
    assert not said or key in said


@pytest.mark.parametrize("name", ["llama-3.1-8b", "qwen3-30b-a3b", "deepseek-v3", "nemotron-3-nano-30b-a3b"])
def test_a_missing_size_is_an_error_with_the_family_the_field_and_its_purpose(name: str) -> None:
    kind = CONFIGS[name]["model_type"]
    with pytest.raises(ValueError, match=f"^{kind} needs hidden_size: the width of a token$"):
        architecture_from_config(without(name, "hidden_size"))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, r"model_type 'None' is not of llama, mistral, .*kimi_linear$"),
        ({"model_type": "rwkv7"}, r"model_type 'rwkv7' is not of llama,"),
        (
            {"model_type": "llava", "text_config": {"model_type": "llama"}},
            r"model_type 'llava' with a text",
        ),
        (
            {"model_type": "gemma3", "text_config": {"model_type": "paligemma"}},
            r"type 'paligemma' is",
        ),
    ],
)
def test_an_unknown_family_is_refused_by_name_with_those_that_are_known(
    config: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        architecture_from_config(config)


@pytest.mark.parametrize("wrapper", sorted(WRAPPERS))
def test_a_wrapper_takes_the_type_of_its_section(wrapper: str) -> None:
    inner = {key: value for key, value in CONFIGS["qwen3-8b"].items() if key != "tie_word_embeddings"}
    built = architecture_from_config(
        {"model_type": wrapper, "text_config": inner, "tie_word_embeddings": True}
    )
    assert built.family == "Qwen3"
    assert built.tied_embeddings


def test_a_section_overrules_its_wrapper() -> None:
    inner = CONFIGS["qwen3-8b"] | {"tie_word_embeddings": False}
    assert not architecture_from_config(
        {"model_type": "mistral3", "text_config": inner, "tie_word_embeddings": True}
    ).tied_embeddings


def test_an_unknown_layer_is_refused_by_name_with_those_that_are_known() -> None:
    config = json.loads(json.dumps(CONFIGS["qwen3.5-27b"]))
    config["text_config"]["layer_types"][7] = "ring_attention"
    with pytest.raises(ValueError, match=r"layer_types has 'ring_attention', which is not of full"):
        architecture_from_config(config)


def test_layers_that_are_not_all_listed_are_refused() -> None:
    config = json.loads(json.dumps(CONFIGS["gpt-oss-20b"]))
    del config["layer_types"][3:]
    with pytest.raises(ValueError, match="layer_types has 3 of 24 layers"):
        architecture_from_config(config)


def test_an_unknown_letter_of_a_pattern_is_refused() -> None:
    config = CONFIGS["nemotron-3-nano-30b-a3b"] | {"hybrid_override_pattern": "ME?*"}
    with pytest.raises(ValueError, match="hybrid_override_pattern 'ME\\?\\*' is not of M, \\*, E, -"):
        architecture_from_config(config)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("hidden_size", "4096", "hidden_size is '4096', not a whole number"),
        ("hidden_size", True, "hidden_size is True, not a whole number"),
        ("hidden_size", 4096.0, "hidden_size is 4096.0, not a whole number"),
        ("intermediate_size", [14_336, 8192], "intermediate_size is .14336, 8192., not a whole number"),
        ("intermediate_size", [], "intermediate_size is .., not a whole number"),
        ("tie_word_embeddings", "no", "tie_word_embeddings is 'no', not true or false"),
        ("num_attention_heads", 0, "llama: num_attention_heads is 0, not 1 to 100000000"),
        ("num_attention_heads", 100_000_001, "num_attention_heads is 100000001, not 1 to 100000000"),
        ("num_hidden_layers", 0, "num_hidden_layers is 0, not 1 to 999"),
        ("num_hidden_layers", 1000, "num_hidden_layers is 1000, not 1 to 999"),
        ("vocab_size", -5, "vocab_size is -5, not 1"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_name(key: str, value: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        architecture_from_config(CONFIGS["llama-3.1-8b"] | {key: value})


def test_a_list_that_repeats_one_size_is_that_size() -> None:
    listed = CONFIGS["llama-3.1-8b"] | {"intermediate_size": [14_336] * 32}
    assert architecture_from_config(listed) == architecture("llama-3.1-8b")


def test_a_list_where_none_belongs_is_refused() -> None:
    with pytest.raises(ValueError, match="layer_types is 'full', not a list"):
        architecture_from_config(CONFIGS["qwen3-8b"] | {"layer_types": "full"})


def test_without_a_number_of_its_own_each_head_has_keys() -> None:
    built = architecture_from_config(without("llama-3.1-8b", "num_key_value_heads"))
    assert built.attention
    assert built.attention.kv_heads == built.attention.heads == 32


def test_without_a_length_of_its_own_heads_share_the_width() -> None:
    assert "head_dim" not in CONFIGS["llama-3.1-8b"]
    built = architecture("llama-3.1-8b").attention
    assert built
    assert built.key_head_dim == 4096 // 32


def test_llama_without_the_rotation_of_llama_3_has_the_tensors_of_mistral() -> None:
    assert architecture_from_config(without("llama-3.1-8b", "rope_scaling")).family == "Mistral"
    assert architecture("llama-3.1-8b").family == "Llama 3"


def test_the_first_mistral_slides_where_no_field_says_otherwise() -> None:
    first = architecture_from_config(without("mistral-7b-v0.3", "sliding_window"))
    assert set(first.layer_mixers) == {"sliding"}
    assert first.window_tokens == 4096
    assert set(architecture("mistral-7b-v0.3").layer_mixers) == {"full"}


def test_qwen2_slides_from_a_layer_on_where_it_is_switched_on() -> None:
    config = CONFIGS["qwen2.5-7b"] | {"use_sliding_window": True, "max_window_layers": 20}
    built = architecture_from_config(config)
    assert built.layer_mixers == ("full",) * 20 + ("sliding",) * 8
    assert built.window_tokens == 131_072


def test_layers_that_are_listed_as_dense_have_no_experts() -> None:
    config = CONFIGS["qwen3-30b-a3b"] | {"mlp_only_layers": [0, 1], "decoder_sparse_step": 2}
    built = architecture_from_config(config)
    assert built.layer_feed_forwards == ("dense", "dense") + ("dense", "experts") * 23
    assert built.dense
    assert built.dense.size == 6144


@pytest.mark.parametrize("name", ["qwen3.5-27b", "gpt-oss-20b", "gemma-4-31b"])
def test_a_rule_gives_the_layers_that_a_list_gives(name: str) -> None:
    assert architecture_from_config(without(name, "layer_types")) == architecture(name)


def test_indexers_follow_a_rule_where_there_is_no_list() -> None:
    assert architecture_from_config(without("glm-5.3", "indexer_types")) == architecture("glm-5.3")


def test_an_unknown_indexer_is_refused_by_name() -> None:
    config = CONFIGS["glm-5.3"] | {"indexer_types": ["full", "borrowed"] * 39}
    with pytest.raises(ValueError, match="indexer_types has 'borrowed', which is not of full, shared"):
        architecture_from_config(config)


def test_llama_4_may_list_its_layers_without_rotation() -> None:
    config = json.loads(json.dumps(CONFIGS["llama-4-scout"]))
    config["text_config"]["no_rope_layers"] = [1, 1, 0, 1] * 12
    assert architecture_from_config(config).layer_mixers == ("chunked", "chunked", "full", "chunked") * 12


def test_granite_without_experts_is_dense() -> None:
    assert architecture("granite-4.0-h-1b").experts is None
    assert architecture("granite-4.0-h-1b").dense == model("granite-4.0-h-1b").dense


def test_a_mamba_head_may_be_left_to_the_width() -> None:
    config = CONFIGS["granite-4.0-h-tiny"] | {"mamba_d_head": "auto"}
    assert architecture_from_config(config) == architecture("granite-4.0-h-tiny")
    own = CONFIGS["falcon-h1-7b"] | {"mamba_d_head": "auto", "mamba_rms_norm": True}
    assert architecture_from_config(own) == architecture("falcon-h1-7b")


def test_nemotron_h_may_have_dense_layers_or_none_that_mix() -> None:
    dense = architecture_from_config(
        CONFIGS["nemotron-3-nano-30b-a3b"] | {"hybrid_override_pattern": "M-M-", "num_hidden_layers": 4}
    )
    assert dense.dense
    assert (dense.dense.size, dense.dense.gated) == (1856, False)
    assert dense.layer_mixers == ("mamba", "none") * 2
    experts = architecture_from_config(
        CONFIGS["nemotron-3-nano-30b-a3b"] | {"hybrid_override_pattern": "*E*E", "num_hidden_layers": 4}
    )
    assert experts.mamba is None


def test_granite_without_a_list_has_mamba_layers_only() -> None:
    built = architecture_from_config(without("granite-4.0-h-tiny", "layer_types"))
    assert set(built.layer_mixers) == {"mamba"}


def test_lfm2_without_a_list_has_full_layers_only() -> None:
    built = architecture_from_config({key: LFM2[key] for key in LFM2 if key != "full_attn_idxs"})
    assert set(built.layer_mixers) == {"full"}
    assert built.conv is None


def test_a_config_alone_gives_memory_and_speed() -> None:
    built = architecture_from_config(CONFIGS["qwen3-32b"])
    file = weights(built, "Q4_K_M")
    plan = Plan(built, file, Context(context_tokens=16_384), (device(machine("rtx-4090")),))
    assert file.bytes == weights(model("qwen3-32b"), "Q4_K_M").bytes
    assert fits(plan)
    rates = Rates(memory_efficiency=0.8, layer_overhead_s=1e-5, compute_efficiency=0.5)
    roof = machine_roof(machine("rtx-4090"), rates)
    spread = Spread(low=0.9, high=1.1)
    found = decode_range(built, model_weights(built, file.bytes), roof, Step(context_tokens=8_192), spread)
    assert 10 < found.low < found.high < 60
    with pytest.raises(ValueError, match=r"the model is trained for 40,960"):
        decode_range(built, model_weights(built, file.bytes), roof, Step(context_tokens=50_000), spread)
