"""What does an importance matrix change?"""

# --8<-- [start:weights]
import numpy as np

from snippets.quantization.blocks import (
    Bytes,
    Floats,
    require_finite,
    whole_blocks,
)
from snippets.quantization.k_layouts import (
    REST,
    WEIGHTS,
)
from snippets.quantization.k_refine import (
    refined_positive,
)
from snippets.quantization.k_search import (
    Search,
    in_order,
    search_centered,
    search_shifted,
)
from snippets.quantization.k_store import (
    grouped,
    store_six,
    store_sixes,
    store_three,
    store_two,
    ungrouped,
)


def error_weights(
    x: Floats, importance: Floats, factor: int
) -> Floats:
    """How much an error counts, (256, blocks).

    importance √(factor mean x² + x²): how large the
    input is, times how large the weight is.
    """
    total = np.float32(factor) * in_order(x * x)
    spread = total / np.float32(WEIGHTS)
    weights: Floats = importance * np.sqrt(
        spread + x * x
    )
    return weights


# --8<-- [end:weights]


# --8<-- [start:shifted]
def encode_shifted(
    x: Floats, importance: Floats, most: int
) -> Bytes:
    """Q2_K, Q4_K and Q5_K, by their highest code.

    37 divisors, half as far apart; then scales and
    mins are searched for, too, as weights were.
    """
    blocks = x.shape[1]
    two = most == 3
    size, level = (16, 15) if two else (32, 63)
    weights = grouped(
        error_weights(
            x, importance, 1 if two else 2
        ),
        size,
    )
    found = search_shifted(
        grouped(x, size),
        weights,
        Search(most, -0.9, 0.05, 36),
    )
    shape = REST, blocks
    sums = in_order(weights).reshape(shape)
    scales = refined_positive(
        found.scale.reshape(shape), level, sums
    )
    mins = refined_positive(
        found.minus.reshape(shape), level, sums
    )
    levels = (
        scales.codes.astype(np.uint8),
        mins.codes.astype(np.uint8),
    )
    if most == 31:  # the engine bounds these only
        levels = (
            np.minimum(levels[0], 63),
            np.minimum(levels[1], 63),
        )
    shared = scales.scale, mins.scale
    codes = ungrouped(found.codes, blocks)
    if two:
        return store_two(x, codes, levels, shared)
    return store_sixes(
        x, codes, levels, shared, most
    )


# --8<-- [end:shifted]


# --8<-- [start:centered]
def encode_three(
    x: Floats, importance: Floats
) -> Bytes:
    """Q3_K: both searches are the one of Q6_K."""
    blocks = x.shape[1]
    weights = grouped(
        error_weights(x, importance, 2), 16
    )
    found = search_centered(
        grouped(x, 16), 4, weights
    )
    sums = in_order(weights).reshape(16, blocks)
    scales = search_centered(
        found.scale.reshape(16, blocks), 32, sums
    )
    codes = ungrouped(found.codes, blocks)
    return store_three(
        x, codes, scales.codes - 32, scales.scale
    )


def encode_six(
    x: Floats, importance: Floats
) -> Bytes:
    """Q6_K: the importance alone is the weight."""
    blocks = x.shape[1]
    weights = np.broadcast_to(importance, x.shape)
    found = search_centered(
        grouped(x, 16), 32, grouped(weights, 16)
    )
    codes = ungrouped(found.codes, blocks)
    return store_six(
        x, codes, found.scale.reshape(16, blocks)
    )


# --8<-- [end:centered]


# --8<-- [start:quantize]
ENCODERS = {
    "Q2_K": lambda x, w: encode_shifted(x, w, 3),
    "Q3_K": encode_three,
    "Q4_K": lambda x, w: encode_shifted(x, w, 15),
    "Q5_K": lambda x, w: encode_shifted(x, w, 31),
    "Q6_K": encode_six,
}


def quantize_by_importance(
    name: str, rows: Floats, importance: Floats
) -> Bytes:
    """Make (rows, columns) (rows, bytes).

    importance: (columns,), the mean square of what
        each column multiplies
    Raises ValueError for what is not finite, for
    rows of no whole blocks, and for an importance
    below 0 or of another length.
    Source: llama.cpp, ggml/src/ggml-quants.c,
    quantize_row_q4_K_impl, commit 0c1e57098bba
    """
    columns = rows.shape[-1]
    whole_blocks(rows, WEIGHTS, name, "weights")
    if importance.shape != (columns,):
        raise ValueError(
            "importance of shape "
            f"{importance.shape}: ({columns},) is "
            "needed"
        )
    require_finite(name, rows)
    require_finite("importance", importance[None])
    if importance.min() < 0:
        raise ValueError(
            f"importance {importance.min()}: at "
            "least 0 is needed"
        )
    parts = []
    for start in range(0, columns, WEIGHTS):
        part = slice(start, start + WEIGHTS)
        x = np.ascontiguousarray(rows[:, part].T)
        with np.errstate(all="ignore"):
            encoded = ENCODERS[name](
                x, importance[part, None]
            )
        parts.append(encoded.T)
    return np.concatenate(parts, axis=1)


# --8<-- [end:quantize]
