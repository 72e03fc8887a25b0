"""Safetensors are read and written as the library does, and what lies is refused where it lies."""

from __future__ import annotations

import ctypes
import io
import json
from pathlib import Path

import pytest
import safetensors
from hypothesis import given, settings
from hypothesis import strategies as st

from snippets.data.small_model import read_small_model, small_model_file, widen
from snippets.model_formats import safetensors_file as ours
from snippets.model_formats.cursor import FormatError
from snippets.model_formats.safetensors_file import DTYPE_BITS, Part, read_safetensors, write_safetensors
from tests.model_formats import safetensors_corpus as corpus


def read(data: bytes) -> ours.Safetensors:
    """A file of these bytes."""
    return read_safetensors(io.BytesIO(data))


def written(parts: dict[str, Part], metadata: dict[str, str] | None = None) -> bytes:
    """The bytes of a file with these tensors."""
    file = io.BytesIO()
    write_safetensors(file, parts, metadata)
    return file.getvalue()


# The library names types as NumPy and PyTorch do.
THEIRS = {
    "BOOL": "bool",
    "F4": "float4_e2m1fn_x2",
    "U8": "uint8",
    "I8": "int8",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "I16": "int16",
    "U16": "uint16",
    "F16": "float16",
    "BF16": "bfloat16",
    "I32": "int32",
    "U32": "uint32",
    "F32": "float32",
    "C64": "complex64",
    "F64": "float64",
    "I64": "int64",
    "U64": "uint64",
}


def library_writes(parts: dict[str, Part], metadata: dict[str, str] | None) -> bytes:
    """What the library writes of the same tensors."""
    kept = {name: ctypes.create_string_buffer(part.data, len(part.data) or 1) for name, part in parts.items()}
    specs = {}
    for name, part in parts.items():
        shape = list(part.shape)
        if part.dtype == "F4":
            shape[-1] //= 2
        specs[name] = safetensors.TensorSpec(
            dtype=THEIRS[part.dtype],
            shape=shape,
            data_ptr=ctypes.addressof(kept[name]),
            data_len=len(part.data),
        )
    return bytes(safetensors.serialize(specs, metadata=metadata))


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(
    lambda name: name != "__metadata__"
)


@st.composite
def parts_of_a_file(draw: st.DrawFn, kinds: tuple[str, ...] = tuple(THEIRS)) -> dict[str, Part]:
    """Tensors by name, of any type that the library writes."""
    found = {}
    for name in draw(st.lists(NAMES, max_size=5, unique=True)):
        dtype = draw(st.sampled_from(kinds))
        shape = draw(st.lists(st.integers(0, 3), max_size=3))
        if DTYPE_BITS[dtype] < 8:
            shape.append(4)
        size = ours.stored_bytes(dtype, tuple(shape))
        found[name] = Part(dtype, tuple(shape), draw(st.binary(min_size=size, max_size=size)))
    return found


@given(
    parts_of_a_file(),
    st.none() | st.dictionaries(NAMES, st.text(st.characters(exclude_categories=["Cs"])), max_size=1),
)
@settings(max_examples=200)
def test_the_bytes_are_those_that_the_library_writes(
    parts: dict[str, Part], metadata: dict[str, str] | None
) -> None:
    if parts or metadata != {}:
        assert written(parts, metadata) == library_writes(parts, metadata)


def test_the_library_writes_empty_metadata_without_tensors_as_no_json() -> None:
    assert library_writes({}, {})[8:].strip() == b'{},"__metadata__":{}}'
    assert written({}, {})[8:].strip() == b'{"__metadata__":{}}'
    assert read(written({}, {})).metadata == {}


@given(parts_of_a_file(tuple(DTYPE_BITS)), st.dictionaries(NAMES, NAMES, max_size=3))
def test_what_is_written_is_read_again(parts: dict[str, Part], metadata: dict[str, str]) -> None:
    data = written(parts, metadata)
    found = read(data)
    assert found.metadata == metadata
    file = io.BytesIO(data)
    again = {one.name: Part(one.dtype, one.shape, found.read(file, one)) for one in found.tensors}
    assert again == parts
    assert len(found.header) % 8 == 0


@given(parts_of_a_file(tuple(DTYPE_BITS)))
def test_the_library_reads_what_is_written(parts: dict[str, Part]) -> None:
    assert corpus.library_reads(written(parts)) == parts


def test_the_order_of_types_is_the_librarys() -> None:
    parts = {f"{index:02}": Part(dtype, (8,), bytes(DTYPE_BITS[dtype])) for index, dtype in enumerate(THEIRS)}
    assert written(parts) == library_writes(parts, None)


def test_the_shipped_model_is_written_as_it_is() -> None:
    path = small_model_file("model.safetensors")
    with path.open("rb") as file:
        found = read_safetensors(file)
        parts = {one.name: Part(one.dtype, one.shape, found.read(file, one)) for one in found.tensors}
    assert found.metadata == {"format": "pt"}
    assert written(parts, found.metadata) == path.read_bytes()
    for name, weight in read_small_model().weights.items():
        assert (widen(parts[name].data).reshape(parts[name].shape) == weight).all()


def test_a_tensor_is_found_by_its_name() -> None:
    found = read(written({"a": Part("U8", (1,), b"x"), "b": Part("BF16", (2,), b"1234")}))
    assert found.find("b") == ours.Tensor("b", "BF16", (2,), 0)
    assert found.find("a").offset_bytes == 4
    with pytest.raises(KeyError):
        found.find("c")


def test_data_that_are_gone_are_missed() -> None:
    data = written({"a": Part("U8", (4,), b"1234")})
    found = read(data)
    with pytest.raises(FormatError, match=f"byte {found.data_offset_bytes}: a is cut short"):
        found.read(io.BytesIO(data[:-1]), found.find("a"))


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (Part("U8", (2,), b"x"), "a of 2 bytes: 1 are given"),
        (Part("F5", (1,), b"x"), "type F5 is unknown"),
        (Part("F4", (1,), b"x"), "4 bits are no whole bytes"),
        (Part("F6_E2M3", (2,), b"x"), "12 bits are no whole bytes"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(part: Part, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        written({"a": part})


def test_the_name_of_the_metadata_is_no_tensors() -> None:
    with pytest.raises(ValueError, match="a tensor named __metadata__"):
        written({"__metadata__": Part("U8", (1,), b"x")})


ODD = (
    "{}",
    '{"__metadata__":{}}',
    '{"a":{"data_offsets":[0,0],"shape":[0],"dtype":"U8"},'
    '"b":{"dtype":"F64","shape":[0,9],"data_offsets":[0,0]}}',
    '{ "a" : { "dtype" : "U8" , "shape" : [ ] , "data_offsets" : [ 3 , 4 ] },'
    '\n"b":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}   ',
    '{"\\u0061":{"dtype":"U8","shape":[1,1,1,4],"data_offsets":[0,4]}}',
    '{"":{"\\u0064type":"U8","shape":[4],"data_offsets":[0,4]}}',
    '{"a":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3]}}',
    '{"a":{"dtype":"U8","shape":[' + "1," * 63 + '1],"data_offsets":[0,1]}}',
    '{"😀":{"dtype":"U8","shape":[2305843009213693951,0],"data_offsets":[0,0]}}',
)


@pytest.mark.parametrize("header", ODD)
def test_what_is_odd_but_true_is_read_as_the_library_reads_it(header: str) -> None:
    entries = json.loads(header)
    end = max((one["data_offsets"][1] for name, one in entries.items() if name != "__metadata__"), default=0)
    data = corpus.file(header, bytes(range(end)))
    file = io.BytesIO(data)
    found = read_safetensors(file)
    again = {one.name: (one.dtype, one.shape, found.read(file, one)) for one in found.tensors}
    assert again == corpus.library_reads(data)


@pytest.mark.parametrize("lie", corpus.LIES, ids=lambda one: one.what)
def test_a_lie_is_refused_where_it_stands(lie: corpus.Lie) -> None:
    with pytest.raises(FormatError) as caught:
        read(lie.data)
    assert caught.value.offset == lie.offset


def test_no_lie_is_like_another() -> None:
    assert (
        len({lie.data for lie in corpus.LIES})
        == len({lie.what for lie in corpus.LIES})
        == len(corpus.LIES)
        >= 70
    )


def test_a_header_has_at_most_100_million_bytes(tmp_path: Path) -> None:
    path = tmp_path / "long.safetensors"
    for size, said in ((100_000_001, "byte 0: 100000001 bytes of header"), (100_000_000, "byte 8: {")):
        with path.open("wb") as file:
            file.write(size.to_bytes(8, "little"))
            file.truncate(size + 8)
        with path.open("rb") as opened, pytest.raises(FormatError, match=said):
            read_safetensors(opened)


def entries(count: int) -> bytes:
    """A header of empty tensors."""
    return ("{" + ",".join(corpus.whole(str(index), "[0]", 0, 0) for index in range(count)) + "}").encode()


def test_a_file_has_at_most_65536_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ours.MOST_TENSORS == 65_536
    monkeypatch.setattr(ours, "MOST_TENSORS", 3)
    assert len(read(corpus.file(entries(3))).places) == 3
    with pytest.raises(FormatError, match="more than 3 tensors"):
        read(corpus.file(entries(4)))


def test_metadata_have_at_most_1000_entries() -> None:
    thousand = "{" + '"__metadata__":{' + ",".join(f'"{index}":""' for index in range(1000)) + "}}"
    assert len(read(corpus.file(thousand)).metadata) == 1000
