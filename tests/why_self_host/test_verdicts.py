"""The judge: a claim is computed on the day of its text and today, by the check that it names."""

from __future__ import annotations

from datetime import date

import pytest

from snippets.why_self_host import verdicts
from snippets.why_self_host.claims import Case, Outcome, read_claims, read_documents
from snippets.why_self_host.verdicts import CHECKS, judge
from tests.why_self_host.audited import FACTS, TODAY


def test_a_check_is_found_under_the_name_that_claims_use() -> None:
    assert {name: check.__name__ for name, check in CHECKS.items()} == {name: name for name in CHECKS}
    assert len(CHECKS) == 43


@pytest.mark.parametrize("name", ["own-2023", "rivals", "price"])
def test_a_claim_is_asked_for_the_day_of_its_text_and_then_for_today(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[date, date]] = []
    claim = read_claims()[name]

    def holds_on_its_day(case: Case) -> Outcome:
        asked.append((case.day, case.today))
        numbers = CHECKS[claim.check](case).numbers
        return Outcome(numbers=numbers, holds=case.day < TODAY)

    monkeypatch.setattr(verdicts, "CHECKS", {claim.check: holds_on_its_day})
    assert judge(claim, FACTS, TODAY).verdict == "out of date"
    assert asked == [(read_documents()[claim.document].dated, TODAY), (TODAY, TODAY)]
