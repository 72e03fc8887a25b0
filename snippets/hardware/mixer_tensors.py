"""Which tensors mix tokens in a GGUF file?"""

# --8<-- [start:imports]
from typing import NamedTuple

from snippets.data.layers import (
    Attention,
    Delta,
    Latent,
    Linear,
    Mamba,
    ShortConv,
)

# --8<-- [end:imports]


# --8<-- [start:tensor]
class Tensor(NamedTuple):
    """A tensor by name and shape.

    shape: row length first, as GGUF has it
    """

    name: str
    shape: tuple[int, ...]


# --8<-- [end:tensor]


# --8<-- [start:attention]
def attention_tensors(
    part: Attention,
    hidden: int,
    shares_kv: bool = False,
    fused: bool = False,
) -> list[Tensor]:
    """Name queries, keys, values and output.

    shares_kv: an earlier layer's keys and values
    fused: queries, keys, values in one matrix
    Source: llama.cpp, src/models, by architecture.
    """
    output = part.heads * part.value_head_dim
    widths = {
        "q": part.heads * part.key_head_dim
        + output * part.output_gate,
        "k": part.kv_heads * part.key_head_dim,
        "v": part.kv_heads * part.value_head_dim,
    }
    if part.values_are_keys:
        del widths["v"]
    if shares_kv:
        widths = {"q": widths["q"]}
    if fused:
        widths = {"qkv": sum(widths.values())}
    found = []
    for name, width in widths.items():
        found.append(
            Tensor(
                f"attn_{name}.weight",
                (hidden, width),
            )
        )
        if part.bias:
            found.append(
                Tensor(
                    f"attn_{name}.bias", (width,)
                )
            )
    found.append(
        Tensor(
            "attn_output.weight", (output, hidden)
        )
    )
    if part.output_bias:
        found.append(
            Tensor("attn_output.bias", (hidden,))
        )
    for name in "qk":
        if name not in widths:
            continue
        each = {
            "none": 0,
            "head": part.key_head_dim,
            "layer": widths[name],
        }[part.query_key_norm]
        if each:
            found.append(
                Tensor(
                    f"attn_{name}_norm.weight",
                    (each,),
                )
            )
    if part.sinks:
        found.append(
            Tensor(
                "attn_sinks.weight", (part.heads,)
            )
        )
    return found


def block_tensors(
    part: Attention, hidden: int
) -> list[Tensor]:
    """Name what picks the blocks to read."""
    picks = part.blocks
    if picks is None:
        return []
    width = picks.head_dim
    return [
        Tensor(
            "indexer.q_proj.weight",
            (hidden, picks.heads * width),
        ),
        Tensor(
            "indexer.k_proj.weight", (hidden, width)
        ),
        Tensor("indexer.q_norm.weight", (width,)),
        Tensor("indexer.k_norm.weight", (width,)),
    ]


# --8<-- [end:attention]


# --8<-- [start:latent]
def latent_tensors(
    part: Latent, hidden: int
) -> list[Tensor]:
    """Name the projections of latent attention.

    The up-projection of keys is stored transposed
    and split by head, that of values split by
    head: what the engine needs to keep one latent
    a token.
    """
    rank = part.key_value_rank
    nope, rope = (
        part.nope_head_dim,
        part.rope_head_dim,
    )
    heads, value = part.heads, part.value_head_dim
    query = heads * (nope + rope)
    found = [
        Tensor("attn_q.weight", (hidden, query))
    ]
    if part.query_rank:
        short = part.query_rank
        found = [
            Tensor(
                "attn_q_a.weight", (hidden, short)
            ),
            Tensor(
                "attn_q_a_norm.weight", (short,)
            ),
            Tensor(
                "attn_q_b.weight", (short, query)
            ),
        ]
    return [
        *found,
        Tensor(
            "attn_kv_a_mqa.weight",
            (hidden, rank + rope),
        ),
        Tensor("attn_kv_a_norm.weight", (rank,)),
        Tensor(
            "attn_k_b.weight", (nope, rank, heads)
        ),
        Tensor(
            "attn_v_b.weight", (rank, value, heads)
        ),
        Tensor(
            "attn_output.weight",
            (heads * value, hidden),
        ),
    ]


def indexer_tensors(
    part: Latent, hidden: int
) -> list[Tensor]:
    """Name what picks the tokens to read."""
    index = part.indexer
    if index is None:
        return []
    heads, width = index.heads, index.head_dim
    return [
        Tensor("indexer.k_norm.weight", (width,)),
        Tensor("indexer.k_norm.bias", (width,)),
        Tensor(
            "indexer.proj.weight", (hidden, heads)
        ),
        Tensor(
            "indexer.attn_k.weight", (hidden, width)
        ),
        Tensor(
            "indexer.attn_q_b.weight",
            (part.query_rank, heads * width),
        ),
    ]


# --8<-- [end:latent]


# --8<-- [start:states]
def linear_tensors(
    part: Linear, hidden: int, joined: bool
) -> list[Tensor]:
    """Name the parts of a gated delta net.

    joined: the two numbers a head and token come
    from one matrix (Qwen3-Next), not from two
    """
    keys = part.key_heads * part.key_head_dim
    values = part.value_heads * part.value_head_dim
    heads = part.value_heads
    mixed = 2 * keys + values
    pair = (
        [
            Tensor(
                "ssm_ba.weight", (hidden, 2 * heads)
            )
        ]
        if joined
        else [
            Tensor(
                "ssm_alpha.weight", (hidden, heads)
            ),
            Tensor(
                "ssm_beta.weight", (hidden, heads)
            ),
        ]
    )
    return [
        Tensor("attn_qkv.weight", (hidden, mixed)),
        Tensor(
            "attn_gate.weight", (hidden, values)
        ),
        *pair,
        Tensor(
            "ssm_conv1d.weight",
            (part.conv_kernel, mixed),
        ),
        Tensor("ssm_dt.bias", (heads,)),
        Tensor("ssm_a", (heads,)),
        Tensor(
            "ssm_norm.weight",
            (part.value_head_dim,),
        ),
        Tensor("ssm_out.weight", (values, hidden)),
    ]


def delta_tensors(
    part: Delta, hidden: int
) -> list[Tensor]:
    """Name the parts of Kimi delta attention."""
    head = part.head_dim
    inner = part.heads * head
    found = [
        tensor
        for name in "qkv"
        for tensor in (
            Tensor(
                f"attn_{name}.weight",
                (hidden, inner),
            ),
            Tensor(
                f"ssm_conv1d_{name}.weight",
                (part.conv_kernel, 1, inner),
            ),
        )
    ]
    for name in "fg":
        found += [
            Tensor(
                f"ssm_{name}_a.weight",
                (hidden, head),
            ),
            Tensor(
                f"ssm_{name}_b.weight",
                (head, inner),
            ),
        ]
    return [
        *found,
        Tensor(
            "ssm_beta.weight", (hidden, part.heads)
        ),
        Tensor("ssm_a", (1, part.heads)),
        Tensor("ssm_dt.bias", (inner,)),
        Tensor("ssm_norm.weight", (head,)),
        Tensor(
            "attn_output.weight", (inner, hidden)
        ),
    ]


def conv_tensors(
    part: ShortConv, hidden: int
) -> list[Tensor]:
    """Name the parts of a short convolution."""
    return [
        Tensor(
            "shortconv.conv.weight",
            (part.conv_kernel, hidden),
        ),
        Tensor(
            "shortconv.in_proj.weight",
            (hidden, 3 * hidden),
        ),
        Tensor(
            "shortconv.out_proj.weight",
            (hidden, hidden),
        ),
    ]


def mamba_tensors(
    part: Mamba, hidden: int
) -> list[Tensor]:
    """Name the parts of a Mamba-2 block."""
    inner = part.heads * part.head_dim
    mixed = (
        inner + 2 * part.groups * part.state_size
    )
    norm = Tensor(
        "ssm_norm.weight",
        (inner // part.groups, part.groups),
    )
    return [
        Tensor(
            "ssm_in.weight",
            (hidden, inner + mixed + part.heads),
        ),
        Tensor(
            "ssm_conv1d.weight",
            (part.conv_kernel, mixed),
        ),
        Tensor("ssm_conv1d.bias", (mixed,)),
        Tensor("ssm_dt.bias", (part.heads,)),
        Tensor("ssm_a", (1, part.heads)),
        Tensor("ssm_d", (1, part.heads)),
        *([norm] if part.norm else []),
        Tensor("ssm_out.weight", (inner, hidden)),
    ]


# --8<-- [end:states]
