"""How does NVFP4 lie in a file?"""

# --8<-- [start:nvfp4]
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snippets.model_formats.fp4_layout import (
    E2M1,
    grouped,
    unpack_neighbors,
)
from snippets.model_formats.fp8_layout import (
    Bytes,
    Floats,
    e4m3_values,
)

NVFP4_GROUP = 16


def nvfp4_weights(
    weight: Bytes,
    scales: Bytes,
    scale_2: NDArray[Any],
) -> Floats:
    """Value times scale times the tensor's scale.

    weight: uint8 (out, in / 2), neighbors in a byte
    scales: the bytes of E4M3, (out, in / 16)
    scale_2: float32, ModelOpt's weight_scale_2, or
    1 / weight_global_scale of compressed-tensors
    Raises ValueError where they disagree.
    """
    codes = grouped(
        unpack_neighbors(weight), NVFP4_GROUP
    )
    if codes.shape[:-1] != scales.shape:
        raise ValueError(
            f"scales: shape {scales.shape}, "
            f"{codes.shape[:-1]} is needed; "
            "swizzled ones have to be put in order "
            "first"
        )
    each = e4m3_values()[scales] * np.float32(
        scale_2
    )
    found = E2M1[codes] * each[..., None]
    return found.reshape(
        len(weight), 2 * weight.shape[1]
    )


# --8<-- [end:nvfp4]


# --8<-- [start:swizzle]
# A tile, and how many rows stand 16 bytes apart.
ROWS, WIDE, LANES = 128, 4, 32


def swizzle(scales: Bytes) -> Bytes:
    """Order scales as tensor cores read them.

    Tiles of 128 rows by 4 scales, filled up with 0;
    in a tile row r, scale c is at 16 (r % 32) +
    4 (r // 32) + c. (rows, scales) to one dimension
    """
    rows, columns = scales.shape
    tall, wide = (
        -(-rows // ROWS),
        -(-columns // WIDE),
    )
    whole = np.zeros(
        (tall * ROWS, wide * WIDE), scales.dtype
    )
    whole[:rows, :columns] = scales
    parts = whole.reshape(
        tall, ROWS // LANES, LANES, wide, WIDE
    )
    return parts.transpose(0, 3, 2, 1, 4).flatten()


def unswizzle(
    data: Bytes, shape: tuple[int, int]
) -> Bytes:
    """Put swizzled scales back in order.

    Raises ValueError where the length is not that
    of whole tiles.
    """
    rows, columns = shape
    tall, wide = (
        -(-rows // ROWS),
        -(-columns // WIDE),
    )
    needed = tall * wide * ROWS * WIDE
    if data.size != needed:
        raise ValueError(
            f"{data.size} scales, {needed} are "
            "needed"
        )
    parts = data.reshape(
        tall, wide, LANES, ROWS // LANES, WIDE
    )
    whole = parts.transpose(0, 3, 2, 1, 4).reshape(
        tall * ROWS, wide * WIDE
    )
    return whole[:rows, :columns]


# --8<-- [end:swizzle]
