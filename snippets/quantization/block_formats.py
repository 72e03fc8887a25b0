"""How do 32 weights become one block?"""

# --8<-- [start:scales]
import numpy as np

from snippets.quantization.blocks import (
    BlockFormat,
    Bytes,
    Floats,
)

# What rounds to more than float16 holds.
OVERFLOW = 65_520


def half_bytes(scales: Floats) -> Bytes:
    """Round scales to float16: (2, blocks) bytes.

    Raises ValueError for what float16 cannot hold.
    """
    most = np.abs(scales).max()
    if not most < OVERFLOW:
        raise ValueError(
            f"scale or least value {most:.6g}: "
            "float16 ends at 65504"
        )
    halves = scales.astype("<f2")
    return halves.view(np.uint8).reshape(-1, 2).T


def half_floats(data: Bytes) -> Floats:
    """Read float16 from (2, blocks) bytes."""
    pairs = np.ascontiguousarray(data.T)
    halves = pairs.view("<f2").reshape(-1)
    return halves.astype(np.float32)


def scaled(
    x: Floats, scales: Floats, more: float = 0
) -> Floats:
    """x times 1 / scale, plus more.

    The division comes first, as in the engine.
    Where the scale is 0, so is the product. A scale
    below 2**-128 has no inverse in float32: what C
    then makes an integer of ends as code 0.
    """
    inverse = np.float32(1) / scales
    inverse[scales == 0] = 0
    q = x * inverse
    if more:
        q += np.float32(more)
    q[:, np.isinf(inverse)] = 0
    return q


# --8<-- [end:scales]


# --8<-- [start:ends]
def first(x: Floats, like: Floats) -> Floats:
    """Of each block, the first value as far off."""
    same = np.abs(x) == np.abs(like)
    places = same.argmax(axis=0)
    found: Floats = x[places, np.arange(len(like))]
    return found


def farthest(x: Floats) -> Floats:
    """The first of the values farthest from 0."""
    high, low = x.max(axis=0), x.min(axis=0)
    top: Floats = np.where(high > -low, high, low)
    tied = high == -low
    if tied.any():
        top[tied] = first(x[:, tied], top[tied])
    top[top == 0] = 0  # and not -0
    return top


def least(x: Floats) -> Floats:
    """The smallest value; of 0, -0 the first."""
    low: Floats = x.min(axis=0)
    zero = low == 0
    if zero.any():
        low[zero] = first(x[:, zero], low[zero])
    return low


# --8<-- [end:ends]


# --8<-- [start:pack]
FOUR, LOW = np.uint8(4), np.uint8(15)
# The bits of a byte, the lowest first.
PLACES = np.arange(8, dtype=np.uint8)[:, None]


def pack_nibbles(codes: Bytes) -> Bytes:
    """Put codes i and i + 16 into byte i."""
    low, high = codes[:16], codes[16:]
    packed: Bytes = (high << FOUR) | (low & LOW)
    return packed


def unpack_nibbles(data: Bytes) -> Bytes:
    """Take the low halves, then the high ones."""
    return np.concatenate(
        [data & LOW, data >> FOUR]
    )


def pack_fifths(codes: Bytes) -> Bytes:
    """Put bit 4 of code i into bit i of 4 bytes."""
    bits = (codes >> FOUR).reshape(4, 8, -1)
    packed: Bytes = np.bitwise_or.reduce(
        bits << PLACES, axis=1
    )
    return packed


def unpack_fifths(data: Bytes) -> Bytes:
    """Bit i of 4 bytes, where a code has it."""
    bits = (data[:, None] >> PLACES) & np.uint8(1)
    return (bits << FOUR).reshape(32, -1)


# --8<-- [end:pack]


# --8<-- [start:symmetric]
def encode_symmetric(x: Floats, bits: int) -> Bytes:
    """Codes of x / d + 2**(bits - 1), rounded.

    d = farthest / -2**(bits - 1): the farthest
    value gets code 0, exactly.
    Source: llama.cpp, ggml/src/ggml-quants.c,
    quantize_row_q4_0_ref, commit 0c1e57098bba.
    """
    middle = 1 << (bits - 1)
    d = farthest(x) / np.float32(-middle)
    q = scaled(x, d, middle + 0.5)
    codes = q.astype(np.int8).view(np.uint8)
    np.minimum(codes, 2 * middle - 1, out=codes)
    parts = [half_bytes(d)]
    if bits == 5:
        parts.append(pack_fifths(codes))
    return np.concatenate(
        [*parts, pack_nibbles(codes)]
    )


def decode_symmetric(
    data: Bytes, bits: int
) -> Floats:
    """d times (code - 2**(bits - 1))."""
    middle = np.int8(1 << (bits - 1))
    codes = unpack_nibbles(data[-16:])
    if bits == 5:
        codes |= unpack_fifths(data[2:6])
    signed = codes.view(np.int8) - middle
    d = half_floats(data[:2])
    return d * signed.astype(np.float32)


# --8<-- [end:symmetric]


# --8<-- [start:asymmetric]
def encode_asymmetric(
    x: Floats, bits: int
) -> Bytes:
    """Codes of (x - min) / d, rounded.

    d = (max - min) / (2**bits - 1)
    """
    most = (1 << bits) - 1
    low = least(x)
    span = x.max(axis=0) - low
    span[span == 0] = 0  # and not -0
    d = span / np.float32(most)
    q = scaled(x - low, d, 0.5)
    codes = q.astype(np.uint8)
    np.minimum(codes, most, out=codes)
    parts = [half_bytes(d), half_bytes(low)]
    if bits == 5:
        parts.append(pack_fifths(codes))
    return np.concatenate(
        [*parts, pack_nibbles(codes)]
    )


def decode_asymmetric(
    data: Bytes, bits: int
) -> Floats:
    """d times code, plus min."""
    codes = unpack_nibbles(data[-16:])
    if bits == 5:
        codes |= unpack_fifths(data[4:8])
    d = half_floats(data[:2])
    low = half_floats(data[2:4])
    return d * codes.astype(np.float32) + low


# --8<-- [end:asymmetric]


# --8<-- [start:eight]
# The largest float below a half: added to
# 0.49999997, a half would make 1 of it.
BELOW_HALF = np.float32(0.5 - 2**-25)


def encode_eight(x: Floats) -> Bytes:
    """Codes of x / d, halves away from 0.

    d = largest / 127
    """
    d = np.abs(x).max(axis=0) / np.float32(127)
    q = scaled(x, d)
    q += np.copysign(BELOW_HALF, q)
    codes = q.astype(np.int8).view(np.uint8)
    return np.concatenate([half_bytes(d), codes])


def decode_eight(data: Bytes) -> Floats:
    """d times code."""
    codes = data[2:].view(np.int8)
    d = half_floats(data[:2])
    return d * codes.astype(np.float32)


# --8<-- [end:eight]


# --8<-- [start:formats]
def symmetric(name: str, bits: int) -> BlockFormat:
    """One scale, codes around a middle."""
    return BlockFormat(
        name,
        32,
        2 + 4 * bits,
        lambda x: encode_symmetric(x, bits),
        lambda data: decode_symmetric(data, bits),
    )


def asymmetric(name: str, bits: int) -> BlockFormat:
    """A scale and the smallest value."""
    return BlockFormat(
        name,
        32,
        4 + 4 * bits,
        lambda x: encode_asymmetric(x, bits),
        lambda data: decode_asymmetric(data, bits),
    )


Q4_0 = symmetric("Q4_0", 4)
Q4_1 = asymmetric("Q4_1", 4)
Q5_0 = symmetric("Q5_0", 5)
Q5_1 = asymmetric("Q5_1", 5)
Q8_0 = BlockFormat(
    "Q8_0", 32, 34, encode_eight, decode_eight
)
FORMATS = {
    each.name: each
    for each in (Q4_0, Q4_1, Q5_0, Q5_1, Q8_0)
}
# --8<-- [end:formats]
