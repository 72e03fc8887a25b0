"""What is in a GGUF file, and is it what it says?"""

# --8<-- [start:file]
from collections.abc import Mapping
from math import prod
from typing import BinaryIO, NamedTuple

from gguf import (
    GGML_QUANT_SIZES,
    GGMLQuantizationType,
)

from snippets.model_formats.cursor import (
    Cursor,
    FormatError,
)
from snippets.model_formats.gguf_values import (
    Value,
    read_value,
)

MAGIC = b"GGUF"
VERSIONS = (2, 3)
# Limits of llama.cpp, and counts above any file's.
LONGEST_NAME = 63
LONGEST_KEY = 65_535
MOST_DIMENSIONS = 4
MOST_WEIGHTS = 2**63 - 1
MOST_TENSORS = 1_000_000
MOST_KEYS = 1_000_000
DEFAULT_ALIGNMENT = 32


class Tensor(NamedTuple):
    """A tensor as the file describes it.

    shape: row length first
    type: F32, Q4_K and so on
    offset: bytes from the start of the file
    size: bytes, without what fills up to the next
    """

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    size: int


class GgufFile(NamedTuple):
    """A file: what it says, and where its data are."""

    version: int
    metadata: Mapping[str, Value]
    tensors: tuple[Tensor, ...]
    alignment: int
    data_start: int


def padded(size: int, alignment: int) -> int:
    """Round up to the next multiple."""
    return -(-size // alignment) * alignment


# --8<-- [end:file]


# --8<-- [start:metadata]
def read_metadata(
    file: Cursor, count: int
) -> dict[str, Value]:
    """Read so many keys with their values.

    Raises FormatError for a key that is empty or
    stands twice.
    """
    found: dict[str, Value] = {}
    for _ in range(count):
        at = file.at
        key = file.text("a key", LONGEST_KEY)
        if not key or key in found:
            said = (
                "stands twice"
                if key
                else "is empty"
            )
            raise FormatError(
                at, f"key {key!r} {said}"
            )
        found[key] = read_value(file, key)
    return found


def read_alignment(
    metadata: Mapping[str, Value], at: int
) -> int:
    """Say to which multiple offsets are filled up."""
    key = "general.alignment"
    value = metadata.get(
        key, Value("u32", DEFAULT_ALIGNMENT)
    )
    number = value.data
    if value.type != "u32" or not isinstance(
        number, int
    ):
        raise FormatError(
            at,
            f"{key} is {value.type}, not one u32",
        )
    if number.bit_count() != 1:
        raise FormatError(
            at, f"{key} is {number}: no power of 2"
        )
    return number


# --8<-- [end:metadata]


# --8<-- [start:tensor]
def read_shape(
    file: Cursor, name: str
) -> tuple[int, ...]:
    """Read how many dimensions, and each of them."""
    at = file.at
    what = f"dimensions of {name}"
    count = int(file.number("I", what))
    if not 1 <= count <= MOST_DIMENSIONS:
        raise FormatError(
            at,
            f"{count} {what}: allowed are 1 to "
            f"{MOST_DIMENSIONS}",
        )
    shape = tuple(
        int(file.number("Q", what))
        for _ in range(count)
    )
    if not 0 < prod(shape) <= MOST_WEIGHTS:
        raise FormatError(
            at + 4,
            f"{name} of {shape}: too few or many",
        )
    return shape


def read_tensor(file: Cursor) -> Tensor:
    """Read one tensor's name, shape, type, offset.

    The offset is still that within the data.
    Raises FormatError for a type that is not known,
    and rows that its blocks do not divide.
    """
    name = file.text(
        "a tensor's name", LONGEST_NAME
    )
    shape = read_shape(file, name)
    at = file.at
    code = int(
        file.number("I", f"the type of {name}")
    )
    try:
        kind = GGMLQuantizationType(code)
    except ValueError as error:
        raise FormatError(
            at, f"{name} has type {code}: not known"
        ) from error
    block, size = GGML_QUANT_SIZES[kind]
    if shape[0] % block:
        raise FormatError(
            at,
            f"{name} has rows of {shape[0]}: {kind.name} "
            f"needs a multiple of {block}",
        )
    offset = int(
        file.number("Q", f"offset of {name}")
    )
    return Tensor(
        name,
        shape,
        kind.name,
        offset,
        prod(shape) // block * size,
    )


# --8<-- [end:tensor]


# --8<-- [start:read]
def read_tensors(
    file: Cursor, count: int
) -> list[tuple[int, Tensor]]:
    """Read tensors, each with where it is described.

    Raises FormatError for a name that stands twice.
    """
    found: list[tuple[int, Tensor]] = []
    names: set[str] = set()
    for _ in range(count):
        at = file.at
        tensor = read_tensor(file)
        if tensor.name in names:
            raise FormatError(
                at, f"{tensor.name} stands twice"
            )
        names.add(tensor.name)
        found.append((at, tensor))
    return found


def read_gguf(file: BinaryIO) -> GgufFile:
    """Read all but the data, and check it all.

    Tensors lie one behind the other, in order, each
    filled up to the alignment: no hole, no overlap.
    Raises FormatError, with the offset, for anything
    that llama.cpp would not load, and for data that
    end beyond the file.
    Source: ggml, docs/gguf.md; llama.cpp,
    ggml/src/gguf.cpp, commit 0c1e57098bba.
    """
    cursor = Cursor(file)
    magic = cursor.take(len(MAGIC), "the magic")
    if magic != MAGIC:
        raise FormatError(
            0, f"{magic!r}, not {MAGIC!r}"
        )
    version = int(cursor.number("I", "the version"))
    if version not in VERSIONS:
        raise FormatError(
            4,
            f"version {version}: allowed are 2 and 3",
        )
    tensors = cursor.count(
        "tensors", MOST_TENSORS, 32
    )
    keys = cursor.count("keys", MOST_KEYS, 13)
    metadata = read_metadata(cursor, keys)
    alignment = read_alignment(metadata, cursor.at)
    described = read_tensors(cursor, tensors)
    start = padded(cursor.at, alignment)
    placed = []
    expected = 0
    for at, tensor in described:
        if tensor.offset != expected:
            raise FormatError(
                at,
                f"{tensor.name} is at {tensor.offset} of "
                f"the data, {expected} is next",
            )
        offset = start + expected
        if offset + tensor.size > cursor.size:
            raise FormatError(
                at,
                f"{tensor.name} ends at "
                f"{offset + tensor.size}, the file at "
                f"{cursor.size}",
            )
        placed.append(
            tensor._replace(offset=offset)
        )
        expected += padded(tensor.size, alignment)
    return GgufFile(
        version,
        metadata,
        tuple(placed),
        alignment,
        start,
    )


def read_data(
    file: BinaryIO, tensor: Tensor
) -> bytes:
    """Read the bytes of one tensor."""
    file.seek(tensor.offset)
    data = file.read(tensor.size)
    if len(data) < tensor.size:
        raise FormatError(
            tensor.offset + len(data),
            f"{tensor.name} is cut short",
        )
    return data


# --8<-- [end:read]
