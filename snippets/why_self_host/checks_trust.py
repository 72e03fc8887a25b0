"""How is a claim about trust computed?"""

# --8<-- [start:imports]
import re
from itertools import pairwise

from snippets.data.facts import Fact
from snippets.data.providers import read_hosted
from snippets.data.records import find
from snippets.why_self_host.claims import (
    Case,
    Outcome,
)
from snippets.why_self_host.when_not_to import (
    Quantized,
)

# --8<-- [end:imports]


# --8<-- [start:privacy]
def leaks(case: Case) -> Outcome:
    """Does an engine send anything by default?"""
    sends, stops = (
        sum(case.fact(key, name) for key in keys)
        for keys in [case.claim.facts]
        for name in ("by_default", "switch")
    )
    engines = len(case.claim.facts)
    return Outcome(
        numbers={
            "sends": sends,
            "engines": engines,
        },
        holds=sends == 0,
        given=stops == engines,
    )


def flag(case: Case) -> Outcome:
    """Does a fact say what the claim needs?

    The claim states the value that it needs, 1 for
    yes. What its day knew of the fact is not asked:
    a fact read later seldom says since when.
    """
    (key,) = case.claim.facts
    needed = case.said("needs")
    values = find(case.facts, key, "fact").values
    found = {
        value == needed for value in values.values()
    }
    return Outcome(
        numbers={"count": len(values)},
        holds=found == {True},
        given=case.claim.only_if is not None
        and found == {False},
    )


PII = (
    r"\b\d{3}-\d{2}-\d{4}\b",
    r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+"
    r"\.[A-Z|a-z]{2,}\b",
)
SAMPLES = {
    "SSN": "My number is 123-45-6789.",
    "email": "Write to jane.roe@example.org.",
    "name": "The patient is Jane Roe.",
    "phone": "Call me on +1 415 555 2671.",
    "IBAN": "Pay to DE89 3704 0044 0532 0130 00.",
    "card": "Charge 4111 1111 1111 1111.",
    "address": "She lives at 12 Elm Street.",
    "SSN without dashes": "My number is 123456789.",
}


def has_pii(text: str) -> bool:
    """The guide's check, with its two patterns."""
    return any(re.search(one, text) for one in PII)


def pii(_: Case) -> Outcome:
    """How many samples would go to the cloud?"""
    missed = [
        text
        for text in SAMPLES.values()
        if not has_pii(text)
    ]
    return Outcome(
        numbers={
            "missed": len(missed),
            "samples": len(SAMPLES),
        },
        holds=not missed,
    )


# --8<-- [end:privacy]


# --8<-- [start:models]
def rivals(case: Case) -> Outcome:
    """Is it level, and the best open one known?"""
    key = "claim-llama-3.1-scores"
    llama = case.fact(key, "llama_mmlu_percent")
    closed = case.fact(key, "gpt_4o_mmlu_percent")
    pro = case.fact(key, "llama_mmlu_pro_percent")
    later = "claim-qwen3.5-scores"
    newer = case.fact(later, "mmlu_pro_percent")
    known = case.facts[later].as_of <= case.day
    near = case.said("near_percent")
    return Outcome(
        numbers={
            "llama": llama,
            "closed": closed,
            "pro": pro,
            "newer": newer,
        },
        holds=closed - llama <= near
        and not (known and newer - pro > near),
    )


def openai_ahead(case: Case) -> Outcome:
    """Are open weights behind on the day?"""
    gap = "claim-open-gap"
    months = case.fact(gap, "months")
    behind = case.fact(
        "claim-llama-2-gap", "behind"
    )
    known = case.facts[gap].as_of <= case.day
    return Outcome(
        numbers={"months": months},
        holds=months > 0 if known else behind == 1,
    )


def cloud_only(case: Case) -> Outcome:
    """Do open weights have what it lists?"""
    closed = case.fact(
        "claim-context-closed", "tokens"
    )
    key = "claim-context-open"
    tokens = case.fact(key, "tokens")
    has = case.fact(key, "images") == 1
    return Outcome(
        numbers={
            "tokens": tokens / 1e6,
            "closed": closed,
        },
        holds=not has and tokens < closed,
        given=has and tokens >= closed,
    )


def before_apis(case: Case) -> Outcome:
    """How soon does an API have open weights?"""
    days = case.fact("claim-day-one", "days")
    hosts = [
        len(record.offers)
        for record in read_hosted().values()
        if record.weights
    ]
    return Outcome(
        numbers={
            "days": days,
            "models": len(hosts),
            "hosts": min(hosts),
        },
        holds=days > 0,
        given=bool(min(hosts)),
    )


def releases(case: Case) -> dict[str, list[Fact]]:
    """Releases that a claim names, by family."""
    families: dict[str, list[Fact]] = {}
    for key in case.claim.facts:
        _, family, _ = key.removeprefix(
            "claim-"
        ).split("-")
        release = find(case.facts, key, "release")
        families.setdefault(family, []).append(
            release
        )
    return families


def gaps_months(family: list[Fact]) -> list[float]:
    """Months from each release to the next."""
    return [
        (after.as_of - before.as_of).days
        * 12
        / 365.25
        for before, after in pairwise(family)
    ]


def cadence(case: Case) -> Outcome:
    """What is the mean time between releases?"""
    gaps = [
        gap
        for family in releases(case).values()
        for gap in gaps_months(family)
    ]
    mean = sum(gaps) / len(gaps)
    return Outcome(
        numbers={
            "mean": mean,
            "low": min(gaps),
            "high": max(gaps),
        },
        holds=case.said("low_months")
        <= mean
        <= case.said("high_months"),
    )


def efficiency(case: Case) -> Outcome:
    """Is there more work for each watt?"""
    key = "claim-efficiency"
    old, new = (
        case.fact(key, f"{gpu}_tflops")
        / case.fact(key, f"{gpu}_w")
        for gpu in ("a100", "h100")
    )
    return Outcome(
        numbers={"times": new / old},
        holds=new > old,
    )


def attention(case: Case) -> Outcome:
    """Is the cache of a token smaller?"""
    heads = case.fact("claim-heads", "heads")
    kept = case.fact("claim-heads", "kv_heads")
    return Outcome(
        numbers={"times": heads / kept},
        holds=heads > kept,
    )


def degrades(case: Case) -> Outcome:
    """How much does perplexity rise?"""
    key = "claim-perplexity"
    rises = {
        name: Quantized(
            reference_perplexity=case.fact(
                key, "f16"
            ),
            quantized_perplexity=case.fact(
                key, name
            ),
        ).increase_percent
        for name in ("q4_k_m", "q2_k")
    }
    return Outcome(
        numbers=rises, holds=max(rises.values()) > 0
    )


# --8<-- [end:models]
