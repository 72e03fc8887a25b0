"""How do weights become floats of four bits?"""

# --8<-- [start:values]
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from snippets.quantization.blocks import (
    BlockFormat,
    Bytes,
    Floats,
)
from snippets.quantization.float8 import (
    E4M3,
    SmallFloat,
    decode,
    encode,
    table,
)

# 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives.
E2M1 = SmallFloat("E2M1", 2, 1, 1, 7, None, None)


def pack_halves(codes: Bytes) -> Bytes:
    """Put the second half above the first.

    codes: (parts, weights of a part, blocks)
    """
    half = codes.shape[1] // 2
    low, high = codes[:, :half], codes[:, half:]
    packed = low | (high << np.uint8(4))
    return packed.reshape(-1, codes.shape[2])


def unpack_halves(data: Bytes, parts: int) -> Bytes:
    """The way back: (parts, weights, blocks)."""
    split = data.reshape(parts, -1, data.shape[1])
    return np.concatenate(
        [
            split & np.uint8(15),
            split >> np.uint8(4),
        ],
        axis=1,
    )


# --8<-- [end:values]


# --8<-- [start:nearest]
def nearest(x: Floats, scale: Floats) -> Bytes:
    """Codes of E2M1 as llama.cpp chooses them.

    The nearest of scale * value, of two as near the
    one nearer to 0; and what becomes 0 loses its
    sign, so that code 8, -0, is never written.
    scale: of each block, broadcast over x
    """
    size = np.abs(x)
    code = np.zeros(x.shape, np.uint8)
    values = table(E2M1)[: E2M1.largest + 1]
    for low, high in pairwise(values):
        # A product too large is never the nearest.
        edge = scale * low / 2 + scale * high / 2
        code += size > edge
    negative = (x < 0) & (code > 0)
    return code | (negative * np.uint8(E2M1.sign))


# --8<-- [end:nearest]


# --8<-- [start:mxfp4]
def powers(codes: Bytes) -> Floats:
    """E8M0, 2**(code - 127); OCP has 255 as NaN."""
    exponents = codes.astype(np.int32) - 127
    return np.ldexp(np.float32(1), exponents)


def encode_gguf(x: Floats) -> Bytes:
    """A byte of exponent, then 32 codes.

    exponent = floor(log2(largest)) - 2, in float32,
    plus 127, cut to a byte: below 2**-125 it wraps,
    and the block becomes 0.
    Source: llama.cpp, ggml/src/ggml-quants.c,
    quantize_row_mxfp4_ref, commit 0c1e57098bba.
    """
    most = np.abs(x).max(axis=0)
    logarithm = np.log2(
        most,
        out=np.zeros_like(most),
        where=most > 0,
    )
    exponent = np.floor(logarithm) + (127 - 2)
    exponent[most == 0] = 0
    e = exponent.astype(np.int32).astype(np.uint8)
    codes = nearest(x, powers(e))
    return np.concatenate(
        [e[None], pack_halves(codes[None])]
    )


def encode_ocp(x: Floats) -> Bytes:
    """The same layout by the rules of OCP MX 1.0.

    exponent = floor(log2(largest)) - 2, exact and
    held within -127 to 127; codes to the nearest,
    halves to even, too large ones saturate.
    Source: OCP Microscaling Formats (MX) 1.0, 6.3.
    """
    most = np.abs(x).max(axis=0)
    # frexp's fraction is in [0.5, 1).
    exponent = np.frexp(most)[1] - 1 - 2
    exponent[most == 0] = -127
    exponent = np.clip(exponent, -127, 127)
    codes = encode(np.ldexp(x, -exponent), E2M1)
    e = (exponent + 127).astype(np.uint8)
    return np.concatenate(
        [e[None], pack_halves(codes[None])]
    )


def decode_mxfp4(data: Bytes) -> Floats:
    """2**exponent times the codes' values."""
    codes = unpack_halves(data[1:], 1)[0]
    return decode(codes, E2M1) * powers(data[0])


MXFP4 = BlockFormat(
    "MXFP4", 32, 17, encode_gguf, decode_mxfp4
)
MXFP4_OCP = BlockFormat(
    "MXFP4 (OCP)", 32, 17, encode_ocp, decode_mxfp4
)
# --8<-- [end:mxfp4]


# --8<-- [start:nvfp4]
def encode_scale(x: Floats) -> Bytes:
    """Unsigned E4M3 as llama.cpp rounds it.

    Halves away from 0; nothing from 256 up to 448,
    all of which becomes 448.
    """
    x = np.minimum(x, np.float32(448))
    bits = x.view(np.uint32)
    half = np.uint32(1 << 19)
    code = ((bits + half) >> np.uint32(20)).astype(
        np.int32
    ) - (120 << 3)
    tiny = x * np.float32(512) + np.float32(0.5)
    small = np.minimum(tiny.astype(np.int32), 7)
    code = np.where(x < 2.0**-6, small, code)
    code[code >= 0x78] = 0x7E
    return code.astype(np.uint8)


def scale_values() -> Floats:
    """What the engine reads in a scale's byte."""
    values = np.abs(table(E4M3))
    values[0x7F], values[0xFF] = 0, 480
    return values


def encode_nvfp4(x: Floats) -> Bytes:
    """Four scales, then four times 16 codes.

    scale = largest / 6, in E4M3
    Source: llama.cpp, ggml/src/ggml-quants.c,
    quantize_row_nvfp4_ref, commit 0c1e57098bba.
    """
    parts = x.reshape(4, 16, -1)
    most = np.abs(parts).max(axis=1)
    scales = encode_scale(most / np.float32(6))
    steps = scale_values()[scales]
    codes = nearest(parts, steps[:, None])
    return np.concatenate(
        [scales, pack_halves(codes)]
    )


def decode_nvfp4(data: Bytes) -> Floats:
    """Scale times the codes' values."""
    codes = unpack_halves(data[4:], 4)
    steps = scale_values()[data[:4]]
    rows = decode(codes, E2M1) * steps[:, None]
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
    if not np.isfinite(rows).all():
        raise ValueError(
            "rows: a value is not finite: finite "
            "values are needed"
        )
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
