"""What is in a super-block of 256 weights?"""

# --8<-- [start:weave]
import numpy as np

from snippets.quantization.block_formats import (
    half_floats,
)
from snippets.quantization.blocks import (
    Bytes,
    Floats,
)

WEIGHTS = 256
REST = -1  # of a shape: what is left


def low(data: Bytes, bits: int) -> Bytes:
    """The lowest bits of each byte."""
    return data & np.uint8((1 << bits) - 1)


def down(data: Bytes, bits: int) -> Bytes:
    """Move bits down; the lowest fall off."""
    return data >> np.uint8(bits)


def up(data: Bytes, bits: int) -> Bytes:
    """Move bits up; the highest fall off."""
    return data << np.uint8(bits)


def shifts(bits: int) -> Bytes:
    """Where codes begin in a byte."""
    places = np.arange(0, 8, bits, dtype=np.uint8)
    return places[:, None, None]


def weave(
    codes: Bytes, bits: int, run: int
) -> Bytes:
    """Put 8 / bits codes into each byte.

    codes: (codes, blocks), each of so many bits
    run: bytes that are filled side by side; codes
        that share a byte stand run codes apart
    """
    parts = codes.reshape(
        REST, 8 // bits, run, codes.shape[1]
    )
    woven: Bytes = np.bitwise_or.reduce(
        parts << shifts(bits), axis=1
    )
    return woven.reshape(REST, codes.shape[1])


def unweave(
    data: Bytes, bits: int, run: int
) -> Bytes:
    """Take them apart: (codes, blocks)."""
    parts = data.reshape(
        REST, 1, run, data.shape[1]
    )
    codes = low(parts >> shifts(bits), bits)
    return codes.reshape(REST, data.shape[1])


# --8<-- [end:weave]


# --8<-- [start:scales]
def pack_sixes(scales: Bytes, mins: Bytes) -> Bytes:
    """Put 8 scales and 8 mins in 12 bytes.

    The first four of each take the low six bits of
    bytes 0 to 7. The last four are cut: low nibbles
    share bytes 8 to 11, high bits go on top.
    """
    both = np.stack([scales, mins])
    first, last = both[:, :4], both[:, 4:]
    top = first | up(down(last, 4), 6)
    left, right = low(last, 4)
    return np.concatenate(
        [*top, left | up(right, 4)]
    )


def unpack_sixes(
    data: Bytes,
) -> tuple[Bytes, Bytes]:
    """Scales and mins, (8, blocks) each."""
    top, cut = data[:8], data[8:]
    last = np.concatenate(
        [low(cut, 4), down(cut, 4)]
    )
    last |= up(down(top, 6), 4)
    both = low(top, 6)
    return (
        np.concatenate([both[:4], last[:4]]),
        np.concatenate([both[4:], last[4:]]),
    )


def pack_signed_sixes(scales: Bytes) -> Bytes:
    """Put 16 scales, 32 added, in 12 bytes."""
    return np.concatenate(
        [
            weave(low(scales, 4), 4, 8),
            weave(down(scales, 4), 2, 4),
        ]
    )


def unpack_signed_sixes(data: Bytes) -> Floats:
    """The 16 scales of a block of Q3_K."""
    scales = unweave(data[:8], 4, 8)
    scales |= up(unweave(data[8:], 2, 4), 4)
    return scales.astype(np.float32) - 32


# --8<-- [end:scales]


# --8<-- [start:decode]
def spread(
    codes: Bytes, scales: Floats, offset: int = 0
) -> Floats:
    """Multiply codes by their group's scale."""
    steps = codes.astype(np.float32) - offset
    shape = len(scales), REST, scales.shape[1]
    return scales[:, None] * steps.reshape(shape)


def shifted(
    codes: Bytes,
    scales: Bytes,
    mins: Bytes,
    halves: Bytes,
) -> Floats:
    """d scale code - dmin min, for each group.

    halves: float16 of d, then of dmin
    """
    d = half_floats(halves[:2]) * scales
    least = half_floats(halves[2:]) * mins
    out = spread(codes, d) - least[:, None]
    return out.reshape(WEIGHTS, REST)


def decode_two(data: Bytes) -> Floats:
    """Q2_K: scales and mins, codes, d, dmin."""
    scales = data[:16]
    codes = unweave(data[16:80], 2, 32)
    return shifted(
        codes,
        low(scales, 4),
        down(scales, 4),
        data[80:],
    )


def decode_three(data: Bytes) -> Floats:
    """Q3_K: high bits, low bits, scales, d."""
    codes = unweave(data[32:96], 2, 32)
    codes |= up(unweave(data[:32], 1, 32), 2)
    scales = unpack_signed_sixes(data[96:108])
    d = half_floats(data[108:])
    out = spread(codes, d * scales, 4)
    return out.reshape(WEIGHTS, REST)


def decode_four(data: Bytes) -> Floats:
    """Q4_K: d, dmin, scales and mins, codes."""
    scales, mins = unpack_sixes(data[4:16])
    codes = unweave(data[16:], 4, 32)
    return shifted(codes, scales, mins, data[:4])


def decode_five(data: Bytes) -> Floats:
    """Q5_K: as Q4_K, high bits before the low."""
    scales, mins = unpack_sixes(data[4:16])
    codes = unweave(data[48:], 4, 32)
    codes |= up(unweave(data[16:48], 1, 32), 4)
    return shifted(codes, scales, mins, data[:4])


def decode_six(data: Bytes) -> Floats:
    """Q6_K: low bits, high bits, scales, d."""
    codes = unweave(data[:128], 4, 64)
    codes |= up(unweave(data[128:192], 2, 32), 4)
    scales = data[192:208].view(np.int8)
    d = half_floats(data[208:])
    out = spread(codes, d * scales, 32)
    return out.reshape(WEIGHTS, REST)


# --8<-- [end:decode]
