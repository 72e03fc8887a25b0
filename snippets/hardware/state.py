"""What does a sequence hold, however short?"""

# --8<-- [start:imports]
from typing import NamedTuple

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
from snippets.hardware.kv_cache import (
    Context,
    kv_cache_bytes,
)

# --8<-- [end:imports]


# --8<-- [start:layer]
F32_BYTES = 4  # whatever the types of the cache


class LayerState(NamedTuple):
    """What one layer holds of one sequence."""

    layer: int
    kind: str
    conv_bytes: int
    state_bytes: int

    @property
    def bytes(self) -> int:
        """Last inputs and state."""
        return self.conv_bytes + self.state_bytes


def state_numbers(
    built: Stack, index: int
) -> tuple[int, int]:
    """Numbers of the last inputs, and of a state.

    Mamba-2, gated delta net:
    (kernel - 1) · (inner + 2 · groups · state),
    state · inner
    Kimi delta attention:
    3 · (kernel - 1) · inner, inner · head_dim
    Short convolution: (kernel - 1) · hidden, none
    Source: llama-hparams.cpp of llama.cpp,
    0c1e57098bba.
    Raises ValueError for a layer of another kind.
    """
    part = built.mixer_of(index)
    if isinstance(part, Parallel):
        part = part.mamba
    match part:
        case Mamba():
            inner = part.heads * part.head_dim
            beside = part.groups * part.state_size
            return (
                (part.conv_kernel - 1)
                * (inner + 2 * beside),
                inner * part.state_size,
            )
        case Linear():
            inner = (
                part.value_heads
                * part.value_head_dim
            )
            beside = (
                part.key_heads * part.key_head_dim
            )
            return (
                (part.conv_kernel - 1)
                * (inner + 2 * beside),
                inner * part.key_head_dim,
            )
        case Delta():
            inner = part.heads * part.head_dim
            return (
                3 * (part.conv_kernel - 1) * inner,
                inner * part.head_dim,
            )
        case ShortConv():
            return (
                (part.conv_kernel - 1)
                * built.hidden_size,
                0,
            )
        case Attention() | Latent() | None:
            return 0, 0
    kind = built.layer_mixers[index]
    raise ValueError(
        f"layer {index} is {kind}: unknown here"
    )


# --8<-- [end:layer]


# --8<-- [start:state]
def state(built: Stack) -> tuple[LayerState, ...]:
    """Say what each layer holds of a sequence.

    In F32, as llama-memory-recurrent.cpp has it.
    """
    found = []
    for index, kind in enumerate(
        built.layer_mixers
    ):
        conv, held = state_numbers(built, index)
        if conv or held:
            found.append(
                LayerState(
                    index,
                    kind,
                    F32_BYTES * conv,
                    F32_BYTES * held,
                )
            )
    return tuple(found)


def state_bytes(
    built: Stack, context: Context
) -> int:
    """Bytes of all sequences' states.

    sequences · the sum of all layers; the length
    of the context does not matter.
    """
    one = sum(layer.bytes for layer in state(built))
    return one * context.sequences


def context_bytes(
    built: Stack, context: Context
) -> int:
    """Bytes of the KV cache and of all states."""
    return kv_cache_bytes(
        built, context
    ) + state_bytes(built, context)


# --8<-- [end:state]


# --8<-- [start:most]
def most_sequences(
    built: Architecture,
    context: Context,
    tokens: int,
    room_bytes: int,
) -> int:
    """How many sequences fit, each with its tokens.

    The largest count, at most what the engine
    takes (256), found by halving; 0: none
    context: its lengths and counts are not used
    tokens: of one sequence, prompt and answer
    Raises ValueError for less than no room.
    """
    if room_bytes < 0:
        raise ValueError(
            f"room_bytes is {room_bytes}; 0 or more"
        )
    settings = context.model_dump()
    low, high = 0, 257
    while high - low > 1:
        count = (low + high) // 2
        settings["sequences"] = count
        settings["context_tokens"] = count * tokens
        asked = Context.model_validate(settings)
        used = context_bytes(built, asked)
        if used <= room_bytes:
            low = count
        else:
            high = count
    return low


# --8<-- [end:most]
