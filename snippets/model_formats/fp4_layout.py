"""How does MXFP4 lie in a file?"""

# --8<-- [start:codes]
import numpy as np

from snippets.model_formats.fp8_layout import (
    Bytes,
    Floats,
)

# E2M1 by code, the sign in bit 3.
MAGNITUDES = (
    0.0,
    0.5,
    1.0,
    1.5,
    2.0,
    3.0,
    4.0,
    6.0,
)
E2M1 = np.array(
    [*MAGNITUDES, *(-each for each in MAGNITUDES)],
    np.float32,
)
MXFP4_GROUP = 32


def pack_neighbors(codes: Bytes) -> Bytes:
    """Put neighbors in a byte, the first low.

    Raises ValueError for codes above 15 and odd
    rows.
    """
    if int(codes.max()) > 15 or codes.shape[-1] % 2:
        raise ValueError(
            f"codes to {codes.max()} in rows of "
            f"{codes.shape[-1]}: 0 to 15 in even "
            "rows are needed"
        )
    high = codes[..., 1::2] << np.uint8(4)
    return high | codes[..., ::2]


def unpack_neighbors(data: Bytes) -> Bytes:
    """Take the two apart again."""
    pairs = np.stack(
        [data & 15, data >> 4], axis=-1
    )
    *outer, count = data.shape
    return pairs.reshape(*outer, 2 * count)


def grouped(codes: Bytes, size: int) -> Bytes:
    """Cut rows into groups: (..., groups, size).

    Raises ValueError for rows that do not divide.
    """
    if codes.shape[-1] % size:
        raise ValueError(
            f"rows of {codes.shape[-1]} weights, a "
            f"multiple of {size} is needed"
        )
    return codes.reshape(
        *codes.shape[:-1],
        codes.shape[-1] // size,
        size,
    )


# --8<-- [end:codes]


# --8<-- [start:mxfp4]
def e8m0_values(scales: Bytes) -> Floats:
    """2 ** (byte - 127), and NaN for 255."""
    power = scales.astype(np.float64) - 127
    value = np.where(
        scales == 255, np.nan, 2.0**power
    )
    return value.astype(np.float32)


def mxfp4_blocks(codes: Bytes) -> Bytes:
    """Lay codes out as gpt-oss has them.

    (..., in) to uint8 (..., in / 32, 16):
    `_blocks`; its `_scales` are uint8 (..., in /
    32)
    """
    return pack_neighbors(
        grouped(codes, MXFP4_GROUP)
    )


def mxfp4_weights(
    blocks: Bytes, scales: Bytes
) -> Floats:
    """Value times scale: float32 (..., in).

    Raises ValueError where the two disagree.
    """
    if blocks.shape != (*scales.shape, 16):
        raise ValueError(
            f"blocks {blocks.shape} and scales "
            f"{scales.shape}: the first needs 16 "
            "more"
        )
    values = E2M1[unpack_neighbors(blocks)]
    found = values * e8m0_values(scales)[..., None]
    *outer, groups = scales.shape
    return found.reshape(
        *outer, groups * MXFP4_GROUP
    )


def gguf_mxfp4(
    blocks: Bytes, scales: Bytes
) -> Bytes:
    """Make GGUF's blocks of 17 bytes of them.

    The scale comes first, then byte j has codes j
    and j + 16, where gpt-oss has neighbors.
    """
    codes = unpack_neighbors(blocks)
    high = codes[..., 16:] << np.uint8(4)
    halves = high | codes[..., :16]
    return np.concatenate(
        [scales[..., None], halves], axis=-1
    )


# --8<-- [end:mxfp4]
