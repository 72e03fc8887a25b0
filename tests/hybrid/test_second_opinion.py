from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.data.detection import read_detection
from snippets.hybrid.detect import TooLongToScanError, scan
from snippets.hybrid.second_opinion import SAME, with_second_opinion


class Said(NamedTuple):
    entity_type: str
    score: float


class Fixed:
    """Says the same of each text, and remembers what it was asked."""

    def __init__(self, *said: Said) -> None:
        self.said = said
        self.asked: list[tuple[str, str]] = []

    def analyze(self, text: str, language: str) -> Iterable[Said]:
        self.asked.append((text, language))
        return self.said


class BrokenError(Exception):
    pass


class Broken:
    def analyze(self, text: str, language: str) -> Iterable[Said]:
        raise BrokenError(f"{language}: {len(text)}")


def test_what_either_finds_is_found_and_the_larger_count_is_kept() -> None:
    analyzer = Fixed(
        Said("PERSON", 0.85), Said("EMAIL_ADDRESS", 1.0), Said("EMAIL_ADDRESS", 1.0), Said("CREDIT_CARD", 1.0)
    )
    both = with_second_opinion(scan, analyzer)
    text = "a@b.example, 4111 1111 1111 1111, 5105 1051 0510 5100"
    assert both(text) == {"email": 2, "card": 2, "person": 1}
    assert analyzer.asked == [(text, "en")]


@given(st.text(max_size=200))
def test_a_second_opinion_takes_nothing_back(text: str) -> None:
    assert with_second_opinion(scan, Fixed())(text) == scan(text)


def test_a_score_below_the_least_does_not_count() -> None:
    analyzer = Fixed(Said("PERSON", 0.4), Said("LOCATION", 0.39))
    assert with_second_opinion(scan, analyzer)("x") == {"person": 1}
    assert with_second_opinion(scan, analyzer, least_score=0)("x") == {"person": 1, "location": 1}
    assert with_second_opinion(scan, analyzer, least_score=1)("x") == {}


@pytest.mark.parametrize("score", [-0.01, 1.01, float("nan")])
def test_a_score_that_is_none_is_refused(score: float) -> None:
    with pytest.raises(ValueError, match=r"least_score: .*; allowed: 0 to 1"):
        with_second_opinion(scan, Fixed(), least_score=score)


def test_a_disguised_text_is_read_folded_too() -> None:
    analyzer = Fixed()
    with_second_opinion(scan, analyzer, language="de")("４２\u200b")
    assert sorted(analyzer.asked) == [("42", "de"), ("４２\u200b", "de")]


def test_an_error_of_either_comes_out() -> None:
    with pytest.raises(BrokenError, match="en: 1"):
        with_second_opinion(scan, Broken())("x")
    with pytest.raises(TooLongToScanError):
        with_second_opinion(scan, Fixed())("x" * 65_537)


def test_names_are_those_of_presidio_and_it_was_measured_with_the_real_one() -> None:
    # tests/hybrid/measure_detection.py ran this very function around presidio-analyzer.
    detection = read_detection()
    assert detection.detectors["presidio"].version == "2.2.366"
    assert set(SAME.values()) == {"ssn", "card", "iban", "phone", "email", "ip"}
    for row in detection.rows:
        assert row.found["both"] >= row.found["ours"]
        if row.kind in SAME.values() and row.set == "public":
            assert row.found["presidio"] > 0
