"""How does a weight become eight bits of float?"""

# --8<-- [start:formats]
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Codes = NDArray[np.uint8]


class SmallFloat(NamedTuple):
    """A float of at most eight bits.

    exponent_bits, fraction_bits: after the sign
    bias: what the stored exponent is too large by
    largest: code of the largest finite value
    overflow: code, beside the sign, of what is too
        large: infinity or NaN; None where a format
        has neither
    nan: code of NaN; None where there is none
    """

    name: str
    exponent_bits: int
    fraction_bits: int
    bias: int
    largest: int
    overflow: int | None
    nan: int | None

    @property
    def sign(self) -> int:
        """The bit of the sign, in its place."""
        return 1 << (
            self.exponent_bits + self.fraction_bits
        )

    @property
    def largest_value(self) -> float:
        """The largest finite value."""
        return float(table(self)[self.largest])

    @property
    def smallest_value(self) -> float:
        """The smallest value above 0."""
        return float(table(self)[1])


# E4M3 spends its codes of infinity on values, and
# one code, all ones, is NaN.
E4M3 = SmallFloat("E4M3", 4, 3, 7, 0x7E, 0x7F, 0x7F)
E5M2 = SmallFloat(
    "E5M2", 5, 2, 15, 0x7B, 0x7C, 0x7E
)
# --8<-- [end:formats]


# --8<-- [start:decode]
def table(kind: SmallFloat) -> Floats:
    """The value of every code, in their order.

    (1 + fraction) * 2**(exponent - bias), and
    fraction * 2**(1 - bias) where the exponent is 0
    """
    code = np.arange(2 * kind.sign)
    size = code & (kind.sign - 1)
    steps = 1 << kind.fraction_bits
    exponent = size // steps
    fraction = size % steps / steps
    value = np.where(
        exponent == 0,
        np.ldexp(fraction, 1 - kind.bias),
        np.ldexp(
            1 + fraction, exponent - kind.bias
        ),
    )
    value[size > kind.largest] = np.nan
    if kind.overflow != kind.nan:
        value[size == kind.overflow] = np.inf
    signed = np.where(
        code >= kind.sign, -value, value
    )
    return signed.astype(np.float32)


def decode(
    codes: Codes, kind: SmallFloat
) -> Floats:
    """Look the codes up."""
    return table(kind)[codes]


# --8<-- [end:decode]


# --8<-- [start:encode]
def encode(
    x: Floats,
    kind: SmallFloat,
    saturate: bool = True,
) -> Codes:
    """Round to the nearest value, halves to even.

    x: float32, any shape
    saturate: what is too large becomes the largest
        value, infinity too; else infinity, or NaN
        in a format without infinity
    Raises ValueError where a format has no code for
    what a value is to become.
    Source: OCP 8-bit Floating Point Specification
    (OFP8) 1.0.
    """
    bits = np.asarray(x, np.float32).view(np.uint32)
    size = bits & np.uint32(0x7FFF_FFFF)
    # Cut the fraction to its first bits. Add almost
    # a half before, or a half where the last kept
    # bit is 1, so that a tie goes to even.
    drop = np.uint32(23 - kind.fraction_bits)
    one = np.uint32(1)
    almost = (one << (drop - one)) - one
    code = size + almost + ((size >> drop) & one)
    moved = (127 - kind.bias) << kind.fraction_bits
    code = (code >> drop) - np.uint32(moved)
    # Below the normal values all are as far apart
    # as float32 around `far`: a sum rounds, and
    # its last bits are the code.
    lowest = np.uint32((128 - kind.bias) << 23)
    far = np.float32(
        2.0 ** (24 - kind.bias - kind.fraction_bits)
    )
    small = size < lowest
    tiny = np.where(small, size, lowest)
    near = tiny.view(np.float32) + far
    code = np.where(
        small,
        near.view(np.uint32) - far.view(np.uint32),
        code,
    )
    code = limited(code, size, kind, saturate)
    sign = (bits >> np.uint32(31)) * kind.sign
    return (code | sign).astype(np.uint8)


def limited(
    code: NDArray[np.uint32],
    size: NDArray[np.uint32],
    kind: SmallFloat,
    saturate: bool,
) -> NDArray[np.uint32]:
    """Put codes where a format has no value."""
    is_nan = size > np.uint32(0x7F80_0000)
    if kind.nan is None and is_nan.any():
        raise ValueError(
            f"{kind.name}: a value is NaN, and no "
            "code is NaN"
        )
    instead = (
        kind.largest if saturate else kind.overflow
    )
    above = code > kind.largest
    if instead is None and above.any():
        raise ValueError(
            f"{kind.name}: a value rounds beyond "
            f"{kind.largest_value:g}, and no code "
            "is infinity; saturate"
        )
    if instead is not None:
        code = np.where(above, instead, code)
    if kind.nan is not None:
        code = np.where(is_nan, kind.nan, code)
    return code


# --8<-- [end:encode]


# --8<-- [start:scales]
class Scaled(NamedTuple):
    """Codes, and a scale for every tile of them.

    codes: (rows, columns)
    scales: (tiles down, tiles across), float32
    tile: rows and columns that share a scale
    """

    codes: Codes
    scales: Floats
    tile: tuple[int, int]

    @property
    def bits_per_weight(self) -> float:
        """Bits of codes and scales over codes."""
        scales = 32 * self.scales.size
        return 8 + scales / self.codes.size


def spread(scaled: Scaled) -> Floats:
    """Repeat each scale over its tile."""
    down, across = scaled.tile
    rows, columns = scaled.codes.shape
    tall = np.repeat(scaled.scales, down, axis=0)
    wide = np.repeat(tall, across, axis=1)
    return wide[:rows, :columns]


def encode_scaled(
    rows: Floats,
    kind: SmallFloat,
    tile: tuple[int, int],
) -> Scaled:
    """Scale each tile to the format's range.

    scale = largest of the tile / largest value
    rows: float32 (rows, columns)
    tile: (1, columns) is a scale for each row,
        rows.shape one for all; tiles at the edges
        may be cut, as checkpoints have them
    Raises ValueError for a tile without rows or
    columns, and for values that are not finite.
    """
    rows = np.asarray(rows, np.float32)
    if rows.ndim != 2 or not rows.size:
        raise ValueError(
            f"rows: shape {rows.shape}, rows and "
            "columns are needed"
        )
    if min(tile) < 1:
        raise ValueError(
            f"tile: {tile}, at least (1, 1) is "
            "needed"
        )
    wrong = np.argwhere(~np.isfinite(rows))
    if len(wrong):
        row, column = wrong[0]
        raise ValueError(
            f"rows: row {row}, column {column} is "
            f"{rows[row, column]}, not finite"
        )
    size: Floats = np.abs(rows)
    for axis in (0, 1):
        starts = np.arange(
            0, rows.shape[axis], tile[axis]
        )
        size = np.maximum.reduceat(
            size, starts, axis
        )
    most = np.float32(kind.largest_value)
    scales: Floats = size / most
    # A tile of zeros has any scale; 0 would divide.
    scales[scales == 0] = 1
    scaled = Scaled(
        np.zeros(rows.shape, np.uint8), scales, tile
    )
    codes = encode(rows / spread(scaled), kind)
    return scaled._replace(codes=codes)


def decode_scaled(
    scaled: Scaled, kind: SmallFloat
) -> Floats:
    """Each code's value times its tile's scale."""
    return decode(scaled.codes, kind) * spread(
        scaled
    )


# --8<-- [end:scales]
