"""Which architecture has a config.json?"""

# --8<-- [start:imports]
from collections.abc import Callable, Mapping

from snippets.data.models import Architecture
from snippets.hardware.config_families import (
    Parts,
    cohere2,
    deepseek_v2,
    deepseek_v3,
    falcon_h1,
    gemma2,
    gemma3,
    gemma3n,
    gemma4,
    glm4_moe,
    glm_moe_dsa,
    gpt_oss,
    granite,
    kimi_linear,
    lfm2,
    lfm2_moe,
    llama,
    llama4,
    minimax_m2,
    mistral,
    mixtral,
    nemotron_h,
    qwen2,
    qwen3,
    qwen3_5_dense,
    qwen3_moe,
    qwen3_next,
    seed_oss,
)
from snippets.hardware.config_mixers import (
    Fields,
    rolled,
)

# --8<-- [end:imports]

# --8<-- [start:families]
# One adapter a family: what a file calls it, what
# this guide's data calls it, and how it is read.
ADAPTERS: dict[
    str, tuple[str, Callable[[Fields], Parts]]
] = {
    "llama": ("Mistral", llama),
    "mistral": ("Mistral", mistral),
    "mixtral": ("Mixtral", mixtral),
    "qwen2": ("Qwen2.5", qwen2),
    "qwen3": ("Qwen3", qwen3),
    "qwen3_moe": ("Qwen3", qwen3_moe),
    "qwen3_next": ("Qwen3-Next", qwen3_next),
    "qwen3_5": ("Qwen3.5", qwen3_5_dense),
    "qwen3_5_moe": ("Qwen3.5", qwen3_next),
    "gemma2": ("Gemma 2", gemma2),
    "gemma3": ("Gemma 3", gemma3),
    "gemma3n": ("Gemma 3n", gemma3n),
    "gemma4": ("Gemma 4", gemma4),
    "gpt_oss": ("gpt-oss", gpt_oss),
    "deepseek_v2": ("DeepSeek-V2", deepseek_v2),
    "deepseek_v3": ("DeepSeek-V3", deepseek_v3),
    "deepseek_v32": ("DeepSeek-V3", glm_moe_dsa),
    "kimi_k2": ("Kimi K2", deepseek_v3),
    "phi3": ("Phi", mistral),
    "llama4": ("Llama 4", llama4),
    "glm4_moe": ("GLM-4.5", glm4_moe),
    "glm_moe_dsa": ("GLM-5", glm_moe_dsa),
    "minimax_m2": ("MiniMax-M2", minimax_m2),
    "nemotron_h": ("Nemotron 3", nemotron_h),
    "granitemoehybrid": ("Granite 4", granite),
    "seed_oss": ("Seed-OSS", seed_oss),
    "smollm3": ("SmolLM3", llama),
    "cohere2": ("Command R7B and A", cohere2),
    "lfm2": ("LFM2", lfm2),
    "lfm2_moe": ("LFM2", lfm2_moe),
    "falcon_h1": ("Falcon-H1", falcon_h1),
    "kimi_linear": ("Kimi Linear", kimi_linear),
}
# Files whose text model has a section of its own.
WRAPPERS = {
    "gemma3",
    "gemma3n",
    "gemma4",
    "kimi_k25",
    "llama4",
    "mistral3",
    "qwen3_5",
    "qwen3_5_moe",
}
# --8<-- [end:families]

# --8<-- [start:fallbacks]
# What Transformers 5.24.0 takes where a file of
# that family is silent: its configuration classes.
GEMMA = {
    "head_dim": 256,
    "tie_word_embeddings": True,
}
NORMED = {"head_dim": 128}
LINEAR = {
    "head_dim": 256,
    "full_attention_interval": 4,
}
FALLBACKS: dict[str, dict[str, int | bool]] = {
    "mistral": {"sliding_window": 4096},
    "qwen3": NORMED,
    "qwen3_next": LINEAR,
    "qwen3_5": LINEAR,
    "qwen3_5_moe": LINEAR,
    "gemma2": GEMMA | {"sliding_window": 4096},
    "gemma3": GEMMA
    | {
        "vocab_size": 262_208,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "max_position_embeddings": 131_072,
        "sliding_window": 4096,
        "sliding_window_pattern": 6,
    },
    "gemma3n": GEMMA
    | {"sliding_window_pattern": 5},
    "gemma4": GEMMA
    | {
        "max_position_embeddings": 131_072,
        "global_head_dim": 512,
        "num_kv_shared_layers": 0,
        "hidden_size_per_layer_input": 256,
        "sliding_window_pattern": 6,
    },
    "gpt_oss": {
        "head_dim": 64,
        "attention_bias": True,
    },
    "llama4": NORMED
    | {
        "attention_chunk_size": 8192,
        "interleave_moe_layer_step": 1,
    },
    "minimax_m2": NORMED
    | {
        "use_qk_norm": True,
        "use_routing_bias": True,
    },
    "nemotron_h": NORMED,
    "seed_oss": NORMED | {"attention_bias": True},
    "smollm3": {"tie_word_embeddings": True},
    "cohere2": {
        "tie_word_embeddings": True,
        "sliding_window": 4096,
        "sliding_window_pattern": 4,
    },
    "lfm2": {
        "tie_word_embeddings": True,
        "block_auto_adjust_ff_dim": True,
        "block_multiple_of": 256,
        "conv_L_cache": 3,
    },
    "lfm2_moe": {
        "tie_word_embeddings": True,
        "conv_L_cache": 3,
    },
    "kimi_linear": {
        "max_position_embeddings": 1_048_576,
    },
}

# --8<-- [end:fallbacks]


# --8<-- [start:read]
def text_fields(
    config: Mapping[str, object],
) -> Fields:
    """Find the text model, and what it is called.

    Raises ValueError for a model_type that is not
    known here, by its name.
    """
    outer = config.get("model_type")
    inner = config.get("text_config")
    given = dict(config)
    kind = outer
    if isinstance(inner, Mapping):
        if outer not in WRAPPERS:
            raise ValueError(
                f"model_type {outer!r} with a "
                "text_config is not of "
                f"{', '.join(sorted(WRAPPERS))}"
            )
        kind = inner.get("model_type", outer)
        tied = config.get("tie_word_embeddings")
        given = {
            "tie_word_embeddings": tied
        } | dict(inner)
    kind = str(kind).removesuffix("_text")
    if kind not in ADAPTERS:
        raise ValueError(
            f"model_type {kind!r} is not of "
            f"{', '.join(ADAPTERS)}"
        )
    return Fields(
        kind, given, FALLBACKS.get(kind, {})
    )


def architecture_from_config(
    config: Mapping[str, object],
) -> Architecture:
    """Read the architecture of a config.json.

    config: the file, parsed
    Vision, audio, and layers that predict further
    tokens are left out.
    Raises ValueError that names what is missing,
    unknown or of the wrong kind.
    """
    read = text_fields(config)
    family, adapter = ADAPTERS[read.model_type]
    scaling = read.given.get(
        "rope_scaling"
    ) or read.given.get("rope_parameters")
    if read.model_type == "llama" and isinstance(
        scaling, Mapping
    ):
        kind = scaling.get(
            "rope_type", scaling.get("type")
        )
        if kind == "llama3":
            family = "Llama 3"
    found = adapter(read)
    for name in ("mixers", "feed_forwards"):
        kinds = found.get(name, ("dense",))
        found[name] = rolled(kinds)
    return Architecture.model_validate(
        {
            "hidden_size": read.size("hidden_size"),
            "layers": read.layers,
            "family": family,
            "context_tokens": read.size(
                "max_position_embeddings"
            ),
            "vocabulary": read.size("vocab_size"),
            "tied_embeddings": read.flag(
                "tie_word_embeddings"
            ),
            **found,
        }
    )


# --8<-- [end:read]
