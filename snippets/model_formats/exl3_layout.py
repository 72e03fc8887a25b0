"""How does EXL3 store a matrix as a trellis?"""

# --8<-- [start:trellis]
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snippets.model_formats.exl3_codebook import (
    STATE_BITS,
    codebook,
)

Floats = NDArray[np.float32]
Shorts = NDArray[np.int16]
# A tile of 16 by 16 weights is one ring of symbols;
# a state is the 16 bits that end with a symbol.
TILE = 16
SYMBOLS = TILE * TILE


def trellis_bits(trellis: Shorts) -> int:
    """Read bits per weight off the last dimension.

    trellis: int16 (in / 16, out / 16, 16 * bits)
    Raises ValueError for other shapes, those of
    half a bit, which newer versions have, among
    them.
    """
    wrong = trellis.ndim != 3
    width = int(trellis.shape[-1])
    bits, rest = divmod(width, TILE)
    if wrong or rest or not 1 <= bits <= 8:
        raise ValueError(
            f"trellis: shape {trellis.shape}, "
            "(in / 16, out / 16, 16 * bits) is "
            "needed, bits from 1 to 8"
        )
    return bits


def unpack_states(
    trellis: Shorts,
) -> NDArray[np.uint16]:
    """Read 256 states of 16 bits from each tile.

    Symbols stand one after another, the highest bit
    first, in words of 32 bits. State i ends with
    symbol i, and what it lacks at the start of the
    ring it takes from the end.
    """
    bits = trellis_bits(trellis)
    tiles = trellis.shape[:2]
    words = np.ascontiguousarray(trellis).view(
        "<u4"
    )
    data = words.astype(">u4").view(np.uint8)
    ring = np.unpackbits(data, -1)
    ends = np.arange(1, SYMBOLS + 1) * bits
    window = np.arange(STATE_BITS) - STATE_BITS
    at = (ends[:, None] + window) % (SYMBOLS * bits)
    states = np.packbits(ring[..., at], -1)
    return states.view(">u2").reshape(
        *tiles, SYMBOLS
    )


def pack_symbols(
    symbols: NDArray[np.uint8], bits: int
) -> Shorts:
    """Write (tiles, tiles, 256) to a trellis.

    Raises ValueError for symbols out of range.
    """
    if int(symbols.max()) >= 1 << bits:
        raise ValueError(
            f"symbol {symbols.max()}: {bits} bits "
            f"hold 0 to {(1 << bits) - 1}"
        )
    places = np.arange(bits, dtype=np.uint8)[::-1]
    ring = (symbols[..., None] >> places) & 1
    data = np.packbits(
        ring.reshape(
            *symbols.shape[:2], SYMBOLS * bits
        ),
        -1,
    )
    words = data.view(">u4").astype("<u4")
    return words.view("<i2")


# --8<-- [end:trellis]


# --8<-- [start:weights]
def inner_weights(
    trellis: Shorts, name: str = "3inst"
) -> NDArray[np.float16]:
    """Look states up: (in, out), still mixed.

    The 256 of a tile stand as tensor cores take
    them.
    """
    values = codebook(name)[unpack_states(trellis)]
    high, wide = trellis.shape[:2]
    parts = values.reshape(
        high, wide, 8, 4, 2, 2, 2
    )
    rows = parts.transpose(0, 5, 3, 6, 1, 4, 2)
    return rows.reshape(high * TILE, wide * TILE)


def hadamard(size: int = 128) -> Floats:
    """Build the orthonormal Hadamard matrix."""
    two = np.array([[1, 1], [1, -1]], np.float32)
    out = np.ones((1, 1), np.float32)
    while len(out) < size:
        out = np.kron(two, out)
    mixed: Floats = out / np.sqrt(np.float32(size))
    return mixed


def exl3_weights(
    tensors: dict[str, NDArray[Any]],
    name: str = "3inst",
) -> Floats:
    """Undo the mixing: float32 (in, out).

    W = diag(suh) H inner H diag(svh), H in blocks
    of 128 along both sides
    Raises ValueError for sides not divisible by
    128.
    """
    inner = inner_weights(tensors["trellis"], name)
    rows, columns = inner.shape
    mix = hadamard()
    side = len(mix)
    if rows % side or columns % side:
        raise ValueError(
            f"shape {inner.shape}: both sides have "
            f"to be multiples of {side}"
        )
    blocks = inner.astype(np.float32).reshape(
        rows // side, side, columns // side, side
    )
    found = np.einsum(
        "ij,ajbk,kl->aibl", mix, blocks, mix
    )
    out = found.reshape(rows, columns)
    left = tensors["suh"].astype(np.float32)
    right = tensors["svh"].astype(np.float32)
    whole: Floats = left[:, None] * out * right
    return whole


# --8<-- [end:weights]
