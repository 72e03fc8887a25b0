"""What do four bits gain with uneven steps?"""

# --8<-- [start:values]
import numpy as np
from numpy.typing import NDArray

from snippets.quantization.block_formats import (
    farthest,
    half_bytes,
    half_floats,
    pack_nibbles,
    unpack_nibbles,
)
from snippets.quantization.blocks import (
    BlockFormat,
    Bytes,
    Floats,
)
from snippets.quantization.k_search import in_order

# What codes 0 to 15 stand for.
# Source: llama.cpp, ggml/src/ggml-common.h,
# kvalues_iq4nl, commit 0c1e57098bba.
VALUES = np.array(
    [
        *(-127, -104, -83, -65, -49, -35, -22, -10),
        *(1, 13, 25, 38, 53, 69, 89, 113),
    ],
    np.float32,
)
# Halfway between two values the upper one begins,
# always at a multiple of a half: a table of halves
# from -128 to 128 finds the code.
HALVES = np.arange(-256, 256, dtype=np.float32) / 2
CODES = np.searchsorted(
    (VALUES[1:] + VALUES[:-1]) / 2, HALVES, "right"
).astype(np.uint8)
NEAREST = VALUES[CODES]


def places(q: Floats) -> NDArray[np.int64]:
    """Where in the tables scaled values stand."""
    halves = np.floor(q * np.float32(2))
    found: NDArray[np.int64] = halves.astype(
        np.int64
    )
    return found + 256


# --8<-- [end:values]


# --8<-- [start:search]
# Below this a block is stored as zeros.
TINY = np.float32(1e-15)
TRIES = 7


def fit(
    x: Floats, inverse: Floats
) -> tuple[Floats, Floats]:
    """Sums for the best scale of given codes.

    Of q times x and of q times q, both times the
    square of x. Added one by one, as C adds.
    """
    q = NEAREST.take(
        places(x * inverse), mode="clip"
    )
    weighted = (x * x) * q
    return (
        in_order(weighted * x),
        in_order(weighted * q),
    )


def search(x: Floats, far: Floats) -> Floats:
    """The scale with the smallest weighted error.

    Tries 1 + 15 ways to cut x into codes; for each,
    the best scale is sum(w q x) / sum(w q q), with
    w = x * x.
    """
    qx, qq = fit(
        x, np.float32(1) / (far / -VALUES[0])
    )
    scale = qx / qq
    best = scale * qx
    for more in range(-TRIES, TRIES + 1):
        inverse = (
            VALUES[0] + np.float32(more)
        ) / far
        qx, qq = fit(x, inverse)
        better = qx * qx > best * qq
        scale[better] = (qx / qq)[better]
        best[better] = (scale * qx)[better]
    return scale


# --8<-- [end:search]


# --8<-- [start:format]
def encode(x: Floats) -> Bytes:
    """Codes of the nearest of 16 uneven values.

    Source: llama.cpp, ggml/src/ggml-quants.c,
    quantize_row_iq4_nl_impl, commit 0c1e57098bba.
    """
    far = farthest(x)
    scale = np.zeros_like(far)
    held = np.abs(far) >= TINY
    scale[held] = search(x[:, held], far[held])
    inverse = np.zeros_like(far)
    inverse[scale != 0] = 1 / scale[scale != 0]
    codes = CODES.take(
        places(x * inverse), mode="clip"
    )
    return np.concatenate(
        [half_bytes(scale), pack_nibbles(codes)]
    )


def decode(data: Bytes) -> Floats:
    """d times the value that a code stands for."""
    codes = unpack_nibbles(data[2:])
    return half_floats(data[:2]) * VALUES[codes]


IQ4_NL = BlockFormat(
    "IQ4_NL", 32, 18, encode, decode
)
FORMATS = {IQ4_NL.name: IQ4_NL}
# --8<-- [end:format]
