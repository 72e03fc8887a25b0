"""How many bytes does each token leave behind?"""

# --8<-- [start:imports]
from typing import Literal, NamedTuple, Self

from gguf import (
    GGML_QUANT_SIZES,
    GGMLQuantizationType,
)
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

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
from snippets.data.stack import Stack

# --8<-- [end:imports]


# --8<-- [start:settings]
CacheType = Literal[
    "f32",
    "f16",
    "bf16",
    "q8_0",
    "q5_1",
    "q5_0",
    "q4_1",
    "q4_0",
    "iq4_nl",
]
PAD = 256  # cells; llama-context.cpp


def padded(tokens: int) -> int:
    """Round up to a multiple of 256."""
    return -(-tokens // PAD) * PAD


def block(kind: CacheType) -> tuple[int, int]:
    """Numbers in a block, and bytes it takes."""
    quant = GGMLQuantizationType[kind.upper()]
    return GGML_QUANT_SIZES[quant]


class Context(BaseModel):
    """What llama.cpp is started with.

    Raises ValueError where the engine does:
    quantized values without flash attention.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    context_tokens: int = Field(
        ge=1,
        le=1_000_000_000,
        description="-c: of all sequences together",
    )
    sequences: int = Field(
        default=1,
        ge=1,
        le=256,
        description="-np: at a time",
    )
    unified: bool = Field(
        default=True,
        description="-kvu: they share all cells",
    )
    batch_tokens: int = Field(
        default=2_048,
        ge=1,
        le=1_000_000,
        description="-b: tokens given at once",
    )
    ubatch_tokens: int = Field(
        default=512,
        ge=1,
        le=1_000_000,
        description="-ub: tokens computed at once",
    )
    key_type: CacheType = "f16"
    value_type: CacheType = "f16"
    flash_attention: bool = True
    swa_full: bool = Field(
        default=False,
        description="window layers keep all, too",
    )

    @property
    def streams(self) -> int:
        """How many caches stand side by side."""
        return 1 if self.unified else self.sequences

    @property
    def computed_tokens(self) -> int:
        """What is computed at once, at most."""
        return min(
            self.context_tokens,
            self.batch_tokens,
            self.ubatch_tokens,
        )

    @model_validator(mode="after")
    def _values_need_flash(self) -> Self:
        quantized = block(self.value_type)[0] > 1
        if quantized and not self.flash_attention:
            raise ValueError(
                f"value_type {self.value_type} "
                "needs flash_attention"
            )
        return self


# --8<-- [end:settings]


# --8<-- [start:cells]
def cells(
    context: Context, window: int | None = None
) -> int:
    """Tokens that a layer has room for, per stream.

    pad(pad(context) / streams) for all tokens;
    pad(min(that, window · sequences in a stream
    + ubatch)) for a window; pad: up to 256
    window: tokens that a layer looks back
    Source: llama-context.cpp, llama-kv-cache-
    iswa.cpp of llama.cpp, 0c1e57098bba.
    """
    every = padded(
        padded(context.context_tokens)
        // context.streams
    )
    if window is None or context.swa_full:
        return every
    held = context.sequences // context.streams
    return padded(
        min(
            every,
            window * held + context.computed_tokens,
        )
    )


def row_bytes(
    numbers: int, kind: CacheType, head: int
) -> int:
    """Bytes of one token's keys, or of its values.

    numbers / block · bytes a block
    numbers: of all heads; head: of one
    Raises ValueError where a block does not divide
    a head, as the engine does.
    """
    size, takes = block(kind)
    if head % size:
        raise ValueError(
            f"{kind} has blocks of {size}, and a "
            f"head has {head}"
        )
    return numbers // size * takes


# --8<-- [end:cells]


# --8<-- [start:layers]
class LayerCache(NamedTuple):
    """What one layer keeps, in all streams."""

    layer: int
    kind: str
    cells: int
    key_bytes: int
    value_bytes: int

    @property
    def bytes(self) -> int:
        """Keys and values."""
        return self.key_bytes + self.value_bytes


def attention_rows(
    built: Stack, part: Attention, context: Context
) -> tuple[int, int]:
    """Bytes of a token's keys, and of its values.

    kv_heads · head_dim · bits / 8; without flash
    attention, values are as wide as the widest
    layer's.
    """
    keys = part.kv_heads * part.key_head_dim
    values = part.kv_heads * part.value_head_dim
    if not context.flash_attention:
        values = max(
            other.kv_heads * other.value_head_dim
            for other in (
                part,
                built.full_attention or part,
                built.attention or part,
            )
        )
    return (
        row_bytes(
            keys,
            context.key_type,
            part.key_head_dim,
        ),
        row_bytes(
            values,
            context.value_type,
            part.value_head_dim,
        ),
    )


def latent_row(
    part: Latent, context: Context
) -> int:
    """Bytes of a token's latent; no values beside.

    (rank + rotated) · bits / 8
    Raises ValueError for two types, as the engine.
    """
    if context.key_type != context.value_type:
        raise ValueError(
            "latent attention has one cache type, "
            f"not {context.key_type} and "
            f"{context.value_type}"
        )
    width = part.key_value_rank + part.rope_head_dim
    return row_bytes(width, context.key_type, width)


def layer_rows(
    built: Stack, index: int, context: Context
) -> dict[str, tuple[int, int]]:
    """Bytes a token in a layer, by what keeps them.

    Nothing in a layer with a state, or with an
    earlier layer's keys. An indexer has a key; one
    of blocks has room for a value that it never
    uses, too.
    Raises ValueError for a layer of another kind.
    """
    kind = built.layer_mixers[index]
    part = built.mixer_of(index)
    if isinstance(part, Parallel):
        part = part.attention
    own = built.layers - built.kv_shared_layers
    if index >= own:
        return {}
    match part:
        case Attention():
            found = {
                kind: attention_rows(
                    built, part, context
                )
            }
            if part.blocks and kind == "sparse":
                size = part.blocks.head_dim
                found["indexer"] = (
                    row_bytes(
                        size, context.key_type, size
                    ),
                    row_bytes(
                        part.value_head_dim,
                        context.value_type,
                        part.value_head_dim,
                    ),
                )
            return found
        case Latent():
            row = latent_row(part, context)
            found = {kind: (row, 0)}
            picks = built.layer_indexers[index]
            if part.indexer and picks == "own":
                size = part.indexer.head_dim
                row = row_bytes(
                    size, context.key_type, size
                )
                found["indexer"] = (row, 0)
            return found
        case Linear() | Delta() | Mamba():
            return {}
        case ShortConv() | None:
            return {}
    raise ValueError(
        f"layer {index} is {kind}: unknown here"
    )


def kv_cache(
    built: Stack, context: Context
) -> tuple[LayerCache, ...]:
    """Say what each layer keeps.

    cells · streams · bytes a token
    Raises ValueError where the engine refuses.
    """
    found = []
    for index, kind in enumerate(
        built.layer_mixers
    ):
        window = (
            built.window_tokens
            if kind in ("sliding", "chunked")
            else None
        )
        room = cells(context, window)
        every = room * context.streams
        rows = layer_rows(built, index, context)
        for keeper, (key, value) in rows.items():
            found.append(
                LayerCache(
                    index,
                    keeper,
                    room,
                    every * key,
                    every * value,
                )
            )
    return tuple(found)


def kv_cache_bytes(
    built: Stack, context: Context
) -> int:
    """Bytes of all layers' keys and values."""
    return sum(
        layer.bytes
        for layer in kv_cache(built, context)
    )


# --8<-- [end:layers]


# --8<-- [start:fit]
def longest_context_tokens(
    built: Architecture,
    context: Context,
    room_bytes: int,
) -> int:
    """Tokens whose cache fits, of all sequences.

    The largest multiple of 256, found by halving:
    a cache never shrinks with the context. At most
    what the model was trained for, a sequence.
    context: its context_tokens are not used
    Raises ValueError for less than no room.
    """
    if room_bytes < 0:
        raise ValueError(
            f"room_bytes is {room_bytes}; 0 or more"
        )

    def fits(tokens: int) -> bool:
        asked = context.model_copy(
            update={"context_tokens": tokens}
        )
        used = kv_cache_bytes(built, asked)
        return used <= room_bytes

    most = built.context_tokens * context.sequences
    if fits(most):
        return most
    low, high = 0, -(-most // PAD)
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle * PAD):
            low = middle
        else:
            high = middle
    return low * PAD


# --8<-- [end:fit]
