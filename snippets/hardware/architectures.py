"""What does llama.cpp call an architecture?"""

# --8<-- [start:imports]
from snippets.data.models import Architecture

# --8<-- [end:imports]

# --8<-- [start:layouts]
# What llama.cpp calls the norms of a layer, by
# architecture. Source: src/models, 0c1e57098bba.
PLAIN = ("attn_norm", "ffn_norm")
AFTER = ("attn_norm", "post_attention_norm")
BOTH = (
    "attn_norm",
    "post_attention_norm",
    "ffn_norm",
    "post_ffw_norm",
)
BESIDE = (
    "pre_ffw_norm_2",
    "post_ffw_norm_1",
    "post_ffw_norm_2",
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
    "nemotron_h_moe": ("attn_norm",),
    "granitehybrid": PLAIN,
}
# Families whose files hold factors of rotation.
ROTATED = {"Llama 3", "Gemma 4"}
# One architecture for a family, or two: of dense
# models, and of those with experts.
FAMILIES = {
    "DeepSeek-V2": ("deepseek2",),
    "DeepSeek-V3": ("deepseek2",),
    "Gemma 2": ("gemma2",),
    "Gemma 3": ("gemma3",),
    "Gemma 3n": ("gemma3n",),
    "Gemma 4": ("gemma4",),
    "GLM-4.5": ("glm4moe",),
    "GLM-5": ("glm-dsa",),
    "gpt-oss": ("gpt-oss",),
    "Granite 4": ("granitehybrid",),
    "Kimi K2": ("deepseek2",),
    "Llama 3": ("llama",),
    "Llama 4": ("llama4",),
    "MiniMax-M2": ("minimax-m2",),
    "Mistral": ("llama",),
    "Mistral Large": ("llama",),
    "Mistral Small": ("llama",),
    "Mixtral": ("llama",),
    "Nemotron 3": ("nemotron_h_moe",),
    "Phi": ("phi3",),
    "Qwen2.5": ("qwen2",),
    "Qwen3": ("qwen3", "qwen3moe"),
    "Qwen3-Next": ("qwen3next",),
    "Qwen3.5": ("qwen35", "qwen35moe"),
    "Qwen3.6": ("qwen35", "qwen35moe"),
    "Seed-OSS": ("seed_oss",),
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
