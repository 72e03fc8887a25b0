# ruff: noqa: E501 - tables of examples
from __future__ import annotations

from random import Random

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from snippets.hybrid.phone import REGIONS, abroad_length, is_national, phones
from tests.hybrid import planted

AROUND = st.text(st.characters(codec="ascii", categories=("L", "P", "Z")), max_size=40)


@pytest.mark.parametrize(
    "number",
    [
        "+1 212 555 1234", "+12125551234", "(+44) 20 7946 0958", "+44 (0)20 7946 0958", "+49-89-636-48018", "+33.1.42.68.53.00",
        "212-555-1234", "(212) 555-1234", "(212)555-1234", "(212)-555-1234", "212.555.1234", "212/555-1234", "212 555 1234",
        "1-212-555-1234", "1 (212) 555-1234", "1.212.555.1234", "001-212-555-1234", "999-999-9999", "200-000.0000",
        "020 7946 0958", "07911 123456", "(020) 7946 0958", "01 42 68 53 00", "089-63648018", "030/63648018", "06 12345678", "021-343 26 11",
        "+290 22158", "+379 06 698 12345", "+64211234567",
    ],
)  # fmt: skip
def test_a_number_is_counted_once(number: str) -> None:
    for text in (number, f"({number})", f"see {number}.", f"17, {number}, 3", f"{number}\n"):
        assert phones(text) == 1, text


@pytest.mark.parametrize(
    "text",
    [
        "078-05-1120", "4111 1111 1111 1111", "10.0.200.17", "2026-11-25", "112-555-1234", "(112)555-1234", "212-5555-1234", "212-555-12345",
        "212-55-1234", "9-212-555-1234", "212-555-1234-5", "3.212.555.1234", "212.555.1234.5", "2125551234", "0123 456", "00 00 00 00 00", "01.02.2024 10",
        "+", "+1", "+123456", "+999 12345678", "order 0800", "12.5 + 3.5", "5 + 12345678901234567", "011 2", "0 20 7946 0958", "012345 67890 1234",
        "02 2 2 2 2 2 2 2", "5-020-7946-0958", "020-7946-0958-1", "0205 123456789",
    ],
)  # fmt: skip
def test_what_is_no_number_is_not_counted(text: str) -> None:
    assert phones(text) == 0


@pytest.mark.parametrize(
    "word", ["phone", "Tel.", "call me at", "Mobile:", "cell", "FAX", "WhatsApp", "hotline", "contact: "]
)
def test_a_word_before_seven_to_fifteen_digits_makes_them_a_number(word: str) -> None:
    for number in ("1234567", "123 45 67", "123456789012345", "(12) 345-678", "12 34 56 78"):
        assert phones(f"{word} {number}") == 1
    for number in ("123456", "1234567890123456", "12 - 34 - 56"):
        assert phones(f"{word} {number}") == 0


def test_the_word_stands_within_thirty_characters() -> None:
    assert phones(f"fax{'.' * 30}1234567") == 1
    assert phones(f"fax{'.' * 31}1234567") == 0
    assert phones("fax 123   4567") == 1
    assert phones("fax 123    4567") == 0


@pytest.mark.parametrize(
    "date", ["2026-11-25", "1999/1/5", "25.11.2026", "1/5/1999", "2000-01-01", "11-25-2026 10:12"]
)
def test_a_date_behind_such_a_word_is_none(date: str) -> None:
    assert phones(f"call me on {date}") == 0


def test_what_is_no_date_for_its_century_is_a_number() -> None:
    assert (
        phones("call me on 1826-11-25")
        == phones("call me on 2126-11-25")
        == phones("call 25-11-2126")
        == phones("call 25-11-1826")
        == 1
    )
    assert (
        phones("call me on 2026-111-25")
        == phones("call me on 125-11-2026")
        == phones("call 25-111-2026")
        == 1
    )
    assert phones("call 20261125") == 1


@given(st.randoms(use_true_random=False), AROUND, AROUND)
def test_a_planted_international_number_is_found(chance: Random, before: str, after: str) -> None:
    number = planted.phone(chance)
    assume(number.startswith("+"))
    assert phones(f"{before} {number}, {after}") >= 1


@pytest.mark.parametrize("region", REGIONS)
def test_the_example_number_of_each_region_is_valid_there(region: str) -> None:
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    assert example is not None
    national = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL)
    assert is_national(national)


@pytest.mark.parametrize(
    ("text", "there"),
    [("04729900", False), ("059324024", True), ("056198137794", True), ("0400795315975", False)],
)
def test_nine_to_twelve_digits_are_a_national_number(text: str, there: bool) -> None:
    # Each is valid in Germany; shorter and longer ones are too often something else.
    assert phonenumbers.is_valid_number(phonenumbers.parse(text, "DE"))
    assert is_national(text) is there


def test_a_number_of_no_region_is_not_national() -> None:
    assert not is_national("0000 000 000")
    assert not is_national("x")


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("+44 20 7946 0958", 16),
        ("+44 20 7946 0958 17", 16),
        ("+44 20 7946 0958 17 3", 16),
        ("+999 123", 0),
        ("+", 0),
        ("+1 2", 0),
    ],
)
def test_what_stands_behind_a_number_is_left_off(text: str, length: int) -> None:
    assert abroad_length(text, 0) == length


def test_the_regions_are_asked_at_most_once_for_each_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    parse = phonenumbers.parse

    def counting(text: str, region: str | None = None) -> phonenumbers.PhoneNumber:
        nonlocal asked
        asked += 1
        assert len(text) <= 80
        return parse(text, region)

    monkeypatch.setattr(phonenumbers, "parse", counting)
    for unit in ("0999 99 99 99 ", "+1 ", "+1234567", "+44 20 7946 0958 ", "0 1 ", "020 7946 "):
        counts = []
        for times in (100, 400):
            asked = 0
            phones(unit * times)
            counts.append(asked)
        assert counts[1] <= 4 * counts[0] + 40
        assert counts[1] <= len(REGIONS) * 400 * 2


def test_a_list_longer_than_is_parsed_counts_whole() -> None:
    """What is no number of the first 100 is one from the next on: to parse takes time."""
    trunk, abroad = "00 12 34 56 78 ", "+0000000, "
    assert phones(trunk * 100) == 0
    assert phones(trunk * 101) == 1
    assert phones(trunk * 105) == 5
    assert phones(abroad * 100) == 0
    assert phones(abroad * 101) == 1
