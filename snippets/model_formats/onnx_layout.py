"""How does ONNX lay out weights of few bits?"""

# --8<-- [start:matmul]
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snippets.model_formats.int32_packing import (
    Codes,
    Floats,
    check_codes,
)

Bytes = NDArray[np.uint8]


def pack_bytes(codes: Codes, bits: int) -> Bytes:
    """Fill bytes, the lowest bits first.

    (rows, n) to (rows, ceil(n * bits / 8))
    Raises ValueError for bits other than 2, 4 and
    8, and codes that they cannot hold.
    """
    if bits not in (2, 4, 8):
        raise ValueError(
            f"bits is {bits}, not 2, 4 or 8"
        )
    check_codes(codes, bits)
    places = np.arange(bits, dtype=np.uint8)
    wide = (
        codes.astype(np.uint8)[..., None] >> places
    ) & 1
    rows, columns = codes.shape
    stream = wide.reshape(rows, columns * bits)
    return np.packbits(stream, 1, bitorder="little")


def unpack_bytes(data: Bytes, bits: int) -> Codes:
    """Take (rows, bytes * 8 / bits) codes out."""
    each = np.arange(0, 8, bits, dtype=np.uint8)
    wide = data[..., None] >> each
    codes = wide & np.uint8((1 << bits) - 1)
    rows, count = data.shape
    return codes.reshape(rows, count * 8 // bits)


def block_codes(
    codes: Codes, block_size: int, fill: int
) -> Codes:
    """Cut rows into blocks, fill up the last.

    (out, in) to (out * blocks, block_size)
    Raises ValueError for a block ONNX Runtime
    refuses.
    """
    if block_size < 16 or block_size & (
        block_size - 1
    ):
        raise ValueError(
            f"block_size is {block_size}, not a "
            "power of two from 16 up"
        )
    more = -codes.shape[1] % block_size
    wide = np.pad(
        codes,
        ((0, 0), (0, more)),
        constant_values=fill,
    )
    blocks = wide.size // block_size
    return wide.reshape(blocks, block_size)


def matmul_tensors(
    codes: Codes,
    zeros: Codes,
    scales: NDArray[np.floating[Any]],
    bits: int,
    block_size: int,
) -> dict[str, NDArray[Any]]:
    """Lay a matrix out as MatMulNBits takes it.

    codes: (out, in); zeros, scales: (out, blocks)
    B: uint8 (out, blocks, block_size * bits / 8)
    zero_points: uint8 (out, ceil(blocks * bits /
        8))
    Raises ValueError for shapes that disagree.
    """
    out, columns = codes.shape
    blocks = -(-columns // block_size)
    for name, found in (
        ("zeros", zeros),
        ("scales", scales),
    ):
        if found.shape != (out, blocks):
            raise ValueError(
                f"{name}: shape {found.shape}, "
                f"{(out, blocks)} is needed"
            )
    cut = block_codes(codes, block_size, 0)
    packed = pack_bytes(cut, bits)
    return {
        "B": packed.reshape(
            out, blocks, packed.shape[1]
        ),
        "scales": scales,
        "zero_points": pack_bytes(zeros, bits),
    }


def matmul_weights(
    tensors: dict[str, NDArray[Any]],
    bits: int,
    columns: int,
) -> Floats:
    """(code - zero) * scale: float32 (out, in).

    Without zero_points each zero is the middle
    code.
    """
    packed, scales = tensors["B"], tensors["scales"]
    out, blocks, size = packed.shape
    codes = unpack_bytes(
        packed.reshape(out * blocks, size), bits
    )
    middle = np.full((out, blocks), 1 << (bits - 1))
    if "zero_points" in tensors:
        data = tensors["zero_points"]
        middle = unpack_bytes(data, bits)[
            :, :blocks
        ]
    wide = codes.reshape(
        out, blocks, codes.shape[1]
    )
    steps = (
        wide.astype(np.float32) - middle[..., None]
    )
    found = steps * scales[..., None]
    whole: Floats = found.astype(np.float32)
    filled = blocks * codes.shape[1]
    return whole.reshape(out, filled)[:, :columns]


# --8<-- [end:matmul]


# --8<-- [start:standard]
def pack_int4(values: NDArray[np.int8]) -> Bytes:
    """Store INT4 of any shape as raw bytes.

    Two's complement, row after row, the first of
    two in the low half; an odd one out stands
    alone.
    Raises ValueError for what is not from -8 to 7.
    """
    least, most = (
        int(values.min()),
        int(values.max()),
    )
    if least < -8 or most > 7:
        raise ValueError(
            f"values from {least} to {most}: INT4 "
            "holds -8 to 7"
        )
    codes = (values & 15).astype(np.uint8)
    return pack_bytes(
        codes.flatten()[None], 4
    ).flatten()


def unpack_int4(
    data: Bytes, shape: tuple[int, ...]
) -> NDArray[np.int8]:
    """Read INT4; its shape stands beside it."""
    count = int(np.prod(shape))
    if len(data) != -(-count // 2):
        raise ValueError(
            f"{len(data)} bytes for {count} values "
            "of 4 bits"
        )
    codes = unpack_bytes(data[None], 4)[0, :count]
    signed = (codes ^ 8).astype(np.int8) - np.int8(
        8
    )
    return signed.reshape(shape)


def dequantize_linear(
    values: NDArray[Any],
    scales: NDArray[np.floating[Any]],
    zeros: NDArray[Any],
    axis: int,
) -> Floats:
    """(value - zero) * scale, along an axis.

    Raises ValueError where blocks do not divide it.
    """
    length, count = (
        values.shape[axis],
        scales.shape[axis],
    )
    if length % count:
        raise ValueError(
            f"axis {axis}: {count} scales do not "
            f"divide {length} values"
        )
    size = length // count
    wide = np.repeat(scales, size, axis=axis)
    middle = np.repeat(zeros, size, axis=axis)
    steps = values.astype(np.float32) - middle
    found: Floats = (steps * wide).astype(
        np.float32
    )
    return found


# --8<-- [end:standard]
