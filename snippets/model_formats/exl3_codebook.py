"""Which value does a state of EXL3 stand for?"""

# --8<-- [start:codebook]
import numpy as np
from numpy.typing import NDArray

Halves = NDArray[np.float16]
STATE_BITS = 16
# Multiplier and what is added, by codebook.
MULTIPLIERS = {
    "3inst": (89_226_354, 64_248_484),
    "mcg": (0xCBAC1FED, 0),
    "mul1": (0x83DCD12D, 0),
}
KEPT_BITS, FLIPPED_BITS = 0x8FFF8FFF, 0x3B603B60
# float16 of 1024, to which the sum of bytes is
# added, and then scaled and moved around 0.
MUL1_START, MUL1_SCALE, MUL1_MOVE = (
    0x6400,
    0x1EEE,
    0xC931,
)


def half(bits: int) -> float:
    """Take 16 bits for a float16."""
    return float(np.uint16(bits).view(np.float16))


def codebook(name: str) -> Halves:
    """Compute the value of each of 65,536 states.

    3inst, mcg: x * a + b, masked, is two float16
        numbers; their sum is the value
    mul1: the sum of the four bytes of x * a, scaled
    Raises ValueError for a name that is not there.
    """
    if name not in MULTIPLIERS:
        raise ValueError(
            f"codebook {name!r} is not of "
            f"{', '.join(MULTIPLIERS)}"
        )
    times, plus = MULTIPLIERS[name]
    states = np.arange(
        1 << STATE_BITS, dtype=np.uint32
    )
    mixed = states * np.uint32(times)
    mixed += np.uint32(plus)
    if name == "mul1":
        each = mixed.view(np.uint8).reshape(
            len(mixed), 4
        )
        total = each.sum(1, dtype=np.uint16)
        total += np.uint16(MUL1_START)
        halves: Halves = total.view(np.float16)
        wide = halves.astype(np.float64)
        wide *= half(MUL1_SCALE)
        wide += half(MUL1_MOVE)
        return wide.astype(np.float16)
    mixed &= np.uint32(KEPT_BITS)
    mixed ^= np.uint32(FLIPPED_BITS)
    pairs = mixed.view(np.float16).reshape(
        len(mixed), 2
    )
    values: Halves = pairs[:, 0] + pairs[:, 1]
    return values


# --8<-- [end:codebook]
