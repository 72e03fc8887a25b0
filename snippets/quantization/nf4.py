"""How do sixteen codes follow a bell curve?"""

# --8<-- [start:codebook]
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Codes = NDArray[np.uint8]

TWO = np.float32(2)
# The share of a normal distribution below the
# outermost value, as bitsandbytes has it: about
# halfway between 1 - 1/30 and 1 - 1/32.
OFFSET = 0.9677083


def even_steps(
    first: float, last: float, count: int
) -> Floats:
    """Count up from both ends, as PyTorch does.

    The step is a float32, each sum is rounded once:
    so every last bit is that of bitsandbytes.
    """
    start, stop = (
        np.float32(first),
        np.float32(last),
    )
    step = float(
        (stop - start) / np.float32(count - 1)
    )
    at = np.arange(count)
    up = float(start) + step * at
    down = float(stop) - step * at[::-1]
    both = np.where(at < count // 2, up, down)
    return both.astype(np.float32)


def normal_values() -> Floats:
    """Sixteen quantiles of a bell curve.

    Eight above the middle, seven below it, and 0;
    the outermost is 1.
    Source: Dettmers et al., QLoRA, arXiv
    2305.14314; bitsandbytes, create_normal_map.
    """
    quantile = NormalDist().inv_cdf

    def ladder(count: int) -> list[float]:
        shares = even_steps(OFFSET, 0.5, count + 1)
        return [quantile(p) for p in shares[:-1]]

    above, below = ladder(8), ladder(7)
    values = np.array(
        [*above, 0, *(-one for one in below)],
        np.float32,
    )
    values.sort()
    scaled: Floats = values / values.max()
    return scaled


# --8<-- [end:codebook]


# --8<-- [start:nearest]
def nearest(x: Floats, values: Floats) -> Codes:
    """Code of the nearest of sorted values.

    Of two as near, the lower one.
    """
    middles = (
        values[:-1] + values[1:]
    ) / np.float32(2)
    found = np.searchsorted(middles, x)
    return found.astype(np.uint8)


# --8<-- [end:nearest]


# --8<-- [start:blocks]
class Blocks(NamedTuple):
    """Codes, and the largest of each block.

    codes: flat, as long as there are weights
    largest: float32, one a block; the last block
        may be short
    """

    codes: Codes
    largest: Floats
    block: int


def encode_blocks(
    x: Floats, values: Floats, block: int
) -> Blocks:
    """Divide blocks by their largest, and look up.

    x: float32, any shape, taken row after row
    Raises ValueError for a block below 1, and for
    values that are not finite.
    """
    flat = np.asarray(x, np.float32).ravel()
    if block < 1:
        raise ValueError(
            f"block: {block}, at least 1 is needed"
        )
    wrong = np.flatnonzero(~np.isfinite(flat))
    if len(wrong):
        raise ValueError(
            f"x: value {wrong[0]} is "
            f"{flat[wrong[0]]}, not finite"
        )
    starts = np.arange(0, flat.size, block)
    largest = np.abs(flat)
    if flat.size:
        largest = np.maximum.reduceat(
            largest, starts
        )
    # bitsandbytes multiplies by 1 / largest.
    inverse = np.float32(1) / np.maximum(
        largest, np.float32(1e-38)
    )
    wide: Floats = np.repeat(inverse, block)
    wide = wide[: flat.size]
    codes = nearest(flat * wide, values)
    return Blocks(codes, largest, block)


def decode_blocks(
    blocks: Blocks, values: Floats
) -> Floats:
    """Values of codes times their block's scale."""
    wide = np.repeat(blocks.largest, blocks.block)
    size = blocks.codes.size
    return values[blocks.codes] * wide[:size]


# --8<-- [end:blocks]


# --8<-- [start:doubled]
def dynamic_values() -> Floats:
    """256 values, denser toward 0: eight bits.

    Up to each power of ten, 1e-6 to 1, twice as
    many as up to the one before, evenly from a
    tenth of it; their negatives; 0 and 1.
    Source: Dettmers, arXiv 1511.04561;
    bitsandbytes, create_dynamic_map.
    """
    parts: list[Floats] = [
        np.array([0, 1], np.float32)
    ]
    for i in range(7):
        edges = even_steps(0.1, 1, 2**i + 1)
        middles = (edges[:-1] + edges[1:]) / TWO
        some = np.float32(10.0 ** (i - 6)) * middles
        parts += [some, -some]
    return np.sort(np.concatenate(parts))


class Doubled(NamedTuple):
    """NF4 whose scales are quantized too.

    codes: of the weights
    scales: of each block's largest, less the mean
    mean: of all blocks' largest
    """

    codes: Codes
    block: int
    scales: Blocks
    mean: np.float32

    @property
    def bits_per_weight(self) -> float:
        """4 bits, 8 a block, 32 for 256 blocks."""
        bits = (
            4 * self.codes.size
            + 8 * self.scales.codes.size
            + 32 * self.scales.largest.size
            + 32
        )
        return bits / self.codes.size


def encode_doubled(
    x: Floats, block: int = 64, group: int = 256
) -> Doubled:
    """NF4 in blocks; scales of 8 bits in groups.

    Raises ValueError as encode_blocks.
    """
    once = encode_blocks(x, normal_values(), block)
    mean = once.largest.mean(dtype=np.float32)
    scales = encode_blocks(
        once.largest - mean, dynamic_values(), group
    )
    return Doubled(once.codes, block, scales, mean)


def decode_doubled(doubled: Doubled) -> Floats:
    """Scales first, then the weights by them."""
    largest = (
        decode_blocks(
            doubled.scales, dynamic_values()
        )
        + doubled.mean
    )
    blocks = Blocks(
        doubled.codes, largest, doubled.block
    )
    return decode_blocks(blocks, normal_values())


# --8<-- [end:doubled]
