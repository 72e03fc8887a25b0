"""The header of a GGUF file is read to its end, and a broken one is refused by what is wrong with it."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import gguf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.data.models import model, read_models
from snippets.hardware import header as limits
from snippets.hardware.header import Header, read_header, stored_bytes
from snippets.hardware.tensors import gguf_tensors
from snippets.hardware.weights import tensor_bytes, tensor_types
from tests.hardware import sparse


def text(value: str) -> bytes:
    """A string as a file has it."""
    return struct.pack("<Q", len(value.encode())) + value.encode()


def entry(key: str, code: int, value: bytes) -> bytes:
    """A key with the type and bytes of its value."""
    return text(key) + struct.pack("<I", code) + value


def tensor(name: str, shape: tuple[int, ...], code: int, offset: int) -> bytes:
    """What a file says of a tensor."""
    dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + dimensions + struct.pack("<IQ", code, offset)


def file(*parts: bytes, tensors: int = 0, entries: int = 0, version: int = 3) -> bytes:
    """A file without its weights."""
    return b"GGUF" + struct.pack("<IQQ", version, tensors, entries) + b"".join(parts)


def read(data: bytes) -> Header:
    """The header of these bytes."""
    return read_header(io.BytesIO(data))


def written(name: str, kind: str, folder: Path) -> Path:
    """A file of full length without weights."""
    path = folder / "model.gguf"
    sparse.write(model(name), path, kind)
    return path


def knows(name: str) -> bool:
    """Say whether this guide knows the tensors of the model's file."""
    try:
        return bool(gguf_tensors(model(name)))
    except (ValueError, KeyError):
        return False


KNOWN = sorted(name for name in read_models() if knows(name))


@pytest.mark.parametrize("kind", ["F16", "Q8_0", "Q4_K_M", "IQ4_XS"])
@pytest.mark.parametrize("name", ["llama-3.2-1b", "gpt-oss-20b", "deepseek-v3", "qwen3-next-80b-a3b"])
def test_bytes_are_those_of_the_tensors_by_type(name: str, kind: str, tmp_path: Path) -> None:
    expected: dict[str, int] = {}
    for one, of_type in tensor_types(model(name), kind):
        expected[of_type] = expected.get(of_type, 0) + tensor_bytes(one, of_type)
    with written(name, kind, tmp_path).open("rb") as opened:
        found = stored_bytes(read_header(opened))
    assert found == expected
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_it_says_what_the_reader_of_the_gguf_package_says(tmp_path: Path) -> None:
    path = written("llama-3.2-1b", "Q4_K_M", tmp_path)
    theirs = gguf.GGUFReader(path)
    with path.open("rb") as opened:
        ours = read_header(opened)
        assert opened.tell() <= theirs.data_offset < opened.tell() + ours.alignment_bytes
    assert ours.version == 3
    assert [one.name for one in ours.tensors] == [one.name for one in theirs.tensors]
    assert [one.kind for one in ours.tensors] == [one.tensor_type.name for one in theirs.tensors]
    assert [one.size_bytes for one in ours.tensors] == [one.n_bytes for one in theirs.tensors]
    assert [theirs.data_offset + one.offset_bytes for one in ours.tensors] == [
        one.data_offset for one in theirs.tensors
    ]
    for key, value in ours.entries.items():
        expected = theirs.fields[key].contents()
        assert value == (tuple(expected) if isinstance(expected, list) else expected)


VALUES = {
    0: ("B", 255),
    1: ("b", -128),
    2: ("H", 65_535),
    3: ("h", -32_768),
    4: ("I", 4_294_967_295),
    5: ("i", -2_147_483_648),
    6: ("f", 0.5),
    7: ("?", True),
    10: ("Q", 18_446_744_073_709_551_615),
    11: ("q", -9_223_372_036_854_775_808),
    12: ("d", 0.1),
}


@pytest.mark.parametrize("code", VALUES)
def test_a_number_of_each_type_is_read(code: int) -> None:
    form, value = VALUES[code]
    packed = struct.pack("<" + form, value)
    assert read(file(entry("one", code, packed), entries=1)).entries == {"one": value}
    listed = struct.pack("<IQ", code, 2) + packed * 2
    assert read(file(entry("two", 9, listed), entries=1)).entries == {"two": (value, value)}


def test_the_types_are_those_of_the_format() -> None:
    assert {*VALUES, limits.STRING, limits.ARRAY} == {one.value for one in gguf.GGUFValueType}
    assert gguf.GGUFValueType(limits.STRING).name == "STRING"
    assert gguf.GGUFValueType(limits.ARRAY).name == "ARRAY"
    assert set(limits.VERSIONS) == set(gguf.READER_SUPPORTED_VERSIONS)


def test_texts_are_read_and_broken_ones_are_marked() -> None:
    listed = struct.pack("<IQ", 8, 2) + text("a") + text("ß")
    broken = struct.pack("<Q", 1) + b"\xff"
    found = read(file(entry("list", 9, listed), entry("odd", 8, broken), entries=2)).entries
    assert found == {"list": ("a", "ß"), "odd": "�"}


@pytest.mark.parametrize("version", [2, 3])
def test_versions_2_and_3_are_read(version: int) -> None:
    assert read(file(version=version)).version == version


F32 = tensor("a", (2, 3), 0, 0)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not a GGUF file"),
        (b"GGML" + bytes(20), "not a GGUF file"),
        (file(version=1), r"GGUF version 1 is not of \(2, 3\)"),
        (file(version=4), "GGUF version 4"),
        (file(version=3 << 24), "version 50331648 .*big-endian"),
        (file(tensors=1_000_001), "1000001 tensors: at most 1000000"),
        (file(entries=10_001), "10001 entries: at most 10000"),
        (file(struct.pack("<Q", 16_777_217), entries=1), "16777217 bytes of text: at most 16777216"),
        (file(entry("a", 13, b""), entries=1), "type 13 of a value is not known"),
        (file(entry("a", 9, struct.pack("<IQ", 9, 1)), entries=1), "type 9 of a value is not known"),
        (file(entry("a", 9, struct.pack("<IQ", 0, 10_000_001)), entries=1), "10000001 values in a list"),
        (file(entry("a", 0, b"1"), entry("a", 0, b"1"), entries=2), "a stands twice"),
        (file(tensor("n" * 64, (1,), 0, 0), tensors=1), "64 bytes of text: at most 63"),
        (file(tensor("a", (), 0, 0), tensors=1), "a: 0 dimensions, not 1 to 4"),
        (file(tensor("a", (1,) * 5, 0, 0), tensors=1), "a: 5 dimensions, not 1 to 4"),
        (file(tensor("a", (4, 0), 0, 0), tensors=1), "a: shape .4, 0. is empty or too large"),
        (file(tensor("a", (2**25, 2**25 + 1), 0, 0), tensors=1), "is empty or too large"),
        (file(tensor("a", (8,), 999, 0), tensors=1), "a: type 999 is not known"),
        (file(tensor("a", (250,), 12, 0), tensors=1), "a: rows of 250 are no blocks of 256, as Q4_K needs"),
        (file(tensor("a", (8,), 0, 32), tensors=1), "a begins at 32, not where the one before ends: 0"),
        (file(F32, tensor("b", (1,), 0, 24), tensors=2), "b begins at 24, not where the one before ends: 32"),
        (file(F32, tensor("a", (1,), 0, 32), tensors=2), "a tensor stands twice"),
        (file(entry("general.alignment", 4, struct.pack("<I", 48)), entries=1), "is 48, not a power of two"),
        (file(entry("general.alignment", 4, bytes(4)), entries=1), "is 0, not a power of two"),
        (file(entry("general.alignment", 8, text("8")), entries=1), "is '8', not a power of two"),
    ],
)
def test_what_cannot_be_is_refused_by_what_is_wrong(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(data)


@pytest.mark.parametrize(
    "data",
    [
        file(tensor("n" * 63, (1,), 0, 0), tensors=1),
        file(tensor("a", (1, 1, 1, 1), 0, 0), tensors=1),
        file(tensor("a", (2**25, 2**25), 0, 0), tensors=1),
        file(tensor("a", (256,), 12, 0), tensors=1),
        file(F32, tensor("b", (1,), 0, 32), tensors=2),
    ],
)
def test_what_only_just_can_be_is_read(data: bytes) -> None:
    assert read(data).tensors


def test_alignment_moves_where_tensors_begin() -> None:
    wide = entry("general.alignment", 4, struct.pack("<I", 64))
    found = read(file(wide, F32, tensor("b", (1,), 0, 64), tensors=2, entries=1))
    assert [one.offset_bytes for one in found.tensors] == [0, 64]
    assert stored_bytes(found) == {"F32": 28}


@pytest.mark.parametrize(("alignment", "second"), [(1, 24), (2, 24), (16, 32)])
def test_an_alignment_may_be_any_power_of_two(alignment: int, second: int) -> None:
    narrow = entry("general.alignment", 4, struct.pack("<I", alignment))
    assert read(file(narrow, F32, tensor("b", (1,), 0, second), tensors=2, entries=1)).tensors


def test_a_length_of_text_is_read_up_to_its_bound() -> None:
    long = "x" * limits.LONGEST_STRING
    assert read(file(entry("a", 8, text(long)), entries=1)).entries["a"] == long


WHOLE = file(
    entry("general.architecture", 8, text("llama")),
    entry("list", 9, struct.pack("<IQ", 4, 2) + struct.pack("<2I", 1, 2)),
    F32,
    tensor("b", (256, 2), 12, 32),
    tensors=2,
    entries=2,
)


@given(st.integers(0, len(WHOLE) - 1))
def test_a_file_that_ends_too_soon_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=r"cut short|not a GGUF"):
        read(WHOLE[:length])


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_a_broken_byte_is_read_or_refused_and_nothing_else(at: int, byte: int) -> None:
    data = bytearray(WHOLE)
    data[at] = byte
    found: Any = None
    try:
        found = read(bytes(data))
    except ValueError as failure:
        found = str(failure)
    assert found


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    if noise[:4] != b"GGUF":
        with pytest.raises(ValueError, match="not a GGUF file"):
            read(noise)
