"""Facts: looked up by exact id, dated, and complete where a page prints them as a table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from math import inf, nan
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.data.catalog import read_sources
from snippets.data.facts import Fact, Topic, expiring, fact, facts_on, read_facts
from snippets.data.records import UnknownNameError
from tests.pages.figures import find_figures, matches, named_truths, unit_from_name

FACTS = tuple(read_facts().values())
TOPICS: tuple[Topic, ...] = get_args(Topic)
AGING = [one for topic in TOPICS for one in facts_on(topic)]
FLAWS = [one for one in AGING if one.id.startswith("cve-")]
VALID = {"id": "a", "says": "A sentence.", "sources": ("list",), "as_of": date(2026, 11, 24)}
COUNTED = {"cvss", "hosts", "countries"}  # what has no unit
VERSION = re.compile(r"\b(?:b\d{4}|\d+\.\d+\.\d+)\b")


def names(facts: Iterable[Fact]) -> list[str]:
    return [one.id for one in facts]


def by_id(one: Fact) -> str:
    return one.id


# --- looking one up ---------------------------------------------------------------------------


@pytest.mark.parametrize("one", FACTS, ids=by_id)
def test_every_fact_is_found_by_its_id(one: Fact) -> None:
    assert fact(one.id) is one


@pytest.mark.parametrize("name", ["ai-act-25", "AI-Act-26", "ai-act-26 ", "ai-act", ""])
def test_a_name_that_is_not_there_is_never_taken_for_another(name: str) -> None:
    with pytest.raises(UnknownNameError, match=f"^unknown fact '{name}'"):
        fact(name)


def test_an_unknown_name_is_told_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="nearest: cve-2026-7482"):
        fact("cve-2026-7481")


# --- what a fact may say ----------------------------------------------------------------------


def test_a_fact_needs_a_sentence_a_source_and_a_day_and_the_rest_is_empty() -> None:
    one = Fact.model_validate(VALID)
    assert (one.values, one.topic, one.note, one.expires) == ({}, None, "", None)
    required = {name for name, field in Fact.model_fields.items() if field.is_required()}
    assert required == {"id", "says", "sources", "as_of"}


@pytest.mark.parametrize(
    ("field", "value", "where"),
    [
        ("values", {"hours": inf}, ("values", "hours")),
        ("values", {"hours": nan}, ("values", "hours")),
        ("values", {"hours": "three"}, ("values", "hours")),
        ("topic", "prices", ("topic",)),
        ("says", " ", ("says",)),
        ("sources", (), ("sources",)),
        ("says_not", "x", ("says_not",)),
    ],
)
def test_what_a_fact_cannot_say_is_refused_by_name(field: str, value: object, where: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as failure:
        Fact.model_validate({**VALID, field: value})
    assert [error["loc"] for error in failure.value.errors()] == [where]


# --- the two tables ---------------------------------------------------------------------------


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_has_every_fact_of_its_file_and_no_other(topic: Topic) -> None:
    text = Path(f"snippets/data/facts/{topic}.toml").read_text(encoding="utf-8")
    assert names(facts_on(topic)) == re.findall(r"^\[([^\]]+)\]$", text, re.MULTILINE)
    assert {one.topic for one in facts_on(topic)} == {topic}


def test_no_fact_is_on_two_topics_and_few_are_too_few() -> None:
    assert len(names(AGING)) == len(set(names(AGING)))
    assert len(facts_on("regulation")) >= 15
    assert len(FLAWS) >= 12


@pytest.mark.parametrize("one", AGING, ids=by_id)
def test_what_ages_is_read_again_within_a_year_of_its_last_reading(one: Fact) -> None:
    read = max(read_sources()[name].read for name in one.sources)
    assert one.expires is not None
    assert one.as_of <= read < one.expires <= read + timedelta(days=366)


@pytest.mark.parametrize("one", FLAWS, ids=by_id)
def test_a_flaw_is_named_by_its_record_with_a_version_and_a_score_of_ten(one: Fact) -> None:
    number = one.id.upper()
    assert one.says.startswith(f"{number}: ")
    assert int(number.split("-")[1]) <= one.as_of.year
    for name in one.sources:
        source = read_sources()[name]
        assert number in source.title
        assert source.url.endswith(f"/{number}.json")
    assert VERSION.search(one.says)
    assert set(one.values) <= {"cvss"}
    assert all(0 < score <= 10 for score in one.values.values())


@pytest.mark.parametrize("one", AGING, ids=by_id)
def test_a_sentence_is_short_and_stands_in_a_table(one: Fact) -> None:
    assert len(one.says) <= 220
    assert not re.search(r"[|\n]|\.$", one.says)


@pytest.mark.parametrize("one", AGING, ids=by_id)
def test_a_number_has_a_unit_and_stands_in_the_sentence(one: Fact) -> None:
    assert all(unit_from_name(name)[0] for name in one.values if name not in COUNTED)
    said = list(find_figures(one.says))
    stated = {name: number for name, number in one.values.items() if name != "cvss"}
    for truth in named_truths(stated, ""):
        assert any(matches(figure, truth) for figure in said), truth.text


# --- what comes first -------------------------------------------------------------------------

DAYS = st.dates(date(2026, 1, 1), date(2028, 12, 31))


@given(DAYS)
def test_what_expires_by_a_day_is_all_of_it_in_order(until: date) -> None:
    due = expiring(FACTS, until)
    dates = [one.expires for one in due if one.expires]
    assert len(dates) == len(due)
    assert dates == sorted(dates)
    assert {*names(due)} == {one.id for one in FACTS if one.expires and one.expires <= until}


@given(DAYS, DAYS)
def test_a_later_day_only_adds_at_the_end(one: date, other: date) -> None:
    first, second = (expiring(FACTS, day) for day in sorted((one, other)))
    assert second[: len(first)] == first


def test_the_day_itself_is_in_time_and_no_expiry_never_comes() -> None:
    dated = Fact.model_validate({**VALID, "expires": date(2027, 1, 1)})
    never = Fact.model_validate({**VALID, "id": "b"})
    assert expiring((never, dated), date(2026, 12, 31)) == ()
    assert expiring((never, dated), date(2027, 1, 1)) == (dated,)
    assert expiring((never,), date.max) == ()
