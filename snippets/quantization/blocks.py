"""What do all block formats have in common?"""

# --8<-- [start:format]
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
# So many weights at once stay in a core's cache.
CHUNK = 65_536


class BlockFormat(NamedTuple):
    """A format that stores weights in blocks.

    weights: of a row that share a block
    bytes: of a block, scales included
    encode: float32 (weights, blocks) to bytes (bytes,
        blocks): a block stands upright, so that each
        step runs along many of them
    decode: the way back
    """

    name: str
    weights: int
    bytes: int
    encode: Callable[[Floats], Bytes]
    decode: Callable[[Bytes], Floats]

    @property
    def bits_per_weight(self) -> float:
        """Bits of a block over its weights."""
        return 8 * self.bytes / self.weights

    # --8<-- [end:format]

    # --8<-- [start:quantize]
    def quantize(self, rows: Floats) -> Bytes:
        """Make (rows, columns) (rows, bytes).

        Raises ValueError for rows that the block does
        not divide, and for values that are not finite:
        one of them would spoil its whole block.
        """
        rows = np.asarray(rows, np.float32)
        count, columns = checked(rows, self, 2)
        if columns % self.weights:
            raise ValueError(
                f"{self.name}: rows of {columns} "
                "weights, a multiple of "
                f"{self.weights} is needed"
            )
        blocks = rows.reshape(-1, self.weights)
        out = np.empty(
            (len(blocks), self.bytes), "u1"
        )
        step = CHUNK // self.weights
        for start in range(0, len(blocks), step):
            part = blocks[start : start + step]
            if not np.isfinite(part.sum()):
                require_finite(self.name, rows)
            lines = np.ascontiguousarray(part.T)
            # 1 / a denormal scale is infinite, in C too.
            with np.errstate(
                over="ignore", invalid="ignore"
            ):
                encoded = self.encode(lines)
            out[start : start + step] = encoded.T
        return out.reshape(count, -1)

    def dequantize(self, data: Bytes) -> Floats:
        """Make (rows, bytes) float32 (rows, columns).

        Raises ValueError for bytes that are no whole
        number of blocks.
        """
        data = np.asarray(data, np.uint8)
        count, size = checked(data, self, 2)
        if size % self.bytes:
            raise ValueError(
                f"{self.name}: rows of {size} bytes, a "
                f"multiple of {self.bytes} is needed"
            )
        blocks = data.reshape(-1, self.bytes)
        out = np.empty(
            (len(blocks), self.weights), "f4"
        )
        step = CHUNK // self.weights
        for start in range(0, len(blocks), step):
            part = blocks[start : start + step]
            lines = np.ascontiguousarray(part.T)
            out[start : start + step] = self.decode(
                lines
            ).T
        return out.reshape(count, -1)


def checked(
    rows: NDArray[np.generic],
    format: BlockFormat,
    dimensions: int,
) -> tuple[int, int]:
    """Require rows and columns."""
    if rows.ndim != dimensions:
        raise ValueError(
            f"{format.name}: {rows.ndim} dimensions, "
            "rows and columns are needed"
        )
    count, columns = rows.shape
    return count, columns


def require_finite(name: str, rows: Floats) -> None:
    """Say where a value is that is not finite."""
    wrong = np.argwhere(~np.isfinite(rows))
    if len(wrong):
        row, column = map(int, wrong[0])
        raise ValueError(
            f"{name}: row {row}, column {column} is "
            f"{rows[row, column]}: finite values are "
            "needed"
        )


# --8<-- [end:quantize]
