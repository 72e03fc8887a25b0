from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban, luhn

from snippets.hybrid import checksums
from snippets.hybrid.checksums import BEGUN, beginnings, cards, ibans, is_card, is_ssn, ssns
from tests.hybrid import planted

CHANCE = st.randoms(use_true_random=False)
AROUND = st.text(st.characters(codec="ascii", categories=("L", "N", "P", "Z")), max_size=40)


def with_check_digit(prefix: str, length: int) -> str:
    number = prefix + "1" * (length - len(prefix) - 1)
    return number + str(luhn.calc_check_digit(number))


# Prefixes and lengths as the schemes publish them.
PUBLISHED = [
    *(("4", n) for n in (13, 16, 17, 18, 19)),
    *((p, 16) for p in ("51", "55", "2221", "2720", "6011", "644", "65", "3528", "3589", "62")),
    *((p, 15) for p in ("34", "37", "2131", "1800")),
    *((p, 14) for p in ("300", "305", "36", "38", "39")),
    *((p, n) for p in ("5018", "6304", "6759", "5612", "5700", "5893") for n in (12, 13, 14, 15)),
    *((p, n) for p in ("62", "3528", "6011", "5018") for n in (17, 18, 19)),
]


@pytest.mark.parametrize(("prefix", "length"), PUBLISHED)
def test_a_card_of_each_scheme_is_counted_and_with_a_wrong_check_digit_is_not(
    prefix: str, length: int
) -> None:
    number = with_check_digit(prefix, length)
    assert cards(f"Card {number}.") == 1
    for wrong in "0123456789".replace(number[-1], ""):
        assert not is_card(number[:-1] + wrong)


@pytest.mark.parametrize(
    ("prefix", "length"),
    [
        ("4", 11), ("4", 12), ("4", 14), ("4", 15), ("4", 20), ("1", 16), ("7", 16), ("0", 16), ("9", 13),
        ("35", 15), ("33", 15), ("31", 14), ("37", 14), ("2130", 15), ("1801", 15), ("5", 15), ("51", 15),
        ("55", 12), ("59", 12), ("6", 11), ("2", 17), ("2", 18), ("7", 18), ("6", 20), ("36", 13),
    ],
)  # fmt: skip
def test_a_number_of_no_scheme_is_not_counted(prefix: str, length: int) -> None:
    assert cards(with_check_digit(prefix, length)) == 0


@pytest.mark.parametrize("by", [" ", "-", ".", "/", "_", "\t", "\n", " - ", "  "])
@pytest.mark.parametrize(
    ("prefix", "length", "sizes"),
    [
        ("4", 16, (4, 4, 4, 4)), ("37", 15, (4, 6, 5)), ("36", 14, (4, 6, 4)), ("62", 17, (4, 4, 4, 4, 1)),
        ("62", 18, (4, 4, 4, 4, 2)), ("62", 19, (4, 4, 4, 4, 3)), ("4", 16, (1,) * 16), ("4", 16, (2,) * 8),
        ("4", 13, (1,) * 13), ("4", 19, (1,) * 19), ("37", 15, (*(2,) * 7, 1)),
    ],
)  # fmt: skip
def test_groups_as_printed_or_spelled_are_one_card(
    by: str, prefix: str, length: int, sizes: tuple[int, ...]
) -> None:
    number = planted.grouped(with_check_digit(prefix, length), sizes, by)
    assert cards(f"pay with {number}, please") == 1


@pytest.mark.parametrize("sizes", [(3, 13), (8, 8), (4, 4, 8), (4, 12), (5, 5, 6), (4, 6, 6), (1, 15)])
def test_groups_of_other_sizes_are_no_card(sizes: tuple[int, ...]) -> None:
    number = with_check_digit("5105", 16)
    assert cards(planted.grouped(number, sizes, " ")) == 0


def test_what_stands_apart_is_no_card() -> None:
    number = planted.grouped(with_check_digit("4", 16), (4, 4, 4, 4), "    ")
    assert cards(number) == 0
    assert cards(number.replace("    ", ", ")) == 0


def test_each_card_is_counted_once_also_where_other_numbers_stand_before_it() -> None:
    number = "4111 1111 1111 1111"
    assert cards(number) == 1
    assert cards(f"{number} {number}") == cards(f"{number}, {number}") == 2
    assert cards(f"17 {number} 3") == cards(f"1234 17 {number}") == 1


def test_digits_within_a_word_are_no_card() -> None:
    assert cards("a4111111111111111") == 0
    assert cards("GB90YNTU67299444055881") == 0  # an IBAN whose end passes Luhn


@given(CHANCE, AROUND, AROUND)
def test_a_planted_card_is_found_and_its_twin_with_a_wrong_digit_adds_nothing(
    chance: Random, before: str, after: str
) -> None:
    number = planted.card(chance)
    assert cards(f"{before}, {number}, {after}") >= 1
    wrong = number[:-1] + str((int(number[-1]) + chance.randint(1, 9)) % 10)
    assert cards(f"- {wrong} -") == 0


@given(CHANCE, AROUND, AROUND)
def test_a_planted_iban_is_found_and_its_twin_with_a_wrong_digit_is_not(
    chance: Random, before: str, after: str
) -> None:
    number = planted.account(chance)
    assert ibans(f"{before}, {number}, {after}") >= 1
    assert ibans(planted.wrong_iban(chance)) == 0


@pytest.mark.parametrize(
    "number",
    [
        "NO9386011117947",  # the shortest, 15
        "MT84MALT011000012345MTLCAST001S",
        "LC55HEMM000100010012001200023015",  # 32
        "DE89 3704 0044 0532 0130 00",
        "gb29nwbk60161331926819",
        "GB29-NWBK-6016-1331-9268-19",
    ],
)
def test_an_iban_of_the_registry_is_found_whatever_stands_behind_it(number: str) -> None:
    assert iban.is_valid(number.replace("-", ""))
    for behind in ("", ".", " and more words behind", " 17", ", 17"):
        assert ibans(f"IBAN:{number}{behind}") == 1
    assert ibans(f"x{number}") == ibans(f"1{number}") == 0


def test_a_beginning_ends_with_a_word() -> None:
    assert list(beginnings("ab12 cd-e")) == ["ab12", "ab12 cd", "ab12 cd-e"]


@pytest.mark.parametrize("by", ["-", " ", ".", "/", "_"])
def test_an_ssn_is_three_two_four(by: str) -> None:
    number = by.join(("078", "05", "1120"))
    assert ssns(number) == ssns(f"({number})") == ssns(f"x {number}, y") == 1
    assert ssns(f"1{number}") == ssns(f"{number}1") == ssns(f"a{number}") == ssns(f"{number}a") == 0


@pytest.mark.parametrize(
    "joined", ["1-078-05-1120", "078-05-1120-1", "9.078-05-1120", "078-05-1120/2", "07805-1120"]
)
def test_a_part_of_a_longer_number_is_no_ssn(joined: str) -> None:
    assert ssns(joined) == 0


@pytest.mark.parametrize(
    ("parts", "given_out"),
    [
        (("001", "01", "0001"), True), (("665", "01", "0001"), True), (("667", "01", "0001"), True),
        (("899", "99", "9999"), True), (("000", "01", "0001"), False), (("666", "01", "0001"), False),
        (("001", "00", "0001"), False), (("001", "01", "0000"), False), (("900", "01", "0001"), False),
        (("901", "10", "1000"), False), (("900", "70", "0000"), False), (("912", "90", "3456"), True),
        (("999", "70", "1234"), True),
    ],
)  # fmt: skip
def test_parts_that_were_never_given_are_none(parts: tuple[str, str, str], given_out: bool) -> None:
    assert is_ssn(*parts) is given_out
    assert ssns("-".join(parts)) == given_out


@pytest.mark.parametrize(
    "name", ["SSN", "ssn:", "my Social Security number is", "social-security", "tax ID", "TaxId=", "ITIN #"]
)
def test_nine_digits_are_an_ssn_if_a_word_says_so(name: str) -> None:
    assert ssns("078051120") == 0
    for number in ("078051120", "078 05 1120", "078 - 05 - 1120", "07805-1120"):
        assert ssns(f"{name} {number}") == 1
    assert ssns(f"{name} 0780511201") == ssns(f"{name} 07805112") == ssns(f"{name} 000051120") == 0


def test_the_word_stands_within_forty_characters() -> None:
    assert ssns(f"ssn{'.' * 40}078051120") == 1
    assert ssns(f"ssn{'.' * 41}078051120") == 0
    assert ssns("ssn 078   05   1120") == 1
    assert ssns("ssn 078    05 1120") == ssns("ssn 078 05    1120") == 0


@given(CHANCE, AROUND, AROUND)
def test_a_planted_ssn_is_found(chance: Random, before: str, after: str) -> None:
    assert ssns(f"{before}, {planted.ssn(chance)}, {after}") >= 1


def test_from_each_group_at_most_nineteen_are_looked_at() -> None:
    seen = 0

    class Counting:
        @staticmethod
        def fullmatch(text: str) -> object:
            nonlocal seen
            seen += 1
            return BEGUN.fullmatch(text)

    for count in (1_000, 4_000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(checksums, "BEGUN", Counting)
            seen = 0
            assert cards("1 " * count) == 0
        assert count <= seen <= 19 * count
