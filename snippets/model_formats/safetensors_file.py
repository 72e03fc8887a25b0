"""What stands in a safetensors file?"""

# --8<-- [start:imports]
import json
from array import array
from collections.abc import Iterator, Mapping
from math import prod
from typing import BinaryIO, NamedTuple

import numpy as np

from snippets.model_formats.cursor import (
    Cursor,
    FormatError,
)
from snippets.model_formats.json_scanner import (
    LARGEST_COUNT,
    Scanner,
    check_utf8,
)

# --8<-- [end:imports]

# --8<-- [start:dtypes]
# Bits of one number, in the library's order: a
# writer begins with the last, for alignment.
DTYPE_BITS = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "C64": 64,
    "F64": 64,
    "I64": 64,
    "U64": 64,
}
MOST_DIMENSIONS = 64
BYTE_BITS = 8


def stored_bytes(
    dtype: str, shape: tuple[int, ...]
) -> int:
    """Count the bytes: numbers times bits, by 8.

    Raises ValueError for a type unknown, for bits
    that fill no byte, and for more bits than a 64
    bit number counts, whichever way it multiplies.
    """
    if dtype not in DTYPE_BITS:
        raise ValueError(f"type {dtype} is unknown")
    each = DTYPE_BITS[dtype]
    if prod(n or 1 for n in shape) * each > (
        LARGEST_COUNT
    ):
        raise ValueError(f"{shape} is too large")
    bits = prod(shape) * each
    if bits % BYTE_BITS:
        raise ValueError(
            f"{bits} bits are no whole bytes"
        )
    return bits // BYTE_BITS


# --8<-- [end:dtypes]


# --8<-- [start:tensor]
class Tensor(NamedTuple):
    """One tensor.

    shape: slowest dimension first
    offset_bytes: from where the data begin
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset_bytes: int

    @property
    def size_bytes(self) -> int:
        """How long it is."""
        return stored_bytes(self.dtype, self.shape)


def read_shape(scan: Scanner) -> tuple[int, ...]:
    """Read a list of at most 64 dimensions."""
    scan.expect(b"[")
    found: list[int] = []
    for at in scan.items(b"]"):
        if len(found) == MOST_DIMENSIONS:
            raise scan.refuse(
                "over 64 dimensions",
                at,
            )
        found.append(scan.count("a dimension"))
    return tuple(found)


def read_offsets(scan: Scanner) -> tuple[int, int]:
    """Read where a tensor begins, and ends."""
    scan.expect(b"[")
    begin = scan.count("the first offset")
    scan.expect(b",")
    end = scan.count("the second offset")
    scan.expect(b"]")
    return begin, end


def read_tensor(scan: Scanner, name: str) -> Tensor:
    """Read type, shape and offsets, in any order.

    Raises FormatError for another key, for one that
    is missing or there twice, and for offsets that
    are not as far apart as type and shape need.
    """
    at = scan.at
    scan.expect(b"{")
    dtype: str | None = None
    shape: tuple[int, ...] | None = None
    offsets: tuple[int, int] | None = None
    for place in scan.items(b"}"):
        key = scan.text("a key")
        scan.expect(b":")
        if key == "dtype" and dtype is None:
            dtype = scan.text("a type")
        elif key == "shape" and shape is None:
            shape = read_shape(scan)
        elif key == "data_offsets" and not offsets:
            offsets = read_offsets(scan)
        else:
            raise scan.refuse(
                f"{name!r}: {key!r} is no key or "
                "is there twice",
                place,
            )
    if (
        dtype is None
        or shape is None
        or not offsets
    ):
        raise scan.refuse(
            f"{name!r} lacks dtype, shape or "
            "data_offsets",
            at,
        )
    try:
        size = stored_bytes(dtype, shape)
    except ValueError as error:
        raise scan.refuse(
            f"{name!r}: {error}", at
        ) from error
    begin, end = offsets
    if end - begin != size:
        raise scan.refuse(
            f"{name!r} is from {begin} to {end}: "
            f"{dtype} of {shape} is {size} bytes",
            at,
        )
    return Tensor(name, dtype, shape, begin)


# --8<-- [end:tensor]


# --8<-- [start:file]
LENGTH_BYTES = 8
LARGEST_HEADER = 100_000_000
MOST_TENSORS = 65_536
MOST_ENTRIES = 1_000
METADATA = "__metadata__"


class Safetensors(NamedTuple):
    """All that a file says before its data.

    Each tensor is read when it is asked for: the
    header and an index are all that is kept.

    places: where in the header each name stands
    metadata_at: where that stands, or -1
    """

    header: bytes
    places: "array[int]"
    metadata_at: int

    @property
    def data_offset_bytes(self) -> int:
        """From the file's start to the data."""
        return LENGTH_BYTES + len(self.header)

    @property
    def metadata(self) -> dict[str, str]:
        """What its writer noted, text by text."""
        if self.metadata_at < 0:
            return {}
        found: dict[str, str] = (
            json.JSONDecoder().raw_decode(
                self.header[
                    self.metadata_at :
                ].decode()
            )[0]
        )
        return found

    @property
    def tensors(self) -> Iterator[Tensor]:
        """One after the other, as in the header."""
        for place in self.places:
            scan = Scanner(
                self.header, LENGTH_BYTES, place
            )
            name = scan.text("a name")
            scan.expect(b":")
            yield read_tensor(scan, name)

    def find(self, name: str) -> Tensor:
        """Find a tensor; KeyError for none."""
        for tensor in self.tensors:
            if tensor.name == name:
                return tensor
        raise KeyError(name)

    def read(
        self, file: BinaryIO, tensor: Tensor
    ) -> bytes:
        """Read the bytes of a tensor."""
        at = (
            self.data_offset_bytes
            + tensor.offset_bytes
        )
        file.seek(at)
        data = file.read(tensor.size_bytes)
        if len(data) < tensor.size_bytes:
            raise FormatError(
                at, f"{tensor.name} is cut short"
            )
        return data


# --8<-- [end:file]


# --8<-- [start:read]
def first_repeat(hashes: "array[int]") -> int:
    """Say which is there already; -1 for none."""
    found = np.asarray(hashes, np.int64)
    order = np.argsort(found, kind="stable")
    found = found[order]
    again = order[1:][found[1:] == found[:-1]]
    return int(again.min()) if again.size else -1


def check_metadata(scan: Scanner) -> None:
    """Go past texts by text, no key there twice."""
    scan.expect(b"{")
    keys = set[int]()
    for at in scan.items(b"}"):
        key = scan.text("a key of the metadata")
        if hash(key) in keys:
            raise scan.refuse(
                f"{key!r} is there twice", at
            )
        keys.add(hash(key))
        if len(keys) > MOST_ENTRIES:
            raise scan.refuse(
                f"more than {MOST_ENTRIES} entries",
                at,
            )
        scan.expect(b":")
        scan.skip_text("a value of the metadata")


def check_layout(
    scan: Scanner,
    places: "array[int]",
    begins: "array[int]",
    ends: "array[int]",
    left: int,
) -> None:
    """Refuse holes, overlaps and a wrong end.

    left: bytes of the file after the header
    """
    first = np.asarray(begins, np.uint64)
    last = np.asarray(ends, np.uint64)
    order = np.lexsort((last, first))
    expected = 0
    for index in order:
        if begins[index] != expected:
            raise scan.refuse(
                f"begins at {begins[index]} of the "
                f"data, not at {expected}, where "
                "the one before ends",
                places[index],
            )
        expected = ends[index]
        if expected > left:
            raise scan.refuse(
                f"ends at {expected} of the data, "
                f"which have {left} bytes",
                places[index],
            )
    if expected != left:
        raise scan.refuse(
            f"{left - expected} bytes of no tensor",
            len(scan.data) + expected,
        )


def read_safetensors(file: BinaryIO) -> Safetensors:
    """Read all but the data, and check it all.

    Raises FormatError, with the byte, for what the
    library refuses, and more: a name or a key there
    twice, keys that are not the format's.
    Source: huggingface/safetensors,
    safetensors/src/tensor.rs; format in README.md.
    """
    cursor = Cursor(file)
    size = cursor.count(
        "bytes of header", LARGEST_HEADER, 1
    )
    header = cursor.take(size, "the header")
    check_utf8(header, LENGTH_BYTES)
    scan = Scanner(header, LENGTH_BYTES)
    if not header.startswith(b"{"):
        raise scan.refuse("{ is expected")
    scan.expect(b"{")
    places, hashes = array("I"), array("q")
    begins, ends = array("Q"), array("Q")
    metadata_at = -1
    for at in scan.items(b"}"):
        name = scan.text("a name")
        scan.expect(b":")
        if name == METADATA:
            if metadata_at >= 0:
                raise scan.refuse(
                    f"{name} is there twice", at
                )
            scan.skip_space()
            metadata_at = scan.at
            check_metadata(scan)
            continue
        if len(places) == MOST_TENSORS:
            raise scan.refuse(
                f"more than {MOST_TENSORS} tensors",
                at,
            )
        tensor = read_tensor(scan, name)
        places.append(at)
        hashes.append(hash(name))
        begins.append(tensor.offset_bytes)
        ends.append(
            tensor.offset_bytes + tensor.size_bytes
        )
    if header[scan.at :].strip(b" "):
        raise scan.refuse(
            "only spaces may follow the last }"
        )
    again = first_repeat(hashes)
    if again >= 0:
        raise scan.refuse(
            "this name is there twice",
            places[again],
        )
    check_layout(
        scan, places, begins, ends, cursor.left
    )
    return Safetensors(header, places, metadata_at)


# --8<-- [end:read]


# --8<-- [start:write]
class Part(NamedTuple):
    """A tensor to write, with its bytes."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


def write_safetensors(
    file: BinaryIO,
    parts: Mapping[str, Part],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a file, byte for byte the library's.

    The widest type first, then by name; the header
    is filled up with spaces to a multiple of 8.
    Raises ValueError for a part whose bytes are not
    those of its type and shape, for the name that
    the metadata have, and for texts without UTF-8.
    """
    rank = {
        one: -i for i, one in enumerate(DTYPE_BITS)
    }
    entries: dict[str, object] = {}
    if metadata is not None:
        entries[METADATA] = dict(metadata)
    if METADATA in parts:
        raise ValueError(
            f"a tensor named {METADATA}"
        )
    for name, part in parts.items():
        size = stored_bytes(part.dtype, part.shape)
        if size != len(part.data):
            raise ValueError(
                f"{name} of {size} bytes: "
                f"{len(part.data)} are given"
            )
    order = sorted(
        parts,
        key=lambda n: (rank[parts[n].dtype], n),
    )
    end = 0
    for name in order:
        part = parts[name]
        begin, end = end, end + len(part.data)
        entries[name] = {
            "dtype": part.dtype,
            "shape": list(part.shape),
            "data_offsets": [begin, end],
        }
    header = json.dumps(
        entries,
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()
    header += b" " * (-len(header) % LENGTH_BYTES)
    file.write(
        len(header).to_bytes(LENGTH_BYTES, "little")
    )
    file.write(header)
    for name in order:
        file.write(parts[name].data)


# --8<-- [end:write]
