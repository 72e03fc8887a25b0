"""How many bytes does the engine compute in?"""

# --8<-- [start:imports]
from math import gcd
from typing import NamedTuple

from snippets.data.layers import (
    Attention,
    Delta,
    Dense,
    Experts,
    Latent,
    Linear,
    Mamba,
    Parallel,
    ShortConv,
)
from snippets.data.models import Model
from snippets.hardware.kv_cache import (
    Context,
    block,
    cells,
    padded,
)

# --8<-- [end:imports]

# --8<-- [start:step]
FLOAT_BYTES = 4
UNROTATED = {"Nemotron 3"}


class Step(NamedTuple):
    """What is computed at once, in a layer.

    hidden: floats of a token between layers
    cells: tokens that a sequence may look at
    """

    hidden: int
    tokens: int
    sequences: int
    cells: int
    flash: bool


def step_tokens(context: Context) -> int:
    """Tokens at once: as many of each sequence.

    Source: graph_reserve of llama-context.cpp,
    llama.cpp, 0c1e57098bba.
    """
    most = min(
        padded(context.context_tokens),
        context.batch_tokens,
        context.ubatch_tokens,
    )
    each = -(-most // context.sequences)
    return each * context.sequences


# --8<-- [end:step]


# --8<-- [start:feed]
def dense_floats(part: Dense, step: Step) -> int:
    """Gate, up, and their product; or up alone.

    (gated ? 3 : 1) · size · tokens
    """
    copies = 3 if part.gated else 1
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
    part: Attention, step: Step, rotates: bool
) -> int:
    """Queries, and scores without flash attention.

    Queries stay where they do not fit into the
    place of a token's row, once more after they
    are rotated, and once more with a gate.
    rotates: the position turns queries and keys
    """
    query = part.heads * part.key_head_dim
    copies = rotates + part.output_gate
    copies += query > step.hidden
    floats = copies * query
    if part.values_are_keys:
        floats += 2 * (
            part.kv_heads * part.key_head_dim
        )
    if not step.flash:
        floats += part.heads * step.cells
    return floats * step.tokens


def latent_floats(
    part: Latent, step: Step, streams: int
) -> int:
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
            * streams
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


# --8<-- [start:inputs]
KINDS = {
    "full": ("full", "latent"),
    "sliding": ("sliding", "chunked"),
}


def cache_kinds(built: Model) -> dict[str, int]:
    """A layer of each kind of cache, from 0."""
    found: dict[str, int] = {}
    for kind, mixers in KINDS.items():
        for index, mixer in enumerate(
            built.layer_mixers
        ):
            if mixer in mixers or (
                kind == "full"
                and mixer == "parallel"
            ):
                found.setdefault(kind, index)
    return found


def cells_of(
    built: Model, context: Context, kind: str
) -> int:
    """Tokens that a sequence may look at."""
    window = built.window_tokens
    return cells(
        context,
        window if kind == "sliding" else None,
    )


def rotation_bytes(
    part: Attention, context: Context
) -> int:
    """Matrices that spread outliers of a head.

    The power of two that divides a head of keys,
    and 64 for values, squared; where the cache is
    quantized.
    """
    found = 0
    sizes = (
        (
            context.key_type,
            part.key_head_dim,
            gcd(part.key_head_dim, 2**20),
        ),
        (
            context.value_type,
            part.value_head_dim,
            64,
        ),
    )
    for kind, head, size in sizes:
        if block(kind)[0] > 1 and head % 64 == 0:
            found += size**2 * FLOAT_BYTES
    return found


class Inputs(NamedTuple):
    """What is there from the start, in bytes."""

    rows: int
    masks: int
    indices: int
    rotations: int
    per_layer: int
    choices: int

    @property
    def bytes(self) -> int:
        """All of them."""
        return sum(self)


def inputs(
    built: Model, context: Context
) -> Inputs:
    """Rows of tokens, masks, where values go.

    rows: 5 · hidden · tokens: embeddings given or
    looked up, and both mixed; one more with AltUp
    masks: cells · tokens for each kind of cache
    indices: 8 bytes a value, without flash
    attention
    """
    tokens = step_tokens(context)
    flash = context.flash_attention
    side = built.per_layer
    copies = 5
    if side and side.streams:
        copies += 1
    masks = indices = rotations = 0
    for kind, index in cache_kinds(built).items():
        part = built.mixer_of(index)
        if isinstance(part, Parallel):
            part = part.attention
        seen = cells_of(built, context, kind)
        masks += seen * (2 if flash else 4)
        if isinstance(part, Attention):
            rotations += rotation_bytes(
                part, context
            )
            if not flash:
                indices += 8 * (
                    part.kv_heads
                    * part.value_head_dim
                )
    choices = 0
    latent = built.latent
    if latent and latent.indexer:
        seen = cells_of(built, context, "full")
        choices = (
            FLOAT_BYTES
            * built.layers
            * min(
                latent.indexer.selected_tokens, seen
            )
        )
        masks *= 2
    return Inputs(
        copies
        * built.hidden_size
        * tokens
        * FLOAT_BYTES,
        masks * tokens,
        indices * tokens,
        rotations,
        (
            2 * built.layers * side.size
            if side
            else 0
        )
        * tokens
        * FLOAT_BYTES,
        choices * tokens,
    )


# --8<-- [end:inputs]


# --8<-- [start:buffer]
class Buffer(NamedTuple):
    """Inputs, and moments of the computation.

    moments: bytes beside the inputs, by name
    """

    inputs: Inputs
    moments: dict[str, int]

    @property
    def peak(self) -> str:
        """The moment that takes most."""
        return max(
            self.moments,
            key=self.moments.__getitem__,
        )

    @property
    def bytes(self) -> int:
        """Inputs and the largest moment."""
        return (
            self.inputs.bytes
            + self.moments[self.peak]
        )


def mixer_floats(
    built: Model, index: int, context: Context
) -> int:
    """Floats of what mixes tokens in a layer."""
    kind = built.layer_mixers[index]
    step = Step(
        built.hidden_size,
        step_tokens(context),
        context.sequences,
        cells_of(
            built,
            context,
            "sliding"
            if kind in KINDS["sliding"]
            else "full",
        ),
        context.flash_attention,
    )
    rotates = built.family not in UNROTATED
    part = built.mixer_of(index)
    match part:
        case Attention():
            return attention_floats(
                part, step, rotates
            )
        case Latent():
            return latent_floats(
                part, step, context.streams
            )
        case Linear():
            return linear_floats(part, step)
        case Mamba():
            return mamba_floats(part, step)
        case Parallel():
            return max(
                attention_floats(
                    part.attention, step, rotates
                ),
                mamba_floats(part.mamba, step),
            )
    return 0


def compute_buffer(
    built: Model, context: Context
) -> Buffer:
    """Inputs, and what each moment holds.

    output: a row of logits for each sequence
    Source: llama.cpp, src/llama-graph.cpp,
    src/models, ggml/src/ggml-alloc.c,
    0c1e57098bba.
    """
    step = Step(
        built.hidden_size,
        step_tokens(context),
        context.sequences,
        0,
        context.flash_attention,
    )
    found = {
        "output": built.vocabulary
        * context.sequences
    }
    for index, kind in enumerate(
        built.layer_mixers
    ):
        if kind not in found:
            found[kind] = mixer_floats(
                built, index, context
            )
    for dense in (built.dense, built.wide):
        if dense:
            found["dense"] = max(
                found.get("dense", 0),
                dense_floats(dense, step),
            )
    if built.experts:
        found["experts"] = expert_floats(
            built.experts,
            step,
            built.family == "Llama 4",
        )
    return Buffer(
        inputs(built, context),
        {
            name: FLOAT_BYTES * floats
            for name, floats in found.items()
        },
    )


def compute_bytes(
    built: Model, context: Context
) -> int:
    """Bytes of the compute buffer."""
    return compute_buffer(built, context).bytes


def output_bytes(
    built: Model, context: Context
) -> int:
    """A row of logits for each sequence."""
    return (
        context.sequences
        * built.vocabulary
        * FLOAT_BYTES
    )


# --8<-- [end:buffer]
