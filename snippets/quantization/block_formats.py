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
    if most >= OVERFLOW:
        raise ValueError(
            f"a scale of {most:.6g}: float16 ends at "
            "65504"
        )
    halves = scales.astype("<f2")
    return halves.view(np.uint8).reshape(-1, 2).T


def half_floats(data: Bytes) -> Floats:
    """Read float16 from (2, blocks) bytes."""
    pairs = np.ascontiguousarray(data.T)
    halves = pairs.view("<f2").reshape(-1)
    return halves.astype(np.float32)


def inverse(scales: Floats) -> Floats:
    """1 / scale, and 0 where the scale is 0."""
    out = np.zeros_like(scales)
    return np.divide(
        np.float32(1),
        scales,
        out=out,
        where=scales != 0,
    )


def farthest(x: Floats) -> Floats:
    """The value farthest from 0, first of equals."""
    high, low = x.max(axis=0), x.min(axis=0)
    top: Floats = np.where(high > -low, high, low)
    (tied,) = np.nonzero(high == -low)
    if len(tied):
        some = x[:, tied]
        first = np.abs(some).argmax(axis=0)
        top[tied] = some[
            first, np.arange(len(tied))
        ]
    return top


# --8<-- [end:scales]


# --8<-- [start:pack]
# The bits of a byte, the lowest first.
PLACES = np.arange(8, dtype=np.uint8)[:, None]


def pack_nibbles(codes: Bytes) -> Bytes:
    """Put codes i and i + 16 into byte i."""
    low, high = codes[:16], codes[16:]
    packed: Bytes = (high << 4) | (low & 15)
    return packed


def unpack_nibbles(data: Bytes) -> Bytes:
    """Take the low halves, then the high ones."""
    return np.concatenate([data & 15, data >> 4])


def pack_fifths(codes: Bytes) -> Bytes:
    """Put bit 4 of code i into bit i of 4 bytes."""
    bits = (codes >> 4).reshape(4, 8, -1)
    return np.bitwise_or.reduce(
        bits << PLACES, axis=1
    )


def unpack_fifths(data: Bytes) -> Bytes:
    """Bit i of 4 bytes, where a code has it."""
    bits = (data[:, None] >> PLACES) & 1
    return (bits << 4).reshape(32, -1)


# --8<-- [end:pack]


# --8<-- [start:symmetric]
def encode_symmetric(x: Floats, bits: int) -> Bytes:
    """Codes of x / d + 2**(bits - 1), rounded.

    d = farthest / -2**(bits - 1): the farthest value
    gets code 0, exactly.
    """
    middle = 1 << (bits - 1)
    d = farthest(x) / np.float32(-middle)
    scaled = x * inverse(d)
    scaled += np.float32(middle + 0.5)
    codes = scaled.astype(np.int8).view(np.uint8)
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
    low = x.min(axis=0)
    d = (x.max(axis=0) - low) / np.float32(most)
    scaled = (x - low) * inverse(d)
    scaled += np.float32(0.5)
    codes = scaled.astype(np.uint8)
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
def encode_eight(x: Floats) -> Bytes:
    """Codes of x / d, rounded away from 0 at halves.

    d = largest / 127
    """
    d = np.abs(x).max(axis=0) / np.float32(127)
    scaled = x * inverse(d)
    # NumPy rounds halves to even. Adding a half and
    # cutting, for all, would round 0.49999997 up.
    whole = np.rint(scaled)
    rest = np.abs(scaled - whole)
    if (rest == np.float32(0.5)).any():
        half = np.copysign(np.float32(0.5), scaled)
        whole = np.trunc(scaled + half)
    codes = whole.astype(np.int8).view(np.uint8)
    return np.concatenate([half_bytes(d), codes])


def decode_eight(data: Bytes) -> Floats:
    """d times code."""
    codes = data[2:].view(np.int8)
    return half_floats(data[:2]) * codes.astype(
        np.float32
    )


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
