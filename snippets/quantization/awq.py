"""How does AWQ round weights?"""

# --8<-- [start:scales]
from collections.abc import (
    Iterable,
    Mapping,
    Sequence,
)
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from snippets.quantization.gptq import (
    Floats,
    Quantized,
    Rounding,
    checked,
    encode,
    fit,
    round_to_nearest,
)

# Exponents and ranges that are tried: the authors'.
EXPONENTS = tuple(i / 20 for i in range(20))
RANGES = tuple(1 - i / 20 for i in range(10))


def mean_size(
    inputs: Iterable[NDArray[np.floating]],
) -> Floats:
    """Mean |x| of each channel, over tokens."""
    rows = np.concatenate(list(inputs))
    size: Floats = np.abs(rows).mean(
        axis=0, dtype=np.float64
    )
    return size


def channel_scales(
    size: Floats, exponent: float
) -> Floats:
    """size**exponent, its extremes around 1.

    Channels that are never used count as tiny.
    """
    grown = np.maximum(size**exponent, 1e-4)
    middle = np.sqrt(grown.max() * grown.min())
    return np.asarray(grown / middle)


# --8<-- [end:scales]


# --8<-- [start:search]
class Scaled(NamedTuple):
    """The exponent found, and scales by channel.

    errors: Σ |X (W - Q)ᵀ|², for each exponent
    """

    exponent: float
    scales: Floats
    errors: tuple[float, ...]


def search_scales(
    weights: Sequence[NDArray[np.floating]],
    size: Floats,
    h: Floats,
    how: Rounding,
) -> Scaled:
    """Find what to multiply channels by.

    Weights times s are rounded, inputs divided by
    s: channels with large inputs get finer steps.
    Of several exponents, the one that costs outputs
    least is taken; s = 1 is among them.

    weights: the matrices that share an input
    size: mean |x| of its channels
    h: XᵀX of it
    Raises ValueError for weights that do not fit.
    Source: Lin et al., arXiv 2306.00978
    """
    errors = []
    for exponent in EXPONENTS:
        s = channel_scales(size, exponent)
        error = 0.0
        for weight in weights:
            rounded = round_to_nearest(
                weight * s, how
            )
            gap = weight - rounded.values / s
            error += float(np.sum(gap @ h * gap))
        errors.append(error)
    best = EXPONENTS[int(np.argmin(errors))]
    return Scaled(
        best,
        channel_scales(size, best),
        tuple(errors),
    )


# --8<-- [end:search]


# --8<-- [start:fold]
class Fold(NamedTuple):
    """Where scales go, so that nothing changes.

    before: a norm's weights or a matrix's rows are
        divided
    after: the columns of these are multiplied
    """

    before: str
    after: tuple[str, ...]


def folds(layer: int) -> tuple[Fold, ...]:
    """The three places in a layer of a Llama.

    Between v_proj and o_proj there is none where
    heads share their values, as here.
    """
    start = f"model.layers.{layer}."
    attn = start + "self_attn."
    mlp = start + "mlp."
    return (
        Fold(
            start + "input_layernorm.weight",
            tuple(
                f"{attn}{p}_proj.weight"
                for p in "qkv"
            ),
        ),
        Fold(
            start
            + "post_attention_layernorm.weight",
            (
                mlp + "gate_proj.weight",
                mlp + "up_proj.weight",
            ),
        ),
        Fold(
            mlp + "up_proj.weight",
            (mlp + "down_proj.weight",),
        ),
    )


def folded(
    weights: Mapping[str, NDArray[np.float32]],
    fold: Fold,
    scales: Floats,
) -> dict[str, NDArray[np.float32]]:
    """The weights with scales in their places.

    x / s times W s is x W: the model is the same.
    """
    new = dict(weights)
    s = scales.astype(np.float32)
    old = weights[fold.before]
    # A norm has one dimension, a matrix rows.
    by = s if old.ndim == 1 else s[:, None]
    new[fold.before] = old / by
    for name in fold.after:
        new[name] = weights[name] * s
    return new


# --8<-- [end:fold]


# --8<-- [start:clip]
def clip_search(
    weight: NDArray[np.floating],
    h: Floats,
    how: Rounding,
) -> Quantized:
    """Round with the range that costs least.

    For each group, its range times 1 and less:
    the largest weights are cut, others get finer
    steps. The error is that of the group alone.
    Raises ValueError as `round_to_nearest`.
    """
    w = checked(weight, how)
    plain = round_to_nearest(w, how)
    for group in range(plain.scales.shape[1]):
        at = np.flatnonzero(plain.group_of == group)
        part, own = w[:, at], h[np.ix_(at, at)]
        least = np.full(len(w), np.inf)
        for share in RANGES:
            scale, zero = fit(
                part * share, how.bits
            )
            code = encode(
                part,
                scale[:, None],
                zero[:, None],
                how.bits,
            )
            gap = part - scale[:, None] * (
                code - zero[:, None]
            )
            cost = np.sum(gap @ own * gap, axis=1)
            (rows,) = np.nonzero(cost < least)
            least[rows] = cost[rows]
            plain.scales[rows, group] = scale[rows]
            plain.zeros[rows, group] = zero[rows]
            plain.codes[np.ix_(rows, at)] = code[
                rows
            ]
    return plain


# --8<-- [end:clip]
