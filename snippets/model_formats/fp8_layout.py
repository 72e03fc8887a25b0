"""How do FP8 checkpoints store weights?"""

# --8<-- [start:codes]
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
BLOCK = 128


def e4m3_values() -> Floats:
    """Compute the value of each of the 256 bytes.

    Sign, 4 bits of exponent around 7, 3 bits of
    mantissa; no infinity, and NaN at 0x7F and 0xFF.
    """
    code = np.arange(256)
    exponent, mantissa = code >> 3 & 15, code & 7
    normal = (8 + mantissa) * 2.0 ** (exponent - 10)
    value = np.where(
        exponent > 0, normal, mantissa * 2.0**-9
    )
    value[code & 127 == 127] = np.nan
    signed = np.where(code & 128, -value, value)
    return signed.astype(np.float32)


# --8<-- [end:codes]


# --8<-- [start:scales]
def spread(
    scales: NDArray[Any],
    shape: tuple[int, int],
) -> Floats:
    """Give each weight its scale, by shape.

    () or (1,): one for the tensor
    (out, 1) or (out,): one for each row
    (ceil(out / 128), ceil(in / 128)): a block
    Raises ValueError for other shapes.
    """
    rows, columns = shape
    tall, wide = (
        -(-rows // BLOCK),
        -(-columns // BLOCK),
    )
    kept = scales.astype(np.float32)
    if scales.size == 1:
        return np.broadcast_to(
            kept.reshape(1, 1), shape
        )
    if scales.shape in {(rows,), (rows, 1)}:
        return np.broadcast_to(
            kept.reshape(rows, 1), shape
        )
    if scales.shape == (tall, wide):
        down = np.repeat(kept, BLOCK, axis=0)[:rows]
        across = np.repeat(down, BLOCK, axis=1)
        return across[:, :columns]
    raise ValueError(
        f"scales: shape {scales.shape}, of () or "
        f"({rows}, 1) or ({tall}, {wide})"
    )


def fp8_weights(
    weight: Bytes, scales: NDArray[Any]
) -> Floats:
    """Value times scale: float32 (out, in).

    weight: the bytes of E4M3, (out, in)
    scales: weight_scale, or weight_scale_inv, which
    is multiplied just the same
    """
    rows, columns = weight.shape
    values = e4m3_values()[weight]
    return values * spread(scales, (rows, columns))


# --8<-- [end:scales]
