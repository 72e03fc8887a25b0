"""What does llama.cpp call an architecture?"""

# --8<-- [start:imports]
from snippets.data.models import Architecture

# --8<-- [end:imports]

# --8<-- [start:layouts]
# What llama.cpp calls the norms of a layer, by
# architecture. Source: src/models, 0c1e57098bba.
PLAIN = ("attn_norm.weight", "ffn_norm.weight")
AFTER = (
    "attn_norm.weight",
    "post_attention_norm.weight",
)
BOTH = (
    "attn_norm.weight",
    "post_attention_norm.weight",
    "ffn_norm.weight",
    "post_ffw_norm.weight",
)
BESIDE = (
    "pre_ffw_norm_2.weight",
    "post_ffw_norm_1.weight",
    "post_ffw_norm_2.weight",
)
NORMS = {
    "llama": PLAIN,
    "llama4": PLAIN,
    "qwen2": PLAIN,
    "qwen3": PLAIN,
    "qwen3moe": PLAIN,
    "qwen3next": AFTER,
    "qwen35": AFTER,
    "qwen35moe": AFTER,
    "gemma2": BOTH,
    "gemma3": BOTH,
    "gemma3n": BOTH,
    "gemma4": BOTH,
    "gpt-oss": AFTER,
    "seed_oss": AFTER,
    "phi3": PLAIN,
    "minimax-m2": PLAIN,
    "deepseek2": PLAIN,
    "deepseek32": PLAIN,
    "glm-dsa": PLAIN,
    "glm4moe": AFTER,
    "nemotron_h_moe": ("attn_norm.weight",),
    "granitehybrid": PLAIN,
    "cohere2": ("attn_norm.weight",),
    "lfm2": PLAIN,
    "lfm2moe": PLAIN,
    "falcon-h1": ("attn_norm.weight", "ffn_norm"),
    "kimi-linear": PLAIN,
    "smollm3": PLAIN,
    "mistral3": PLAIN,
    "olmo2": (
        "post_attention_norm.weight",
        "post_ffw_norm.weight",
    ),
    "ernie4_5-moe": PLAIN,
    "hunyuan-moe": PLAIN,
    "minimax-m3": PLAIN,
}
# Families whose files hold factors of rotation.
ROTATED = {"Llama 3", "Gemma 4"}
# One architecture for a family, or two: of dense
# models, and of those with experts.
FAMILIES = {
    "Command R7B and A": ("cohere2",),
    "DeepSeek-V2": ("deepseek2",),
    "DeepSeek-V3": ("deepseek2",),
    "ERNIE 4.5": ("ernie4_5-moe",),
    "Falcon-H1": ("falcon-h1",),
    "Gemma 2": ("gemma2",),
    "Gemma 3": ("gemma3",),
    "Gemma 3n": ("gemma3n",),
    "Gemma 4": ("gemma4",),
    "GLM-4.5": ("glm4moe",),
    "GLM-5": ("glm-dsa",),
    "gpt-oss": ("gpt-oss",),
    "Granite 4": ("granitehybrid",),
    "Hunyuan": ("hunyuan-moe",),
    "Kimi K2": ("deepseek2",),
    "Kimi Linear": ("kimi-linear",),
    "LFM2": ("lfm2", "lfm2moe"),
    "Llama 3": ("llama",),
    "Llama 4": ("llama4",),
    "MiniMax-M2": ("minimax-m2",),
    "MiniMax-M3": ("minimax-m3",),
    "Ministral 3": ("mistral3",),
    "Mistral": ("llama",),
    "Mistral Large": ("llama",),
    "Mistral Small": ("llama",),
    "Mixtral": ("llama",),
    "Nemotron 3": ("nemotron_h_moe",),
    "OLMo 3": ("olmo2",),
    "Phi": ("phi3",),
    "Qwen2.5": ("qwen2",),
    "Qwen3": ("qwen3", "qwen3moe"),
    "Qwen3-Next": ("qwen3next",),
    "Qwen3.5": ("qwen35", "qwen35moe"),
    "Qwen3.6": ("qwen35", "qwen35moe"),
    "Seed-OSS": ("seed_oss",),
    "SmolLM3": ("smollm3",),
}


def gguf_architecture(built: Architecture) -> str:
    """Say what llama.cpp calls the architecture.

    Raises ValueError for a family that is not
    known here.
    """
    names = FAMILIES.get(built.family)
    if names is None:
        raise ValueError(
            f"family {built.family!r} is not of "
            f"{', '.join(FAMILIES)}"
        )
    indexed = built.latent and built.latent.indexer
    if names == ("deepseek2",) and indexed:
        return "deepseek32"
    return names[-1 if built.experts else 0]


# --8<-- [end:layouts]
