"""A record says where a request went, and why; an answer has its words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from snippets.hybrid.budget import Spent
from snippets.hybrid.policy import Label, Reason, Route, Task
from snippets.hybrid.record import Answer, Record

RECORD = Record(
    route=Route.LOCAL,
    reason=Reason.DEFAULT,
    label=Label.PUBLIC,
    task=Task.DEFAULT,
    found={},
    outcome="answered",
    tries=1,
    seconds=0.5,
    spent=Spent(input_tokens=1, output_tokens=2),
    usd=0,
)


def test_it_can_be_written_as_json() -> None:
    assert Record.model_validate_json(RECORD.model_dump_json()) == RECORD


def test_it_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        RECORD.tries = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("message", "text"),
    [({"content": "words"}, "words"), ({"content": None, "tool_calls": []}, ""), ({}, "")],
)
def test_the_words_of_an_answer(message: dict[str, Any], text: str) -> None:
    assert Answer(message, RECORD).text == text
