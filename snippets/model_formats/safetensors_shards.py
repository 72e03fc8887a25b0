"""Do the shards of a checkpoint fit its index?"""

# --8<-- [start:imports]
import re
from collections.abc import Mapping
from typing import BinaryIO, NamedTuple

from snippets.model_formats import (
    safetensors_file as files,
)
from snippets.model_formats.cursor import (
    Cursor,
    FormatError,
)
from snippets.model_formats.json_scanner import (
    Scanner,
    check_utf8,
)

# --8<-- [end:imports]

# --8<-- [start:index]
LARGEST_INDEX = 100_000_000
MOST_NAMES = 1_000_000
# A name, and no path: it leads nowhere else.
SHARD = re.compile(
    r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}\.safetensors"
)


class Entry(NamedTuple):
    """Where a tensor is.

    at: the byte of the index that says so
    """

    shard: str
    at: int


class ShardIndex(NamedTuple):
    """What model.safetensors.index.json says.

    total_bytes: of all tensors, if it says so
    total_at: the byte of the index that says it
    """

    entries: dict[str, Entry]
    total_bytes: int | None
    total_at: int


def read_map(scan: Scanner) -> dict[str, Entry]:
    """Read which tensor is in which shard.

    Raises FormatError for a tensor there twice, and
    for a shard whose name could be a path.
    """
    found: dict[str, Entry] = {}
    shards: dict[str, str] = {}
    scan.expect(b"{")
    for at in scan.items(b"}"):
        name = scan.text("a tensor's name")
        if (
            name in found
            or len(found) == MOST_NAMES
        ):
            raise scan.refuse(
                f"{name!r} is there twice, or more "
                f"than {MOST_NAMES} are",
                at,
            )
        scan.expect(b":")
        scan.skip_space()
        place = scan.at
        shard = scan.text("a shard's name")
        if not SHARD.fullmatch(shard):
            raise scan.refuse(
                f"{shard!r} is not the name of a "
                "safetensors file",
                place,
            )
        shard = shards.setdefault(shard, shard)
        found[name] = Entry(shard, at)
    return found


def read_total(
    scan: Scanner,
) -> tuple[int | None, int]:
    """Read total_size; other entries are passed.

    Raises FormatError for one that is no text, no
    whole number, or there twice.
    """
    total, total_at = None, 0
    scan.expect(b"{")
    for at in scan.items(b"}"):
        key = scan.text("a key of the metadata")
        scan.expect(b":")
        scan.skip_space()
        if key == "total_size":
            if total is not None:
                raise scan.refuse(
                    "total_size is there twice", at
                )
            total, total_at = (
                scan.count("total_size"),
                at,
            )
        elif scan.data.startswith(b'"', scan.at):
            scan.skip_text("a value")
        else:
            scan.count("a value")
    return total, total_at


def read_index(file: BinaryIO) -> ShardIndex:
    """Read an index.

    Raises FormatError for what `read_map` and
    `read_total` refuse, and for other parts.
    """
    cursor = Cursor(file)
    data = cursor.take(
        min(cursor.left, LARGEST_INDEX + 1), "index"
    )
    scan = Scanner(data, 0)
    if len(data) > LARGEST_INDEX:
        raise scan.refuse(
            f"longer than {LARGEST_INDEX} bytes"
        )
    check_utf8(data, 0)
    entries: dict[str, Entry] | None = None
    total: tuple[int | None, int] | None = None
    scan.expect(b"{")
    for at in scan.items(b"}"):
        key = scan.text("a key")
        scan.expect(b":")
        if key == "weight_map" and entries is None:
            entries = read_map(scan)
        elif key == "metadata" and total is None:
            total = read_total(scan)
        else:
            raise scan.refuse(
                f"{key!r} is no part of an index "
                "or is there twice",
                at,
            )
    scan.skip_space()
    if scan.at < len(data) or entries is None:
        raise scan.refuse(
            "an object with a weight_map is all"
        )
    return ShardIndex(
        entries, *(total or (None, 0))
    )


# --8<-- [end:index]


# --8<-- [start:checkpoint]
class Checkpoint(NamedTuple):
    """Shards that fit their index, by file name."""

    placed: ShardIndex
    shards: Mapping[str, BinaryIO]
    headers: Mapping[str, files.Safetensors]

    def read(self, name: str) -> bytes:
        """Read a tensor; KeyError for none."""
        shard = self.placed.entries[name].shard
        header = self.headers[shard]
        return header.read(
            self.shards[shard], header.find(name)
        )


def open_shard(
    name: str,
    shards: Mapping[str, BinaryIO],
    at: int,
) -> files.Safetensors:
    """Read a shard's header.

    Raises FormatError, at the byte of the index, if
    it is missing, and at its own if it is broken.
    """
    if name not in shards:
        raise FormatError(at, f"{name} is missing")
    try:
        return files.read_safetensors(shards[name])
    except FormatError as error:
        raise FormatError(
            error.offset, f"{name}: {error.reason}"
        ) from error


def read_checkpoint(
    file: BinaryIO, shards: Mapping[str, BinaryIO]
) -> Checkpoint:
    """Read an index and the shards it names.

    shards: open files by name; no name of the index
        is ever used to open one
    Raises FormatError, at a byte of the index, for
    a shard that is missing, a tensor not in the one
    that the index says, one that it does not have,
    a shard without any, and a wrong sum of bytes.
    """
    index = read_index(file)
    first = {
        one.shard: one.at
        for one in reversed(index.entries.values())
    }
    headers: dict[str, files.Safetensors] = {}
    missing = dict(index.entries)
    total = 0
    for shard, at in first.items():
        header = open_shard(shard, shards, at)
        headers[shard] = header
        for tensor in header.tensors:
            total += tensor.size_bytes
            entry = index.entries.get(tensor.name)
            if not entry or entry.shard != shard:
                raise FormatError(
                    entry.at if entry else at,
                    f"{tensor.name!r} is in "
                    f"{shard}, which the index "
                    "denies",
                )
            del missing[tensor.name]
    for name, entry in missing.items():
        raise FormatError(
            entry.at,
            f"{name!r} is not in {entry.shard}",
        )
    for shard in shards.keys() - headers.keys():
        raise FormatError(
            0, f"{shard} is not in the index"
        )
    if index.total_bytes not in {None, total}:
        raise FormatError(
            index.total_at,
            f"total_size is {index.total_bytes}: "
            f"the tensors have {total} bytes",
        )
    return Checkpoint(index, shards, headers)


# --8<-- [end:checkpoint]
