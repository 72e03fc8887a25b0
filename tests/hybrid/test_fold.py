from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.hybrid import fold as module
from snippets.hybrid.fold import fold

PLAIN = "Call +44 20 7946-0958, or write to a.b@example.org / SSN 078-05-1120"


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_every_character_of_unicode_is_folded_for_good() -> None:
    for code in range(sys.maxunicode + 1):
        folded = fold(chr(code))
        assert fold(folded) == folded


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert fold(text) == text
    assert fold(f"{text}\té\n") == f"{text}\te\n"


@given(st.text(), st.text())
def test_what_stands_before_or_behind_does_not_matter(first: str, second: str) -> None:
    assert fold(first + second) == fold(first) + fold(second)


def test_full_width_styled_and_circled_characters_become_plain() -> None:
    full = "".join(chr(ord(c) + 0xFEE0) if c != " " else "\u3000" for c in PLAIN)
    assert fold(full) == PLAIN
    assert fold("𝟎𝟙𝟤𝟯𝟺") == "01234"
    assert fold("①❷➌⁴₅") == "12345"
    assert fold("𝖺𝓫𝔠ⓓ") == "abcd"


def test_digits_of_every_script_are_their_value() -> None:
    for code in range(sys.maxunicode + 1):
        value = unicodedata.decimal(chr(code), None)
        if value is not None:
            assert fold(chr(code)) == str(value)


@pytest.mark.parametrize("dash", "‐‑‒–—―−﹘﹣－⁃")
def test_a_dash_is_a_dash(dash: str) -> None:
    assert fold(dash) == "-"


@pytest.mark.parametrize("space", "\u00a0\u2007\u2009\u202f\u3000")
def test_a_space_is_a_space(space: str) -> None:
    assert fold(space) == " "


@pytest.mark.parametrize(
    ("mark", "plain"), [*(("·•‧∙⋅。"[i], ".") for i in range(6)), ("⁄", "/"), ("∕", "/")]
)
def test_a_dot_is_a_dot(mark: str, plain: str) -> None:
    assert fold(mark) == plain


@pytest.mark.parametrize(
    "unseen", "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f\u202a\u202e\u2066\u2069\U000e0041\x00\x7f"
)
def test_what_has_no_width_is_dropped_or_becomes_what_is_asked(unseen: str) -> None:
    assert fold(f"1{unseen}2") == "12"
    assert fold(f"1{unseen}2", unseen=" ") == "1 2"


def test_lines_and_tabs_stay() -> None:
    assert fold("a\tb\r\nc\u200b") == "a\tb\r\nc"


def test_marks_are_dropped_whether_composed_or_not() -> None:
    assert fold("e\u0301") == fold("é") == "e"
    assert fold("1\u03362\u20dd") == "12"
    assert fold("1\u0336", unseen=" ") == "1"


def test_letters_that_look_latin_are_taken_for_what_they_look_like() -> None:
    names = {"CYRILLIC": 0, "GREEK": 0}
    for letter, looks in module.LOOKS_LIKE.items():
        script = unicodedata.name(letter).split()[0]
        if script in names:
            names[script] += 1
            assert looks.isascii()
            assert letter.isupper() == looks.isupper()
    assert names == {"CYRILLIC": 30, "GREEK": 17}
    assert fold("АКІА раѕѕ") == "AKIA pacc".replace("cc", "ss")


def test_time_is_linear_where_the_standard_library_is_not() -> None:
    # unicodedata.normalize sorts a run of marks by insertion: four times the length, sixteen times the time.
    # Here each character is normalized alone.
    seen = 0
    normalize = unicodedata.normalize

    def counting(form: str, text: str) -> str:
        nonlocal seen
        seen += len(text)
        return normalize(form, text)  # type: ignore[arg-type]

    class Counted:
        def __getattr__(self, name: str) -> object:
            return counting if name == "normalize" else getattr(unicodedata, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "unicodedata", Counted())
        module.fold_one.cache_clear()
        text = "a" + "\u0300\u0327" * 30_000
        assert fold(text) == "a"
    module.fold_one.cache_clear()
    assert seen == 3  # each character once, then from the cache


def test_the_cache_is_bounded() -> None:
    assert module.fold_one.cache_info().maxsize == 65_536


@pytest.mark.parametrize(
    "code", [0x115F, 0x1160, 0x3164, 0xFFA0, 0x2065, 0xFFF0, 0xFFF8, 0xE0000, 0xE0002, 0x200B]
)
def test_what_shows_nothing_is_not_there(code: int) -> None:
    assert fold(f"078{chr(code)}-05-1120") == "078-05-1120"


@pytest.mark.parametrize("mark", "ー─➖˗‒–—−-")
def test_a_line_is_a_dash(mark: str) -> None:
    assert fold(f"078{mark}05{mark}1120") == "078-05-1120"


@pytest.mark.parametrize("mark", "\u2028\u2029\u00a0\u3000")
def test_a_gap_is_a_space(mark: str) -> None:
    assert fold(f"078{mark}05") == "078 05"


@pytest.mark.parametrize("mark", "・۔·•。")
def test_each_kind_of_dot_is_one(mark: str) -> None:
    assert fold(f"1{mark}2") == "1.2"
