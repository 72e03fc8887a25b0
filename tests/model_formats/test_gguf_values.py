"""Every kind of value is written as gguf writes it, read as it was written, and refused where it lies."""

from __future__ import annotations

import io
import math
import struct
from typing import Any

import gguf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.model_formats import gguf_values
from snippets.model_formats.cursor import Cursor, FormatError
from snippets.model_formats.gguf_values import (
    CODES,
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    KINDS,
    U8,
    U16,
    U32,
    U64,
    Array,
    Value,
    form_of,
    least_bytes,
    pack_text,
    pack_value,
    read_value,
    skip_value,
    take_kind,
)

KIND_OF = {
    "UINT8": U8,
    "INT8": I8,
    "UINT16": U16,
    "INT16": I16,
    "UINT32": U32,
    "INT32": I32,
    "FLOAT32": F32,
    "BOOL": bool,
    "STRING": str,
    "ARRAY": Array,
    "UINT64": U64,
    "INT64": I64,
    "FLOAT64": F64,
}
WHOLE: dict[type, tuple[int, int]] = {
    U8: (0, 8),
    U16: (0, 16),
    U32: (0, 32),
    U64: (0, 64),
    I8: (1, 8),
    I16: (1, 16),
    I32: (1, 32),
    I64: (1, 64),
}


def back(value: Value, deep: int = 1) -> Value:
    """A value written and read again; both look at every byte of it."""
    data = pack_value(value)
    cursor = Cursor(io.BytesIO(data))
    skip_value(cursor, type(value), deep)
    assert cursor.left == 0
    cursor = Cursor(io.BytesIO(data))
    found = read_value(cursor, type(value))
    assert cursor.left == 0
    return found


def refused(kind: type, data: bytes, deep: int = 1) -> tuple[int, str]:
    with pytest.raises(FormatError) as caught:
        skip_value(Cursor(io.BytesIO(data)), kind, deep)
    return caught.value.offset, caught.value.reason


def theirs(value: Any, kind: type) -> bytes:
    """The same written by the gguf library."""
    of = {KIND_OF[one.name]: one for one in gguf.GGUFValueType}
    writer = gguf.GGUFWriter(None, "llama")
    if kind is not Array:
        data: bytes = writer._pack_val(value, of[kind], add_vtype=False)
        return data
    inner, values = value
    data = writer._pack_val(list(values), of[Array], add_vtype=False, sub_type=of[inner])
    return bytes(data)


def test_the_kinds_are_those_of_the_format() -> None:
    assert {KIND_OF[one.name]: one.value for one in gguf.GGUFValueType} == CODES
    assert {code: kind for kind, code in CODES.items()} == KINDS


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_number_holds_its_width_and_no_more(kind: type) -> None:
    signed, bits = WHOLE[kind]
    low = -(2 ** (bits - 1)) if signed else 0
    high = low + 2**bits - 1
    for value in (low, high, 0):
        number = kind(value)
        assert (type(number), back(number), type(back(number))) == (kind, value, kind)
        assert pack_value(number) == theirs(value, kind)
        assert least_bytes(kind) == len(pack_value(number)) == bits // 8
    for value in (low - 1, high + 1):
        with pytest.raises(ValueError, match=rf"^{kind.__name__} is {value}, not {low} to {high}$"):
            kind(value)


@given(st.floats(width=32))
def test_a_float_of_32_bits_comes_back(value: float) -> None:
    found = back(F32(value))
    assert type(found) is F32
    assert pack_value(found) == pack_value(F32(value))
    if not math.isnan(value):
        assert found == value
        assert pack_value(F32(value)) == theirs(value, F32)


@given(st.floats())
def test_a_float_of_64_bits_comes_back(value: float) -> None:
    found = back(F64(value))
    assert type(found) is F64
    assert pack_value(found) == struct.pack("<d", value)


def test_f32_rounds_when_it_is_made() -> None:
    assert F32(0.1) == struct.unpack("<f", struct.pack("<f", 0.1))[0] != 0.1
    with pytest.raises(ValueError, match=r"^F32 is 1e\+39: too large$"):
        F32(1e39)


@pytest.mark.parametrize("value", [True, False, "", "ß🙂", "a\0b"])
def test_truth_and_text_come_back(value: bool | str) -> None:
    assert back(value) == value
    assert type(back(value)) is type(value)
    assert pack_value(value) == theirs(value, type(value))


ITEMS: dict[type, st.SearchStrategy[Any]] = {
    **{
        kind: st.integers(-(2 ** (bits - 1)) if signed else 0, 2 ** (bits - signed) - 1)
        for kind, (signed, bits) in WHOLE.items()
    },
    F32: st.floats(width=32, allow_nan=False),
    F64: st.floats(allow_nan=False),
    bool: st.booleans(),
    str: st.text("ab ß€🙂\0\n"),  # a table of all letters takes seconds to make
}


@given(
    st.sampled_from(list(ITEMS)).flatmap(
        lambda k: st.builds(Array, st.just(k), st.lists(ITEMS[k]).map(tuple))
    )
)
def test_an_array_comes_back_and_is_written_as_gguf_writes_it(value: Array) -> None:
    found = back(value)
    assert found == value
    assert isinstance(found, Array)
    assert all(type(a) is type(b) for a, b in zip(found.values, value.values, strict=True))
    if value.values:  # gguf writes no empty array
        assert pack_value(value) == theirs(value, Array)


NESTED = Array(Array, (Array(U8, (1, 2)), Array(str, ("a",)), Array(bool, ())))


def test_arrays_in_arrays_are_read_where_they_are_asked_for() -> None:
    assert back(NESTED, deep=2) == NESTED
    assert back(Array(Array, (NESTED,)), deep=3) == Array(Array, (NESTED,))
    assert refused(Array, pack_value(NESTED)) == (0, "an array in an array: too deep")
    assert refused(Array, pack_value(Array(Array, (NESTED,))), deep=2) == (
        12,
        "an array in an array: too deep",
    )
    assert refused(Array, pack_value(Array(Array, ()))) == (0, "an array in an array: too deep")


def test_numbers_in_an_array_lie_one_behind_the_other() -> None:
    assert pack_value(Array(U16, (1, 2))) == struct.pack("<IQHH", 2, 2, 1, 2)
    assert pack_text("ß") == struct.pack("<Q", 2) + "ß".encode()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (5, r"^5 is a int: say its width, as in U32\(1\) or F32\(1\)$"),
        (0.5, "0.5 is a float: say its width"),
        (None, "None is a NoneType"),
        (Array(int, (1,)), "an array of <class 'int'>: use one of KINDS"),
        (Array(U8, (256,)), "an array of U8: "),
        (Array(U8, ("a",)), "an array of U8: "),
        (Array(F32, (1e39,)), "an array of F32: "),
        (Array(str, ("a", 1)), "not all are of str"),
        (Array(Array, ("a",)), "not all are of Array"),
        ("\ud800", "surrogates not allowed"),
    ],
)
def test_what_has_no_kind_is_not_written(value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        pack_value(value)


@pytest.mark.parametrize("code", [13, 2**32 - 1])
def test_a_kind_unknown_is_refused(code: int) -> None:
    with pytest.raises(FormatError, match=f"^byte 0: kind {code}: known are 0 to 12$"):
        take_kind(Cursor(io.BytesIO(struct.pack("<I", code))))


def test_a_bool_is_0_or_1_however_many_there_are() -> None:
    assert refused(bool, b"\2") == (0, "a bool is 2, not 0 or 1")
    good = bytes([0, 1] * 3_000)
    skip_value(Cursor(io.BytesIO(struct.pack("<IQ", 7, 6_000) + good)), Array, 1)
    data = struct.pack("<IQ", 7, 6_001) + good + b"\xff"
    assert refused(Array, data) == (12 + 6_000, "a bool is 255, not 0 or 1")


@pytest.mark.parametrize("kind", [k for k in KINDS.values() if k is not Array])
def test_an_array_longer_than_the_file_is_refused_at_its_count(kind: type) -> None:
    size = least_bytes(kind)
    data = struct.pack("<IQ", CODES[kind], 3) + bytes(3 * size - 1)
    assert refused(Array, data) == (4, "3 values of an array: at most 16777216, and there is room for 2")
    nested = struct.pack("<IQ", 9, 2) + struct.pack("<IQ", CODES[kind], 0) + bytes(11)
    assert refused(Array, nested, deep=2)[1].endswith("there is room for 1")


def test_a_text_is_bounded() -> None:
    said = "18446744073709551615 bytes of text: at most 67108864, and there is room for 0"
    assert refused(str, b"\xff" * 8) == (0, said)
    assert refused(Array, struct.pack("<IQ", 8, 1) + b"\xff" * 8) == (12, said)


def test_the_bounds_hold_when_values_are_read_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for bound, value in (("LONGEST_TEXT", "abc"), ("LONGEST_ARRAY", Array(U8, (1, 2, 3)))):
        with monkeypatch.context() as patched:
            patched.setattr(gguf_values, bound, 2)
            with pytest.raises(FormatError, match="at most 2,"):
                read_value(Cursor(io.BytesIO(pack_value(value))), type(value))


def test_how_struct_packs_is_said_for_each_number() -> None:
    sizes: dict[type, int] = {kind: bits // 8 for kind, (_, bits) in WHOLE.items()}
    sizes |= {F32: 4, F64: 8, bool: 1}
    assert {kind: struct.calcsize(form_of(kind)) for kind in ITEMS if kind is not str} == sizes
