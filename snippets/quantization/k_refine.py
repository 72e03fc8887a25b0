"""Can one code at a time be made better?"""

# --8<-- [start:refine]
import numpy as np

from snippets.quantization.block_formats import (
    farthest,
)
from snippets.quantization.blocks import Floats
from snippets.quantization.k_search import (
    SMALLEST,
    Centered,
    Whole,
    in_order,
    nearest,
)

ROUNDS = 5
# Of the bits of a code: a byte's, or all.
BYTE, KEEP = 255, -1


def refine(
    codes: Whole,
    x: Floats,
    weights: Floats,
    least: int | None,
    most: int,
) -> Floats:
    """Change codes, one by one, and fit the scale.

    Without code i, the others ask for a scale. Code
    i becomes x / scale, rounded, if the best scale
    then explains more: (Σwxl)² / Σwl² grows.
    codes: changed in place
    least: the lowest code. Without one, codes are
        bytes of the engine: below 0, they wrap.
    Returns the scale of each group.
    """
    heavy = weights * x
    steps = codes.astype(np.float32)
    sum_lx = in_order(heavy * steps)
    sum_ll = in_order(weights * steps * steps)
    wrap = BYTE if least is None else KEEP
    codes &= wrap
    for _ in range(ROUNDS):
        for i, code in enumerate(codes):
            step = code.astype(np.float32)
            lx = sum_lx - heavy[i] * step
            ll = sum_ll - weights[i] * step * step
            possible = lx > 0
            if least is None:
                possible &= ll > 0
            new = nearest(x[i] * ll / lx)
            new = new.clip(least, most, new)
            step = new.astype(np.float32)
            lx += heavy[i] * step
            ll += weights[i] * step * step
            better = possible & (new != code)
            better &= ll > 0
            better &= (
                lx * lx * sum_ll
                > sum_lx * sum_lx * ll
            )
            np.copyto(
                code, new & wrap, where=better
            )
            np.copyto(sum_lx, lx, where=better)
            np.copyto(sum_ll, ll, where=better)
    return np.where(
        sum_ll > 0, sum_lx / sum_ll, np.float32(0)
    )


# --8<-- [end:refine]


# --8<-- [start:search]
def refined_centered(
    x: Floats, middle: int
) -> Centered:
    """Round to the farthest weight, then refine.

    What Q3_K does. An error counts by the weight's
    square. Source: llama.cpp,
    ggml/src/ggml-quants.c, make_q3_quants, commit
    0c1e57098bba
    """
    top = farthest(x)
    flat = np.abs(top) < SMALLEST
    codes = nearest(np.float32(-middle) / top * x)
    codes.clip(-middle, middle - 1, codes)
    scale = refine(
        codes, x, x * x, -middle, middle - 1
    )
    codes += middle
    codes[:, flat] = 0
    scale[flat] = 0
    return Centered(codes, scale)


def refined_positive(
    x: Floats, most: int, weights: Floats
) -> Centered:
    """Round scales, themselves, to 0 to most.

    Nine divisors are tried, then codes are refined:
    what an importance matrix turns on.
    x, weights: (scales of a block, blocks)
    Source: the same file, make_qp_quants
    """
    top = np.maximum(x.max(axis=0), 0)
    flat = top < SMALLEST
    factor = np.float32(most) / top
    codes = nearest(factor * x)
    codes &= BYTE
    off = x - (1 / factor) * codes.astype("f4")
    least = in_order(weights * off * off)
    for i in range(-4, 5):
        if i == 0:
            continue
        tenths = np.float32(0.1) * np.float32(i)
        tried = (tenths + most) / top
        codes = np.minimum(nearest(tried * x), most)
        off = x - (1 / tried) * codes.astype("f4")
        error = in_order(weights * off * off)
        better = error < least
        np.copyto(least, error, where=better)
        np.copyto(factor, tried, where=better)
    codes = np.minimum(nearest(factor * x), most)
    scale = refine(codes, x, weights, None, most)
    codes[:, flat] = 0
    scale[flat] = 0
    return Centered(codes, scale)


# --8<-- [end:search]
