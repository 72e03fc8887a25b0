"""JSON is gone through token by token, and what is not expected ends it at a known byte."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.model_formats.cursor import FormatError
from snippets.model_formats.json_scanner import LONGEST_NAME, PIECE, Scanner, check_utf8


def scan(data: bytes) -> Scanner:
    """A scanner of data that stand behind eight bytes."""
    return Scanner(data, 8)


@given(st.text(max_size=50), st.booleans())
def test_a_text_is_read_as_json_has_it(text: str, ascii_only: bool) -> None:
    try:
        data = json.dumps(text, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:  # half a pair, which no UTF-8 can have
        return
    scanner = scan(data)
    if any("\ud800" <= one <= "\udfff" for one in text):
        with pytest.raises(FormatError):
            scanner.text("a name")
    else:
        assert scanner.text("a name") == text
        assert scanner.at == len(data)


@given(st.binary(max_size=20))
def test_a_text_is_read_where_python_reads_one_and_nowhere_else(inner: bytes) -> None:
    data = b'"' + inner + b'"'
    try:
        check_utf8(data, 0)
        found = scan(data).text("a name")
    except FormatError:
        return
    end = json.JSONDecoder().raw_decode(data.decode())
    assert end[0] == found


@pytest.mark.parametrize(
    "text",
    [
        r"\ud800",
        r"\udfff",
        r"\uD83D\u0041",
        r"\udc00\ud800",
        r"\x41",
        r"\u12g4",
        r"\u123",
        "\x1f",
        "\n",
        "\\",
    ],
)
def test_what_json_has_not_is_no_text(text: str) -> None:
    with pytest.raises(FormatError, match="byte 8: a name is expected, as a text"):
        scan(f'"{text}"'.encode()).text("a name")


@pytest.mark.parametrize(
    "text",
    [r"\ud7ff", r"\ue000", r"\uD83D\uDE00", r"\ud800\udc00", r"\udbff\uDFFF", r"\"\\\/\b\f\n\r\t", " ", ""],
)
def test_what_only_just_can_be_is_a_text(text: str) -> None:
    assert scan(f'"{text}"'.encode()).text("a name") == json.loads(f'"{text}"')


def test_a_text_has_at_most_4096_bytes_and_one_that_is_gone_past_any() -> None:
    assert LONGEST_NAME == 4096
    assert scan(b'"' + b"a" * 4096 + b'"').text("a name") == "a" * 4096
    with pytest.raises(FormatError, match="byte 8: a name is longer than 4096 bytes"):
        scan(b'"' + b"a" * 4097 + b'"').text("a name")
    scanner = scan(b'"' + b"a" * 100_000 + b'"')
    scanner.skip_text("a value")
    assert scanner.at == 100_002


@pytest.mark.parametrize(("data", "value"), [(b"0", 0), (b" 7,", 7), (b"18446744073709551615", 2**64 - 1)])
def test_a_count_has_64_bits(data: bytes, value: int) -> None:
    assert scan(data).count("an offset") == value


@pytest.mark.parametrize(
    "data",
    [
        b"18446744073709551616",
        b"9" * 5000,
        b"-1",
        b"-0",
        b"00",
        b"01",
        b"1.0",
        b"1e2",
        b"1E2",
        b"+1",
        b"NaN",
        b"",
        b"\xd9\xa1",
    ],
)
def test_another_number_is_no_count(data: bytes) -> None:
    with pytest.raises(FormatError, match="byte 8: an offset is expected, as a whole number of 64 bits"):
        scan(data).count("an offset")


def test_items_end_at_the_last_mark_and_commas_stand_between() -> None:
    for data, count in ((b"[]", 0), (b"[ 1 ]", 1), (b"[1,2 , 3]x", 3)):
        scanner = scan(data)
        scanner.expect(b"[")
        assert len([scanner.count("one") for _ in scanner.items(b"]")]) == count
        assert data[scanner.at :] in {b"", b"x"}
    scanner = scan(b"[1 2]")
    scanner.expect(b"[")
    items = scanner.items(b"]")
    next(items)
    scanner.count("one")
    with pytest.raises(FormatError, match="byte 11: , is expected"):
        next(items)


def test_space_is_what_json_calls_space() -> None:
    assert scan(b" \t\r\n{").follows(b"{")
    for space in ("\f", "\v", "\0"):
        assert not scan(f"{space}{{".encode()).follows(b"{")


@given(st.binary(max_size=60), st.integers(0, 3))
def test_utf8_is_what_python_decodes_and_the_first_fault_is_named(data: bytes, pieces: int) -> None:
    padded = b"a" * (PIECE * pieces - min(2, pieces * 2)) + data
    try:
        padded.decode()
    except UnicodeDecodeError as error:
        with pytest.raises(FormatError, match=f"byte {error.start + 8}: not UTF-8"):
            check_utf8(padded, 8)
    else:
        check_utf8(padded, 8)


def test_pieces_are_of_4096_bytes_and_a_character_may_lie_across() -> None:
    assert PIECE == 4096
    check_utf8(b"a" * 4095 + "ß".encode(), 0)
    with pytest.raises(FormatError, match="byte 4095: not UTF-8"):
        check_utf8(b"a" * 4095 + b"\xc3", 0)


@pytest.mark.parametrize("inner", [b"x", rb"\n", rb"\u0041", "😀".encode()])
def test_a_long_text_costs_nothing(inner: bytes) -> None:
    data = b'"' + inner * 500_000 + b'"'
    tracemalloc.start()
    try:
        check_utf8(data, 0)
        scan(data).skip_text("a value")
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
