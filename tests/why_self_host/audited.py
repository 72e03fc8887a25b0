"""What the tests of the checks share: a claim with other numbers, a fact with another value."""

from __future__ import annotations

from datetime import date

from snippets.data.facts import Fact, read_facts
from snippets.data.hosted import HostedPrice, hosted_price
from snippets.why_self_host.claims import Case, Outcome, read_claims, read_documents
from snippets.why_self_host.verdicts import CHECKS

TODAY = date(2026, 11, 24)
FACTS = read_facts()
LIST = 0.75 * 0.15 + 0.25 * 0.60
HOURS = 730


def outcome(name: str, **values: float) -> Outcome:
    """What the check of a claim computes on the claim's day, with other numbers in the claim."""
    claim = read_claims()[name]
    claim = claim.model_copy(update={"values": claim.values | values})
    day = read_documents()[claim.document].dated
    return CHECKS[claim.check](Case(claim=claim, day=day, today=TODAY, facts=FACTS))


def at_ten_dollars(provider: str, model: str, on: date, input_tokens: int = 0) -> HostedPrice:
    """The price that the guide names, as if it were listed."""
    price = hosted_price(provider, model, on, input_tokens=input_tokens)
    ten = {f"{kind}_usd_per_million_tokens": 10.0 for kind in ("input", "output")}
    return price.model_copy(update=ten)


def changed(fact: str, name: str, value: float) -> dict[str, Fact]:
    """The facts, with one number changed."""
    record = FACTS[fact]
    assert name in record.values
    return {**FACTS, fact: record.model_copy(update={"values": record.values | {name: value}})}


def together(claim: str, numbers: dict[str, float]) -> dict[str, Fact]:
    """The facts of a claim, with some numbers changed wherever they occur."""
    return {
        key: fact.model_copy(
            update={"values": {name: numbers.get(name, value) for name, value in fact.values.items()}}
        )
        for key, fact in FACTS.items()
        if key in read_claims()[claim].facts
    }
