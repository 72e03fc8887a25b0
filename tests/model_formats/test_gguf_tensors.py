"""What a file says of a tensor is read in full, and what no engine could load is refused where it stands."""

from __future__ import annotations

import io
import tracemalloc
from array import array
from struct import pack

import gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.model_formats.cursor import Cursor, FormatError
from snippets.model_formats.gguf_tensors import (
    TYPES,
    TensorInfo,
    Tensors,
    pack_info,
    read_info,
    repeated,
    stored_bytes,
)


def described(name: bytes, shape: tuple[int, ...], code: int, offset: int = 0) -> bytes:
    """What a file says of a tensor, whether it can be or not."""
    dimensions = pack(f"<I{len(shape)}Q", len(shape), *shape)
    return pack("<Q", len(name)) + name + dimensions + pack("<IQ", code, offset)


def read(data: bytes) -> TensorInfo:
    cursor = Cursor(io.BytesIO(data))
    found = read_info(cursor)
    assert cursor.left == 0
    return found


@pytest.mark.parametrize("kind", sorted(TYPES.values()))
def test_bytes_are_those_of_the_gguf_library(kind: str) -> None:
    of = gguf.GGMLQuantizationType[kind]
    block = gguf.GGML_QUANT_SIZES[of][0]
    shape = (2 * block, 3, 5)
    width = gguf.quant_shape_to_byte_shape(shape[::-1], of)
    assert stored_bytes(kind, shape) == int(np.prod(width))
    assert TensorInfo("a", shape, kind, 0).size_bytes == stored_bytes(kind, shape)


def test_the_types_are_those_of_the_gguf_library() -> None:
    assert {one.value: one.name for one in gguf.GGMLQuantizationType} == TYPES


INFOS = st.builds(
    TensorInfo,
    name=st.text("abcXYZ019._-!~", min_size=1, max_size=63),
    shape=st.lists(st.integers(1, 2**63 - 1), min_size=1, max_size=4).map(tuple),
    kind=st.sampled_from(["F32", "F16", "BF16", "I8", "F64"]),
    offset_bytes=st.integers(0, 2**64 - 1),
)


@given(INFOS)
def test_what_is_written_is_read(info: TensorInfo) -> None:
    assert read(pack_info(info)) == info
    code = gguf.GGMLQuantizationType[info.kind].value
    assert pack_info(info) == described(info.name.encode(), info.shape, code, info.offset_bytes)


@pytest.mark.parametrize(
    ("data", "offset", "reason"),
    [
        (described(b"", (8,), 0), 0, "name '' is not printable"),
        (described(b"a\0b", (8,), 0), 0, r"name 'a\x00b' is not printable"),
        (described(b"\xe2\x80\xae", (8,), 0), 0, r"name '\u202e' is not printable"),
        (described(b"n" * 64, (8,), 0), 0, "64 bytes of name: at most 63, and there is room for 88"),
        (described(b"\xff", (8,), 0), 8, "name is not UTF-8"),
        (described(b"a", (), 0), 9, "a: 0 dimensions, not 1 to 4"),
        (described(b"a", (1,) * 5, 0), 9, "a: 5 dimensions, not 1 to 4"),
        (described(b"a", (4, 0), 0), 21, "a: a dimension of 0"),
        (described(b"a", (2**63,), 0), 13, "a: a dimension of 9223372036854775808"),
        (described(b"a", (8,), 4), 21, "a: type 4 is unknown"),
        (described(b"a", (8,), 999), 21, "a: type 999 is unknown"),
        (described(b"a", (8,), 12), 21, "a: rows of 8 are no whole blocks of 256, as Q4_K needs"),
        (described(b"a", (8,), 0)[:-1], 25, "offset of 8 bytes: only 7 are left"),
    ],
)
def test_what_no_engine_loads_is_refused_where_it_stands(data: bytes, offset: int, reason: str) -> None:
    with pytest.raises(FormatError) as caught:
        read(data)
    assert (caught.value.offset, caught.value.reason) == (offset, reason)


@pytest.mark.parametrize("info", [("n" * 63, (1,)), ("ß", (1, 1, 1, 1)), ("a", (2**63 - 1,))])
def test_what_only_just_can_be_is_read(info: tuple[str, tuple[int, ...]]) -> None:
    name, shape = info
    assert read(described(name.encode(), shape, 0, 7)) == TensorInfo(name, shape, "F32", 7)


def test_tensors_are_read_when_asked_for() -> None:
    infos = [TensorInfo(name, (8, size), "F32", 0) for size, name in enumerate("abc", 1)]
    header, starts = b"head", array("Q")
    for info in infos:
        starts.append(len(header))
        header += pack_info(info)
    found = Tensors(header, starts)
    assert len(found) == 3
    assert (found[0], found[-1], list(found)) == (infos[0], infos[2], infos)
    with pytest.raises(IndexError):
        found[3]


@given(st.lists(st.integers(-(2**63), 2**63 - 1)), st.lists(st.integers(-3, 3)))
def test_numbers_that_stand_twice_are_found(wide: list[int], narrow: list[int]) -> None:
    for numbers in (wide, narrow, wide + narrow):
        expected = {one for one in numbers if numbers.count(one) > 1}
        assert repeated(array("q", numbers)) == expected


def test_finding_them_takes_few_bytes() -> None:
    numbers = array("q", range(65_536))
    repeated(array("q", range(10)))
    tracemalloc.start()
    try:
        assert not repeated(numbers)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 * len(numbers) + 4_096
