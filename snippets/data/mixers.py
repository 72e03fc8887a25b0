"""How many parameters mix tokens in a layer?"""

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
from snippets.data.stack import Stack

# --8<-- [end:imports]


# --8<-- [start:attention]
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
    if index := part.blocks:
        width = (index.heads + 1) * index.head_dim
        total += hidden * width + 2 * index.head_dim
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


# --8<-- [end:attention]


# --8<-- [start:states]
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


def delta_parameters(
    part: Delta, hidden: int
) -> int:
    """Count Kimi delta attention.

    Queries, keys, values and output; two gates of
    rank head_dim; one number a head and token;
    three convolutions; a decay, a bias, a norm.
    Source: modeling_kimi_linear.py of transformers.
    """
    size = part.head_dim
    width = part.heads * size
    return (
        4 * hidden * width
        + 2 * size * (hidden + width)
        + hidden * part.heads
        + part.conv_kernel * 3 * width
        + part.heads
        + width
        + size
    )


def conv_parameters(
    part: ShortConv, hidden: int
) -> int:
    """Count a short convolution: in, out, kernel.

    Its input is made with two gates, so thrice.
    Source: modeling_lfm2.py of transformers.
    """
    return hidden * (4 * hidden + part.conv_kernel)


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
        + inner * part.norm
        + inner * hidden
    )


# --8<-- [end:states]


# --8<-- [start:layer]
def mixer_parameters(
    stack: Stack, index: int
) -> int:
    """Count what mixes tokens in a layer, from 0.

    Layers that share keys and values, or another
    layer's indexer, have none of their own.
    """
    hidden = stack.hidden_size
    part = stack.mixer_of(index)
    count = 0
    match part:
        case Attention():
            own = stack.layers
            own -= stack.kv_shared_layers
            count = attention_parameters(
                part, hidden, index >= own
            )
        case Latent():
            count = latent_parameters(part, hidden)
            if stack.layer_indexers[index] == "own":
                count += indexer_parameters(
                    part, hidden
                )
        case Linear():
            count = linear_parameters(part, hidden)
        case Delta():
            count = delta_parameters(part, hidden)
        case Mamba():
            count = mamba_parameters(part, hidden)
        case ShortConv():
            count = conv_parameters(part, hidden)
        case Parallel():
            count = attention_parameters(
                part.attention, hidden
            ) + mamba_parameters(part.mamba, hidden)
    return count


# --8<-- [end:layer]
