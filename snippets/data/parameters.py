"""How many parameters does a model have?"""

# --8<-- [start:imports]
from typing import NamedTuple

from snippets.data.layers import (
    Dense,
    Experts,
    PerLayer,
)
from snippets.data.mixers import mixer_parameters
from snippets.data.models import Architecture

# --8<-- [end:imports]


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


# --8<-- [start:beside]
def per_layer_parameters(
    built: Architecture,
) -> int:
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
    built: Architecture, index: int
) -> Parameters:
    """Count one layer, from 0."""
    hidden = built.hidden_size
    feed = built.layer_feed_forwards[index]
    count = mixer_parameters(built, index)
    count += built.norms_per_layer * hidden
    count += built.layer_extras
    if built.per_layer:
        count += beside_parameters(
            built.per_layer, hidden
        )
    if dense := built.dense_of(index):
        count += dense_parameters(dense, hidden)
    part = built.experts
    if not part or feed != "experts":
        return Parameters(count, count)
    total, active = (
        count
        + expert_parameters(part, hidden, used)
        for used in (part.experts, part.active)
    )
    return Parameters(total, active)


def parameters(built: Architecture) -> Parameters:
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
