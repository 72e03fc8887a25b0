"""Safetensors files that lie: each has a name, what is wrong, and the byte at which it is.

    python -m tests.model_formats.safetensors_corpus

asks the library about each file, and writes the table of docs/model-formats/safetensors-hostile.md.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

import safetensors

from snippets.model_formats.cursor import FormatError
from snippets.model_formats.safetensors_file import read_safetensors

PAGE = Path(__file__).parents[2] / "docs/model-formats/safetensors-hostile.md"


class Lie(NamedTuple):
    """A malformed file."""

    what: str
    data: bytes
    offset: int


def file(header: str | bytes, data: bytes = b"") -> bytes:
    """A header with its length, then the data."""
    raw = header.encode() if isinstance(header, str) else header
    return len(raw).to_bytes(8, "little") + raw + data


HERE = "¶"


def lie(what: str, header: str, data: bytes = b"") -> Lie:
    """A file whose header lies where the sign stands."""
    before, after = header.split(HERE)
    return Lie(what, file(before + after, data), 8 + len(before.encode()))


def raw(what: str, header: bytes, at: int, data: bytes = b"") -> Lie:
    """A file whose header lies at a byte of it."""
    return Lie(what, file(header, data), 8 + at)


def whole(name: str, shape: str, begin: int, end: int, dtype: str = "U8") -> str:
    """An entry."""
    return f'"{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]}}'


GOOD = whole("a", "[4]", 0, 4)
DATA = bytes(4)

LIES = (
    # The length
    Lie("an empty file", b"", 0),
    Lie("a length cut short", bytes(7), 0),
    Lie("a header longer than the file", (9).to_bytes(8, "little") + b"{}", 0),
    Lie("a header of `2**64 - 1` bytes", b"\xff" * 8 + b"{}", 0),
    # The text
    lie("a header of no bytes", HERE),
    lie("a space before the header", HERE + " {}"),
    lie("a list as the header", HERE + "[]"),
    raw("a mark of byte order", b"\xef\xbb\xbf{}", 0),
    raw("a name that is not UTF-8", b'{"\xff":1}', 2),
    raw("a name cut within a character", b'{"\xe2\x82":1}', 2),
    raw("a surrogate written in UTF-8", b'{"\xed\xa0\x80":1}', 2),
    raw("a control character in a name", b'{"a\x01":1}', 1),
    lie("half a surrogate pair as a name", '{¶"\\ud800":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
    lie("an escape that JSON lacks", '{¶"\\x41":1}'),
    lie("a text that does not end", '{¶"a'),
    lie("a header that does not end", "{" + GOOD + HERE, DATA),
    lie("a comma before the end", "{" + GOOD + "," + HERE + "}", DATA),
    lie("two headers", "{}" + HERE + "{}"),
    lie("zeros after the header", "{" + GOOD + "}" + HERE + "\0\0", DATA),
    lie("a line feed after the header", "{" + GOOD + "}" + HERE + "\n", DATA),
    lie("a comment", "{" + HERE + "/**/" + GOOD + "}", DATA),
    # The names
    lie(
        "a name there twice, the second elsewhere",
        "{" + GOOD + "," + HERE + whole("a", "[4]", 4, 8) + "}",
        bytes(8),
    ),
    lie(
        "a name there twice, the first beyond the file",
        "{" + whole("a", "[4]", 96, 100) + "," + HERE + GOOD + "}",
        DATA,
    ),
    lie("a name there twice, both the same", "{" + GOOD + "," + HERE + GOOD + "}", DATA),
    lie(
        "a name there twice, once with an escape",
        "{" + GOOD + "," + HERE + whole("\\u0061", "[0]", 4, 4) + "}",
        DATA,
    ),
    lie("a name longer than any", "{" + HERE + whole("a" * 4097, "[0]", 0, 0) + "}"),
    # The nesting
    lie("lists in lists, to the end", '{"a":¶' + "[" * 1_000_000),
    lie("objects in objects, to the end", '{"a":{¶' + '"b":{' * 100_000),
    lie("lists in the metadata", '{"__metadata__":{"a":¶' + "[" * 1_000),
    # The metadata
    lie("metadata that are null", '{"__metadata__":¶null}'),
    lie("metadata with a number", '{"__metadata__":{"a":¶1}}'),
    lie("metadata there twice", '{"__metadata__":{},¶"__metadata__":{}}'),
    lie("a key of the metadata there twice", '{"__metadata__":{"a":"1",¶"a":"2"}}'),
    lie(
        "more metadata than any file has",
        '{"__metadata__":{' + ",".join(f'"{i}":""' for i in range(1000)) + ',¶"a":""}}',
    ),
    # An entry
    lie("a tensor that is null", '{"a":¶null}'),
    lie("a tensor as a list", '{"a":¶["U8",[4],[0,4]]}', DATA),
    lie("a tensor without a type", '{"a":¶{"shape":[4],"data_offsets":[0,4]}}', DATA),
    lie("a tensor without a shape", '{"a":¶{"dtype":"U8","data_offsets":[0,4]}}', DATA),
    lie("a tensor without offsets", '{"a":¶{"dtype":"U8","shape":[4]}}', DATA),
    lie("a type there twice", '{"a":{"dtype":"U8",¶"dtype":"I8","shape":[4],"data_offsets":[0,4]}}', DATA),
    lie("a shape there twice", '{"a":{"dtype":"U8","shape":[4],¶"shape":[4],"data_offsets":[0,4]}}', DATA),
    lie(
        "offsets there twice",
        '{"a":{"dtype":"U8","data_offsets":[0,4],¶"data_offsets":[0,4],"shape":[4]}}',
        DATA,
    ),
    lie(
        "a key that the format lacks",
        '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4],¶"code":"x"}}',
        DATA,
    ),
    lie("a type that nobody knows", '{"a":¶{"dtype":"F5","shape":[4],"data_offsets":[0,4]}}', DATA),
    lie("a type in small letters", '{"a":¶{"dtype":"u8","shape":[4],"data_offsets":[0,4]}}', DATA),
    lie("a type that is a number", '{"a":{"dtype":¶8,"shape":[4],"data_offsets":[0,4]}}', DATA),
    # The shape
    lie("a shape that is a number", '{"a":{"dtype":"U8","shape":¶4,"data_offsets":[0,4]}}', DATA),
    lie("a dimension below zero", '{"a":{"dtype":"U8","shape":[¶-4],"data_offsets":[0,4]}}', DATA),
    lie("a dimension of minus zero", '{"a":{"dtype":"U8","shape":[¶-0],"data_offsets":[0,0]}}'),
    lie("a dimension with a fraction", '{"a":{"dtype":"U8","shape":[¶4.0],"data_offsets":[0,4]}}', DATA),
    lie("a dimension with an exponent", '{"a":{"dtype":"U8","shape":[¶4e0],"data_offsets":[0,4]}}', DATA),
    lie("a dimension with a leading zero", '{"a":{"dtype":"U8","shape":[¶04],"data_offsets":[0,4]}}', DATA),
    lie("a dimension that is NaN", '{"a":{"dtype":"U8","shape":[¶NaN],"data_offsets":[0,4]}}', DATA),
    lie("a dimension that is true", '{"a":{"dtype":"U8","shape":[¶true],"data_offsets":[0,1]}}', bytes(1)),
    lie(
        "a dimension of `2**64`", '{"a":{"dtype":"U8","shape":[¶18446744073709551616],"data_offsets":[0,0]}}'
    ),
    lie(
        "a dimension of very many digits",
        '{"a":{"dtype":"U8","shape":[¶' + "9" * 10_000 + '],"data_offsets":[0,4]}}',
        DATA,
    ),
    lie(
        "a shape whose product wraps to zero", '{"a":¶' + whole("", "[4294967296,4294967296]", 0, 0)[3:] + "}"
    ),
    lie(
        "a product that wraps, times zero", '{"a":¶' + whole("", "[4294967296,4294967296,0]", 0, 0)[3:] + "}"
    ),
    lie(
        "zero, times a product that wraps", '{"a":¶' + whole("", "[0,4294967296,4294967296]", 0, 0)[3:] + "}"
    ),
    lie("a number of bits that wraps", '{"a":¶' + whole("", "[2305843009213693952]", 0, 0)[3:] + "}"),
    lie("a half byte", '{"a":¶' + whole("", "[1]", 0, 1, "F4")[3:] + "}", bytes(1)),
    lie(
        "more dimensions than NumPy has",
        '{"a":{"dtype":"U8","shape":[' + "1," * 64 + '¶1],"data_offsets":[0,1]}}',
        bytes(1),
    ),
    # The offsets
    lie("one offset", '{"a":{"dtype":"U8","shape":[4],"data_offsets":[4¶]}}', DATA),
    lie("three offsets", '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4¶,4]}}', DATA),
    lie("an end before the begin", '{"a":¶' + whole("", "[4]", 4, 0)[3:] + "}", DATA),
    lie("fewer bytes than the shape has", '{"a":¶' + whole("", "[4]", 0, 3)[3:] + "}", bytes(3)),
    lie("more bytes than the shape has", '{"a":¶' + whole("", "[4]", 0, 5)[3:] + "}", bytes(5)),
    lie("an end beyond the file", "{" + HERE + whole("a", "[5]", 0, 5) + "}", DATA),
    lie("offsets of the largest numbers", "{" + HERE + whole("a", "[4]", 2**64 - 5, 2**64 - 1) + "}", DATA),
    lie("a hole before the first tensor", "{" + HERE + whole("a", "[3]", 1, 4) + "}", DATA),
    lie(
        "a hole between two", "{" + whole("a", "[1]", 0, 1) + "," + HERE + whole("b", "[2]", 2, 4) + "}", DATA
    ),
    lie("two that overlap", "{" + whole("a", "[3]", 0, 3) + "," + HERE + whole("b", "[2]", 2, 4) + "}", DATA),
    lie("two at the same place", "{" + GOOD + "," + HERE + whole("b", "[4]", 0, 4) + "}", DATA),
    Lie("bytes after the last tensor", file("{" + GOOD + "}", DATA + b"x"), 8 + len(GOOD) + 2 + 4),
    Lie("data without a tensor", file("{}", b"x"), 10),
)


def ours(data: bytes) -> str:
    """What our reader says."""
    try:
        read_safetensors(io.BytesIO(data))
    except FormatError as error:
        return str(error)
    return "reads"


def library_reads(data: bytes) -> dict[str, tuple[str, tuple[int, ...], bytes]] | None:
    """What the library reads: type, shape and bytes by name; None where it refuses."""
    try:
        found = safetensors.deserialize(data)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError:
        return None
    return {name: (one["dtype"], tuple(one["shape"]), bytes(one["data"])) for name, one in found}


def library(data: bytes) -> str:
    """What the library says: reads, or refuses."""
    return "refuses" if library_reads(data) is None else "**reads**"


def table() -> str:
    """Every lie, with what both say."""
    rows = ["| What is wrong | This guide's reader | The library |", "|---|---|---|"]
    for one in LIES:
        said = ours(one.data)
        rows.append(
            f"| {one.what} | `{said if len(said) < 90 else said[:86] + ' …'}` | {library(one.data)} |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    start, end = "<!-- verdicts -->\n\n", "\n\n<!-- /verdicts -->"
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(start)
    PAGE.write_text(before + start + table() + end + rest.split(end)[1], encoding="utf-8")
