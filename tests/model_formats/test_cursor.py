"""A cursor reads what a file has, refuses what it only claims, and says at which byte."""

from __future__ import annotations

import io
import struct
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.model_formats.cursor import PIECE, Cursor, FormatError


def at(data: bytes) -> Cursor:
    return Cursor(io.BytesIO(data))


def refused(read: Callable[[], Any]) -> FormatError:
    with pytest.raises(FormatError) as caught:
        read()
    return caught.value


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def test_an_error_says_where_and_what() -> None:
    error = FormatError(8, "nothing there")
    assert (error.offset, error.reason, str(error)) == (8, "nothing there", "byte 8: nothing there")


def test_numbers_are_little_endian_and_unpadded() -> None:
    cursor = at(b"\x01\x02\x03\x04\x05\x06\x07")
    assert cursor.number("B", "byte") == 0x01
    assert cursor.number("H", "short") == 0x0302
    assert cursor.number("I", "word") == 0x07060504
    assert (cursor.at, cursor.left) == (7, 0)


def test_reading_begins_at_the_start_wherever_the_file_stood() -> None:
    file = io.BytesIO(b"ab")
    file.seek(2)
    assert Cursor(file).take(2, "letters") == b"ab"


def test_what_is_skipped_is_not_read() -> None:
    cursor = at(b"abcd")
    cursor.skip(2, "padding")
    assert cursor.take(2, "letters") == b"cd"


@pytest.mark.parametrize("count", [4, 2**64 - 1, -1])
def test_more_than_is_left_is_refused_before_it_is_read(count: int) -> None:
    cursor = at(b"abcd")
    cursor.take(1, "letter")
    for read in (cursor.take, cursor.skip):
        error = refused(lambda read=read: read(count, "name"))  # type: ignore[misc]
        assert error.offset == 1
        assert error.reason == f"name of {count} bytes: only 3 are left"
    assert cursor.at == 1


def test_a_file_that_shrinks_meanwhile_is_refused() -> None:
    file = io.BytesIO(bytes(8))
    cursor = Cursor(file)
    file.truncate(2)
    assert refused(lambda: cursor.number("I", "version")).reason == "version: the file shrank"


def test_a_count_is_bounded_by_what_is_allowed_and_by_what_there_is() -> None:
    data = struct.pack("<Q", 3) + bytes(24)
    assert at(data).count("tensors", 3, 8) == 3
    few = refused(lambda: at(data).count("tensors", 2, 8))
    assert (few.offset, few.reason) == (0, "3 tensors: at most 2, and there is room for 3")
    short = refused(lambda: at(data[:-1]).count("tensors", 3, 8))
    assert (short.offset, short.reason) == (0, "3 tensors: at most 3, and there is room for 2")


def test_a_text_has_its_length_in_bytes() -> None:
    cursor = at(text("ß".encode()) + b"rest")
    assert cursor.text("key", 2) == "ß"
    assert cursor.left == 4
    assert at(text("ß".encode())).skip_text("key", 2) == 2


def test_a_text_longer_than_allowed_is_refused_at_its_length() -> None:
    error = refused(lambda: at(text(b"abc")).text("key", 2))
    assert (error.offset, error.reason) == (0, "3 bytes of key: at most 2, and there is room for 3")


@pytest.mark.parametrize("length", [0, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_a_broken_byte_is_found_wherever_a_piece_ends(length: int) -> None:
    before = b"x" * length
    assert at(text(before + "€".encode())).text("value", 2**20) == before.decode() + "€"
    for broken in (b"\xff", b"\xe2\x82", b"\xe2\x82x", b"\xed\xa0\x80", b"\xc0\x80"):
        error = refused(lambda broken=broken: at(text(before + broken)).text("value", 2**20))  # type: ignore[misc]
        assert (error.offset, error.reason) == (8 + length, "value is not UTF-8")


def test_checking_a_text_keeps_a_piece_of_it() -> None:
    file = io.BytesIO(text(b"x" * 2**22 + "🙂".encode()))
    cursor = Cursor(file)
    tracemalloc.start()
    try:
        cursor.skip_text("value", 2**24)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * 4096


@given(st.text("ab ß€🙂\0\n"), st.binary(max_size=20))
def test_any_text_is_read_and_nothing_behind_it(value: str, rest: bytes) -> None:
    cursor = at(text(value.encode()) + rest)
    assert cursor.text("value", 2**20) == value
    assert cursor.take(cursor.left, "rest") == rest
