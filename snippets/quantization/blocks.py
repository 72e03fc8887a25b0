"""What do all block formats have in common?"""

# --8<-- [start:format]
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Kind = TypeVar("Kind", bound=np.generic)


class BlockFormat(NamedTuple):
    """A format that stores weights in blocks.

    weights: of a row that share a block
    bytes: of a block, scales included
    encode: float32 (weights, blocks) to bytes
        (bytes, blocks); a block stands upright, so
        that each step runs along many of them
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

    def quantize(self, rows: Floats) -> Bytes:
        """Make (rows, columns) (rows, bytes).

        Raises ValueError for rows that are no whole
        blocks, for values that are not finite, and
        for scales that the format cannot hold.
        """
        with np.errstate(over="ignore"):
            rows = np.asarray(rows, np.float32)
        blocks, count = whole_blocks(
            rows, self.weights, self.name, "weights"
        )
        out = np.empty(
            (len(blocks), self.bytes), np.uint8
        )
        for part in chunks(
            len(blocks), self.weights
        ):
            lines = np.ascontiguousarray(
                blocks[part].T
            )
            # A sum may exceed float32, 1 / d too.
            with np.errstate(all="ignore"):
                if not np.isfinite(lines.sum()):
                    require_finite(self.name, rows)
                out[part] = self.encode(lines).T
        return out.reshape(count, -1)

    def dequantize(self, data: Bytes) -> Floats:
        """Make (rows, bytes) (rows, columns).

        Raises ValueError for rows that are no whole
        blocks, and for what is not bytes.
        """
        data = np.asarray(data)
        if data.dtype != np.uint8:
            raise ValueError(
                f"{self.name}: {data.dtype}, bytes "
                "(uint8) are needed"
            )
        blocks, count = whole_blocks(
            data, self.bytes, self.name, "bytes"
        )
        out = np.empty(
            (len(blocks), self.weights), np.float32
        )
        for part in chunks(
            len(blocks), self.weights
        ):
            lines = np.ascontiguousarray(
                blocks[part].T
            )
            # Bytes of others may hold any scale.
            with np.errstate(all="ignore"):
                out[part] = self.decode(lines).T
        return out.reshape(count, -1)


# --8<-- [end:format]

# --8<-- [start:check]
# So many weights stay in a core's cache. No power
# of two: lines that far apart fall on the same
# places of a cache and push each other out.
CHUNK = 64_000


def chunks(
    blocks: int, weights: int
) -> list[slice]:
    """Cut blocks into parts that fit the cache."""
    step = max(CHUNK // weights, 1)
    return [
        slice(start, start + step)
        for start in range(0, blocks, step)
    ]


def whole_blocks(
    rows: NDArray[Kind],
    size: int,
    name: str,
    what: str,
) -> tuple[NDArray[Kind], int]:
    """Cut rows into blocks; count the rows, too."""
    if rows.ndim != 2 or not rows.size:
        raise ValueError(
            f"{name}: shape {rows.shape}, rows and "
            "columns are needed"
        )
    count, columns = rows.shape
    if columns % size:
        raise ValueError(
            f"{name}: rows of {columns} {what}, "
            f"multiples of {size} are needed"
        )
    return rows.reshape(-1, size), count


def require_finite(name: str, rows: Floats) -> None:
    """Say where a value is that is not finite."""
    wrong = np.argwhere(~np.isfinite(rows))
    if len(wrong):
        row, column = map(int, wrong[0])
        raise ValueError(
            f"{name}: row {row}, column {column}: "
            f"{rows[row, column]} is not finite"
        )


# --8<-- [end:check]
