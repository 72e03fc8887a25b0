"""Which tensors does a model's GGUF file have?"""

# --8<-- [start:imports]
from snippets.data.layers import (
    Attention,
    Dense,
    Experts,
    Latent,
    Linear,
    Mamba,
    PerLayer,
)
from snippets.data.models import Model
from snippets.hardware.mixer_tensors import (
    Tensor,
    attention_tensors,
    indexer_tensors,
    latent_tensors,
    linear_tensors,
    mamba_tensors,
)

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


def gguf_architecture(built: Model) -> str:
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


# --8<-- [start:feed]
def dense_tensors(
    part: Dense, hidden: int, fused: bool
) -> list[Tensor]:
    """Name gate, up and down.

    fused: gate and up in one matrix (Phi)
    """
    up = (hidden, part.size * (1 + fused))
    names = ["ffn_up"]
    if part.gated and not fused:
        names = ["ffn_gate", "ffn_up"]
    return [
        *(
            Tensor(f"{name}.weight", up)
            for name in names
        ),
        Tensor(
            "ffn_down.weight", (part.size, hidden)
        ),
    ]


def expert_tensors(
    part: Experts, hidden: int, beside: bool
) -> list[Tensor]:
    """Name the router, the experts, the shared one.

    beside: a dense block stands beside the
    experts, in place of a shared one (Gemma 4)
    """
    width = part.latent_size or hidden
    count, size = part.experts, part.size
    names = ["gate", "up"] if part.gated else ["up"]
    found = [
        Tensor(
            "ffn_gate_inp.weight", (hidden, count)
        ),
        *(
            Tensor(
                f"ffn_{name}_exps.weight",
                (width, size, count),
            )
            for name in names
        ),
        Tensor(
            "ffn_down_exps.weight",
            (size, width, count),
        ),
    ]
    if part.bias:
        found += [
            Tensor("ffn_gate_inp.bias", (count,)),
            *(
                Tensor(
                    f"ffn_{name}_exps.bias",
                    (size, count),
                )
                for name in names
            ),
            Tensor(
                "ffn_down_exps.bias", (width, count)
            ),
        ]
    if part.selection_bias:
        found.append(
            Tensor("exp_probs_b.bias", (count,))
        )
    if part.latent_size:
        found += [
            Tensor(
                "ffn_latent_down.weight",
                (hidden, width),
            ),
            Tensor(
                "ffn_latent_up.weight",
                (width, hidden),
            ),
        ]
    shared = part.shared * part.shared_size
    if shared:
        tail = "" if beside else "_shexp"
        found += [
            Tensor(
                f"ffn_{name}{tail}.weight",
                (hidden, shared),
            )
            for name in names
        ]
        found.append(
            Tensor(
                f"ffn_down{tail}.weight",
                (shared, hidden),
            )
        )
    if part.shared_gate:
        found.append(
            Tensor(
                "ffn_gate_inp_shexp.weight",
                (hidden,),
            )
        )
    return found


# --8<-- [end:feed]


# --8<-- [start:beside]
def beside_tensors(
    part: PerLayer, hidden: int
) -> list[Tensor]:
    """Name what a layer needs for its embedding."""
    size, streams = part.size, part.streams
    rank = part.laurel_rank
    shapes: dict[str, tuple[int, ...]] = {
        "inp_gate": (hidden, size),
        "proj": (size, hidden),
        "post_norm": (hidden,),
    }
    if rank:
        shapes |= {
            "laurel_l": (hidden, rank),
            "laurel_r": (rank, hidden),
            "laurel_post_norm": (hidden,),
        }
    if streams:
        shapes |= {
            "altup_correct_coef": (
                streams,
                streams,
            ),
            "altup_correct_scale": (hidden,),
            "altup_predict_coef": (
                streams,
                streams**2,
            ),
            "altup_router": (hidden, streams),
            "altup_router_norm": (hidden,),
        }
    return [
        Tensor(f"{name}.weight", shape)
        for name, shape in shapes.items()
    ]


def global_tensors(
    built: Model,
) -> list[Tensor]:
    """Name what belongs to no layer.

    Embeddings for each layer are padded to the
    vocabulary.
    """
    hidden = built.hidden_size
    table = (hidden, built.vocabulary)
    found = [
        Tensor("token_embd.weight", table),
        Tensor("output_norm.weight", (hidden,)),
    ]
    if not built.tied_embeddings:
        found.append(Tensor("output.weight", table))
    full = built.attention_of("full")
    if built.family in ROTATED and full:
        half = full.key_head_dim // 2
        found.append(
            Tensor("rope_freqs.weight", (half,))
        )
    part = built.per_layer
    if part is None:
        return found
    width = part.size * built.layers
    found += [
        Tensor(
            "per_layer_token_embd.weight",
            (width, built.vocabulary),
        ),
        Tensor(
            "per_layer_model_proj.weight",
            (hidden, width),
        ),
        Tensor(
            "per_layer_proj_norm.weight",
            (part.size,),
        ),
    ]
    if part.streams:
        square = (hidden, hidden, part.streams - 1)
        found += [
            Tensor("altup_proj.weight", square),
            Tensor(
                "altup_unembd_proj.weight", square
            ),
        ]
    return found


# --8<-- [end:beside]


# --8<-- [start:layer]
def mixer_tensors(
    built: Model, index: int, architecture: str
) -> list[Tensor]:
    """Name what mixes tokens in a layer, from 0."""
    hidden = built.hidden_size
    part = built.mixer_of(index)
    match part:
        case Attention():
            own = built.layers
            own -= built.kv_shared_layers
            return attention_tensors(
                part,
                hidden,
                index >= own
                and architecture != "gemma3n",
                architecture == "phi3",
            )
        case Latent():
            found = latent_tensors(part, hidden)
            if built.layer_indexers[index] == "own":
                found += indexer_tensors(
                    part, hidden
                )
            return found
        case Linear():
            joined = architecture == "qwen3next"
            return linear_tensors(
                part, hidden, joined
            )
        case Mamba():
            return mamba_tensors(part, hidden)
    return []


def layer_tensors(
    built: Model, index: int, architecture: str
) -> list[Tensor]:
    """Name all tensors of a layer, from 0."""
    hidden = built.hidden_size
    gemma4 = architecture == "gemma4"
    feed = built.layer_feed_forwards[index]
    found = mixer_tensors(
        built, index, architecture
    )
    norms = NORMS[architecture]
    if built.dense and feed == "dense":
        found += dense_tensors(
            built.dense,
            hidden,
            architecture == "phi3",
        )
    if built.experts and feed == "experts":
        found += expert_tensors(
            built.experts, hidden, gemma4
        )
        if gemma4:
            norms += BESIDE
            count = built.experts.experts
            found += [
                Tensor(
                    "ffn_gate_inp.scale", (hidden,)
                ),
                Tensor(
                    "ffn_down_exps.scale", (count,)
                ),
            ]
    if built.per_layer:
        found += beside_tensors(
            built.per_layer, hidden
        )
    return [
        *(
            Tensor(f"{norm}.weight", (hidden,))
            for norm in norms
        ),
        *found,
    ]


def gguf_tensors(
    built: Model,
) -> tuple[Tensor, ...]:
    """Name all tensors of a model's GGUF file.

    Vision, audio, and layers that predict further
    tokens are not in it.
    Raises ValueError for an unknown family.
    """
    architecture = gguf_architecture(built)
    found = global_tensors(built)
    for index in range(built.layers):
        found += [
            Tensor(f"blk.{index}.{name}", shape)
            for name, shape in layer_tensors(
                built, index, architecture
            )
        ]
    return tuple(found)


# --8<-- [end:layer]
