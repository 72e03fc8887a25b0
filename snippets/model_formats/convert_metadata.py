"""What does a GGUF file say beside its weights?"""

# --8<-- [start:imports]
from collections.abc import Mapping

import numpy as np

from snippets.data.small_model import LlamaConfig
from snippets.data.small_tokenizer import (
    BYTE,
    Tokenizer,
)
from snippets.model_formats.gguf_values import (
    F32,
    I32,
    U32,
    Array,
    Value,
)

# --8<-- [end:imports]

# --8<-- [start:shapes]
# Key in GGUF, field of config.json.
SHAPES = (
    ("context_length", "max_position_embeddings"),
    ("embedding_length", "hidden_size"),
    ("block_count", "num_hidden_layers"),
    ("feed_forward_length", "intermediate_size"),
    ("attention.head_count", "num_attention_heads"),
    (
        "attention.head_count_kv",
        "num_key_value_heads",
    ),
    ("attention.key_length", "head_dim"),
    ("attention.value_length", "head_dim"),
    ("rope.dimension_count", "head_dim"),
    ("vocab_size", "vocab_size"),
    (
        "attention.layer_norm_rms_epsilon",
        "rms_norm_eps",
    ),
    ("rope.freq_base", "rope_theta"),
)
FLOATS = ("rms_norm_eps", "rope_theta")
SPECIAL = (
    ("bos_token_id", "bos_token_id"),
    ("eos_token_id", "eos_token_id"),
)
KEYS = tuple(
    (f"llama.{key}", field) for key, field in SHAPES
) + tuple(
    (f"tokenizer.ggml.{key}", field)
    for key, field in SPECIAL
)


def kind_of(
    field: str,
) -> type[U32] | type[F32]:
    """Say the kind that llama.cpp wants."""
    return F32 if field in FLOATS else U32


def shape_values(
    config: LlamaConfig,
) -> dict[str, Value]:
    """Say the shapes, and how attention computes.

    Source: llama.cpp, src/llama-arch.cpp and
    src/models/llama.cpp, commit 0c1e57098bba
    """
    said = config.model_dump()
    return {
        key: kind_of(field)(said[field])
        for key, field in KEYS
    }


# --8<-- [end:shapes]


# --8<-- [start:tokens]
NORMAL, UNKNOWN, CONTROL, OF_BYTE = 1, 2, 3, 6


def token_type(piece: str) -> int:
    """Say what a piece is: text, byte, control."""
    if piece == "<unk>":
        return UNKNOWN
    if piece in ("<s>", "</s>"):
        return CONTROL
    return (
        OF_BYTE if BYTE.fullmatch(piece) else NORMAL
    )


def scores(tokenizer: Tokenizer) -> list[float]:
    """Score pieces so that the earliest merge wins.

    llama.cpp joins the two neighbors whose joint
    piece scores highest; byte-pair encoding those
    whose merge was learned first. So a piece scores
    minus the rank of its merge, less one.
    Raises ValueError where two merges make a piece,
    which no score can tell apart.
    """
    found = [0.0] * len(tokenizer.pieces)
    for (
        first,
        second,
    ), rank in tokenizer.ranks.items():
        piece = first + second
        number = tokenizer.numbers[piece]
        if found[number]:
            raise ValueError(
                f"two merges make {piece!r}"
            )
        found[number] = -1.0 - rank
    return found


def token_values(
    tokenizer: Tokenizer,
) -> dict[str, Value]:
    """Say pieces, scores, kinds, what to add."""
    pieces = tokenizer.pieces
    kinds = tuple(map(token_type, pieces))
    values: dict[str, Value] = {
        "model": "llama",
        "tokens": Array(str, pieces),
        "scores": Array(
            F32, tuple(scores(tokenizer))
        ),
        "token_type": Array(I32, kinds),
        "unknown_token_id": U32(
            tokenizer.numbers["<unk>"]
        ),
        "add_bos_token": True,
        "add_eos_token": False,
        "add_space_prefix": True,
    }
    return {
        f"tokenizer.ggml.{key}": value
        for key, value in values.items()
    }


# --8<-- [end:tokens]


# --8<-- [start:all]
def gguf_metadata(
    config: LlamaConfig,
    tokenizer: Tokenizer,
    name: str,
) -> dict[str, Value]:
    """Say all that llama.cpp needs of a Llama."""
    if len(tokenizer.pieces) != config.vocab_size:
        raise ValueError(
            f"{len(tokenizer.pieces)} pieces, and "
            f"vocab_size is {config.vocab_size}"
        )
    return {
        "general.architecture": "llama",
        "general.name": name,
        **shape_values(config),
        **token_values(tokenizer),
    }


def read_config(
    metadata: Mapping[str, Value],
) -> LlamaConfig:
    """Make config.json's fields of metadata.

    Raises ValueError for what is not a Llama, and
    names a key that is missing or contradicts.
    """
    which = metadata.get("general.architecture")
    if which != "llama":
        raise ValueError(
            f"architecture is {which}, not llama"
        )
    said: dict[str, object] = {}
    for key, field in KEYS:
        if key not in metadata:
            raise ValueError(f"{key} is missing")
        data = metadata[key]
        if type(data) is not kind_of(field):
            raise ValueError(
                f"{key} is {data!r}, "
                f"no {kind_of(field).__name__}"
            )
        if isinstance(data, float):
            # The shortest that is this float32.
            data = float(str(np.float32(data)))
        if said.setdefault(field, data) != data:
            raise ValueError(
                f"{key} is {data}, and {field} "
                f"{said[field]}"
            )
    return LlamaConfig.model_validate(said)


# --8<-- [end:all]
