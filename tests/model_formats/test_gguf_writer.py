"""The writer writes what gguf's own writes, byte for byte; what is read back is what was given."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.model_formats.gguf_file import read_gguf
from snippets.model_formats.gguf_values import F32, F64, I8, I16, I32, I64, U8, U16, U32, U64, Array, Value
from snippets.model_formats.gguf_writer import GgufTensor, write_gguf

METADATA: dict[str, Value] = {
    "general.architecture": "llama",
    "u8": U8(255),
    "i8": I8(-128),
    "u16": U16(65_535),
    "i16": I16(-32_768),
    "u32": U32(4_294_967_295),
    "i32": I32(-2_147_483_648),
    "u64": U64(18_446_744_073_709_551_615),
    "i64": I64(-9_223_372_036_854_775_808),
    "f32": F32(0.1),
    "f64": F64(0.1),
    "bool": True,
    "texts": Array(str, ("a", "ß")),
    "floats": Array(F32, (0.5, -2.0)),
    "whole": Array(I32, (1, -1)),
    "bools": Array(bool, (True, False)),
}
TENSORS = [
    GgufTensor("token_embd.weight", (256, 3), "Q4_K", bytes(range(144)) * 3),
    GgufTensor("output_norm.weight", (6,), "F32", np.arange(6, dtype="<f4").tobytes()),
    GgufTensor("ones", (5, 2, 1, 2), "F16", np.ones(20, "<f2").tobytes()),
    GgufTensor("halves", (7,), "BF16", bytes(14)),
]


def written(metadata: dict[str, Any], tensors: list[GgufTensor]) -> bytes:
    file = io.BytesIO()
    write_gguf(file, metadata, tensors)
    return file.getvalue()


def by_gguf(path: Path, alignment: int) -> bytes:
    """The same file, by the writer of the gguf library."""
    writer = gguf.GGUFWriter(path, "llama")
    add: dict[type, Any] = {
        U8: writer.add_uint8,
        I8: writer.add_int8,
        U16: writer.add_uint16,
        I16: writer.add_int16,
        U32: writer.add_uint32,
        I32: writer.add_int32,
        U64: writer.add_uint64,
        I64: writer.add_int64,
        F32: writer.add_float32,
        F64: writer.add_float64,
        bool: writer.add_bool,
    }
    for key, value in METADATA.items():
        if isinstance(value, Array):
            writer.add_array(key, list(value.values))
        elif key != "general.architecture":
            add[type(value)](key, value)
    if alignment != 32:
        writer.add_custom_alignment(alignment)
    for name, shape, kind, data in TENSORS:
        writer.add_tensor(
            name,
            np.frombuffer(data, np.uint8),
            raw_shape=gguf.quant_shape_to_byte_shape(shape[::-1], gguf.GGMLQuantizationType[kind]),
            raw_dtype=gguf.GGMLQuantizationType[kind],
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


@pytest.mark.parametrize("alignment", [8, 32, 64, 4_096])
def test_every_byte_is_that_of_the_gguf_library(alignment: int, tmp_path: Path) -> None:
    more = {} if alignment == 32 else {"general.alignment": U32(alignment)}
    assert written(METADATA | more, TENSORS) == by_gguf(tmp_path / "theirs.gguf", alignment)


def test_the_gguf_library_reads_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "ours.gguf"
    path.write_bytes(written(METADATA, TENSORS))
    reader = gguf.GGUFReader(path)
    found = {key: field.contents() for key, field in reader.fields.items() if not key.startswith("GGUF.")}
    assert found == {k: list(v.values) if isinstance(v, Array) else v for k, v in METADATA.items()}
    theirs = [
        (t.name, tuple(map(int, t.shape)), t.tensor_type.name, t.data.tobytes()) for t in reader.tensors
    ]
    assert theirs == TENSORS


def test_what_was_written_is_read_back() -> None:
    file = io.BytesIO(written(METADATA, TENSORS))
    found = read_gguf(file)
    assert dict(found.metadata) == METADATA
    assert [type(value) for value in found.metadata.values()] == [type(v) for v in METADATA.values()]
    back = [GgufTensor(t.name, t.shape, t.kind, found.read(file, t)) for t in found.tensors]
    assert back == TENSORS


KINDS = {"F32": (1, 4), "F16": (1, 2), "I8": (1, 1), "Q8_0": (32, 34), "Q6_K": (256, 210)}
LETTERS = st.text("abcXYZ019._-!~", min_size=1, max_size=63)
TEXTS = st.text("ab ß€🙂\0\n")
VALUES: st.SearchStrategy[Value] = st.one_of(
    st.integers(0, 255).map(U8),
    st.integers(-(2**63), 2**63 - 1).map(I64),
    st.floats(width=32, allow_nan=False).map(F32),
    st.booleans(),
    TEXTS,
    st.lists(TEXTS, max_size=5).map(lambda v: Array(str, tuple(v))),
    st.binary(max_size=9).map(lambda v: Array(U8, tuple(v))),
)


@st.composite
def tensors(draw: st.DrawFn) -> list[GgufTensor]:
    found = []
    for name in draw(st.lists(LETTERS, max_size=4, unique=True)):
        kind = draw(st.sampled_from(sorted(KINDS)))
        block, size = KINDS[kind]
        rest = draw(st.lists(st.integers(1, 3), max_size=3))
        blocks = draw(st.integers(1, 3))
        count = blocks * int(np.prod(rest))
        data = draw(st.binary(min_size=1, max_size=8))
        whole = (data * (count * size))[: count * size]
        found.append(GgufTensor(name, (blocks * block, *rest), kind, whole))
    return found


@given(st.dictionaries(LETTERS, VALUES, max_size=5), tensors(), st.sampled_from([8, 16, 32, 256]))
def test_any_file_comes_back(metadata: dict[str, Value], given_: list[GgufTensor], alignment: int) -> None:
    metadata = {**metadata, "general.alignment": U32(alignment)}
    file = io.BytesIO(written(metadata, given_))
    found = read_gguf(file)
    assert dict(found.metadata) == metadata
    assert [type(value) for value in found.metadata.values()] == [type(v) for v in metadata.values()]
    assert [GgufTensor(t.name, t.shape, t.kind, found.read(file, t)) for t in found.tensors] == given_
    assert written(dict(found.metadata), given_) == file.getvalue()


ONE = GgufTensor("a", (8,), "F32", bytes(32))


@pytest.mark.parametrize(
    ("metadata", "given_", "said"),
    [
        ({"": U8(1)}, [], "^key '' is not 1 to 65535 letters of ASCII$"),
        ({"k" * 65_536: U8(1)}, [], "is not 1 to 65535 letters of ASCII"),
        ({"ß": U8(1)}, [], "key 'ß' is not"),
        ({"a\nb": U8(1)}, [], "is not 1 to 65535 letters"),
        ({"a": 5}, [], r"^a: 5 is a int: say its width"),
        ({"a": Array(U8, (256,))}, [], "^a: an array of U8: "),
        (
            {"general.alignment": U64(32)},
            [],
            r"^general.alignment is 32, not a U32 and a power of two from 8$",
        ),
        ({"general.alignment": U32(4)}, [], "^general.alignment is 4, "),
        ({"general.alignment": U32(48)}, [], "^general.alignment is 48, "),
        ({}, [ONE, ONE], "^a stands twice$"),
        ({}, [ONE._replace(name="")], "^name '' has 0 bytes, not 1 to 63 that print$"),
        ({}, [ONE._replace(name="ß" * 32)], "has 64 bytes, not 1 to 63"),
        ({}, [ONE._replace(name="a\0")], "has 2 bytes, not 1 to 63 that print"),
        ({}, [ONE._replace(shape=())], r"^a: shape \(\) is not of 1 to 4 lengths above 0$"),
        ({}, [ONE._replace(shape=(1, 1, 1, 1, 8))], r"^a: shape \(1, 1, 1, 1, 8\) is not"),
        ({}, [ONE._replace(shape=(8, 0))], r"^a: shape \(8, 0\) is not"),
        ({}, [ONE._replace(kind="Q4_2")], "^a: kind Q4_2 is not known$"),
        ({}, [ONE._replace(kind="Q8_0")], "^a: rows of 8 are no whole blocks of 32, as Q8_0 needs$"),
        ({}, [ONE._replace(data=bytes(31))], r"^a: 31 bytes, not 32 as F32 of \(8,\)$"),
    ],
)
def test_what_no_reader_takes_is_not_written(
    metadata: dict[str, Any], given_: list[GgufTensor], said: str
) -> None:
    file = io.BytesIO()
    with pytest.raises(ValueError, match=said):
        write_gguf(file, metadata, given_)
    assert file.getvalue() == b""


def test_what_only_just_can_be_is_written() -> None:
    name, key = "n" * 63, "k" * 65_535
    one = ONE._replace(name=name, shape=(1, 1, 1, 8))
    found = read_gguf(io.BytesIO(written({key: U8(1)}, [one])))
    assert (list(found.metadata), found.tensors[0].name) == ([key], name)
