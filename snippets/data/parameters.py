"""How many parameters does a model have?"""

# --8<-- [start:imports]
from typing import NamedTuple

from snippets.data.models import (
    Attention,
    Dense,
    Experts,
    Latent,
    Linear,
    Mamba,
    Model,
    PerLayer,
)

# --8<-- [end:imports]


# --8<-- [start:mixers]
def attention_parameters(
    part: Attention,
    hidden: int,
    shares_kv: bool = False,
) -> int:
    """Count queries, keys, values and output.

    hidden · (heads · d_k + kv_heads · (d_k + d_v))
    + heads · d_v · hidden, and what norms, biases,
    gates and sinks add.
    shares_kv: an earlier layer's keys and values
    Source: modeling_llama.py of transformers.
    """
    queries = part.heads * part.key_head_dim
    keys = part.kv_heads * part.key_head_dim
    values = part.kv_heads * part.value_head_dim
    if shares_kv:
        keys = values = 0
    if part.values_are_keys:
        values = 0
    output = part.heads * part.value_head_dim
    if part.output_gate:
        queries += output
    total = hidden * (queries + keys + values)
    total += output * hidden
    if part.bias:
        total += queries + keys + values
    if part.output_bias:
        total += hidden
    if part.query_key_norm == "head":
        total += part.key_head_dim * (
            1 if shares_kv else 2
        )
    if part.query_key_norm == "layer":
        total += queries + keys
    return total + part.heads * part.sinks


def latent_parameters(
    part: Latent, hidden: int
) -> int:
    """Count the projections of latent attention.

    Queries through query_rank, where it is not 0;
    keys and values through key_value_rank, beside
    a key for the position; each rank has a norm.
    Source: DeepSeek-V2, arXiv 2405.04434.
    """
    rank = part.key_value_rank
    query = part.heads * (
        part.nope_head_dim + part.rope_head_dim
    )
    up = part.heads * (
        part.nope_head_dim + part.value_head_dim
    )
    total = (
        part.query_rank * (hidden + 1 + query)
        if part.query_rank
        else hidden * query
    )
    total += hidden * (rank + part.rope_head_dim)
    total += rank * (1 + up)
    return (
        total
        + part.heads * part.value_head_dim * hidden
    )


def indexer_parameters(
    part: Latent, hidden: int
) -> int:
    """Count one indexer: queries, key, weights."""
    index = part.indexer
    if index is None:
        return 0
    return (
        part.query_rank
        * index.heads
        * index.head_dim
        + hidden * (index.head_dim + index.heads)
        + 2 * index.head_dim
    )


def linear_parameters(
    part: Linear, hidden: int
) -> int:
    """Count a gated delta net.

    Queries, keys, values, gate and output; two
    numbers a head and token; a convolution over
    queries, keys and values; a norm.
    Source: modeling_qwen3_next.py of transformers.
    """
    keys = part.key_heads * part.key_head_dim
    values = part.value_heads * part.value_head_dim
    return (
        hidden * (2 * keys + 3 * values)
        + hidden * 2 * part.value_heads
        + part.conv_kernel * (2 * keys + values)
        + 2 * part.value_heads
        + part.value_head_dim
    )


def mamba_parameters(
    part: Mamba, hidden: int
) -> int:
    """Count a Mamba-2 block.

    Source: modeling_nemotron_h.py of transformers.
    """
    inner = part.heads * part.head_dim
    mixed = (
        inner + 2 * part.groups * part.state_size
    )
    return (
        hidden * (inner + mixed + part.heads)
        + mixed * (part.conv_kernel + 1)
        + 3 * part.heads
        + inner
        + inner * hidden
    )


# --8<-- [end:mixers]


# --8<-- [start:feed]
def dense_parameters(
    part: Dense, hidden: int
) -> int:
    """Count up, down and, where gated, gate."""
    return (2 + part.gated) * hidden * part.size


def expert_parameters(
    part: Experts, hidden: int, used: int
) -> int:
    """Count the router, `used` experts, shared.

    used: all of them, or those a token uses
    """
    width = part.latent_size or hidden
    matrices = 2 + part.gated
    one = matrices * width * part.size
    if part.bias:
        one += (1 + part.gated) * part.size + width
    total = part.experts * (hidden + part.bias)
    total += used * one
    if part.latent_size:
        total += 2 * hidden * width
    total += (
        matrices
        * hidden
        * part.shared
        * part.shared_size
    )
    return total + hidden * part.shared_gate


# --8<-- [end:feed]


# --8<-- [start:total]
class Parameters(NamedTuple):
    """What is stored, and what a token uses.

    total: all that has to be in memory
    active: what a token is multiplied with
    looked_up: tables of which it takes one row;
    an input embedding that is not the output too
    """

    total: int
    active: int
    looked_up: int = 0


def layer_parameters(
    built: Model, index: int
) -> Parameters:
    """Count one layer, from 0."""
    mixer = built.layer_mixers[index]
    feed = built.layer_feed_forwards[index]
    hidden = built.hidden_size
    count = built.norms_per_layer * hidden
    count += built.layer_extras
    attention = built.attention_of(mixer)
    if attention and mixer in {
        "full",
        "sliding",
        "chunked",
    }:
        own = built.layers - built.kv_shared_layers
        count += attention_parameters(
            attention, hidden, index >= own
        )
    if built.latent and mixer == "latent":
        count += latent_parameters(
            built.latent, hidden
        )
        if built.layer_indexers[index] == "own":
            count += indexer_parameters(
                built.latent, hidden
            )
    if built.linear and mixer == "linear":
        count += linear_parameters(
            built.linear, hidden
        )
    if built.mamba and mixer == "mamba":
        count += mamba_parameters(
            built.mamba, hidden
        )
    if built.dense and feed == "dense":
        count += dense_parameters(
            built.dense, hidden
        )
    if built.per_layer:
        count += beside_parameters(
            built.per_layer, hidden
        )
    if not built.experts or feed != "experts":
        return Parameters(count, count)
    part = built.experts
    return Parameters(
        count
        + expert_parameters(
            part, hidden, part.experts
        ),
        count
        + expert_parameters(
            part, hidden, part.active
        ),
    )


def parameters(built: Model) -> Parameters:
    """Count a model: stored, and per token.

    Embedding, layers, the last norm and, unless
    the embedding is tied, the output matrix.
    Vision, audio and layers that predict further
    tokens are not counted.
    """
    hidden = built.hidden_size
    table = built.vocabulary * hidden
    each = [
        layer_parameters(built, index)
        for index in range(built.layers)
    ]
    used = hidden + table
    used += sum(one.active for one in each)
    looked_up = 0
    if not built.tied_embeddings:
        looked_up += table
    if built.per_layer:
        part = built.per_layer
        looked_up += (
            part.vocabulary
            * part.size
            * built.layers
        )
        used += per_layer_parameters(built)
    unused = sum(
        one.total - one.active for one in each
    )
    return Parameters(
        used + unused + looked_up, used, looked_up
    )


# --8<-- [end:total]


# --8<-- [start:beside]
def per_layer_parameters(built: Model) -> int:
    """Count what projects them, and AltUp.

    Source: modeling_gemma3n.py of transformers.
    """
    part = built.per_layer
    if part is None:
        return 0
    hidden = built.hidden_size
    width = built.layers * part.size
    streams = 2 * max(part.streams - 1, 0)
    return (
        width * hidden
        + part.size
        + streams * hidden**2
    )


def beside_parameters(
    part: PerLayer, hidden: int
) -> int:
    """Count what a layer needs for them."""
    streams = part.streams
    count = 2 * hidden * part.size + hidden
    count += 2 * hidden * part.laurel_rank
    count += hidden * bool(part.laurel_rank)
    if streams:
        count += hidden * (streams + 2)
        count += streams**3 + streams**2
    return count


# --8<-- [end:beside]
