"""The audit: every verdict follows from code and dated data, and none is typed."""

from __future__ import annotations

import re
import string
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from snippets.data.facts import read_facts
from snippets.data.records import DataError, UnknownNameError, read_entries
from snippets.why_self_host.claims import (
    Case,
    Claim,
    Document,
    Outcome,
    conclude,
    read_claims,
    read_documents,
)
from snippets.why_self_host.verdicts import CHECKS, judge
from tests.bounds import defaults
from tests.pages.figures import find_figures, named_truths

TODAY = date(2026, 11, 24)
FACTS = read_facts()
CLAIMS = [pytest.param(claim, id=claim.id) for claim in read_claims().values()]


# --- every verdict is a test ------------------------------------------------------------------


@pytest.mark.parametrize("claim", CLAIMS)
def test_the_verdict_follows_from_what_is_computed(claim: Claim) -> None:
    assert judge(claim, FACTS, TODAY).verdict == claim.verdict


# --- what a claim names is what it is held to ---------------------------------------------------


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_names_exactly_the_facts_that_it_is_held_to(claim: Claim) -> None:
    named = {key: FACTS[key] for key in claim.facts}
    assert judge(claim, named, TODAY) == judge(claim, FACTS, TODAY)
    for key in named:
        with pytest.raises(UnknownNameError, match=re.escape(key)):
            judge(claim, {other: fact for other, fact in named.items() if other != key}, TODAY)


@pytest.mark.parametrize("claim", CLAIMS)
def test_every_figure_in_a_claim_is_a_number_of_the_claim(claim: Claim) -> None:
    words = [claim.says, claim.assumes, *map(literal, (claim.found, claim.found_today, claim.only_if))]
    said = {truth.value for truth in named_truths(claim.values, "")} | {*claim.values.values()}
    for figure in (figure for text in words for figure in find_figures(text) if figure.is_claim):
        is_size_of_a_model = figure.text.endswith("B") and not figure.unit
        assert is_size_of_a_model or {figure.value, figure.bare} & said, figure.text


def literal(template: str | None) -> str:
    """What a template says without its computed numbers."""
    return " … ".join(text for text, *_ in string.Formatter().parse(template or ""))


def test_no_check_is_idle() -> None:
    assert {claim.check for claim in read_claims().values()} == {*CHECKS}


def test_all_five_texts_and_all_topics_are_audited() -> None:
    claims = read_claims().values()
    assert len(claims) >= 60
    assert {claim.document for claim in claims} == {*read_documents()}
    assert len(read_documents()) == 5
    assert min(Counter(claim.topic for claim in claims).values()) >= 6
    assert len({(claim.document, claim.says) for claim in claims}) == len(claims)


# --- how a verdict is reached ---------------------------------------------------------------

PLAIN = {
    "id": "a",
    "document": "guide",
    "section": "S",
    "topic": "cost",
    "says": "It costs little",
    "assumes": "nothing",
    "check": "row",
    "found": "${usd:,.0f}",
    "verdict": "holds",
}


@pytest.mark.parametrize(
    ("then", "today", "given", "verdict"),
    [
        (True, True, False, "holds"),
        (True, True, True, "holds"),
        (True, False, True, "out of date"),
        (False, True, False, "does not reproduce"),
        (False, False, True, "holds only if"),
        (None, None, True, "cannot be checked"),
    ],
)
def test_verdict(then: bool | None, today: bool | None, given: bool, verdict: str) -> None:
    before, after = (
        Outcome(numbers={"usd": usd}, holds=holds, given=given)
        for usd, holds in ((1_234.5, then), (2, today))
    )
    finding = conclude(Claim.model_validate(PLAIN), before, after)
    assert finding.verdict == verdict
    assert (finding.then, finding.today, finding.only_if) == ("$1,234", "$2", "")


def test_what_is_said_differently_today_is_said_with_the_numbers_of_today() -> None:
    claim = Claim.model_validate(
        PLAIN | {"verdict": "holds only if", "only_if": "over ${usd:.0f}", "found_today": "now ${usd:.0f}"}
    )
    finding = conclude(
        claim,
        Outcome(numbers={"usd": 1}, holds=False, given=True),
        Outcome(numbers={"usd": 2}, holds=False),
    )
    assert (finding.then, finding.today, finding.only_if) == ("$1", "now $2", "over $1")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"verdict": "cannot be checked"}, "needs goes with 'cannot be checked'"),
        ({"needs": "a year"}, "needs goes with 'cannot be checked'"),
        ({"verdict": "holds only if"}, "only_if goes with 'holds only if'"),
        ({"only_if": "it rains"}, "only_if goes with 'holds only if'"),
        ({"verdict": "true"}, "verdict"),
        ({"topic": "taste"}, "topic"),
        ({"says": " "}, "says"),
        ({"values": {"usd": float("nan")}}, "finite number"),
        ({"claims": "x"}, "Extra inputs"),
    ],
)
def test_a_claim_that_lacks_what_its_verdict_needs_is_refused(
    fields: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        Claim.model_validate(PLAIN | fields)


def test_defaults() -> None:
    assert {*defaults(Claim)} == {"values", "facts", "found_today", "only_if", "needs"}
    assert defaults(Document) == {"url": None}
    assert defaults(Case) == {}
    assert defaults(Outcome)["given"] is False


# --- unknown names ---------------------------------------------------------------------------


def test_unknown_texts_checks_facts_and_numbers_are_named() -> None:
    claim = Claim.model_validate(PLAIN)
    with pytest.raises(UnknownNameError, match=r"unknown text 'giude'; nearest: guide"):
        judge(claim.model_copy(update={"document": "giude"}), FACTS, TODAY)
    with pytest.raises(UnknownNameError, match="a: no check 'rows'"):
        judge(claim.model_copy(update={"check": "rows"}), FACTS, TODAY)
    case = Case(claim=claim, day=TODAY, today=TODAY, facts=FACTS)
    assert case.fact("claim-wage", "usd_per_hour") == 43.52
    with pytest.raises(UnknownNameError, match=r"unknown fact 'claim-wages'; nearest: claim-wage"):
        case.fact("claim-wages", "usd_per_hour")
    with pytest.raises(UnknownNameError, match="claim-wage has no 'usd'; it has usd_per_hour"):
        case.fact("claim-wage", "usd")


def test_a_file_of_claims_says_which_claim_and_field_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text('[rent]\ndocument = "guide"\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"one\.toml, record rent, field section: Field required"):
        read_entries(tmp_path, Claim)
