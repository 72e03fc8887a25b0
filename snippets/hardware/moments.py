"""How many floats does a layer compute in?"""

# --8<-- [start:imports]
from typing import NamedTuple

from snippets.data.layers import (
    Attention,
    Delta,
    Dense,
    Experts,
    Latent,
    Linear,
    Mamba,
)

# --8<-- [end:imports]

# --8<-- [start:step]


class Step(NamedTuple):
    """What is computed at once, in a layer.

    hidden: floats of a token between layers
    cells: tokens that a sequence may look at
    streams: caches side by side
    rotates: the position turns queries and keys
    room: floats of a token that a hole holds
    """

    hidden: int
    tokens: int
    sequences: int
    cells: int
    streams: int
    flash: bool
    rotates: bool
    room: int


# --8<-- [end:step]


# --8<-- [start:feed]
def dense_floats(part: Dense, step: Step) -> int:
    """Gate, up, and their product; or up alone.

    (gated ? 3 : 1) · size · tokens, less one that
    fits into a hole
    """
    copies = 3 if part.gated else 1
    copies -= part.size <= step.room
    return copies * part.size * step.tokens


def expert_floats(
    part: Experts, step: Step, before: bool
) -> int:
    """As dense, for each expert used, and down.

    used · (3 · size + width) · tokens; what goes
    down takes the room of gate and up, where
    2 · size is enough
    before: inputs are weighted, and kept (Llama 4)
    """
    copies = 3 if part.gated else 1
    width = part.latent_size or step.hidden
    room = (copies - 1) * part.size
    floats = copies * part.size
    if width > room or before:
        floats += width
    return part.active * floats * step.tokens


# --8<-- [end:feed]


# --8<-- [start:attention]
def attention_floats(
    part: Attention, step: Step
) -> int:
    """Queries, and scores without flash attention.

    Queries stay where they do not fit into the
    place of a token's row, once more after they
    are rotated, and once more with a gate.
    """
    query = part.heads * part.key_head_dim
    copies = step.rotates + part.output_gate
    copies += query > step.hidden
    copies -= min(copies, step.room // query)
    floats = copies * query
    if part.values_are_keys:
        floats += 2 * (
            part.kv_heads * part.key_head_dim
        )
    if not step.flash:
        floats += part.heads * step.cells
    return floats * step.tokens


def latent_floats(part: Latent, step: Step) -> int:
    """Queries, turned to latents, and scores.

    heads · (query + rank + rope + rank + rope) ·
    tokens; without flash attention also heads ·
    cells · tokens, and the latents turned (f16)
    """
    rank = part.heads * part.key_value_rank
    rope = part.heads * part.rope_head_dim
    query = part.heads * (
        part.nope_head_dim + part.rope_head_dim
    )
    room = query + rank
    indexed = part.indexer is not None
    turned = rank + rope
    floats = query + rank + turned
    if rope > step.hidden or indexed:
        floats += rope
    extra = 0
    if not step.flash:
        scores = part.heads * step.cells
        floats += scores if scores > room else 0
        extra = (
            part.key_value_rank
            * step.cells
            * step.streams
            // 2
        )
        if extra <= (room + rope) * step.tokens:
            extra = 0
    elif part.indexer:
        chosen = room + turned
        if step.cells > room:
            chosen += step.cells + (
                part.indexer.heads
                * part.indexer.head_dim
            )
        elif step.cells + rank > room:
            chosen += rank
        floats = max(floats, chosen)
    return floats * step.tokens + extra


# --8<-- [end:attention]


# --8<-- [start:states]
def linear_floats(part: Linear, step: Step) -> int:
    """Mixed rows, convolved, states in and out.

    The states go where the rows were, if they fit.
    """
    keys = part.key_heads * part.key_head_dim
    values = part.value_heads * part.value_head_dim
    mixed = (2 * keys + values) * step.tokens
    last = (part.conv_kernel - 1) * (
        2 * keys + values
    )
    joined = mixed + last * step.sequences
    states = values * part.key_head_dim
    states *= step.sequences
    out = values * step.tokens + states
    if states > mixed:
        return mixed + joined + states + out
    room = mixed - states + joined
    room -= (
        keys
        * step.tokens
        * (1 if keys <= step.hidden else 2)
    )
    floats = 2 * mixed + joined
    return floats + (out if out > room else 0)


def delta_floats(part: Delta, step: Step) -> int:
    """Queries, keys, values; states in and out.

    6 · width · tokens + (kernel - 1) · 3 · width ·
    sequences + 2 · states
    """
    width = part.heads * part.head_dim
    last = (part.conv_kernel - 1) * 3 * width
    states = width * part.head_dim
    return (
        6 * width * step.tokens
        + (last + 2 * states) * step.sequences
    )


def mamba_floats(part: Mamba, step: Step) -> int:
    """Mixed rows, convolved, states in and out.

    States of all but one sequence are moved, in
    the place of the joined rows if they fit.
    """
    inner = part.heads * part.head_dim
    mixed = (
        inner + 2 * part.groups * part.state_size
    )
    last = (part.conv_kernel - 1) * mixed
    joined = mixed * step.tokens
    joined += last * step.sequences
    state = inner * part.state_size
    floats = (
        2 * inner + 3 * mixed + part.heads
    ) * step.tokens
    floats += (last + state) * step.sequences
    moved = state * (step.sequences - 1)
    return floats + (moved if moved > joined else 0)


# --8<-- [end:states]
