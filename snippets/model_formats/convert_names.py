"""What are the tensors of a Llama called?"""

# --8<-- [start:imports]
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from snippets.data.small_model import (
    Floats,
    LlamaConfig,
)

# --8<-- [end:imports]

# --8<-- [start:places]
# Name at Hugging Face, name in GGUF, shape: vocab,
# hidden, queries, keys, feed-forward.
OF_MODEL = (
    ("model.embed_tokens", "token_embd", "vh"),
    ("model.norm", "output_norm", "h"),
    ("lm_head", "output", "vh"),
)
OF_LAYER = (
    ("input_layernorm", "attn_norm", "h"),
    ("self_attn.q_proj", "attn_q", "qh"),
    ("self_attn.k_proj", "attn_k", "kh"),
    ("self_attn.v_proj", "attn_v", "kh"),
    ("self_attn.o_proj", "attn_output", "hq"),
    ("post_attention_layernorm", "ffn_norm", "h"),
    ("mlp.gate_proj", "ffn_gate", "fh"),
    ("mlp.up_proj", "ffn_up", "fh"),
    ("mlp.down_proj", "ffn_down", "hf"),
)


class Place(NamedTuple):
    """A tensor of a Llama, in both worlds.

    shape: (out, in), or (values,)
    heads: whose rows RoPE turns in pairs, or 0
    """

    name: str
    gguf_name: str
    shape: tuple[int, ...]
    heads: int


def places(
    config: LlamaConfig, *, tied: bool
) -> list[Place]:
    """List all tensors that a Llama has.

    tied: the embedding is the output matrix, too
    Source: llama.cpp, gguf-py/gguf/constants.py and
    tensor_mapping.py, commit 0c1e57098bba
    """
    heads = {
        "attn_q": config.num_attention_heads,
        "attn_k": config.num_key_value_heads,
    }
    sizes = {
        "v": config.vocab_size,
        "h": config.hidden_size,
        "q": heads["attn_q"] * config.head_dim,
        "k": heads["attn_k"] * config.head_dim,
        "f": config.intermediate_size,
    }
    rows = [
        ("", "", *row)
        for row in OF_MODEL
        if not (tied and row[0] == "lm_head")
    ]
    rows += [
        (f"model.layers.{i}.", f"blk.{i}.", *row)
        for i in range(config.num_hidden_layers)
        for row in OF_LAYER
    ]
    return [
        Place(
            f"{at}{name}.weight",
            f"{block}{short}.weight",
            tuple(sizes[one] for one in shape),
            heads.get(short, 0),
        )
        for at, block, name, short, shape in rows
    ]


# --8<-- [end:places]


# --8<-- [start:faults]
def faults(
    config: LlamaConfig,
    weights: Mapping[str, Floats],
    *,
    tied: bool,
) -> list[str]:
    """Say what keeps weights from being a Llama's.

    Tensors that are missing, unknown, of another
    shape, or that have values which are not finite.
    tied: there is no output matrix of its own
    """
    known = {
        one.name: one.shape
        for one in places(config, tied=tied)
    }
    found = [
        f"{name} is missing"
        for name in known
        if name not in weights
    ]
    for name, matrix in weights.items():
        if name not in known:
            found.append(f"{name} is not known")
        elif matrix.shape != known[name]:
            found.append(
                f"{name} is {matrix.shape}, "
                f"not {known[name]}"
            )
        elif not np.isfinite(matrix).all():
            found.append(
                f"{name} has values that are "
                "not finite"
            )
    return found


# --8<-- [end:faults]


# --8<-- [start:rows]
def interleave(rows: Floats, heads: int) -> Floats:
    """Order rows of each head for llama.cpp's RoPE.

    Hugging Face turns row i with row i + head/2,
    llama.cpp's "llama" row 2 i with row 2 i + 1.
    rows: (heads * head, in)
    """
    count, columns = rows.shape
    half = count // heads // 2
    halves = rows.reshape(heads, 2, half, columns)
    return halves.swapaxes(1, 2).reshape(rows.shape)


def separate(rows: Floats, heads: int) -> Floats:
    """Undo `interleave`."""
    count, columns = rows.shape
    half = count // heads // 2
    pairs = rows.reshape(heads, half, 2, columns)
    return pairs.swapaxes(1, 2).reshape(rows.shape)


# --8<-- [end:rows]
