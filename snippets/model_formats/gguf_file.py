"""What stands in a GGUF file, and can it be so?"""

# --8<-- [start:imports]
from array import array
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import BinaryIO, NamedTuple

from snippets.model_formats.cursor import (
    Cursor,
    FormatError,
)
from snippets.model_formats.gguf_tensors import (
    TensorInfo,
    Tensors,
    read_info,
    repeated,
)
from snippets.model_formats.gguf_values import (
    U32,
    Value,
    read_value,
    skip_value,
    take_kind,
)

# --8<-- [end:imports]

# --8<-- [start:gguf]
MAGIC = b"GGUF"
VERSION = 3
MOST_ENTRIES = 1_000
MOST_TENSORS = 65_536
LONGEST_KEY = 65_535
LARGEST_HEADER_BYTES = 268_435_456
# A key, a kind and a value of one byte each.
LEAST_ENTRY_BYTES = 14
# A name of one byte, and one dimension.
LEAST_TENSOR_BYTES = 33
ALIGNMENT = "general.alignment"
DEFAULT_ALIGNMENT_BYTES = 32


class Metadata(Mapping[str, Value]):
    """Keys and values, read when asked for."""

    def __init__(
        self, header: bytes, places: dict[str, int]
    ) -> None:
        self.header = header
        self.places = places

    def __getitem__(self, key: str) -> Value:
        cursor = Cursor(BytesIO(self.header))
        cursor.skip(self.places[key], "header")
        return read_value(cursor, take_kind(cursor))

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


class Gguf(NamedTuple):
    """All that a file says before its data."""

    version: int
    metadata: Metadata
    tensors: Tensors
    alignment_bytes: int
    data_offset_bytes: int

    def find(self, name: str) -> TensorInfo:
        """Find a tensor; KeyError for none."""
        for info in self.tensors:
            if info.name == name:
                return info
        raise KeyError(name)

    def read(
        self, file: BinaryIO, info: TensorInfo
    ) -> bytes:
        """Read the bytes of a tensor."""
        cursor = Cursor(file)
        at = self.data_offset_bytes
        cursor.skip(
            at + info.offset_bytes, info.name
        )
        return cursor.take(
            info.size_bytes, info.name
        )


# --8<-- [end:gguf]


# --8<-- [start:metadata]
def aligned(size: int, alignment: int) -> int:
    """Round up to a multiple of the alignment."""
    return -(-size // alignment) * alignment


def is_alignment(value: int) -> bool:
    """Say whether it is a power of two from 8."""
    return value >= 8 and not value & (value - 1)


def take_alignment(cursor: Cursor) -> int:
    """Read the value of general.alignment.

    Raises FormatError unless it is a U32 and a
    power of two, 8 at the least.
    """
    at = cursor.at
    kind = take_kind(cursor)
    if kind is not U32:
        raise FormatError(
            at, f"{ALIGNMENT} is no U32"
        )
    value = int(cursor.number("I", ALIGNMENT))
    if not is_alignment(value):
        raise FormatError(
            at + 4,
            f"{ALIGNMENT} is {value}, not a power "
            "of two from 8",
        )
    return value


def require_small(cursor: Cursor) -> None:
    """Refuse a header that would fill memory."""
    if cursor.at > LARGEST_HEADER_BYTES:
        raise FormatError(
            LARGEST_HEADER_BYTES,
            "the header goes on: at most "
            f"{LARGEST_HEADER_BYTES} bytes",
        )


def take_entries(
    cursor: Cursor, count: int, deep: int
) -> tuple[dict[str, int], int]:
    """Check all entries: where each is; alignment.

    Raises FormatError for a key that is empty,
    long, not printable ASCII, or there before.
    """
    places: dict[str, int] = {}
    alignment = DEFAULT_ALIGNMENT_BYTES
    for _ in range(count):
        at = cursor.at
        key = cursor.text("key", LONGEST_KEY)
        readable = (
            key.isascii() and key.isprintable()
        )
        if not key or not readable:
            raise FormatError(
                at,
                f"key {key[:63]!r} is not "
                "printable ASCII",
            )
        if key in places:
            raise FormatError(
                at, f"key {key[:63]} stands twice"
            )
        places[key] = cursor.at
        if key == ALIGNMENT:
            alignment = take_alignment(cursor)
        else:
            kind = take_kind(cursor)
            skip_value(cursor, kind, deep)
        require_small(cursor)
    return places, alignment


# --8<-- [end:metadata]


# --8<-- [start:tensors]
def take_tensors(
    cursor: Cursor, count: int, alignment: int
) -> tuple["array[int]", int]:
    """Check all tensors: where each is; data bytes.

    Raises FormatError for a name that was there
    before, a size beyond the file, and an offset
    other than where the one before ends, padded.
    """
    starts, hashes = array("Q"), array("q")
    end = 0
    for _ in range(count):
        at = cursor.at
        info = read_info(cursor)
        if info.size_bytes > cursor.left:
            raise FormatError(
                at,
                f"{info.name} of {info.size_bytes} "
                f"bytes: {cursor.left} are left",
            )
        if info.offset_bytes != end:
            raise FormatError(
                cursor.at - 8,
                f"{info.name} has offset "
                f"{info.offset_bytes}, not {end}",
            )
        end += aligned(info.size_bytes, alignment)
        starts.append(at)
        hashes.append(hash(info.name))
    if twice := repeated(hashes):
        back = Cursor(cursor.file)
        seen = set()
        for at, code in zip(
            starts, hashes, strict=True
        ):
            back.at = back.file.seek(at)
            if code not in twice:
                continue
            name = read_info(back).name
            if name in seen:
                raise FormatError(
                    at,
                    f"tensor {name} stands twice",
                )
            seen.add(name)
        cursor.file.seek(cursor.at)
    return starts, end


# --8<-- [end:tensors]


# --8<-- [start:read]
def read_gguf(
    file: BinaryIO, deep: int = 1
) -> Gguf:
    """Read a file up to its data, checking it all.

    file: opened for bytes; may come from anyone
    deep: how far arrays may stand in arrays; 1, as
    in llama.cpp, for not at all
    Takes memory of at most twice the header.
    Raises FormatError for what cannot be: magic,
    version, counts, entries, tensors, or a file
    that ends before its data, or after.
    Source: ggml, docs/gguf.md; llama.cpp,
    ggml/src/gguf.cpp, commit 0c1e57098bba.
    """
    cursor = Cursor(file)
    if cursor.take(4, "magic") != MAGIC:
        raise FormatError(0, "not a GGUF file")
    version = int(cursor.number("I", "version"))
    if version != VERSION:
        raise FormatError(
            4, f"version {version}, not {VERSION}"
        )
    tensors = cursor.count(
        "tensors", MOST_TENSORS, LEAST_TENSOR_BYTES
    )
    entries = cursor.count(
        "entries", MOST_ENTRIES, LEAST_ENTRY_BYTES
    )
    places, alignment = take_entries(
        cursor, entries, deep
    )
    starts, size = take_tensors(
        cursor, tensors, alignment
    )
    require_small(cursor)
    header = cursor.at
    data = aligned(header, alignment)
    if not tensors:
        data = min(data, cursor.size)
    end = data + size
    if end > cursor.size:
        raise FormatError(
            cursor.size,
            f"the file ends, its data at {end}",
        )
    if end < cursor.size:
        raise FormatError(
            end,
            f"{cursor.size - end} bytes follow the "
            "data",
        )
    file.seek(0)
    kept = file.read(header)
    return Gguf(
        version,
        Metadata(kept, places),
        Tensors(kept, starts),
        alignment,
        data,
    )


# --8<-- [end:read]
