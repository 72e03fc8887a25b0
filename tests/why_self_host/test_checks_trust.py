"""The checks of privacy and models, each against a calculation by hand or a known example."""

from __future__ import annotations

from datetime import date

import pytest

from snippets.data.records import UnknownNameError
from snippets.why_self_host.checks_trust import SAMPLES, gaps_months, has_pii, releases
from snippets.why_self_host.claims import Case, read_claims
from snippets.why_self_host.verdicts import judge
from tests.why_self_host.audited import FACTS, TODAY, changed, outcome, together


@pytest.mark.parametrize(
    ("claim", "numbers"),
    [
        ("efficiency", {"times": 989 / 700 / (312 / 400)}),
        ("attention", {"times": 8}),
        ("degrades", {"q4_k_m": 100 * (2.9674 / 2.8308 - 1), "q2_k": 100 * (4.7763 / 2.8308 - 1)}),
    ],
)
def test_what_comes_out_by_hand(claim: str, numbers: dict[str, float]) -> None:
    computed = outcome(claim).numbers
    assert {name: computed[name] for name in numbers} == pytest.approx(numbers)


@pytest.mark.parametrize(
    ("claim", "fact", "name", "value", "verdict"),
    [
        ("hipaa", "claim-openai-baa", "signs", 0, "holds"),
        ("fedramp", "claim-fedramp", "azure", 0, "does not reproduce"),
        ("soc-2-self", "claim-openai-soc-2", "audited", 0, "holds"),
        ("soc-2-vendor", "claim-openai-soc-2", "audited", 0, "does not reproduce"),
        ("never-leaves", "claim-vllm-telemetry", "switch", 0, "does not reproduce"),
        ("trains", "claim-openai-training", "trains_on_api_data", 1, "holds"),
        ("rivals", "claim-qwen3.5-scores", "mmlu_pro_percent", 74, "holds"),
        ("rivals", "claim-llama-3.1-scores", "llama_mmlu_percent", 80, "does not reproduce"),
        ("openai-ahead", "claim-open-gap", "months", 0, "out of date"),
        ("openai-ahead", "claim-llama-2-gap", "behind", 0, "does not reproduce"),
        ("cloud-only", "claim-context-open", "images", 0, "does not reproduce"),
        ("openai-ahead", "claim-open-gap", "months", 1, "holds"),
        ("before-apis", "claim-day-one", "days", 1, "holds"),
        ("efficiency", "claim-efficiency", "h100_w", 2_000, "does not reproduce"),
        ("attention", "claim-heads", "kv_heads", 64, "does not reproduce"),
    ],
)
def test_another_fact_is_another_verdict(
    claim: str, fact: str, name: str, value: float, verdict: str
) -> None:
    assert judge(read_claims()[claim], changed(fact, name, value), TODAY).verdict == verdict


@pytest.mark.parametrize(
    ("claim", "numbers", "verdict"),
    [
        ("never-leaves", {"by_default": 0}, "holds"),
        ("fedramp", {"azure": 0, "openai": 0}, "holds"),
        ("exposed", {"in_transit": 0, "at_rest": 0}, "holds"),
        ("degrades", {"q4_k_m": 2.8308, "q2_k": 2.8308}, "does not reproduce"),
        ("degrades", {"q4_k_m": 2.8308, "q2_k": 2.85}, "holds"),
    ],
)
def test_several_facts_together_are_another_verdict(
    claim: str, numbers: dict[str, float], verdict: str
) -> None:
    assert judge(read_claims()[claim], together(claim, numbers), TODAY).verdict == verdict


# --- personal data ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("SSN", True),
        ("email", True),
        ("name", False),
        ("phone", False),
        ("IBAN", False),
        ("card", False),
        ("address", False),
        ("SSN without dashes", False),
    ],
)
def test_the_two_patterns_find_their_examples_and_nothing_else(kind: str, found: bool) -> None:
    assert has_pii(SAMPLES[kind]) is found
    assert len(SAMPLES) == 8


def test_the_bar_in_the_class_of_letters_is_taken_for_a_letter() -> None:
    """[A-Z|a-z] means the letters and a bar, not one or the other."""
    assert has_pii("jane@example.c|m")
    assert not has_pii("jane@example.c")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("jane.roe(at)example.org", False),
        ("123 45 6789", False),
        ("123\u200b-45-6789", False),  # a space of no width
        ("\uff11\uff12\uff13-45-6789", True),  # full-width digits are digits to a pattern
    ],
)
def test_what_is_written_otherwise_mostly_passes(text: str, found: bool) -> None:
    assert has_pii(text) is found


# --- releases -----------------------------------------------------------------------------------


def test_rarer_releases_would_not_be_every_4_to_6_months() -> None:
    facts = {key: fact for key, fact in FACTS.items() if key.startswith("claim-release-")}
    late = {
        key: fact.model_copy(update={"as_of": date(2023 + 2 * (fact.as_of.year - 2023), 1, 1)})
        for key, fact in facts.items()
    }
    assert judge(read_claims()["cadence"], late, TODAY).verdict == "does not reproduce"


def cadence() -> Case:
    """The claim that base models come every few months."""
    return Case(claim=read_claims()["cadence"], day=TODAY, today=TODAY, facts=FACTS)


def test_months_between_releases() -> None:
    families = releases(cadence())
    assert {name: len(family) for name, family in families.items()} == {"llama": 5, "qwen": 6, "deepseek": 6}
    days = [275, 96, 136, 120]  # from Llama 2 of 2023-07-18 to Llama 4 of 2025-04-05
    assert gaps_months(families["llama"]) == pytest.approx([day * 12 / 365.25 for day in days])
    assert all(gap > 0 for family in families.values() for gap in gaps_months(family))


def test_a_release_that_no_fact_dates_is_named() -> None:
    with pytest.raises(UnknownNameError, match="claim-release-llama-2"):
        releases(cadence().model_copy(update={"facts": {}}))
