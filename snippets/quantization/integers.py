"""How do weights become integers with scales?"""

# --8<-- [start:eight]
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def checked(rows: Floats) -> Floats:
    """Require rows and columns of finite values."""
    rows = np.asarray(rows, np.float32)
    if rows.ndim != 2 or not rows.size:
        raise ValueError(
            f"rows: shape {rows.shape}, rows and "
            "columns are needed"
        )
    wrong = np.argwhere(~np.isfinite(rows))
    if len(wrong):
        row, column = wrong[0]
        raise ValueError(
            f"rows: row {row}, column {column} is "
            f"{rows[row, column]}, not finite"
        )
    return rows


class Eight(NamedTuple):
    """INT8: (rows, columns), and a scale a row."""

    codes: NDArray[np.int8]
    scales: Floats


def encode_eight(rows: Floats) -> Eight:
    """Round weights to 127 steps either way.

    scale = largest of the row / 127
    code = weight / scale, to even at halves; -128
        not used: every code has its negative
    Raises ValueError for what is no matrix, and
    for values that are not finite.
    """
    rows = checked(rows)
    scales: Floats = np.abs(rows).max(axis=1)
    scales /= np.float32(127)
    scales[scales == 0] = 1
    codes = np.rint(rows / scales[:, None])
    return Eight(codes.astype(np.int8), scales)


def decode_eight(eight: Eight) -> Floats:
    """Code times its row's scale."""
    wide = eight.codes.astype(np.float32)
    return wide * eight.scales[:, None]


# --8<-- [end:eight]


# --8<-- [start:groups]
class Groups(NamedTuple):
    """Codes, scales and zeros of groups.

    codes: 0 to 2**bits - 1, (rows, columns)
    scales: float16, (rows, groups)
    zeros: codes that stand for 0, (rows, groups)
    """

    codes: NDArray[np.uint8]
    scales: NDArray[np.float16]
    zeros: NDArray[np.uint8]
    bits: int

    @property
    def bits_per_weight(self) -> float:
        """Bits of codes, scales and zeros."""
        group = self.bits + 16
        groups = group * self.scales.size
        return self.bits + groups / self.codes.size


def encode_groups(
    rows: Floats,
    bits: int = 4,
    group: int = 128,
    symmetric: bool = False,
) -> Groups:
    """Round groups of a row to 2**bits steps.

    scale = (high - low) / (2**bits - 1), over all
        weights and 0; symmetric: twice the largest
        size in place of high - low
    zero = -low / scale, rounded; symmetric: the
        middle code, 2**(bits - 1)
    code = weight / scale, rounded, + zero, held in
        range
    Scales are rounded to float16 before dividing.
    Raises ValueError for bits other than 2 to 8,
    for groups that do not divide a row, for values
    that are not finite, and for scales that float16
    cannot hold.
    Source: Frantar et al., GPTQ, arXiv 2210.17323;
    Lin et al., AWQ, arXiv 2306.00978.
    """
    rows = checked(rows)
    if not 2 <= bits <= 8:
        raise ValueError(
            f"bits: {bits}, 2 to 8 are allowed"
        )
    if group < 1 or rows.shape[1] % group:
        raise ValueError(
            f"group: {group} does not divide rows "
            f"of {rows.shape[1]}"
        )
    count, columns = rows.shape
    shape = count, columns // group, group
    parts = rows.reshape(shape)
    most = np.float32((1 << bits) - 1)
    low = np.minimum(parts.min(axis=2), 0)
    high = np.maximum(parts.max(axis=2), 0)
    if symmetric:
        high = np.maximum(high, -low)
        low = -high
    scales = half_scales((high - low) / most)
    wide = scales.astype(np.float32)
    zeros = np.rint(-low / wide)
    if symmetric:
        zeros[:] = 1 << (bits - 1)
    zeros = np.clip(zeros, 0, most)
    codes = np.rint(parts / wide[:, :, None])
    codes += zeros[:, :, None]
    codes = np.clip(codes, 0, most)
    return Groups(
        codes.reshape(rows.shape).astype(np.uint8),
        scales,
        zeros.astype(np.uint8),
        bits,
    )


def half_scales(
    scales: Floats,
) -> NDArray[np.float16]:
    """Round to float16, and never to 0."""
    largest = np.finfo(np.float16).max
    if scales.max() > largest:
        raise ValueError(
            f"scales: {scales.max():.6g}, at most "
            f"{largest:g} is allowed"
        )
    # Any scale fits a group of zeros, but 0.
    scales = np.where(scales == 0, 1, scales)
    least = np.finfo(np.float16).smallest_subnormal
    halves = scales.astype(np.float16)
    return np.maximum(halves, least)


def decode_groups(groups: Groups) -> Floats:
    """(code - zero) times scale, by group."""
    count, columns = groups.codes.shape
    each = columns // groups.scales.shape[1]
    shape = *groups.scales.shape, each
    codes = groups.codes.reshape(shape)
    wide = codes.astype(np.float32)
    wide -= groups.zeros[:, :, None]
    wide *= groups.scales.astype(np.float32)[
        :, :, None
    ]
    return wide.reshape(count, columns)


# --8<-- [end:groups]
