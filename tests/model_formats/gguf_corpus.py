"""GGUF files that lie: each has a name, what is wrong, and the byte at which it is.

    python -m tests.model_formats.gguf_corpus

asks three readers about each file, and writes the table of docs/model-formats/gguf-hostile.md.
"""

# ruff: noqa: E501 - a lie a line
from __future__ import annotations

from pathlib import Path
from struct import pack
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.model_formats.gguf_readers import verdicts

PAGE = Path(__file__).parents[2] / "docs/model-formats/gguf-hostile.md"
# The table stands between these, and a test makes it anew.
BEGIN, END = "<!-- lies -->", "<!-- /lies -->"


class Here:
    """Stands in a file's parts where the lie is."""


HERE = Here()
Part = bytes | Here


class Lie(NamedTuple):
    """A malformed file."""

    name: str
    what: str
    data: bytes
    offset: int


def lie(name: str, what: str, *parts: Part) -> Lie:
    """Put a file together; `HERE` says where it lies."""
    data, offset = b"", -1
    for part in parts:
        if isinstance(part, Here):
            offset = len(data)
        else:
            data += part
    assert offset >= 0, name
    return Lie(name, what, data, offset)


def head(tensors: int, entries: int, version: int = 3) -> bytes:
    return b"GGUF" + pack("<IQQ", version, tensors, entries)


def text(value: bytes) -> bytes:
    return pack("<Q", len(value)) + value


def u32(value: int) -> bytes:
    return pack("<I", value)


def u64(value: int) -> bytes:
    return pack("<Q", value)


U32, BOOL, STRING, ARRAY, U64 = u32(4), u32(7), u32(8), u32(9), u32(10)
F32, Q4_K = u32(0), u32(12)
ALIGNMENT = text(b"general.alignment")
ONE, NONE = head(0, 1), head(0, 0)
KEY = text(b"a")
TENSOR = head(1, 0)
NAME = text(b"a")
SHAPE = u32(1) + u64(8)  # eight floats are one alignment
FIRST = NAME + SHAPE + F32 + u64(0)
DATA = bytes(32)


def padded(*parts: Part, align: int = 32, data: bytes = DATA) -> tuple[Part, ...]:
    """A whole file of these parts, the padding and the data."""
    size = sum(len(part) for part in parts if isinstance(part, bytes))
    return *parts, bytes(-size % align), data


def aligned_by(*value: Part) -> tuple[Part, ...]:
    """A file with one tensor, whose alignment is this."""
    return padded(head(1, 1), ALIGNMENT, *value, FIRST)


def second(*parts: Part, data: bytes = DATA) -> tuple[Part, ...]:
    """A file whose second tensor is this."""
    return padded(head(2, 0), FIRST, *parts, data=DATA + data)


B = text(b"b")
LIES = (
    lie("empty", "no byte at all", HERE),
    lie("magic", "letters of an older format", HERE, b"GGML", head(0, 0)[4:]),
    lie("version cut", "half a version", b"GGUF", HERE, b"\x03\x00"),
    lie("version 0", "version 0", b"GGUF", HERE, head(0, 0, 0)[4:]),
    lie("version 1", "counts half as wide", b"GGUF", HERE, head(0, 0, 1)[4:]),
    lie("version 2", "an older version of the same layout", b"GGUF", HERE, head(0, 0, 2)[4:]),
    lie("version 4", "a version that is not made yet", b"GGUF", HERE, head(0, 0, 4)[4:]),
    lie("big-endian", "numbers the other way round", b"GGUF", HERE, pack(">IQQ", 3, 0, 0)),
    lie("tensors 2^64-1", "a count of -1", head(0, 0)[:8], HERE, u64(2**64 - 1), u64(0)),
    lie("tensors 2^63", "a count below zero, signed", head(0, 0)[:8], HERE, u64(2**63), u64(0)),
    lie("tensors 2^61", "a count whose bytes wrap", head(0, 0)[:8], HERE, u64(2**61), u64(0)),
    lie("tensors, none there", "one tensor in the count only", head(0, 0)[:8], HERE, u64(1), u64(0)),
    lie("entries 2^64-1", "a count of -1", head(0, 0)[:16], HERE, u64(2**64 - 1)),
    lie("entries 2^40", "a count for which there is no room", head(0, 0)[:16], HERE, u64(2**40), bytes(64)),
    lie("entries, none there", "one entry in the count only", head(0, 0)[:16], HERE, u64(1)),
    lie("key empty", "a key of no letter", ONE, HERE, text(b""), U32, u32(1), bytes(4)),
    lie("key 2^64-1", "a length of -1", ONE, HERE, u64(2**64 - 1), bytes(32)),
    lie("key wraps", "place and length are 2^64 together", ONE, HERE, u64(2**64 - 32), bytes(32)),
    lie("key too long", "one letter more than the format allows", ONE, HERE, text(b"k" * 65_536), U32, u32(1)),
    lie("key not UTF-8", "a byte of no letter", ONE, u64(2), b"a", HERE, b"\xff", U32, u32(1)),
    lie("key not ASCII", "a letter outside ASCII", ONE, HERE, text("ß".encode()), U32, u32(1)),
    lie("key with zero", "a byte 0, where C ends", ONE, HERE, text(b"a\0b"), U32, u32(1)),
    lie("key twice", "two values for one key", head(0, 2), KEY, U32, u32(1), HERE, KEY, U32, u32(2)),
    lie("kind 13", "a kind that is none", ONE, KEY, HERE, u32(13), bytes(8)),
    lie("kind -1", "a kind of -1", ONE, KEY, HERE, u32(2**32 - 1), bytes(8)),
    lie("number cut", "a number that ends early", ONE, KEY, U32, HERE, b"abc"),
    lie("bool 2", "neither true nor false", ONE, KEY, BOOL, HERE, b"\x02"),
    lie("bool 255 in an array", "neither true nor false", ONE, KEY, ARRAY, BOOL, u64(3), b"\0\1", HERE, b"\xff"),
    lie("text not UTF-8", "a byte of no letter", ONE, KEY, STRING, u64(4), b"abc", HERE, b"\x80"),
    lie("text a surrogate", "half of a pair, as in UTF-16", ONE, KEY, STRING, u64(3), HERE, b"\xed\xa0\x80"),
    lie("text overlong", "a zero in two bytes", ONE, KEY, STRING, u64(2), HERE, b"\xc0\x80"),
    lie("text cut in a letter", "half a letter", ONE, KEY, STRING, u64(2), HERE, b"\xe2\x82"),
    lie("text 2^64-1", "a length of -1", ONE, KEY, STRING, HERE, u64(2**64 - 1), b"abc"),
    lie("text wraps", "place and length are 2^64 together", ONE, KEY, STRING, HERE, u64(2**64 - 45), b"abc"),
    lie("text beyond the end", "one byte more than there is", ONE, KEY, STRING, HERE, u64(4), b"abc"),
    lie("array 2^64-1", "a count of -1", ONE, KEY, ARRAY, U32, HERE, u64(2**64 - 1), bytes(8)),
    lie("array wraps", "a count whose bytes are 2^64", ONE, KEY, ARRAY, U64, HERE, u64(2**61), bytes(8)),
    lie("array beyond the end", "one value more than there is", ONE, KEY, ARRAY, U32, HERE, u64(3), bytes(8)),
    lie("array of kind 13", "a kind that is none", ONE, KEY, ARRAY, HERE, u32(13), u64(0)),
    lie("array of broken text", "not UTF-8", ONE, KEY, ARRAY, STRING, u64(2), text(b"a"), u64(1), HERE, b"\xff"),
    lie("array of short text", "it ends after the end", ONE, KEY, ARRAY, STRING, u64(2), text(b"a"), HERE, u64(9)),
    lie("array in an array", "an array of arrays", ONE, KEY, ARRAY, HERE, ARRAY, u64(1), U32, u64(1), u32(1)),
    lie("array in an array, none", "an array of no arrays", ONE, KEY, ARRAY, HERE, ARRAY, u64(0)),
    lie("arrays 5,000 deep", "arrays to the end", ONE, KEY, ARRAY, HERE, (ARRAY + u64(1)) * 5_000, U32, u64(0)),
    lie("alignment 0", "a division by zero", *aligned_by(U32, HERE, u32(0))),
    lie("alignment 1", "no alignment", *aligned_by(U32, HERE, u32(1))),
    lie("alignment 48", "not a power of two", *aligned_by(U32, HERE, u32(48))),
    lie("alignment 2^31", "more than there is", *aligned_by(U32, u32(2**31), FIRST), HERE),
    lie("alignment of 64 bits", "a kind of twice the width", *aligned_by(HERE, U64, u64(32))),
    lie("alignment a text", "a kind of another sort", *aligned_by(HERE, STRING, text(b"32"))),
    lie("alignment an array", "many values for one", *aligned_by(HERE, ARRAY, U32, u64(1), u32(32))),
    lie("name empty", "a tensor without a name", *padded(TENSOR, HERE, text(b""), SHAPE, F32, u64(0))),
    lie("name of 64 bytes", "one more than fits", *padded(TENSOR, HERE, text(b"n" * 64), SHAPE, F32, u64(0))),
    lie("name 2^64-1", "a length of -1", *padded(TENSOR, HERE, u64(2**64 - 1), SHAPE, F32, u64(0))),
    lie("name not UTF-8", "no letter", *padded(TENSOR, u64(1), HERE, b"\xff", SHAPE, F32, u64(0))),
    lie("name with zero", "a byte 0, where C ends", *second(HERE, text(b"a\0b"), SHAPE, F32, u64(32))),
    lie("name twice", "two tensors of one name", *second(HERE, NAME, SHAPE, F32, u64(32))),
    lie("no dimension", "a tensor of no dimension", *padded(TENSOR, NAME, HERE, u32(0), F32, u64(0), bytes(8))),
    lie("5 dimensions", "one more than an engine has", *padded(TENSOR, NAME, HERE, u32(5), u64(1) * 5, F32, u64(0))),
    lie("2^32-1 dimensions", "a count of -1", *padded(TENSOR, NAME, HERE, u32(2**32 - 1), u64(8), F32, u64(0))),
    lie("a dimension of 0", "a tensor of nothing", *padded(TENSOR, NAME, u32(1), HERE, u64(0), F32, u64(0), data=b"")),
    lie("a dimension of 2^63", "negative, signed", *padded(TENSOR, NAME, u32(1), HERE, u64(2**63), F32, u64(0))),
    lie("shape wraps", "so many weights that they are none", *padded(TENSOR, HERE, NAME, u32(2), u64(2**32) * 2, F32, u64(0))),
    lie("bytes wrap", "so many bytes that they are none", *padded(TENSOR, HERE, NAME, u32(1), u64(2**62), F32, u64(0))),
    lie("padding wraps", "bytes that pad to none", *padded(TENSOR, HERE, NAME, u32(2), u64(2**63 - 1), u64(2), u32(24), u64(0))),
    lie("type 999", "a type that is none", *padded(TENSOR, NAME, SHAPE, HERE, u32(999), u64(0))),
    lie("type -1", "a type of -1", *padded(TENSOR, NAME, SHAPE, HERE, u32(2**32 - 1), u64(0))),
    lie("type 4", "a type that was taken away", *padded(TENSOR, NAME, SHAPE, HERE, u32(4), u64(0))),
    lie("rows of broken blocks", "a row of less than a block", *padded(TENSOR, NAME, SHAPE, HERE, Q4_K, u64(0))),
    lie("offset not 0", "a gap at the start", *padded(TENSOR, NAME, SHAPE, F32, HERE, u64(32), data=bytes(64))),
    lie("offset overlaps", "over the tensor before", *second(B, SHAPE, F32, HERE, u64(0))),
    lie("offset unaligned", "inside the tensor before", *second(B, SHAPE, F32, HERE, u64(24))),
    lie("offset leaves a gap", "bytes of no tensor", *second(B, SHAPE, F32, HERE, u64(64), data=bytes(64))),
    lie("offset beyond the end", "a tensor behind the file", *second(B, SHAPE, F32, HERE, u64(2**40))),
    lie(
        "offset 2^64-4096",
        "a place before the data, inside the header",
        *padded(head(1, 1), KEY, STRING, text(bytes(8_192)), NAME, SHAPE, F32, HERE, u64(2**64 - 4_096)),
    ),
    lie("offset of a tensor cut", "half an offset", TENSOR, NAME, SHAPE, F32, HERE, u32(0)),
    lie("tensor beyond the end", "more than the file has", *padded(TENSOR, HERE, NAME, u32(1), u64(2**30), F32, u64(0))),
    lie("data cut", "one byte less than there should be", *padded(TENSOR, FIRST, data=DATA[1:]), HERE),
    lie("data not padded", "no zeros behind the last tensor", *padded(TENSOR, NAME, u32(1), u64(6), F32, u64(0), data=bytes(24)), HERE),
    lie("no padding, no data", "the file ends with its header", TENSOR, HERE, FIRST),
    lie("bytes follow", "a second file behind the data", *padded(TENSOR, FIRST), HERE, b"PK\x03\x04"),
    lie("bytes follow the entries", "data of no tensor", NONE, bytes(8), HERE, b"PK\x03\x04"),
)  # fmt: skip


def rows(found: dict[str, list[str]]) -> list[str]:
    """The table of the page: what each file says, where it lies, and what three readers do with it."""
    lines = ["| A file with | wrong at | llama.cpp | with data | gguf |", "|---|---:|---|---|---|"]
    for lie_, *said in zip(LIES, *found.values(), strict=True):
        marked = [f"**{word}**" if word != "refuses" else word for word in said]
        at = f"`{lie_.offset}`"
        lines.append(f"| `{lie_.name}`: {lie_.what} | {at} | {' | '.join(marked)} |")
    return lines


def main() -> None:
    """Write the table of the page."""
    with TemporaryDirectory() as folder:
        found = ask(Path(folder))
    text_ = PAGE.read_text(encoding="utf-8")
    before, _, rest = text_.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{chr(10).join(rows(found))}\n\n{END}{after}", encoding="utf-8")


def ask(folder: Path) -> dict[str, list[str]]:
    """What each reader does with each file."""
    paths = []
    for number, one in enumerate(LIES):
        paths.append(folder / f"{number}.gguf")
        paths[-1].write_bytes(one.data)
    return {reader: verdicts(reader, paths) for reader in ("llama.cpp", "llama.cpp, data", "gguf")}


if __name__ == "__main__":
    main()
