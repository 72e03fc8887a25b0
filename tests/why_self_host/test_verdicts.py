"""The checks of the audit, each against a calculation by hand or a property."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.data.facts import Fact, read_facts
from snippets.data.hosted import HostedPrice, hosted_price
from snippets.data.records import UnknownNameError
from snippets.decision.flowchart import SOURCE_OTHERWISE, SOURCE_RULES, Answers, decide
from snippets.why_self_host import verdicts
from snippets.why_self_host.claims import Case, Outcome, read_claims, read_documents
from snippets.why_self_host.verdicts import (
    CHECKS,
    SAMPLES,
    gaps_months,
    has_pii,
    judge,
    mini,
    month,
    releases,
)

TODAY = date(2026, 11, 24)
FACTS = read_facts()


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


# --- the numbers by hand ----------------------------------------------------------------------

LIST = 0.75 * 0.15 + 0.25 * 0.60
HOURS = 730


@pytest.mark.parametrize(
    ("claim", "numbers"),
    [
        ("price", {"low": 0.15, "high": 0.60, "least": 10 / 0.60, "most": 10 / 0.15}),
        ("rent", {"low": 0.80 * HOURS, "high": 3 * HOURS}),
        ("capacity", {"small": 25_176.17 * 0.0864 / 4, "large": 1_461.27 * 0.0864 / 4}),
        ("table-5m", {"api": 150 * LIST, "own": 500, "needed": 500 / 150}),
        ("table-50m", {"api": 1_500 * LIST, "own": 500, "needed": 1 / 3}),
        ("break-even", {"formula": 500 / 30 / LIST, "floor": 500 / 1_500}),
        ("plus-one", {"gpus": 2}),
        ("linear", {"cached": 50, "times": 2, "limit": 272_000}),
        ("fixed", {"one": 500, "two": 1_000, "rush": 1_500}),
        ("long-run", {"usd": 2 * 52 / 12 * 43.52, "meet": 2 * 52 / 12 * 43.52 / 30 / LIST}),
        ("predictable", {"api": 2, "own": 2}),
        ("own-2023", {"one": 32.77 * HOURS, "two": 2 * 32.77 * HOURS, "dear": 48 * HOURS}),
        ("api-2023", {"tokens": 1e4 / 3 / 1.625, "usd": 1_000 * LIST / 1.625}),
        ("small-base", {"usd": 1_000 * LIST / 1.625, "gpu": 584, "meet": 400_000}),
        ("api-2250", {"low": 225, "high": 900}),
        ("own-5175", {"usd": 3_182.8, "rest": 1_992.2, "hours": 1_992.2 / 43.52}),
        ("engineering", {"usd": 3_182.8, "share": 100 * 1_992.2 / 5_175, "hourly": 5_175 / 8 / HOURS}),
        ("spend-500k", {"needed": 1.09 * HOURS / 30 / LIST, "api": 125_000 / 3, "serves": 12.5}),
        ("utilization", {"small": 5e9 / 25_176.17 / 86_400, "large": 5e9 / 1_461.27 / 86_400}),
        ("hours", {"low": (104 + 2) / 12 * 43.52, "high": (208 + 8) / 12 * 43.52}),
        ("first-token", {"said": 250, "low": 390, "high": 890}),
        ("gpu-first-token", {"ms": 1e6 / 3_865.39, "most": 193}),
        ("cpu-first-token", {"ms": 1e6 / 170, "most": 34}),
        ("no-network", {"share": 5_000 / (250 + 149 * 20), "trip": 50}),
        ("faster", {"api": 3.23, "gpu": 0.05 + 149 / 80, "big": 0.05 + 149 / 16.29, "cpu": 15.1}),
        ("no-limits", {"own": 5e7 / 1_440, "soon": 10, "late": 57.6}),
        ("no-outages", {"api": 43.2, "own": 43_200 * 24 / 2_184, "repair": 2_160 / 999}),
        ("both", {"pair": 43_200 * 24 / 2_184 / 1_000}),
        ("offline", {"api": 0, "own": 100 * 2_160 / 2_184}),
        ("efficiency", {"times": 989 / 700 / (312 / 400)}),
        ("attention", {"times": 8}),
        ("degrades", {"q4_k_m": 100 * (2.9674 / 2.8308 - 1), "q2_k": 100 * (4.7763 / 2.8308 - 1)}),
    ],
)
def test_what_comes_out_by_hand(claim: str, numbers: dict[str, float]) -> None:
    computed = outcome(claim).numbers
    assert {name: computed[name] for name in numbers} == pytest.approx(numbers)


# --- another fact is another verdict ------------------------------------------------------------


def changed(fact: str, name: str, value: float) -> dict[str, Fact]:
    """The facts, with one number changed."""
    record = FACTS[fact]
    assert name in record.values
    return {**FACTS, fact: record.model_copy(update={"values": record.values | {name: value}})}


@pytest.mark.parametrize(
    ("claim", "fact", "name", "value", "verdict"),
    [
        ("rent", "claim-a100-rent", "low_usd_per_hour", 0.5, "holds"),
        ("capacity", "claim-throughput", "large_72b_tokens_per_s", 4_000, "holds"),
        ("capacity", "claim-throughput", "small_7b_tokens_per_s", 2_000, "does not reproduce"),
        ("own-2023", "claim-p4d", "usd_per_hour", 60, "out of date"),
        ("own-2023", "claim-p4d", "usd_per_hour", 10, "does not reproduce"),
        ("api-2023", "claim-gpt-3.5-turbo", "input_usd_per_million_tokens", 0.1, "does not reproduce"),
        ("small-base", "claim-a100-rent", "low_usd_per_hour", 0.2, "out of date"),
        ("order-50m", "claim-a6000-rent", "usd_per_hour", 0.3, "does not reproduce"),
        ("engineering", "claim-a6000-rent", "usd_per_hour", 0.5, "holds"),
        ("spend-500k", "claim-a6000-rent", "usd_per_hour", 0.1, "holds"),
        ("spend-500k", "claim-throughput", "small_7b_tokens_per_s", 4_000, "does not reproduce"),
        ("utilization", "claim-throughput", "large_72b_tokens_per_s", 600, "does not reproduce"),
        ("own-5175", "claim-wage", "usd_per_hour", 10, "does not reproduce"),
        ("first-token", "claim-api-first-token", "low_ms", 200, "holds"),
        ("api-rate", "claim-api-rate", "low_tokens_per_s", 55, "does not reproduce"),
        ("cpu-rate", "claim-cpu-decode", "high_tokens_per_s", 9, "does not reproduce"),
        ("gpu-rate", "claim-decode", "large_70b_tokens_per_s", 90, "holds"),
        ("gpu-first-token", "claim-decode", "prompt_tokens_per_s", 30_000, "holds"),
        ("no-limits", "claim-rate-limit", "tokens_per_min", 30_000, "holds"),
        ("no-limits", "claim-rate-limit", "tokens_per_min", 500_000, "does not reproduce"),
        ("no-outages", "claim-sla", "percent", 98, "holds"),
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
        ("long-run", "claim-wage", "usd_per_hour", 0, "holds"),
        ("long-run", "claim-wage", "usd_per_hour", 60, "does not reproduce"),
        ("efficiency", "claim-efficiency", "h100_w", 2_000, "does not reproduce"),
        ("attention", "claim-heads", "kv_heads", 64, "does not reproduce"),
        ("no-maintenance", "claim-sunset-2026", "models", 0, "does not reproduce"),
    ],
)
def test_another_fact_is_another_verdict(
    claim: str, fact: str, name: str, value: float, verdict: str
) -> None:
    assert judge(read_claims()[claim], changed(fact, name, value), TODAY).verdict == verdict


@pytest.mark.parametrize(
    ("claim", "numbers", "verdict"),
    [
        ("no-maintenance", {"notice_days": 0, "models": 0}, "holds"),
        ("no-maintenance", {"notice_days": 0}, "does not reproduce"),
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
    one = read_claims()[claim]
    facts = {
        key: fact.model_copy(
            update={"values": {name: numbers.get(name, value) for name, value in fact.values.items()}}
        )
        for key, fact in FACTS.items()
        if key in one.facts
    }
    assert judge(one, facts, TODAY).verdict == verdict


def test_rarer_releases_would_not_be_every_4_to_6_months() -> None:
    facts = {key: fact for key, fact in FACTS.items() if key.startswith("claim-release-")}
    late = {
        key: fact.model_copy(update={"as_of": date(2023 + 2 * (fact.as_of.year - 2023), 1, 1)})
        for key, fact in facts.items()
    }
    assert judge(read_claims()["cadence"], late, TODAY).verdict == "does not reproduce"


# --- prices of their day ------------------------------------------------------------------------


def test_the_price_of_its_day_is_asked_for() -> None:
    asked = []
    claim = read_claims()["price"]

    def record(provider: str, model: str, on: date) -> HostedPrice:
        asked.append((provider, model, on))
        return hosted_price(provider, model, on)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verdicts, "hosted_price", record)
        judge(claim, FACTS, TODAY)
    assert asked == [("openai", "gpt-4o-mini", day) for day in (date(2026, 1, 1), TODAY)]


@pytest.mark.parametrize(
    "claim", ["price", "table-5m", "table-50m", "example-10m", "break-even", "threshold-5m"]
)
def test_at_the_price_that_the_guide_names_its_table_would_hold(
    claim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdicts, "hosted_price", at_ten_dollars)
    assert judge(read_claims()[claim], FACTS, TODAY).verdict == "holds"


def test_no_text_is_older_than_the_price_that_it_is_held_to() -> None:
    with pytest.raises(ValueError, match="no known price on 2024-07-17"):
        mini(date(2024, 7, 17))


@pytest.mark.parametrize("stated", [{"api_usd": 1_499}, {"own_usd": 501}, {"own_wins": 0}])
def test_a_row_that_misstates_its_own_arithmetic_does_not_reproduce(stated: dict[str, float]) -> None:
    assert outcome("table-5m").given
    assert not outcome("table-5m", **stated).given


@pytest.mark.parametrize(("tokens_per_day", "cheaper"), [(1_668_000, "own"), (1_666_000, "API")])
def test_less_than_a_dollar_decides(
    tokens_per_day: int, cheaper: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdicts, "hosted_price", at_ten_dollars)
    own = cheaper == "own"
    for name in ("threshold-5m", "all-sizes"):
        assert outcome(name, tokens_per_day=tokens_per_day).holds is own
    assert outcome("threshold-5m", tokens_per_day=tokens_per_day).given is own
    assert outcome("threshold-1m", tokens_per_day=tokens_per_day).holds is not own


def test_one_price_for_every_token_would_be_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    def flat(provider: str, model: str, on: date, input_tokens: int = 0) -> HostedPrice:
        price = hosted_price(provider, model, on, input_tokens=input_tokens)
        return price.model_copy(update={"cache_read_usd_per_million_tokens": None})

    monkeypatch.setattr(verdicts, "hosted_price", flat)
    assert outcome("linear").holds
    assert outcome("linear").numbers["cached"] == 100


@pytest.mark.parametrize(("bill", "given"), [(3_200, True), (3_100, False), (10_100, True), (10_200, False)])
def test_people_of_a_bill_are_more_than_none_and_less_than_a_full_post(bill: float, given: bool) -> None:
    assert outcome("own-5175", usd_per_month=bill).given is given


@pytest.mark.parametrize(("bill", "most_are_people"), [(7_000, True), (6_300, False)])
def test_people_are_most_of_a_bill_that_is_twice_the_gpus(bill: float, most_are_people: bool) -> None:
    assert outcome("engineering", usd_per_month=bill).holds is most_are_people


@pytest.mark.parametrize(("tokens", "holds"), [(193, True), (194, False)])
def test_a_prompt_that_fits_is_read_in_time(tokens: int, holds: bool) -> None:
    assert outcome("gpu-first-token", prompt_tokens=tokens).holds is holds


# --- both rules of the guide ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokens_per_day", "says"),
    [(5_000_000, SOURCE_OTHERWISE), (5_000_001, "Consider self-hosting for cost")],
)
def test_the_threshold_of_the_flowchart_is_the_one_that_is_audited(tokens_per_day: int, says: str) -> None:
    answers = Answers(data_must_stay=False, tokens_per_day=tokens_per_day, own_models_or_offline=False)
    assert decide(answers, SOURCE_RULES, SOURCE_OTHERWISE).outcome == says
    assert read_claims()["threshold-5m"].values["tokens_per_day"] == 5_000_000


def test_its_two_thresholds_lie_on_both_sides_of_its_own_break_even() -> None:
    meet = month(0).break_even_tokens_per_day
    assert meet is not None
    low, high = (read_claims()[f"threshold-{size}"].values["tokens_per_day"] for size in ("1m", "5m"))
    assert low < meet < high


@given(st.integers(1, 10**9), st.floats(0.01, 100))
def test_a_dearer_api_never_speaks_against_own_hardware(load: int, price: float) -> None:
    assert month(load, price * 1.1).savings_usd >= month(load, price).savings_usd


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
