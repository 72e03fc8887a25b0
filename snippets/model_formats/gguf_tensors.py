"""What does a GGUF file say of each tensor?"""

# --8<-- [start:imports]
from array import array
from collections.abc import Iterator
from io import BytesIO
from math import prod
from struct import pack
from typing import NamedTuple

import numpy as np
from gguf import (
    GGML_QUANT_SIZES,
    GGMLQuantizationType,
)

from snippets.model_formats.cursor import (
    Cursor,
    FormatError,
)
from snippets.model_formats.gguf_values import (
    pack_text,
)

# --8<-- [end:imports]

# --8<-- [start:bytes]
LONGEST_NAME = 63  # bytes; llama.cpp keeps a zero
MOST_DIMENSIONS = 4
LARGEST_DIMENSION = 2**63 - 1
TYPES = {
    one.value: one.name
    for one in GGMLQuantizationType
}


def stored_bytes(
    kind: str, shape: tuple[int, ...]
) -> int:
    """Count the bytes: rows times those of one.

    Raises ValueError for a row of broken blocks.
    """
    block, size = GGML_QUANT_SIZES[
        GGMLQuantizationType[kind]
    ]
    if shape[0] % block:
        raise ValueError(
            f"rows of {shape[0]} are no whole "
            f"blocks of {block}, as {kind} needs"
        )
    return prod(shape) // block * size


# --8<-- [end:bytes]


# --8<-- [start:info]
class TensorInfo(NamedTuple):
    """One tensor.

    shape: row length first
    kind: F32, Q4_K and so on
    offset_bytes: from where the data begin
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    offset_bytes: int

    @property
    def size_bytes(self) -> int:
        """How long it is."""
        return stored_bytes(self.kind, self.shape)


def read_info(cursor: Cursor) -> TensorInfo:
    """Read name, shape, type and offset.

    Raises FormatError for a name that is empty,
    long or unprintable, for no dimension or more
    than four, for one of length 0 or above 2**63,
    for a type unknown and a row of broken blocks.
    """
    at = cursor.at
    name = cursor.text("name", LONGEST_NAME)
    if not name or not name.isprintable():
        raise FormatError(
            at, f"name {name!r} is not printable"
        )
    at = cursor.at
    count = int(cursor.number("I", "dimensions"))
    if not 1 <= count <= MOST_DIMENSIONS:
        raise FormatError(
            at,
            f"{name}: {count} dimensions, not 1 to "
            f"{MOST_DIMENSIONS}",
        )
    shape = []
    for _ in range(count):
        at = cursor.at
        length = int(
            cursor.number("Q", "dimension")
        )
        if not 1 <= length <= LARGEST_DIMENSION:
            raise FormatError(
                at,
                f"{name}: a dimension of {length}",
            )
        shape.append(length)
    at = cursor.at
    code = int(cursor.number("I", "type"))
    if code not in TYPES:
        raise FormatError(
            at, f"{name}: type {code} is unknown"
        )
    kind = TYPES[code]
    try:
        stored_bytes(kind, tuple(shape))
    except ValueError as error:
        raise FormatError(
            at, f"{name}: {error}"
        ) from error
    offset = int(cursor.number("Q", "offset"))
    return TensorInfo(
        name, tuple(shape), kind, offset
    )


def pack_info(info: TensorInfo) -> bytes:
    """Write what `read_info` reads."""
    count = len(info.shape)
    return (
        pack_text(info.name)
        + pack(f"<I{count}Q", count, *info.shape)
        + pack(
            "<IQ",
            GGMLQuantizationType[info.kind],
            info.offset_bytes,
        )
    )


# --8<-- [end:info]


# --8<-- [start:tensors]
class Tensors:
    """All tensors, each read when it is asked for.

    header: the file up to its data
    starts: where in it each tensor stands
    """

    def __init__(
        self, header: bytes, starts: "array[int]"
    ) -> None:
        self.header = header
        self.starts = starts

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> TensorInfo:
        cursor = Cursor(BytesIO(self.header))
        cursor.skip(self.starts[index], "header")
        return read_info(cursor)

    def __iter__(self) -> Iterator[TensorInfo]:
        return map(
            self.__getitem__, range(len(self))
        )


def repeated(hashes: "array[int]") -> set[int]:
    """Find which stand twice, in few bytes."""
    found = np.array(hashes)
    found.sort()
    twice = found[1:] == found[:-1]
    return set(found[1:][twice].tolist())


# --8<-- [end:tensors]
