"""How many bytes does the engine compute in?"""

# --8<-- [start:imports]
from typing import NamedTuple

from snippets.data.layers import (
    Attention,
    Delta,
    Latent,
    Linear,
    Mamba,
    Parallel,
)
from snippets.data.models import Architecture
from snippets.hardware.kv_cache import (
    Context,
    block,
    cells,
    padded,
)
from snippets.hardware.moments import (
    Step,
    attention_floats,
    delta_floats,
    dense_floats,
    expert_floats,
    latent_floats,
    linear_floats,
    mamba_floats,
)

# --8<-- [end:imports]

# --8<-- [start:step]
FLOAT_BYTES = 4
WINDOWS = ("sliding", "chunked")
# Families whose layers know no positions, and
# those whose feed-forward runs beside attention.
# Source: src/models of llama.cpp, 0c1e57098bba.
UNROTATED = {"Nemotron 3"}
BESIDE = {"Command R7B and A"}


def room_floats(
    built: Architecture, context: Context
) -> int:
    """Floats of a token that fit where others were.

    With AltUp: a row. Else the embeddings of all
    layers, once they are in order; rotated keys
    and values lie there when the cache is
    quantized.
    """
    side = built.per_layer
    if not side:
        return 0
    if side.streams:
        return built.hidden_size
    quantized = block(context.value_type)[0] > 1
    return (
        0 if quantized else built.layers * side.size
    )


def step_of(
    built: Architecture,
    context: Context,
    mixer: str,
) -> Step:
    """Say what a layer computes at once.

    tokens: the least of context, batch and ubatch,
    as many of each sequence
    Source: graph_reserve of llama-context.cpp,
    llama.cpp, 0c1e57098bba.
    """
    most = min(
        padded(context.context_tokens),
        context.batch_tokens,
        context.ubatch_tokens,
    )
    sequences = context.sequences
    window = (
        built.window_tokens
        if mixer in WINDOWS
        else None
    )
    return Step(
        hidden=built.hidden_size,
        tokens=-(-most // sequences) * sequences,
        sequences=sequences,
        cells=cells(context, window),
        streams=context.streams,
        flash=context.flash_attention,
        rotates=built.family not in UNROTATED,
        room=room_floats(built, context),
    )


# --8<-- [end:step]


# --8<-- [start:inputs]
class Inputs(NamedTuple):
    """What is there from the start, in bytes."""

    rows: int
    masks: int
    indices: int
    per_layer: int
    choices: int
    rotations: int

    @property
    def bytes(self) -> int:
        """All of them."""
        return sum(self)


def row_floats(built: Architecture) -> int:
    """Floats of a token that go through all layers.

    5 · hidden: embeddings given or looked up, each
    also mixed, and what no one reads; one more
    with AltUp, or where feed-forward runs beside
    attention
    """
    side = built.per_layer
    copies = 5 + (built.family in BESIDE)
    copies += bool(side and side.streams)
    return copies * built.hidden_size


def rotation_bytes(
    part: Attention, context: Context
) -> int:
    """Matrices that spread the outliers of a head.

    For keys as wide as the largest power of two
    that divides a head, for values 64; only where
    the cache is quantized.
    """
    keys = part.key_head_dim & -part.key_head_dim
    found = 0
    for kind, head, size in (
        (context.key_type, part.key_head_dim, keys),
        (
            context.value_type,
            part.value_head_dim,
            64,
        ),
    ):
        if block(kind)[0] > 1 and head % 64 == 0:
            found += FLOAT_BYTES * size**2
    return found


def inputs(
    built: Architecture, context: Context
) -> Inputs:
    """Rows of tokens, masks, where values go.

    masks: cells · tokens for each kind of cache,
    f16 with flash attention, else f32
    indices: 8 bytes a value and token, without
    flash attention
    choices: tokens that an indexer picks, in each
    layer; it has a mask of its own
    """
    flash = context.flash_attention
    bytes_a_cell = 2 if flash else FLOAT_BYTES
    kinds = {
        mixer in WINDOWS: index
        for index, mixer in enumerate(
            built.layer_mixers
        )
        if isinstance(
            built.mixer_of(index),
            Attention | Latent | Parallel,
        )
    }
    masks = indices = rotations = choices = 0
    for index in kinds.values():
        mixer = built.layer_mixers[index]
        step = step_of(built, context, mixer)
        part = built.mixer_of(index)
        mask = step.cells * bytes_a_cell
        masks += mask
        if isinstance(part, Parallel):
            part = part.attention
        if isinstance(part, Attention):
            values = (
                part.kv_heads * part.value_head_dim
            )
            indices += 0 if flash else 8 * values
            rotations += rotation_bytes(
                part, context
            )
        elif isinstance(part, Latent) and (
            indexer := part.indexer
        ):
            masks += mask
            choices = built.layers * min(
                indexer.selected_tokens, step.cells
            )
    side = built.per_layer
    size = side.size if side else 0
    tokens = step_of(built, context, "full").tokens
    floats = FLOAT_BYTES * tokens
    return Inputs(
        rows=row_floats(built) * floats,
        masks=masks * tokens,
        indices=indices * tokens,
        per_layer=2 * built.layers * size * floats,
        choices=choices * floats,
        rotations=rotations,
    )


# --8<-- [end:inputs]


# --8<-- [start:buffer]
class Buffer(NamedTuple):
    """What is computed in.

    moments: bytes beside the inputs, by name
    """

    inputs: Inputs
    moments: dict[str, int]

    @property
    def peak(self) -> str:
        """The moment that takes most."""
        sizes = self.moments
        return max(sizes, key=sizes.__getitem__)

    @property
    def bytes(self) -> int:
        """Inputs, and the largest moment."""
        largest = max(self.moments.values())
        return self.inputs.bytes + largest


def mixer_floats(
    built: Architecture, index: int, step: Step
) -> int:
    """Floats of what mixes tokens in a layer.

    Short convolutions never take most.
    Raises ValueError for layers that pick blocks,
    which are not known here.
    """
    part = built.mixer_of(index)
    floats = 0
    match part:
        case Attention(blocks=None):
            floats = attention_floats(part, step)
        case Attention():
            raise ValueError(
                f"{built.family}: sparse layers "
                "are not known here"
            )
        case Latent():
            floats = latent_floats(part, step)
        case Linear():
            floats = linear_floats(part, step)
        case Delta():
            floats = delta_floats(part, step)
        case Mamba():
            floats = mamba_floats(part, step)
        case Parallel():
            floats = max(
                attention_floats(
                    part.attention, step
                ),
                mamba_floats(part.mamba, step),
            )
    return floats


def spilled_floats(built: Architecture) -> int:
    """Floats of AltUp's streams that need a place.

    None, where all fit into the embeddings of
    layers; else all but one.
    """
    side = built.per_layer
    if not side or not side.streams:
        return 0
    hidden, room = (
        built.hidden_size,
        built.layers * side.size,
    )
    if side.streams * hidden <= room:
        return 0
    return (side.streams - 1) * hidden


def output_bytes(
    built: Architecture, context: Context
) -> int:
    """The output buffer: logits of each sequence.

    sequences · vocabulary · 4
    """
    return FLOAT_BYTES * (
        context.sequences * built.vocabulary
    )


def compute_buffer(
    built: Architecture,
    context: Context,
    output_rows: int | None = None,
) -> Buffer:
    """Say what is there, and what each moment adds.

    output_rows: of logits in a step; None: one a
    sequence, as the server asks for. Others ask
    for one a token.

    Logits take the place of what is read by then:
    3 rows, masks, indices; unless they need more.
    Source: src/llama-graph.cpp, src/models,
    ggml/src/ggml-alloc.c of llama.cpp,
    0c1e57098bba.
    """
    given = inputs(built, context)
    step = step_of(built, context, "full")
    floats = {}
    spill = spilled_floats(built)
    for index, mixer in enumerate(
        built.layer_mixers
    ):
        if mixer not in floats and mixer != "none":
            floats[mixer] = mixer_floats(
                built,
                index,
                step_of(built, context, mixer),
            )
    blocks = [
        dense_floats(dense, step)
        for dense in (built.dense, built.wide)
        if dense
    ]
    if blocks:
        floats["dense"] = max(blocks)
        floats["dense"] += spill * step.tokens
    if built.experts:
        floats["experts"] = expert_floats(
            built.experts,
            step,
            built.family == "Llama 4",
        )
    moments = {
        name: FLOAT_BYTES * size
        for name, size in floats.items()
    }
    logits = output_bytes(built, context)
    if output_rows is not None:
        logits = FLOAT_BYTES * (
            output_rows * built.vocabulary
        )
    row = FLOAT_BYTES * built.hidden_size
    row *= step.tokens
    read = 3 * row + given.masks + given.indices
    if logits > read:
        over = given.rows - 5 * row
        moments["logits"] = (
            logits - over - given.per_layer
        )
    return Buffer(given, moments)


def compute_bytes(
    built: Architecture, context: Context
) -> int:
    """Bytes of the compute buffer."""
    return compute_buffer(built, context).bytes


# --8<-- [end:buffer]
