"""Which scale rounds a group of weights best?"""

# --8<-- [start:round]
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from snippets.quantization.block_formats import (
    farthest,
)
from snippets.quantization.blocks import Floats

Whole = NDArray[np.int32]
# 1.5 * 2**23: from here on, float32 has no halves.
MAGIC = np.float32(12_582_912)
MANTISSA = (1 << 23) - 1
MIDDLE = 1 << 22
ONE = np.float32(1)
# A group of smaller weights becomes zeros.
SMALLEST = np.float32(1e-15)


def nearest(values: Floats) -> Whole:
    """Round to whole numbers, halves to even ones.

    The engine's way: add a number so large that
    the sum has no room for a fraction, and read the
    bits; infinities come out as their bits have it.
    """
    bits = (values + MAGIC).view(np.int32)
    bits &= MANTISSA
    bits -= MIDDLE
    return bits


def in_order(terms: Floats) -> Floats:
    """Sum (terms, groups) over terms, in order.

    Float sums depend on their order: a loop in C
    has this one, np.sum has others.
    """
    total = np.zeros(terms.shape[1:], np.float32)
    for term in terms:
        total += term
    return total


def divide(
    above: Floats | np.float32, below: Floats
) -> Floats:
    """Divide in float32; by 0, too."""
    return np.asarray(above / below, np.float32)


# --8<-- [end:round]


# --8<-- [start:shifted]
class Search(NamedTuple):
    """The highest code, and which scales to try.

    The range is divided by most + first, then by
    delta more each time.
    absolute: errors count as they are, not squared
    """

    most: int
    first: float
    delta: float
    steps: int
    absolute: bool = False

    def divisors(self) -> list[np.float32]:
        """What the range is divided by."""
        first = np.float32(self.first)
        delta = np.float32(self.delta)
        return [
            first
            + delta * np.float32(i)
            + self.most
            for i in range(self.steps + 1)
        ]


class Shifted(NamedTuple):
    """weight ≈ scale code - minus, by group."""

    codes: Whole
    scale: Floats
    minus: Floats


def search_shifted(
    x: Floats, weights: Floats, search: Search
) -> Shifted:
    """Find scale and min of each group of weights.

    Each divisor gives codes; for codes, weighted
    least squares gives scale and min. What has the
    least weighted error stays.
    x, weights: (weights of a group, groups)
    Source: llama.cpp, ggml/src/ggml-quants.c,
    make_qkx2_quants, commit 0c1e57098bba
    """

    def codes_for(levels: np.float32) -> Whole:
        factor = levels / (high - low)
        codes = nearest(factor * (x - low))
        return codes.clip(0, search.most, codes)

    def error_of(
        steps: Floats, scale: Floats, low: Floats
    ) -> Floats:
        off = scale * steps
        off += low
        off -= x
        if search.absolute:
            np.abs(off, out=off)
        else:
            off *= off
        off *= weights
        return in_order(off)

    low = np.minimum(x.min(axis=0), 0)
    high = x.max(axis=0)
    sum_w = in_order(weights)
    sum_x = in_order(weights * x)
    levels = np.float32(search.most)
    codes = codes_for(levels)
    scale = ONE / divide(levels, high - low)
    least = error_of(
        codes.astype(np.float32), scale, low
    )
    for levels in search.divisors():
        tried = codes_for(levels)
        steps = tried.astype(np.float32)
        heavy = weights * steps
        sum_l = in_order(heavy)
        sum_ll = in_order(heavy * steps)
        heavy *= x
        sum_xl = in_order(heavy)
        size = sum_w * sum_ll - sum_l * sum_l
        new_scale = divide(
            sum_w * sum_xl - sum_x * sum_l, size
        )
        new_low = divide(
            sum_ll * sum_x - sum_l * sum_xl, size
        )
        above = new_low > 0
        new_low[above] = 0
        ratio = sum_xl / sum_ll
        new_scale[above] = ratio[above]
        error = error_of(steps, new_scale, new_low)
        better = (size > 0) & (error < least)
        np.copyto(codes, tried, where=better)
        np.copyto(least, error, where=better)
        np.copyto(scale, new_scale, where=better)
        np.copyto(low, new_low, where=better)
    return Shifted(codes, scale, -low)


# --8<-- [end:shifted]


# --8<-- [start:centered]
class Centered(NamedTuple):
    """weight ≈ scale (code - middle), by group."""

    codes: Whole
    scale: Floats


def search_centered(
    x: Floats, middle: int, weights: Floats
) -> Centered:
    """Find the scale of each group of weights.

    The farthest weight gets code 0, or nearly: 19
    divisors around the middle are tried.
    Source: the same file, make_qx_quants
    """
    top = farthest(x)
    flat = np.abs(top) < SMALLEST
    heavy = weights * x

    def codes_for(levels: np.float32) -> Whole:
        codes = nearest(-levels / top * x)
        return codes.clip(
            -middle, middle - 1, codes
        )

    def sums(codes: Whole) -> tuple[Floats, Floats]:
        steps = codes.astype(np.float32)
        return (
            in_order(heavy * steps),
            in_order(weights * steps * steps),
        )

    codes = codes_for(np.float32(middle))
    sum_lx, sum_ll = sums(codes)
    scale = np.where(
        sum_ll != 0, sum_lx / sum_ll, np.float32(0)
    )
    best = scale * sum_lx
    for i in range(-9, 10):
        if i == 0:
            continue
        tenths = np.float32(0.1) * np.float32(i)
        tried = codes_for(middle + tenths)
        sum_lx, sum_ll = sums(tried)
        better = (sum_ll > 0) & (
            sum_lx * sum_lx > best * sum_ll
        )
        ratio = sum_lx / sum_ll
        np.copyto(codes, tried, where=better)
        np.copyto(scale, ratio, where=better)
        np.copyto(
            best, ratio * sum_lx, where=better
        )
    codes += middle
    codes[:, flat] = 0
    scale[flat] = 0
    return Centered(codes, scale)


# --8<-- [end:centered]
