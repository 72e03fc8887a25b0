"""How does NVFP4 scale sixteen weights at once?"""

# --8<-- [start:scales]
from typing import NamedTuple

import numpy as np

from snippets.quantization.blocks import (
    BlockFormat,
    Bytes,
    Floats,
    require_finite,
)
from snippets.quantization.float8 import (
    E4M3,
    decode,
    encode,
    table,
)
from snippets.quantization.four_bit_floats import (
    E2M1,
    HALF,
    doubled,
    nearest,
    pack_halves,
    unpack_halves,
)


def encode_scale(x: Floats) -> Bytes:
    """Unsigned E4M3 as llama.cpp rounds it.

    Halves away from 0; nothing from 256 up to 448,
    all of which becomes 448.
    """
    bits = x.view(np.uint32)
    half = np.uint32(1 << 19)
    code = (bits + half) >> np.uint32(20)
    code -= np.uint32(120 << 3)
    # Below 2**-6 all values are 2**-9 apart.
    tiny = np.minimum(x * np.float32(512) + HALF, 7)
    small = tiny.astype(np.uint32)
    code = np.where(x < 2.0**-6, small, code)
    code[code >= 0x78] = 0x7E
    return code.astype(np.uint8)


def scale_values() -> Floats:
    """What the engine reads in a scale's byte."""
    values = np.abs(table(E4M3))
    values[0x7F], values[0xFF] = 0, 480
    return values


# --8<-- [end:scales]


# --8<-- [start:nvfp4]
def encode_nvfp4(x: Floats) -> Bytes:
    """Four scales, then four times 16 codes.

    scale = largest / 6, in E4M3
    Source: llama.cpp, ggml/src/ggml-quants.c,
    quantize_row_nvfp4_ref, commit 0c1e57098bba.
    """
    parts = x.reshape(4, 16, -1)
    most = np.abs(parts).max(axis=1)
    scales = encode_scale(most / np.float32(6))
    half = scale_values()[scales] * HALF
    codes = nearest(parts, half[:, None])
    return np.concatenate(
        [scales, pack_halves(codes)]
    )


def decode_nvfp4(data: Bytes) -> Floats:
    """Scale times the codes' values."""
    codes = unpack_halves(data[4:], 4)
    half = scale_values()[data[:4]] * HALF
    rows = doubled()[codes] * half[:, None]
    return rows.reshape(64, -1)


NVFP4 = BlockFormat(
    "NVFP4", 64, 36, encode_nvfp4, decode_nvfp4
)
# --8<-- [end:nvfp4]


# --8<-- [start:scaled]
class TwoScales(NamedTuple):
    """NVFP4 as GPUs have it.

    codes: E2M1, (rows, columns)
    scales: E4M3, (rows, columns / 16)
    tensor_scale: what all scales are times
    """

    codes: Bytes
    scales: Bytes
    tensor_scale: np.float32


def steps_of(two: TwoScales) -> Floats:
    """Both scales' product, for every weight."""
    both = (
        decode(two.scales, E4M3) * two.tensor_scale
    )
    return np.repeat(both, 16, axis=1)


def encode_two(rows: Floats) -> TwoScales:
    """Scale the tensor, then blocks of 16.

    tensor scale = largest / (448 * 6), so that the
    largest block scale is the largest of E4M3
    Raises ValueError for rows that 16 does not
    divide, and for values that are not finite.
    Source: NVIDIA, Introducing NVFP4.
    """
    rows = np.asarray(rows, np.float32)
    if rows.ndim != 2 or rows.shape[1] % 16:
        raise ValueError(
            f"rows: shape {rows.shape}, rows of a "
            "multiple of 16 are needed"
        )
    require_finite("rows", rows)
    blocks = rows.reshape(len(rows), -1, 16)
    most = np.abs(blocks).max(axis=2)
    whole = most.max(initial=0) / np.float32(
        448 * 6
    )
    if whole == 0:
        whole = np.float32(1)
    scales = encode(most / 6 / whole, E4M3)
    two = TwoScales(
        np.zeros(rows.shape, np.uint8),
        scales,
        whole,
    )
    steps = steps_of(two)
    scaled = np.divide(
        rows,
        steps,
        out=np.zeros_like(rows),
        where=steps > 0,
    )
    return two._replace(codes=encode(scaled, E2M1))


def decode_two(two: TwoScales) -> Floats:
    """Codes' values times both scales."""
    return decode(two.codes, E2M1) * steps_of(two)


# --8<-- [end:scaled]
