"""The checks of prices and of the table, each against a calculation by hand or a property."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.data.hosted import HostedPrice, hosted_price
from snippets.decision.flowchart import SOURCE_OTHERWISE, SOURCE_RULES, Answers, decide
from snippets.why_self_host import checks_cost
from snippets.why_self_host.checks_cost import capacity, computed, mini, month, number, price, words
from snippets.why_self_host.checks_trust import rivals
from snippets.why_self_host.claims import read_claims
from snippets.why_self_host.verdicts import judge
from tests.why_self_host.audited import FACTS, HOURS, LIST, TODAY, at_ten_dollars, changed, outcome


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
    ],
)
def test_what_comes_out_by_hand(claim: str, numbers: dict[str, float]) -> None:
    computed = outcome(claim).numbers
    assert {name: computed[name] for name in numbers} == pytest.approx(numbers)


@pytest.mark.parametrize(
    ("claim", "fact", "name", "value", "verdict"),
    [
        ("rent", "claim-a100-rent", "low_usd_per_hour", 0.5, "holds"),
        ("capacity", "claim-throughput", "large_72b_tokens_per_s", 4_000, "holds"),
        ("capacity", "claim-throughput", "small_7b_tokens_per_s", 2_000, "does not reproduce"),
    ],
)
def test_another_fact_is_another_verdict(
    claim: str, fact: str, name: str, value: float, verdict: str
) -> None:
    assert judge(read_claims()[claim], changed(fact, name, value), TODAY).verdict == verdict


# --- prices of their day ------------------------------------------------------------------------


def test_the_price_of_its_day_is_asked_for() -> None:
    asked = []
    claim = read_claims()["price"]

    def record(provider: str, model: str, on: date) -> HostedPrice:
        asked.append((provider, model, on))
        return hosted_price(provider, model, on)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks_cost, "hosted_price", record)
        judge(claim, FACTS, TODAY)
    assert asked == [("openai", "gpt-4o-mini", day) for day in (date(2026, 1, 1), TODAY)]


@pytest.mark.parametrize(
    "claim", ["price", "table-5m", "table-50m", "example-10m", "break-even", "threshold-5m"]
)
def test_at_the_price_that_the_guide_names_its_table_would_hold(
    claim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks_cost, "hosted_price", at_ten_dollars)
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
    monkeypatch.setattr(checks_cost, "hosted_price", at_ten_dollars)
    own = cheaper == "own"
    for name in ("threshold-5m", "all-sizes"):
        assert outcome(name, tokens_per_day=tokens_per_day).holds is own
    assert outcome("threshold-5m", tokens_per_day=tokens_per_day).given is own
    assert outcome("threshold-1m", tokens_per_day=tokens_per_day).holds is not own


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


# --- the tables -----------------------------------------------------------------------------


def test_a_table_has_a_row_for_each_claim_of_its_checks_and_no_other() -> None:
    assert computed(TODAY, FACTS, capacity, price) == (
        "| Claim | Numbers | Came out | If |\n"
        "|---|---|---|---|\n"
        "| price | low 0.15, high 0.6, least 16.67, most 66.67 | no |  |\n"
        "| capacity | small 543.81, large 31.56 | no | yes |"
    )


def test_a_row_says_where_today_differs() -> None:
    assert "| yes, today no |" in computed(TODAY, FACTS, rivals)


@pytest.mark.parametrize(("holds", "text"), [(True, "yes"), (False, "no"), (None, "–")])
def test_nothing_to_compute_from_is_neither_yes_nor_no(holds: bool | None, text: str) -> None:
    assert words(holds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (100, "100"), (1_234.5, "1,234.5"), (0.126, "0.13"), (-2.0, "-2")]
)
def test_a_number_keeps_its_zeros_before_the_point_only(value: float, text: str) -> None:
    assert number(value) == text
