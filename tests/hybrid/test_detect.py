# ruff: noqa: E501, S311 - tables of examples
from __future__ import annotations

import re
from random import Random
from time import process_time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from snippets.hybrid.detect import MOST_CHARACTERS, TooLongToScanError, scan
from snippets.hybrid.fold import fold
from snippets.hybrid.keys import FORMS
from tests.hybrid import planted

CHANCE = st.randoms(use_true_random=False)
# Any text of Unicode, apart from what is next to the value: that is a space, a sign or no width.
ANY = st.text(max_size=60)
APART = st.sampled_from([" ", "\n", "\t", ", ", '"', "\u200b ", "\u3000", "»", "|"])
# Digits behind such a word are a version, not an address.
VERSION = re.compile("(?i:version|release|ver|rev|v)[.:= ]*$")
ALWAYS = sorted(planted.FOUND.keys() - {"phone"})


@pytest.mark.parametrize("kind", ALWAYS)
@settings(max_examples=25)
@given(CHANCE, ANY, APART, APART, ANY)
def test_a_planted_value_is_found_in_any_text(
    kind: str, chance: Random, before: str, first: str, last: str, after: str
) -> None:
    assume(kind != "ip" or not VERSION.search(fold(before + first)))
    value = planted.FOUND[kind](chance)
    assert kind in scan(f"{before}{first}{value}{last}{after}")


@pytest.mark.parametrize("disguise", planted.DISGUISES)
@pytest.mark.parametrize("kind", [kind for kind in ALWAYS if kind in planted.NAMES])
@settings(max_examples=25)
@given(CHANCE, ANY, APART, APART, ANY)
def test_a_disguised_value_is_found_in_any_text(
    kind: str, disguise: str, chance: Random, before: str, first: str, last: str, after: str
) -> None:
    assume(kind != "ip" or not VERSION.search(fold(before + first)))
    value = planted.DISGUISES[disguise](planted.FOUND[kind](chance), chance)
    assert kind in scan(f"{before}{first}{value}{last}{after}")


@pytest.mark.parametrize("disguise", ["zero width", "full width", "direction marks"])
@pytest.mark.parametrize("kind", planted.KEYS)
@settings(max_examples=25)
@given(CHANCE)
def test_a_disguised_key_is_found(kind: str, disguise: str, chance: Random) -> None:
    assert kind in scan(planted.DISGUISES[disguise](planted.KEYS[kind](chance), chance))


@settings(max_examples=25)
@given(CHANCE)
def test_a_phone_number_with_a_plus_is_found_in_disguise(chance: Random) -> None:
    number = planted.phone(chance)
    if number.startswith("+"):
        for disguise in planted.DISGUISES.values():
            assert "phone" in scan(disguise(number, chance))


def test_what_has_no_width_can_also_stand_between_a_number_and_others() -> None:
    assert scan("1\u200b4111111111111111\u200b1") == {"card": 1}
    assert scan("41\u200b11111111111111") == {"card": 1}


def test_all_is_counted_by_category_and_nothing_else_is_told() -> None:
    text = (
        "078-05-1120, 4111 1111 1111 1111, DE89370400440532013000, +44 20 7946 0958, a@b.example, "
        "10.1.2.3, ghp_" + "a" * 36 + ", password=abcdefg1; a@c.example"
    )
    assert scan(text) == {
        "ssn": 1, "card": 1, "iban": 1, "phone": 1, "email": 2, "ip": 1, "github_token": 1, "password": 1,
    }  # fmt: skip


@given(st.text())
def test_only_categories_and_counts_come_out(text: str) -> None:
    for category, count in scan(text).items():
        assert category in {"ssn", "card", "iban", "phone", "email", "ip", *FORMS}
        assert count >= 1


def test_what_is_in_no_category_is_not_found() -> None:
    # Stated on the page in the table of recall, and measured there.
    for kind in planted.UNTOLD:
        for seed in range(20):
            value = planted.UNTOLD[kind](Random(seed))
            if kind != "birth_date":
                assert scan(f"Please note: {value}.") == {}


@pytest.mark.parametrize(
    "kind",
    sorted(
        planted.ALIKE.keys()
        - {"attribute of a product", "row of numbers", "order number of 16 digits", "placeholder",
           "card, wrong check digit", "IBAN, wrong check digits"}
    ),
)  # fmt: skip
@settings(max_examples=25)
@given(CHANCE)
def test_what_only_looks_alike_is_not_counted(kind: str, chance: Random) -> None:
    assert scan(planted.ALIKE[kind](chance)) == {}


@settings(max_examples=25)
@given(CHANCE)
def test_a_card_or_an_iban_with_a_wrong_check_digit_is_not_counted(chance: Random) -> None:
    assert "card" not in scan(planted.wrong_luhn(chance))
    assert "iban" not in scan(planted.wrong_iban(chance))


def test_a_text_above_the_cap_is_refused_by_its_length_alone() -> None:
    assert scan("x" * 65_536) == {}
    with pytest.raises(
        TooLongToScanError, match=re.escape("text: 65,537 characters; at most 65,536 are scanned")
    ):
        scan("4111 1111 1111 1111 " + "x" * 65_517)
    assert MOST_CHARACTERS == 65_536


ADVERSARIES = [
    "1", "1 ", "12 ", "1.", "4111 ", "4111-", "123-45-", "a@", "a@b.", "a.b@c-", "::", "1:", "a:", "2:2::", "eyJ", "eyJ.eyJ", "xoxb-", "sk-", "AKIA",
    "aws ", "aws key", "password:", "password:1a", "://", "://a:", "-----BEGIN ", "-----BEGIN A", "AA00 ", "GB29 A ", "GB29NWBK", "0", "01 ", "0123 45 67 89 ",
    "020 7946 ", "+", "+1 ", "+44", "+44 20 7946 0958 ", "(2", "212-555-", "call ", "call 1", "ssn ", "ssn1", "\u200b", "1\u200b", "\u0300\u0327", "ﷺ", "𝟙", "\n", "a", "@",
]  # fmt: skip


def seconds(text: str) -> float:
    best = float("inf")
    for _ in range(2):
        start = process_time()
        scan(text)
        best = min(best, process_time() - start)
    return best


@pytest.mark.parametrize("unit", ADVERSARIES)
def test_time_is_linear_on_text_made_to_slow_it_down(unit: str) -> None:
    # Four times the length takes four times as long; what is quadratic takes sixteen times.
    length = MOST_CHARACTERS // 16
    short, long = ((unit * length)[: times * length] for times in (1, 4))
    if (took := seconds((unit * 4 * length)[: 4 * length])) > 0.02:
        assert took < 9 * seconds(short)
    assert len(long) <= 4 * length
    assert took < 2
