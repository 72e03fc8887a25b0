"""Which tensors does a model's GGUF file have?"""

# --8<-- [start:imports]
from snippets.data.layers import (
    Attention,
    Delta,
    Latent,
    Linear,
    Mamba,
    Parallel,
    ShortConv,
)
from snippets.data.models import Architecture
from snippets.hardware.architectures import (
    BESIDE,
    NORMS,
    ROTATED,
    gguf_architecture,
)
from snippets.hardware.feed_tensors import (
    beside_tensors,
    dense_tensors,
    expert_tensors,
)
from snippets.hardware.mixer_tensors import (
    Tensor,
    attention_tensors,
    block_tensors,
    conv_tensors,
    delta_tensors,
    indexer_tensors,
    latent_tensors,
    linear_tensors,
    mamba_tensors,
)

# --8<-- [end:imports]


# --8<-- [start:global]
def global_tensors(
    built: Architecture, architecture: str
) -> list[Tensor]:
    """Name what belongs to no layer.

    Embeddings for each layer are padded to the
    vocabulary.
    """
    hidden = built.hidden_size
    table = (hidden, built.vocabulary)
    conv = architecture in {"lfm2", "lfm2moe"}
    last = "token_embd" if conv else "output"
    found = [
        Tensor("token_embd.weight", table),
        Tensor(f"{last}_norm.weight", (hidden,)),
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


# --8<-- [end:global]


# --8<-- [start:layer]
def mixer_tensors(
    built: Architecture,
    index: int,
    architecture: str,
) -> list[Tensor]:
    """Name what mixes tokens in a layer, from 0.

    Gemma 3n has keys and values in layers, too,
    that use another layer's.
    """
    hidden = built.hidden_size
    shares = index >= (
        built.layers - built.kv_shared_layers
    )
    found: list[Tensor] = []
    part = built.mixer_of(index)
    if isinstance(part, Parallel):
        found = mamba_tensors(part.mamba, hidden)
        part = part.attention
    match part:
        case Attention():
            found += attention_tensors(
                part,
                hidden,
                shares
                and architecture != "gemma3n",
                architecture == "phi3",
            )
            if (
                built.layer_mixers[index]
                == "sparse"
            ):
                found += block_tensors(part, hidden)
        case Latent():
            found = latent_tensors(part, hidden)
            if built.layer_indexers[index] == "own":
                found += indexer_tensors(
                    part, hidden
                )
        case Linear():
            joined = architecture == "qwen3next"
            found = linear_tensors(
                part, hidden, joined
            )
        case Delta():
            found = delta_tensors(part, hidden)
        case Mamba():
            found = mamba_tensors(part, hidden)
        case ShortConv():
            found = conv_tensors(part, hidden)
    return found


def layer_tensors(
    built: Architecture,
    index: int,
    architecture: str,
) -> list[Tensor]:
    """Name all tensors of a layer, from 0."""
    hidden = built.hidden_size
    gemma4 = architecture == "gemma4"
    feed = built.layer_feed_forwards[index]
    found = mixer_tensors(
        built, index, architecture
    )
    norms = NORMS[architecture]
    block = built.dense_of(index)
    if block:
        found += dense_tensors(
            block,
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
            Tensor(norm, (hidden,))
            for norm in norms
        ),
        *found,
    ]


def gguf_tensors(
    built: Architecture,
) -> tuple[Tensor, ...]:
    """Name all tensors of a model's GGUF file.

    Vision, audio, and layers that predict further
    tokens are not in it.
    Raises ValueError for an unknown family.
    """
    architecture = gguf_architecture(built)
    found = global_tensors(built, architecture)
    for index in range(built.layers):
        found += [
            Tensor(f"blk.{index}.{name}", shape)
            for name, shape in layer_tensors(
                built, index, architecture
            )
        ]
    return tuple(found)


# --8<-- [end:layer]
