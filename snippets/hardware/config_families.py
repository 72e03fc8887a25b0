"""How does a family write down its architecture?"""

# --8<-- [start:imports]
from typing import Any

from snippets.data.layers import (
    Delta,
    Dense,
    Experts,
    Parallel,
    PerLayer,
    ShortConv,
)
from snippets.hardware.config_mixers import (
    Fields,
    attention_part,
    every,
    indexers,
    latent_part,
    layer_kinds,
    linear_part,
    mamba_part,
)

# --8<-- [end:imports]

# --8<-- [start:parts]
Parts = dict[str, Any]


def same(
    read: Fields, kind: str
) -> tuple[str, ...]:
    """Make all layers of one kind."""
    return (kind,) * read.layers


def dense(
    read: Fields, name: str = "intermediate_size"
) -> Dense:
    """Read the gated block that all tokens use."""
    return Dense(size=read.size(name))


def experts(
    read: Fields,
    count: str,
    used: str = "num_experts_per_tok",
    **known: object,
) -> Experts:
    """Read the experts; a shared one, if known.

    count, used: the fields that say how many
    known: what the family has, and no field says
    """
    return Experts.model_validate(
        {
            "experts": read.size(count),
            "active": read.size(used),
            "shared": 0,
            "shared_size": 0,
            **known,
        }
    )


def leading(read: Fields) -> tuple[str, ...]:
    """Make the first layers dense (DeepSeek)."""
    first = read.size("first_k_dense_replace", 0)
    kinds = same(read, "experts")
    return (
        same(read, "dense")[:first] + kinds[first:]
    )


def window(
    read: Fields, kinds: tuple[str, ...]
) -> Parts:
    """Read a window where layers use one."""
    if "sliding" not in kinds:
        return {"mixers": kinds}
    return {
        "mixers": kinds,
        "window_tokens": read.size(
            "sliding_window"
        ),
    }


# --8<-- [end:parts]


# --8<-- [start:plain]
def llama(read: Fields) -> Parts:
    """Read Llama 2 and 3, of which many descend."""
    bias = read.flag("attention_bias")
    return {
        "mixers": same(read, "full"),
        "attention": attention_part(
            read, output_bias=bias
        ),
        "dense": dense(read),
    }


def mistral(read: Fields) -> Parts:
    """Read Mistral, where all layers may slide.

    null means no window; no field means the one
    of the first Mistral.
    """
    kinds = same(read, "full")
    if read.has("sliding_window") or (
        "sliding_window" not in read.given
        and "sliding_window" in read.fallbacks
    ):
        kinds = same(read, "sliding")
    return {
        **window(read, kinds),
        "attention": attention_part(read),
        "dense": dense(read),
    }


def mixtral(read: Fields) -> Parts:
    """Read Mixtral: Mistral with experts."""
    found = mistral(read)
    del found["dense"]
    return {
        **found,
        "feed_forwards": same(read, "experts"),
        "experts": experts(
            read,
            "num_local_experts",
            size=read.size("intermediate_size"),
        ),
    }


def qwen2(read: Fields) -> Parts:
    """Read Qwen2 and 2.5: biases, always."""
    kinds = layer_kinds(read)
    if not kinds:
        kinds = same(read, "full")
        if read.flag("use_sliding_window"):
            first = read.size("max_window_layers")
            kinds = (
                *kinds[:first],
                *same(read, "sliding")[first:],
            )
    return {
        **window(read, kinds),
        "attention": attention_part(
            read, bias=True
        ),
        "dense": dense(read),
    }


def qwen3(read: Fields) -> Parts:
    """Read Qwen3: norms, and biases if it says."""
    bias = read.flag("attention_bias")
    return {
        **qwen2(read),
        "attention": attention_part(
            read,
            output_bias=bias,
            query_key_norm="head",
        ),
    }


def sparse_steps(read: Fields) -> tuple[str, ...]:
    """Say which layers have experts (Qwen)."""
    step = 1
    if read.has("decoder_sparse_step"):
        step = read.size("decoder_sparse_step")
    only = read.listed("mlp_only_layers")
    kinds = every(
        "dense",
        "experts",
        step,
        read.layers,
    )
    return tuple(
        "dense" if index in only else kind
        for index, kind in enumerate(kinds)
    )


def qwen3_moe(read: Fields) -> Parts:
    """Read Qwen3 with experts."""
    found = qwen3(read)
    feeds = sparse_steps(read)
    if "dense" not in feeds:
        del found["dense"]
    return {
        **found,
        "feed_forwards": feeds,
        "experts": experts(
            read,
            "num_experts",
            size=read.size("moe_intermediate_size"),
        ),
    }


def seed_oss(read: Fields) -> Parts:
    """Read Seed-OSS: two switches for biases."""
    return {
        **llama(read),
        "attention": attention_part(
            read,
            output_bias=read.flag(
                "attention_out_bias"
            ),
        ),
    }


def minimax_m2(read: Fields) -> Parts:
    """Read MiniMax-M2: norms over all heads."""
    norm = read.flag("use_qk_norm")
    return {
        "mixers": same(read, "full"),
        "attention": attention_part(
            read,
            query_key_norm="layer"
            if norm
            else "none",
        ),
        "feed_forwards": same(read, "experts"),
        "experts": experts(
            read,
            "num_local_experts",
            size=read.size("intermediate_size"),
            selection_bias=read.flag(
                "use_routing_bias"
            ),
        ),
    }


def glm4_moe(read: Fields) -> Parts:
    """Read GLM-4.5 to 4.7."""
    norm = read.flag("use_qk_norm")
    return {
        "mixers": same(read, "full"),
        "attention": attention_part(
            read,
            query_key_norm="head"
            if norm
            else "none",
        ),
        **deepseek_feed(read),
    }


# --8<-- [end:plain]


# --8<-- [start:windows]
def gemma2(read: Fields) -> Parts:
    """Read Gemma 2: every other layer slides."""
    kinds = layer_kinds(read) or every(
        "sliding",
        "full",
        2,
        read.layers,
    )
    return {
        **window(read, kinds),
        "attention": attention_part(read),
        "dense": dense(read),
        "norms_per_layer": 4,
    }


def gemma3(read: Fields) -> Parts:
    """Read Gemma 3: five slide, one is full."""
    layers = read.layers
    step = read.size("sliding_window_pattern")
    kinds = layer_kinds(read) or every(
        "sliding", "full", step, layers
    )
    return {
        **gemma2(read),
        **window(read, kinds),
        "attention": attention_part(
            read, query_key_norm="head"
        ),
    }


def per_layer(read: Fields) -> PerLayer:
    """Read embeddings for each layer (Gemma)."""
    streams = rank = 0
    if read.model_type == "gemma3n":
        streams = read.size("altup_num_inputs")
        rank = read.size("laurel_rank")
    return PerLayer(
        vocabulary=read.size(
            "vocab_size_per_layer_input"
        ),
        size=read.size(
            "hidden_size_per_layer_input"
        ),
        streams=streams,
        laurel_rank=rank,
    )


def gemma3n(read: Fields) -> Parts:
    """Read Gemma 3n: embeddings for each layer."""
    return {
        **gemma3(read),
        "kv_shared_layers": read.size(
            "num_kv_shared_layers", 0
        ),
        "per_layer": per_layer(read),
    }


# --8<-- [end:windows]


# --8<-- [start:more]
def gemma4(read: Fields) -> Parts:
    """Read Gemma 4: full layers differ.

    Their keys may be values too, and layers that
    share keys twice as wide. A dense block beside
    experts counts as a shared expert, with two
    scales: one a width, one an expert.
    """
    both = read.flag("attention_k_eq_v")
    keys = "num_key_value_heads"
    if both and read.has(
        "num_global_key_value_heads"
    ):
        keys = "num_global_key_value_heads"
    size = read.size("global_head_dim")
    shared = read.size("num_kv_shared_layers", 0)
    found: Parts = {
        **gemma3(read),
        "full_attention": attention_part(
            read,
            kv_heads=read.size(keys),
            key_head_dim=size,
            value_head_dim=size,
            values_are_keys=both,
            query_key_norm="head",
        ),
        "kv_shared_layers": shared,
    }
    if read.flag("use_double_wide_mlp") and shared:
        own = read.layers - shared
        width = read.size("intermediate_size")
        found["wide"] = Dense(size=2 * width)
        found["feed_forwards"] = (
            *("dense",) * own,
            *("wide",) * shared,
        )
    if read.size("hidden_size_per_layer_input", 0):
        found["per_layer"] = per_layer(read)
    if not read.flag("enable_moe_block"):
        return found
    del found["dense"]
    hidden = read.size("hidden_size")
    count = read.size("num_experts")
    return {
        **found,
        "feed_forwards": same(read, "experts"),
        "norms_per_layer": 7,
        "layer_extras": hidden + count,
        "experts": experts(
            read,
            "num_experts",
            "top_k_experts",
            size=read.size("moe_intermediate_size"),
            shared=1,
            shared_size=read.size(
                "intermediate_size"
            ),
        ),
    }


def cohere2(read: Fields) -> Parts:
    """Read Command R7B and A: one norm a layer."""
    step = read.size("sliding_window_pattern")
    kinds = layer_kinds(read) or every(
        "sliding",
        "full",
        step,
        read.layers,
    )
    return {
        **window(read, kinds),
        "attention": attention_part(read),
        "dense": dense(read),
        "norms_per_layer": 1,
    }


def gpt_oss(read: Fields) -> Parts:
    """Read gpt-oss: sinks, and biases all over."""
    kinds = layer_kinds(read) or every(
        "sliding",
        "full",
        2,
        read.layers,
    )
    return {
        **window(read, kinds),
        "attention": attention_part(
            read,
            output_bias=read.flag("attention_bias"),
            sinks=True,
        ),
        "feed_forwards": same(read, "experts"),
        "experts": experts(
            read,
            "num_local_experts",
            size=read.size("intermediate_size"),
            bias=True,
        ),
    }


def llama4(read: Fields) -> Parts:
    """Read Llama 4: three chunked, one is full."""
    layers = read.layers
    kinds = layer_kinds(read) or every(
        "chunked", "full", 4, layers
    )
    given = read.listed("no_rope_layers")
    if given:
        kinds = tuple(
            "chunked" if one else "full"
            for one in given
        )
    feeds = every(
        "dense",
        "experts",
        read.size("interleave_moe_layer_step"),
        layers,
    )
    found: Parts = {
        "mixers": kinds,
        "window_tokens": read.size(
            "attention_chunk_size"
        ),
        "attention": attention_part(read),
        "feed_forwards": feeds,
        "experts": experts(
            read,
            "num_local_experts",
            size=read.size("intermediate_size"),
            shared=1,
            shared_size=read.size(
                "intermediate_size"
            ),
        ),
    }
    if "dense" in feeds:
        found["dense"] = dense(
            read, "intermediate_size_mlp"
        )
    return found


# --8<-- [end:more]


# --8<-- [start:latent]
def deepseek_feed(
    read: Fields, steered: bool = True
) -> Parts:
    """Read dense layers, then experts.

    steered: a bias chooses them, since V3
    """
    feeds = leading(read)
    size = read.size("moe_intermediate_size")
    shared = read.size("n_shared_experts", 0)
    found: Parts = {
        "feed_forwards": feeds,
        "experts": experts(
            read,
            "n_routed_experts",
            size=size,
            shared=shared,
            shared_size=size if shared else 0,
            selection_bias=steered,
        ),
    }
    if "dense" in feeds:
        found["dense"] = dense(read)
    return found


def deepseek_v2(read: Fields) -> Parts:
    """Read DeepSeek-V2."""
    return {
        "mixers": same(read, "latent"),
        "latent": latent_part(read),
        **deepseek_feed(read, steered=False),
    }


def deepseek_v3(read: Fields) -> Parts:
    """Read DeepSeek-V3, and Kimi K2."""
    return {
        "mixers": same(read, "latent"),
        "latent": latent_part(read),
        **deepseek_feed(read),
    }


def glm_moe_dsa(read: Fields) -> Parts:
    """Read DeepSeek-V3.2 and GLM-5: indexers."""
    return {
        **deepseek_v3(read),
        "latent": latent_part(read, indexers(read)),
    }


# --8<-- [end:latent]


# --8<-- [start:hybrids]
def qwen3_5(read: Fields) -> Parts:
    """Read Qwen3.5: three linear, one is full."""
    step = read.size("full_attention_interval")
    kinds = layer_kinds(read) or every(
        "linear",
        "full",
        step,
        read.layers,
    )
    return {
        "mixers": kinds,
        "attention": attention_part(
            read,
            query_key_norm="head",
            output_gate=True,
        ),
        "linear": linear_part(read),
    }


def qwen3_5_dense(read: Fields) -> Parts:
    """Read Qwen3.5 without experts."""
    return {**qwen3_5(read), "dense": dense(read)}


def qwen3_next(read: Fields) -> Parts:
    """Read Qwen3-Next, and Qwen3.5 with experts."""
    feeds = sparse_steps(read)
    found = qwen3_5(read)
    if "dense" in feeds:
        found["dense"] = dense(read)
    return {
        **found,
        "feed_forwards": feeds,
        "experts": experts(
            read,
            "num_experts",
            size=read.size("moe_intermediate_size"),
            shared=1,
            shared_size=read.size(
                "shared_expert_intermediate_size"
            ),
            shared_gate=True,
        ),
    }


NEMOTRON = {
    "M": "mamba",
    "*": "full",
    "E": "experts",
    "-": "dense",
}


def nemotron_h(read: Fields) -> Parts:
    """Read Nemotron-H: a layer mixes or feeds."""
    pattern = str(
        read.given.get("hybrid_override_pattern")
        or ""
    )
    strange = {*pattern} - {*NEMOTRON}
    if strange or not pattern:
        raise ValueError(
            f"{read.model_type}: "
            f"hybrid_override_pattern {pattern!r} "
            f"is not of {', '.join(NEMOTRON)}"
        )
    layers = [NEMOTRON[one] for one in pattern]
    mixes = ("mamba", "full")
    found: Parts = {
        "mixers": tuple(
            one if one in mixes else "none"
            for one in layers
        ),
        "feed_forwards": tuple(
            "none" if one in mixes else one
            for one in layers
        ),
        "norms_per_layer": 1,
    }
    if "mamba" in layers:
        found["mamba"] = mamba_part(read)
    if "full" in layers:
        found["attention"] = attention_part(read)
    if "dense" in layers:
        found["dense"] = Dense(
            size=read.size("intermediate_size"),
            gated=False,
        )
    if "experts" in layers:
        latent = "moe_latent_size"
        found["experts"] = experts(
            read,
            "n_routed_experts",
            size=read.size("moe_intermediate_size"),
            gated=False,
            latent_size=read.size(latent, 0)
            if read.has(latent)
            else 0,
            shared=read.size("n_shared_experts", 0),
            shared_size=read.size(
                "moe_shared_expert_"
                "intermediate_size"
            ),
            selection_bias=True,
        )
    return found


def granite(read: Fields) -> Parts:
    """Read Granite 4.0: Mamba, and some full."""
    kinds = layer_kinds(read) or same(read, "mamba")
    width = read.size("shared_intermediate_size")
    found: Parts = {"mixers": kinds}
    if "mamba" in kinds:
        found["mamba"] = mamba_part(read)
    if "full" in kinds:
        found["attention"] = attention_part(read)
    if not read.size("num_local_experts", 0):
        return {**found, "dense": Dense(size=width)}
    return {
        **found,
        "feed_forwards": same(read, "experts"),
        "experts": experts(
            read,
            "num_local_experts",
            size=read.size("intermediate_size"),
            shared=1,
            shared_size=width,
        ),
    }


def lfm2(read: Fields) -> Parts:
    """Read LFM2: short convolutions, some full.

    Its width is adjusted: two thirds, rounded up
    to a multiple.
    """
    full = read.listed("full_attn_idxs")
    kinds = layer_kinds(read) or tuple(
        "full"
        if index in full or not full
        else "conv"
        for index in range(read.layers)
    )
    name = "intermediate_size"
    if read.has("block_ff_dim"):
        name = "block_ff_dim"
    width = read.size(name)
    if read.flag("block_auto_adjust_ff_dim"):
        step = read.size("block_multiple_of")
        width = 2 * width // 3
        width += -width % step
    tied = "tie_word_embeddings"
    if read.has("tie_embedding"):
        tied = "tie_embedding"
    found: Parts = {
        "tied_embeddings": read.flag(tied),
        "mixers": kinds,
        "dense": Dense(size=width),
    }
    if "full" in kinds:
        found["attention"] = attention_part(
            read, query_key_norm="head"
        )
    if "conv" in kinds:
        found["conv"] = ShortConv(
            conv_kernel=read.size("conv_L_cache")
        )
    return found


def lfm2_moe(read: Fields) -> Parts:
    """Read LFM2 with experts."""
    first = read.size("num_dense_layers", 0)
    rest = same(read, "experts")[first:]
    return {
        **lfm2(read),
        "feed_forwards": (
            *("dense",) * first,
            *rest,
        ),
        "experts": experts(
            read,
            "num_experts",
            size=read.size("moe_intermediate_size"),
            selection_bias=read.flag(
                "use_expert_bias"
            ),
        ),
    }


def falcon_h1(read: Fields) -> Parts:
    """Read Falcon-H1: both kinds in a layer."""
    return {
        "mixers": same(read, "parallel"),
        "parallel": Parallel(
            attention=attention_part(read),
            mamba=mamba_part(
                read,
                norm=read.flag("mamba_rms_norm"),
            ),
        ),
        "dense": dense(read),
    }


def kimi_linear(read: Fields) -> Parts:
    """Read Kimi Linear: delta, some latent.

    Its lists number layers from 1.
    """
    linear = read.inside("linear_attn_config")
    full = linear.listed("full_attn_layers")
    layers = read.layers
    kinds = tuple(
        "latent" if index + 1 in full else "delta"
        for index in range(layers)
    )
    size = read.size("moe_intermediate_size")
    shared = read.size("num_shared_experts", 0)
    return {
        "mixers": kinds,
        "latent": latent_part(read),
        "delta": Delta(
            heads=linear.size("num_heads"),
            head_dim=linear.size("head_dim"),
            conv_kernel=linear.size(
                "short_conv_kernel_size"
            ),
        ),
        "feed_forwards": leading(read),
        "dense": dense(read),
        "experts": experts(
            read,
            "num_experts",
            "num_experts_per_token",
            size=size,
            shared=shared,
            shared_size=size if shared else 0,
            selection_bias=True,
        ),
    }


# --8<-- [end:hybrids]
