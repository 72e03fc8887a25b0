"""A file is read up to its data in twice the header's memory, and a lie is refused at its byte."""

from __future__ import annotations

import io
import tracemalloc
from itertools import product
from pathlib import Path
from struct import pack
from typing import Any

import gguf
import numpy as np
import pytest

from snippets.model_formats import gguf_file
from snippets.model_formats.cursor import FormatError
from snippets.model_formats.gguf_file import LARGEST_HEADER_BYTES, Gguf, aligned, is_alignment, read_gguf
from snippets.model_formats.gguf_tensors import TensorInfo
from snippets.model_formats.gguf_values import CODES, U8, U32, Array, Value, pack_text, pack_value
from snippets.model_formats.gguf_writer import GgufTensor, write_gguf


def entry(key: str, value: Value) -> bytes:
    return pack_text(key) + pack("<I", CODES[type(value)]) + pack_value(value)


def tensor(name: str, shape: tuple[int, ...], code: int, offset: int) -> bytes:
    dimensions = pack(f"<I{len(shape)}Q", len(shape), *shape)
    return pack_text(name) + dimensions + pack("<IQ", code, offset)


def head(tensors: int = 0, entries: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + pack("<IQQ", version, tensors, entries)


def padded(header: bytes, data: bytes = b"", alignment: int = 32) -> bytes:
    return header + bytes(-len(header) % alignment) + data


def read(data: bytes, deep: int = 1) -> Gguf:
    return read_gguf(io.BytesIO(data), deep)


def refused(data: bytes) -> tuple[int, str]:
    with pytest.raises(FormatError) as caught:
        read(data)
    return caught.value.offset, caught.value.reason


A = tensor("a", (8,), 0, 0)
DATA = bytes(32)


def test_it_says_what_the_reader_of_the_gguf_library_says(tmp_path: Path) -> None:
    path = tmp_path / "small.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(2)
    writer.add_token_list([f"piece {n}" for n in range(100)])
    writer.add_token_scores([n / 2 for n in range(100)])
    for name, shape in {"token_embd.weight": (100, 64), "output_norm.weight": (64,)}.items():
        writer.add_tensor(name, np.arange(np.prod(shape), dtype=np.float32).reshape(shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    theirs = gguf.GGUFReader(path)
    with path.open("rb") as file:
        ours = read_gguf(file)
        assert (ours.version, ours.alignment_bytes) == (3, theirs.alignment)
        assert ours.data_offset_bytes == theirs.data_offset
        for one, other in zip(ours.tensors, theirs.tensors, strict=True):
            assert (one.name, one.shape) == (other.name, tuple(other.shape))
            assert (one.kind, one.size_bytes) == (other.tensor_type.name, other.n_bytes)
            assert ours.data_offset_bytes + one.offset_bytes == other.data_offset
            assert ours.read(file, one) == other.data.tobytes()
    for key, value in ours.metadata.items():
        expected = theirs.fields[key].contents()
        assert (list(value.values) if isinstance(value, Array) else value) == expected


def test_a_file_of_nothing_is_read() -> None:
    found = read(head())
    assert (found.version, dict(found.metadata), len(found.tensors)) == (3, {}, 0)
    assert (found.alignment_bytes, found.data_offset_bytes) == (32, 24)


def test_a_file_without_tensors_may_end_padded_or_not() -> None:
    assert read(padded(head())).data_offset_bytes == 32
    assert read(head() + bytes(5)).data_offset_bytes == 29


def test_entries_and_tensors_are_found_by_name() -> None:
    found = read(padded(head(1, 2) + entry("x", U8(1)) + entry("y", "z") + A, DATA))
    assert (found.metadata["y"], list(found.metadata), len(found.metadata)) == ("z", ["x", "y"], 2)
    assert found.find("a") == TensorInfo("a", (8,), "F32", 0)
    with pytest.raises(KeyError, match="b"):
        found.find("b")
    with pytest.raises(KeyError, match="w"):
        found.metadata["w"]


def test_the_file_may_be_closed_once_it_is_read() -> None:
    with io.BytesIO(padded(head(1, 1) + entry("x", "y") + A, DATA)) as file:
        found = read_gguf(file)
    assert (found.metadata["x"], found.tensors[0].name) == ("y", "a")


def test_a_tensor_is_read_out_of_a_file_that_still_has_it() -> None:
    file = io.BytesIO(padded(head(1) + A, bytes(range(32))))
    found = read_gguf(file)
    assert found.read(file, found.tensors[0]) == bytes(range(32))
    file.truncate(68)
    with pytest.raises(FormatError, match=r"^byte 64: a of 32 bytes: only 4 are left$"):
        found.read(file, found.tensors[0])


@pytest.mark.parametrize(
    ("data", "offset", "reason"),
    [
        (b"", 0, "magic of 4 bytes: only 0 are left"),
        (b"GGML" + bytes(20), 0, "not a GGUF file"),
        (head(version=2), 4, "version 2, not 3"),
        (head(version=4), 4, "version 4, not 3"),
        (head(1) + bytes(24), 8, "1 tensors: at most 65536, and there is room for 0"),
        (head(0, 1) + bytes(13), 16, "1 entries: at most 1000, and there is room for 0"),
        (head(0, 1) + entry("", U32(1)), 24, "key '' is not printable ASCII"),
        (head(0, 1) + entry("ß", U8(1)), 24, "key 'ß' is not printable ASCII"),
        (head(0, 1) + entry("a\n", U8(1)), 24, r"key 'a\n' is not printable ASCII"),
        (head(0, 1) + entry("k" * 70 + "\n", U8(1)), 24, f"key '{'k' * 63}' is not printable ASCII"),
        (head(0, 2) + entry("a", U8(1)) * 2, 38, "key a stands twice"),
        (head(0, 2) + entry("k" * 64, U8(1)) * 2, 101, f"key {'k' * 63} stands twice"),
        (padded(head(2) + A + tensor("a", (8,), 0, 32), DATA * 2), 57, "tensor a stands twice"),
        (padded(head(1) + tensor("a", (8,), 0, 32), DATA * 2), 49, "a has offset 32, not 0"),
        (padded(head(2) + A + tensor("b", (8,), 0, 0), DATA * 2), 82, "b has offset 0, not 32"),
        (padded(head(1) + A, DATA[1:]), 95, "the file ends, its data at 96"),
        (padded(head(1) + A, DATA + b"PK"), 96, "2 bytes follow the data"),
        (padded(head(), b"PK"), 32, "2 bytes follow the data"),
        (head(1) + A, 24, "a of 32 bytes: 0 are left"),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(data: bytes, offset: int, reason: str) -> None:
    assert refused(data) == (offset, reason)


def test_counts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for bound, data in (("MOST_ENTRIES", head(0, 2) + bytes(99)), ("MOST_TENSORS", head(2) + bytes(99))):
        with monkeypatch.context() as patched:
            patched.setattr(gguf_file, bound, 1)
            assert "at most 1, and there is room for" in refused(data)[1]
    key = pack("<Q", 65_536) + b"k" * 65_536 + bytes(4)
    assert refused(head(0, 1) + key) == (24, "65536 bytes of key: at most 65535, and there is room for 65540")


def test_room_is_counted_by_the_least_that_an_entry_or_a_tensor_takes() -> None:
    assert len(entry("k", U8(1))) == 14
    assert read(head(0, 1) + entry("k", U8(1))).metadata["k"] == 1
    assert len(tensor("t", (1,), 0, 0)) == 33


@pytest.mark.parametrize("alignment", [8, 16, 32, 64, 128])
def test_tensors_begin_at_multiples_of_the_alignment(alignment: int) -> None:
    second = aligned(24, alignment)
    header = head(2, 1) + entry("general.alignment", U32(alignment))
    header += tensor("a", (6,), 0, 0) + tensor("b", (1,), 0, second)
    found = read(padded(header, bytes(second + alignment), alignment))
    assert [one.offset_bytes for one in found.tensors] == [0, second]
    assert found.alignment_bytes == alignment
    assert found.data_offset_bytes == aligned(len(header), alignment)


@pytest.mark.parametrize("value", [0, 1, 2, 4, 9, 12, 48, 2**32 - 1])
def test_an_alignment_is_a_power_of_two_from_8(value: int) -> None:
    assert not is_alignment(value)
    data = head(0, 1) + entry("general.alignment", U32(value))
    assert refused(data) == (53, f"general.alignment is {value}, not a power of two from 8")


@pytest.mark.parametrize("value", [U8(32), "32", Array(U32, (32,))])
def test_an_alignment_has_32_bits(value: Value) -> None:
    assert refused(head(0, 1) + entry("general.alignment", value)) == (49, "general.alignment is no U32")


def test_arrays_in_arrays_are_read_where_they_are_asked_for() -> None:
    nested = Array(Array, (Array(U8, (1, 2)),))
    data = head(0, 1) + entry("a", nested)
    assert refused(data) == (37, "an array in an array: too deep")
    with pytest.raises(FormatError, match="too deep"):
        read_gguf(io.BytesIO(data))
    assert read(data, deep=2).metadata["a"] == nested


def claims(name: str) -> bytes:
    """A large file, honest or not, that could make a reader spend memory."""
    if "tensors" in name:
        names = ["".join(letters) for letters in product("abcdefghijklmnopqrst", repeat=3)]
        names += names[:1] * ("twice" in name)
        infos = [tensor(one, (8,), 0, 32 * at) for at, one in enumerate(names)]
        return padded(head(len(infos)) + b"".join(infos), bytes(32 * len(infos)))
    if name == "many entries":
        return head(0, 1_000) + b"".join(entry(f"{n:03}", U8(0)) for n in range(1_000))
    values: dict[str, Any] = {
        "long text": "x" * 2**20 + "🙂",
        "short texts": Array(str, ("ab",) * 2**17),
        "empty texts": Array(str, ("",) * 2**17),
        "numbers": Array(U32, tuple(range(2**18))),
        "bools": Array(bool, (True,) * 2**20),
    }
    if name in values:
        return head(0, 1) + entry("a", values[name])
    assert name == "long keys"
    return head(0, 32) + b"".join(entry(f"{n:02}" + "k" * 65_500, U8(0)) for n in range(32))


@pytest.mark.parametrize(
    "name",
    [
        *("many tensors", "many tensors, the last twice", "many entries", "long keys"),
        *("long text", "short texts", "empty texts", "numbers", "bools"),
    ],
)
def test_reading_takes_at_most_twice_the_header(name: str, tmp_path: Path) -> None:
    data = claims(name)
    header = len(data)
    if "tensors" in name:
        header = 24 + 35 * (8_000 + ("twice" in name))
    path = tmp_path / "claims.gguf"
    path.write_bytes(data)
    with path.open("rb") as file:
        tracemalloc.start()
        try:
            found: Any = read_gguf(file)
        except FormatError as error:
            found = error
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    assert isinstance(found, FormatError) == ("twice" in name)
    assert peak < 2 * header + FIXED


FIXED = 131_072  # bytes: the interpreter's own, and a thousand short keys


def test_a_large_vocabulary_is_read() -> None:
    file = io.BytesIO()
    write_gguf(
        file,
        {"tokens": Array(str, tuple(map(str, range(50_000))))},
        [GgufTensor("a", (8,), "F32", bytes(32))],
    )
    found = read_gguf(file).metadata["tokens"]
    assert isinstance(found, Array)
    assert found.values[-1] == "49999"


def test_a_header_that_would_fill_the_memory_is_refused_before_it_is_read(tmp_path: Path) -> None:
    count = 8_000_000
    head = b"GGUF" + pack("<IQQ", 3, 0, 5)
    path = tmp_path / "sparse.gguf"
    with path.open("wb") as file:
        file.write(head)
        for number in range(5):
            file.write(pack("<Q1sIIQ", 1, b"%d" % number, 9, 10, count))
            file.seek(8 * count, 1)
        file.truncate()
    tracemalloc.start()
    with path.open("rb") as file, pytest.raises(FormatError, match="the header goes on") as refused:
        read_gguf(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused.value.offset == LARGEST_HEADER_BYTES == 2**28
    assert peak < 1_000_000
