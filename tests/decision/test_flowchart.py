"""The source's flowchart: its three questions in their order, its four outcomes, its drawing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.decision.flowchart import (
    SOURCE_OTHERWISE,
    SOURCE_RULES,
    Answers,
    decide,
    mermaid,
)
from tests.bounds import assert_accepts_exactly

VALID = {"data_must_stay": False, "tokens_per_day": 0, "own_models_or_offline": False}
ANSWERS = st.builds(
    Answers,
    data_must_stay=st.booleans(),
    tokens_per_day=st.integers(0, 10**8),
    own_models_or_offline=st.booleans(),
)


def outcome(data_must_stay: bool, tokens_per_day: int, own_models_or_offline: bool) -> str:
    case = Answers(
        data_must_stay=data_must_stay,
        tokens_per_day=tokens_per_day,
        own_models_or_offline=own_models_or_offline,
    )
    return decide(case, SOURCE_RULES, SOURCE_OTHERWISE).outcome


@pytest.mark.parametrize(
    ("data_must_stay", "tokens_per_day", "own_models_or_offline", "expected"),
    [
        (True, 0, False, "Self-host required"),
        (True, 50_000_000, True, "Self-host required"),
        (False, 5_000_001, False, "Consider self-hosting for cost"),
        (False, 50_000_000, True, "Consider self-hosting for cost"),
        (False, 5_000_000, True, "Self-host"),
        (False, 5_000_000, False, "Use cloud APIs"),
        (False, 0, False, "Use cloud APIs"),
    ],
)
def test_the_outcomes_of_the_source(
    data_must_stay: bool, tokens_per_day: int, own_models_or_offline: bool, expected: str
) -> None:
    assert outcome(data_must_stay, tokens_per_day, own_models_or_offline) == expected


@given(ANSWERS)
def test_questions_are_asked_until_the_first_yes(case: Answers) -> None:
    found = decide(case, SOURCE_RULES, SOURCE_OTHERWISE)
    answers = [rule.applies(case) for rule in SOURCE_RULES]
    asked = answers.index(True) + 1 if any(answers) else len(answers)
    assert found.asked == tuple(rule.question for rule in SOURCE_RULES)[:asked]
    assert found.rule == (SOURCE_RULES[asked - 1].name if any(answers) else "otherwise")


def test_the_drawing_has_every_question_every_outcome_and_both_answers() -> None:
    drawn = mermaid(SOURCE_RULES, SOURCE_OTHERWISE)
    assert drawn.splitlines()[0] == "flowchart TD"
    assert re.findall(r'q\d\{"(.*)"\}', drawn) == [rule.question for rule in SOURCE_RULES]
    assert re.findall(r'(?:a\d|otherwise)\["(.*)"\]', drawn) == [
        *(rule.outcome for rule in SOURCE_RULES),
        SOURCE_OTHERWISE,
    ]
    arrows = re.findall(r"(q\d) -->\|(yes|no)\| (\w+)", drawn)
    assert arrows == [
        ("q0", "yes", "a0"),
        ("q0", "no", "q1"),
        ("q1", "yes", "a1"),
        ("q1", "no", "q2"),
        ("q2", "yes", "a2"),
        ("q2", "no", "otherwise"),
    ]


def test_tokens_a_day_have_bounds() -> None:
    assert_accepts_exactly(Answers, VALID, "tokens_per_day", 0, 10**15)


def test_a_misspelled_answer_is_refused() -> None:
    with pytest.raises(ValidationError, match="offline"):
        Answers.model_validate(VALID | {"offline": True})
