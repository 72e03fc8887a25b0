"""What does the header of a GGUF file say?"""

# --8<-- [start:imports]
from collections import Counter
from math import prod
from struct import calcsize, unpack
from typing import BinaryIO, NamedTuple

from gguf import (
    GGML_QUANT_SIZES,
    GGMLQuantizationType,
)

# --8<-- [end:imports]

# --8<-- [start:limits]
# Far above what any file has, far below what a
# broken one may claim: it is refused before it is
# read. A name has at most 63 bytes in llama.cpp.
MOST_ENTRIES = 10_000
MOST_TENSORS = 1_000_000
LONGEST_STRING = 16_777_216
LONGEST_ARRAY = 10_000_000
LONGEST_NAME = 63
MOST_DIMENSIONS = 4
LARGEST_TENSOR = 2**50
VERSIONS = (2, 3)
STRING, ARRAY = 8, 9
# The numbers of a file, by the code of their type.
NUMBERS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
# --8<-- [end:limits]

# --8<-- [start:header]
Single = int | float | bool | str
Value = Single | tuple[Single, ...]


class Stored(NamedTuple):
    """A tensor as it stands in a file.

    shape: row length first
    kind: Q4_K, F32 and so on
    offset_bytes: from where the weights begin
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    offset_bytes: int

    @property
    def size_bytes(self) -> int:
        """Count its bytes: rows times a row's."""
        block, size = GGML_QUANT_SIZES[
            GGMLQuantizationType[self.kind]
        ]
        return prod(self.shape) // block * size


class Header(NamedTuple):
    """All that a file says before its weights."""

    version: int
    entries: dict[str, Value]
    tensors: tuple[Stored, ...]
    alignment_bytes: int


# --8<-- [end:header]


# --8<-- [start:values]
def take(file: BinaryIO, form: str) -> int | float:
    """Read one number, little-endian.

    Raises ValueError where the file ends too soon.
    """
    size = calcsize(form)
    data = file.read(size)
    if len(data) < size:
        raise ValueError("the header is cut short")
    value: int | float = unpack("<" + form, data)[0]
    return value


def take_count(
    file: BinaryIO, what: str, most: int
) -> int:
    """Read how many follow, and refuse too many."""
    count = int(take(file, "Q"))
    if count > most:
        raise ValueError(
            f"{count} {what}: at most {most}"
        )
    return count


def take_string(
    file: BinaryIO, most: int = LONGEST_STRING
) -> str:
    """Read a length and so many bytes of UTF-8."""
    size = take_count(file, "bytes of text", most)
    data = file.read(size)
    if len(data) < size:
        raise ValueError("the header is cut short")
    return data.decode(errors="replace")


def take_single(
    file: BinaryIO, code: int
) -> Single:
    """Read one value of a type.

    Raises ValueError for an unknown type.
    """
    if code == STRING:
        return take_string(file)
    if code not in NUMBERS:
        raise ValueError(
            f"type {code} of a value is not known"
        )
    return take(file, NUMBERS[code])


def take_value(file: BinaryIO) -> Value:
    """Read a value, or a list of values."""
    code = int(take(file, "I"))
    if code != ARRAY:
        return take_single(file, code)
    inner = int(take(file, "I"))
    count = take_count(
        file, "values in a list", LONGEST_ARRAY
    )
    return tuple(
        take_single(file, inner)
        for _ in range(count)
    )


# --8<-- [end:values]


# --8<-- [start:tensors]
def take_tensor(file: BinaryIO) -> Stored:
    """Read name, shape, type and offset.

    Raises ValueError, naming the tensor, for what
    no engine would load.
    """
    name = take_string(file, LONGEST_NAME)
    count = int(take(file, "I"))
    if not 1 <= count <= MOST_DIMENSIONS:
        raise ValueError(
            f"{name}: {count} dimensions, "
            f"not 1 to {MOST_DIMENSIONS}"
        )
    shape = tuple(
        int(take(file, "Q")) for _ in range(count)
    )
    code = int(take(file, "I"))
    kinds = {
        kind.value: kind.name
        for kind in GGMLQuantizationType
    }
    if code not in kinds:
        raise ValueError(
            f"{name}: type {code} is not known"
        )
    kind = kinds[code]
    block = GGML_QUANT_SIZES[
        GGMLQuantizationType(code)
    ][0]
    if not 0 < prod(shape) <= LARGEST_TENSOR:
        raise ValueError(
            f"{name}: shape {shape} is empty or "
            "too large"
        )
    if shape[0] % block:
        raise ValueError(
            f"{name}: rows of {shape[0]} are no "
            f"blocks of {block}, as {kind} needs"
        )
    offset = int(take(file, "Q"))
    return Stored(name, shape, kind, offset)


def read_header(file: BinaryIO) -> Header:
    """Read a GGUF file up to its weights.

    file: opened for bytes, at its start
    Raises ValueError where the file is cut short,
    is no GGUF, or claims what cannot be.
    Source: ggml, docs/gguf.md; llama.cpp,
    ggml/src/gguf.cpp, commit 0c1e57098bba.
    """
    if file.read(4) != b"GGUF":
        raise ValueError("not a GGUF file")
    version = int(take(file, "I"))
    if version not in VERSIONS:
        raise ValueError(
            f"GGUF version {version} is not of "
            f"{VERSIONS}; a number this large may "
            "be big-endian"
        )
    tensors = take_count(
        file, "tensors", MOST_TENSORS
    )
    pairs = take_count(
        file, "entries", MOST_ENTRIES
    )
    entries: dict[str, Value] = {}
    for _ in range(pairs):
        key = take_string(file)
        if key in entries:
            raise ValueError(f"{key} stands twice")
        entries[key] = take_value(file)
    found = tuple(
        take_tensor(file) for _ in range(tensors)
    )
    alignment = entries.get("general.alignment", 32)
    if not isinstance(alignment, int) or (
        alignment < 1 or alignment & (alignment - 1)
    ):
        raise ValueError(
            f"general.alignment is {alignment!r}, "
            "not a power of two"
        )
    expected = 0
    for one in found:
        if one.offset_bytes != expected:
            raise ValueError(
                f"{one.name} begins at "
                f"{one.offset_bytes}, not where "
                f"the one before ends: {expected}"
            )
        expected += one.size_bytes
        expected += -expected % alignment
    if len({one.name for one in found}) < tensors:
        raise ValueError("a tensor stands twice")
    return Header(
        version, entries, found, alignment
    )


# --8<-- [end:tensors]


# --8<-- [start:bytes]
def stored_bytes(header: Header) -> dict[str, int]:
    """Count bytes of weights by tensor type.

    Without the gaps that align tensors.
    """
    found = Counter[str]()
    for one in header.tensors:
        found[one.kind] += one.size_bytes
    return dict(found.most_common())


# --8<-- [end:bytes]
