"""How do weights become floats of four bits?"""

# --8<-- [start:values]
from itertools import pairwise

import numpy as np

from snippets.quantization.blocks import (
    BlockFormat,
    Bytes,
    Floats,
)
from snippets.quantization.float8 import (
    SmallFloat,
    encode,
    table,
)

HALF = np.float32(0.5)
# 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives.
E2M1 = SmallFloat("E2M1", 2, 1, 1, 7, None, None)


def pack_halves(codes: Bytes) -> Bytes:
    """Put the second half above the first.

    codes: (parts, weights of a part, blocks)
    """
    half = codes.shape[1] // 2
    low, high = codes[:, :half], codes[:, half:]
    packed = low | (high << np.uint8(4))
    rows = codes.shape[0] * half
    return packed.reshape(rows, codes.shape[2])


def unpack_halves(data: Bytes, parts: int) -> Bytes:
    """The way back: (parts, weights, blocks)."""
    rows, blocks = data.shape
    shape = parts, rows // parts, blocks
    split = data.reshape(shape)
    return np.concatenate(
        [
            split & np.uint8(15),
            split >> np.uint8(4),
        ],
        axis=1,
    )


# --8<-- [end:values]


# --8<-- [start:nearest]
def doubled() -> Floats:
    """Twice each code's value, whole, -0 as 0.

    The engine holds half a scale for each.
    """
    return np.float32(2) * table(E2M1) + np.float32(
        0
    )


def nearest(x: Floats, half: Floats) -> Bytes:
    """Codes of E2M1 as llama.cpp chooses them.

    The nearest value, of two as near the one by 0;
    what becomes 0 loses its sign, so that
    code 8, which is -0, is never written.
    half: of each block's scale, broadcast over x
    """
    size = np.abs(x)
    code = np.zeros(x.shape, np.uint8)
    for low, high in pairwise(doubled()[:8]):
        # A product too large is never the nearest.
        edge = HALF * (half * low) + HALF * (
            half * high
        )
        code += size > edge
    code[(x < 0) & (code > 0)] += np.uint8(8)
    # The engine compares differences, in float32.
    # Where half is lost in them, the first wins.
    lost = size - half == size
    if lost.any():
        steps = np.broadcast_to(half, x.shape)[lost]
        ends = steps[:, None] * doubled()
        errors = np.abs(ends - x[lost][:, None])
        code[lost] = errors.argmin(axis=1)
    return code


# --8<-- [end:nearest]


# --8<-- [start:mxfp4]
def halves(codes: Bytes) -> Floats:
    """Half of E8M0: 2**(code - 127) / 2."""
    exponents = codes.astype(np.int32) - 128
    one = np.ones(codes.shape, np.float32)
    half: Floats = np.ldexp(one, exponents)
    return half


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
    codes = nearest(x, halves(e))
    return np.concatenate(
        [e[None], pack_halves(codes[None])]
    )


def encode_ocp(x: Floats) -> Bytes:
    """The same layout by the rules of OCP MX 1.0.

    exponent = floor(log2(largest)) - 2, exact and
    at least -127; codes to the nearest,
    halves to even, too large ones saturate.
    Source: OCP Microscaling Formats (MX) 1.0, 6.3.
    """
    most = np.abs(x).max(axis=0)
    # frexp's fraction is in [0.5, 1).
    exponent = np.frexp(most)[1] - 1 - 2
    exponent[most == 0] = -127
    exponent = np.maximum(exponent, -127)
    codes = encode(np.ldexp(x, -exponent), E2M1)
    e = (exponent + 127).astype(np.uint8)
    return np.concatenate(
        [e[None], pack_halves(codes[None])]
    )


def decode_mxfp4(data: Bytes) -> Floats:
    """2**exponent times the codes' values."""
    codes = unpack_halves(data[1:], 1)[0]
    rows: Floats = doubled()[codes] * halves(
        data[0]
    )
    return rows


def decode_ocp(data: Bytes) -> Floats:
    """The same, with -0; exponent 255 is NaN."""
    codes = unpack_halves(data[1:], 1)[0]
    scales = np.float32(2) * halves(data[0])
    scales[data[0] == 255] = np.nan
    rows: Floats = table(E2M1)[codes] * scales
    return rows


MXFP4 = BlockFormat(
    "MXFP4", 32, 17, encode_gguf, decode_mxfp4
)
MXFP4_OCP = BlockFormat(
    "MXFP4 (OCP)", 32, 17, encode_ocp, decode_ocp
)
# --8<-- [end:mxfp4]
