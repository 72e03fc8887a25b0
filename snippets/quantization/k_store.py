"""How does a super-block store its scales?"""

# --8<-- [start:groups]
import numpy as np
from numpy.typing import NDArray

from snippets.quantization.block_formats import (
    half_bytes,
    half_floats,
)
from snippets.quantization.blocks import (
    Bytes,
    Floats,
    Kind,
)
from snippets.quantization.k_layouts import (
    REST,
    WEIGHTS,
    down,
    low,
    pack_signed_sixes,
    pack_sixes,
    unpack_sixes,
    up,
    weave,
)
from snippets.quantization.k_search import (
    SMALLEST,
    Whole,
    nearest,
)


def grouped(x: Floats, size: int) -> Floats:
    """Make (256, blocks) (size, all groups)."""
    groups = x.reshape(REST, size, x.shape[1])
    lines = groups.transpose(1, 0, 2)
    return lines.reshape(size, REST)


def ungrouped(
    codes: NDArray[Kind], blocks: int
) -> NDArray[Kind]:
    """The way back: (256, blocks)."""
    groups = codes.reshape(len(codes), REST, blocks)
    lines = groups.transpose(1, 0, 2)
    return lines.reshape(WEIGHTS, blocks)


def stored(scales: Floats) -> tuple[Bytes, Floats]:
    """Round to float16: bytes, and as read back.

    Raises ValueError for weights so large that
    float16 cannot hold their scale.
    """
    data = half_bytes(scales)
    return data, half_floats(data)


# --8<-- [end:groups]


# --8<-- [start:again]
def round_again(
    x: Floats,
    codes: Whole,
    scales: Floats,
    mins: Floats | None,
    allowed: tuple[int, int],
) -> Bytes:
    """Round weights to scales and mins as stored.

    x, codes: (256, blocks); the codes of the search
        stay where a scale became 0
    scales, mins: (groups, blocks)
    Returns codes above the least allowed.
    """
    shape = len(scales), REST, x.shape[1]
    groups = x.reshape(shape)
    if mins is not None:
        groups = groups + mins[:, None]
    new = nearest(groups / scales[:, None])
    new.clip(*allowed, new)
    new -= allowed[0]
    old = codes.reshape(shape)
    keep = scales[:, None] == 0
    np.copyto(new, old, where=keep)
    return new.reshape(x.shape).astype(np.uint8)


# --8<-- [end:again]


# --8<-- [start:share]
def share(
    values: Floats, blocks: int, most: int
) -> tuple[Bytes, Floats]:
    """Store one scale for all, and codes 0 to most.

    values: of all groups, scales or mins
    Returns the codes, (groups, blocks), and the
    scale before it becomes float16.
    """
    values = values.reshape(REST, blocks)
    top = np.maximum(values.max(axis=0), 0)
    factor = np.where(
        top > 0, np.float32(most) / top, 0
    )
    codes = nearest(factor.astype("f4") * values)
    return (
        np.minimum(codes.astype(np.uint8), most),
        top / np.float32(most),
    )


def share_signed(
    scales: Floats, middle: int
) -> tuple[Whole, Floats]:
    """Give the farthest scale the code -middle.

    scales: (groups, blocks)
    Returns the codes, and the scale before float16;
    0 where all are 0.
    """
    first = np.abs(scales).argmax(axis=0)
    top = np.take_along_axis(
        scales, first[None], axis=0
    )[0]
    factor = np.float32(-middle) / top
    d = np.where(
        top != 0, 1 / factor, np.float32(0)
    )
    codes = nearest(factor * scales)
    codes[:, top == 0] = -middle
    return codes, d


# --8<-- [end:share]


# --8<-- [start:store]
def store_two(
    x: Floats,
    codes: Whole,
    levels: tuple[Bytes, Bytes],
    shared: tuple[Floats, Floats],
) -> Bytes:
    """Round again; lay out Q2_K."""
    packed = levels[0] | up(levels[1], 4)
    first, d = stored(shared[0])
    second, least = stored(shared[1])
    again = round_again(
        x,
        codes,
        d * low(packed, 4),
        least * down(packed, 4),
        (0, 3),
    )
    return np.concatenate(
        [
            packed,
            weave(again, 2, 32),
            first,
            second,
        ]
    )


def store_sixes(
    x: Floats,
    codes: Whole,
    levels: tuple[Bytes, Bytes],
    shared: tuple[Floats, Floats],
    most: int,
) -> Bytes:
    """Round again; lay out Q4_K or Q5_K."""
    packed = pack_sixes(*levels)
    scales, mins = unpack_sixes(packed)
    first, d = stored(shared[0])
    second, least = stored(shared[1])
    again = round_again(
        x,
        codes,
        d * scales,
        least * mins,
        (0, most),
    )
    parts = [
        first,
        second,
        packed,
    ]
    if most.bit_length() > 4:
        parts.append(weave(down(again, 4), 1, 32))
    parts.append(weave(low(again, 4), 4, 32))
    return np.concatenate(parts)


def store_three(
    x: Floats,
    codes: Whole,
    levels: Whole,
    d: Floats,
) -> Bytes:
    """Round again; lay out Q3_K.

    levels: -32 to 31, (groups, blocks)
    """
    first, d = stored(d)
    again = round_again(
        x,
        codes,
        d * levels.astype("f4"),
        None,
        (-4, 3),
    )
    return np.concatenate(
        [
            weave(down(again, 2), 1, 32),
            weave(low(again, 2), 2, 32),
            pack_signed_sixes(
                (levels + 32).astype(np.uint8)
            ),
            first,
        ]
    )


def store_six(
    x: Floats, codes: Whole, scales: Floats
) -> Bytes:
    """Share, round again; lay out Q6_K."""
    levels, d = share_signed(scales, 128)
    levels = np.minimum(levels, 127).astype(np.int8)
    first, d = stored(d)
    again = round_again(
        x, codes, d * levels, None, (-32, 31)
    )
    out = np.concatenate(
        [
            weave(low(again, 4), 4, 64),
            weave(down(again, 4), 2, 32),
            levels.view(np.uint8),
            first,
        ]
    )
    tiny = np.abs(scales).max(axis=0) < SMALLEST
    out[:, tiny] = 0
    return out


# --8<-- [end:store]
