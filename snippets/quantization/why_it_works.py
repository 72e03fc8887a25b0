"""Why are a few bits enough for a weight?"""

# --8<-- [start:error]
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
# Twice the steps halve the error: 20 * log10(2).
DB_PER_BIT = 20 * np.log10(2)


def signal_to_noise_db(
    weights: Floats, restored: Floats
) -> float:
    """Weights over their errors, in decibels.

    10 * log10(sum(w**2) / sum((w - r)**2)); 20 dB
    is an error of 10 %, 40 dB one of 1 %.
    Raises ValueError for other shapes, and for no
    error at all.
    """
    if weights.shape != restored.shape:
        raise ValueError(
            f"restored: shape {restored.shape}, "
            f"not {weights.shape}"
        )
    wide = weights.astype(np.float64)
    noise = np.square(wide - restored).sum()
    if not noise:
        raise ValueError(
            "restored: no error at all"
        )
    share = np.square(wide).sum() / noise
    return float(10 * np.log10(share))


# --8<-- [end:error]


# --8<-- [start:round]
def in_blocks(
    weights: Floats, block: int
) -> Floats:
    """Cut a matrix into (blocks, weights).

    Raises ValueError for a block that does not
    divide the matrix.
    """
    if block < 1 or weights.size % block:
        raise ValueError(
            f"block: {block} does not divide "
            f"{weights.size} weights"
        )
    return weights.reshape(-1, block)


def round_evenly(
    weights: Floats, bits: int, block: int
) -> Floats:
    """Round to even steps, with a scale a block.

    scale = largest / (2**(bits - 1) - 1), kept in
    float32, so that what is seen is the rounding
    alone.
    Raises ValueError for fewer than two bits.
    """
    if bits < 2:
        raise ValueError(
            f"bits: {bits}, at least 2 are needed"
        )
    parts = in_blocks(weights, block)
    steps = np.float32((1 << (bits - 1)) - 1)
    top = np.abs(parts).max(axis=1, keepdims=True)
    top[top == 0] = 1
    scale = top / steps
    restored: Floats = (
        np.rint(parts / scale) * scale
    )
    return restored.reshape(weights.shape)


# --8<-- [end:round]


# --8<-- [start:shape]
def in_spreads(weights: Floats) -> Floats:
    """Divide weights by their root mean square."""
    spread = np.sqrt(np.square(weights).mean())
    found: Floats = weights / spread
    return found.ravel()


def largest_in_spreads(
    weights: Floats, block: int
) -> float:
    """How far a block's largest weight lies out.

    Averaged over blocks, in root mean squares of
    the whole matrix. The step of a block grows
    with it.
    """
    parts = in_blocks(in_spreads(weights), block)
    return float(np.abs(parts).max(axis=1).mean())


# --8<-- [end:shape]
