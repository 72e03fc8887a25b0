"""How does GPTQ round weights?"""

# --8<-- [start:grid]
from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Floats = NDArray[np.float64]


class Rounding(BaseModel):
    """How weights become whole numbers.

    bits: of a code
    group_size: weights of a row that share a scale
        and a zero point
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )

    bits: Literal[2, 3, 4, 8] = 4
    group_size: int = Field(
        default=128, ge=1, le=65_536
    )

    @property
    def bits_per_weight(self) -> float:
        """Code, and a share of scale and zero."""
        shared = 16 + self.bits  # a float16, a code
        return self.bits + shared / self.group_size


class Quantized(NamedTuple):
    """Codes (rows, columns) and their grids.

    scales, zeros: (rows, groups)
    group_of: which group a column belongs to
    """

    codes: NDArray[np.uint8]
    scales: Floats
    zeros: Floats
    group_of: NDArray[np.intp]

    @property
    def values(self) -> Floats:
        """Scale times (code - zero)."""
        scales = self.scales[:, self.group_of]
        zeros = self.zeros[:, self.group_of]
        return scales * (self.codes - zeros)


def fit(
    w: Floats, bits: int
) -> tuple[Floats, Floats]:
    """Scale and zero point of each row.

    scale = (max - min) / (2**bits - 1), where the
    range always holds 0; zero = round(-min / scale)
    """
    low = np.minimum(w.min(axis=1), 0)
    high = np.maximum(w.max(axis=1), 0)
    scale = (high - low) / (2**bits - 1)
    scale[scale == 0] = 1
    return scale, np.rint(-low / scale)


def encode(
    w: Floats,
    scale: Floats,
    zero: Floats,
    bits: int,
) -> Floats:
    """Codes of the nearest values a grid has."""
    nearest = np.rint(w / scale) + zero
    return np.clip(nearest, 0, 2**bits - 1)


# --8<-- [end:grid]


# --8<-- [start:nearest]
def checked(
    weight: NDArray[np.floating], how: Rounding
) -> Floats:
    """Weights (rows, columns) in float64.

    Raises ValueError for what is not finite, and
    for columns that groups do not divide.
    """
    wide = np.array(weight, np.float64, ndmin=2)
    if not np.isfinite(wide).all():
        raise ValueError(
            "weight: finite values are needed"
        )
    if wide.shape[1] % how.group_size:
        raise ValueError(
            f"weight: {wide.shape[1]} columns, a "
            f"multiple of {how.group_size} needed"
        )
    return wide


def round_to_nearest(
    weight: NDArray[np.floating], how: Rounding
) -> Quantized:
    """Round each weight alone: the base line."""
    w = checked(weight, how)
    size = how.group_size
    groups = w.reshape(-1, size)
    scale, zero = fit(groups, how.bits)
    codes = encode(
        groups,
        scale[:, None],
        zero[:, None],
        how.bits,
    )
    return Quantized(
        codes.reshape(w.shape).astype(np.uint8),
        scale.reshape(len(w), -1),
        zero.reshape(len(w), -1),
        np.arange(w.shape[1]) // size,
    )


# --8<-- [end:nearest]


# --8<-- [start:error]
def hessian(
    inputs: Iterable[NDArray[np.floating]],
) -> Floats:
    """Σ xᵀx over tokens: (columns, columns).

    inputs: what a matrix multiplied, each (tokens,
        columns). The paper's factor of 2 cancels.
    Raises ValueError where there is none, or all 0.
    """
    total = np.zeros((0, 0))
    for x in inputs:
        wide = x.astype(np.float64)
        total = wide.T @ wide + (
            total if total.size else 0
        )
    if not np.trace(total) > 0:
        raise ValueError(
            "inputs: some that are not 0 are needed"
        )
    return total


def output_error(
    weight: NDArray[np.floating],
    other: NDArray[np.floating],
    h: Floats,
) -> float:
    """What rounding adds to the outputs, relative.

    |X (W - Q)ᵀ|² / |X Wᵀ|², by h = XᵀX:
    tr((W - Q) h (W - Q)ᵀ) / tr(W h Wᵀ)
    """
    w = weight.astype(np.float64)
    gap = w - other
    lost = np.sum(gap @ h * gap)
    return float(lost / np.sum(w @ h * w))


# --8<-- [end:error]


# --8<-- [start:gptq]
def gptq(
    weight: NDArray[np.floating],
    h: Floats,
    how: Rounding,
    act_order: bool = False,
    damping: float = 0.01,
) -> Quantized:
    """Round column by column; the rest makes up.

    After a column is rounded, those not yet rounded
    move to where they cancel most of its error in
    the outputs: by its row of U, upper triangular,
    (h + damping * mean of its diagonal)⁻¹ = UᵀU.

    h: (columns, columns) of the inputs
    act_order: largest inputs first (desc_act), and
        groups of what follows in that order
    damping: keeps h invertible
    Raises ValueError for a damping below 0, and for
    weights that `how` or h does not fit.
    Source: Frantar et al., arXiv 2210.17323
    """
    w = checked(weight, how)
    columns = w.shape[1]
    if h.shape != (columns, columns):
        raise ValueError(
            f"h: shape {h.shape}, needed is "
            f"({columns}, {columns})"
        )
    if not 0 <= damping < np.inf:
        raise ValueError(
            f"damping: {damping}, allowed is 0 "
            "or more"
        )
    diagonal = np.diag(h)
    order = np.arange(columns)
    if act_order:
        order = np.argsort(-diagonal, kind="stable")
    w, damped = w[:, order], h[np.ix_(order, order)]
    damped += (
        damping * diagonal.mean() * np.eye(columns)
    )
    upper = np.linalg.cholesky(
        np.linalg.inv(damped)
    ).T
    codes = np.empty(w.shape, np.uint8)
    scales: list[Floats] = []
    zeros: list[Floats] = []
    size = how.group_size
    for start in range(0, columns, size):
        end = start + size
        group = w[:, start:end].T.copy()
        scale, zero = fit(group.T, how.bits)
        gaps = np.empty_like(group)
        for i, column in enumerate(group):
            j = start + i
            code = encode(
                column, scale, zero, how.bits
            )
            codes[:, order[j]] = code
            gap = column - scale * (code - zero)
            gaps[i] = gap / upper[j, j]
            # The group at once, the rest below.
            group[i + 1 :] -= np.outer(
                upper[j, j + 1 : end], gaps[i]
            )
        w[:, end:] -= (
            gaps.T @ upper[start:end, end:]
        )
        scales.append(scale)
        zeros.append(zero)
    group_of = np.empty(columns, np.intp)
    group_of[order] = np.arange(columns) // size
    return Quantized(
        codes,
        np.stack(scales, axis=1),
        np.stack(zeros, axis=1),
        group_of,
    )


# --8<-- [end:gptq]
