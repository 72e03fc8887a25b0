"""No request is sent that could cost more than what is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.hybrid.budget import Budget, BudgetSettings, Spent

SETTINGS = BudgetSettings(
    window_s=100, most_tokens=1_000, most_usd=0.005, input_usd_per_million=2, output_usd_per_million=10
)


def spent(input_tokens: int, output_tokens: int = 0) -> Spent:
    return Spent(input_tokens=input_tokens, output_tokens=output_tokens)


def test_a_million_in_and_a_million_out_cost_their_prices() -> None:
    assert spent(1_000_000, 1_000_000).usd(SETTINGS) == 12
    assert spent(500_000).usd(SETTINGS) == 1
    assert spent(0, 100_000).usd(SETTINGS) == 1


def test_tokens_run_out() -> None:
    budget = Budget(SETTINGS)
    assert budget.fits(spent(1_000), 0)
    assert not budget.fits(spent(1_001), 0)
    assert budget.hold(spent(600, 0), 0)
    assert budget.tokens == 600
    assert budget.hold(spent(401), 1) is None
    assert budget.hold(spent(400), 1)
    assert not budget.fits(spent(1), 1)


def test_dollars_run_out() -> None:
    budget = Budget(SETTINGS)
    assert budget.fits(spent(0, 500), 0)
    assert not budget.fits(spent(0, 501), 0)
    assert budget.hold(spent(0, 500), 0)
    assert budget.usd == pytest.approx(0.005)
    assert budget.hold(spent(1, 0), 0) is None


def test_what_it_did_cost_replaces_the_most() -> None:
    budget = Budget(SETTINGS)
    held = budget.hold(spent(400, 400), 0)
    assert held
    budget.settle(held, spent(100, 50))
    assert budget.tokens == 150
    assert budget.usd == pytest.approx(0.0007)


def test_a_window_begins_with_the_first_request_after_the_last() -> None:
    budget = Budget(SETTINGS)
    assert budget.hold(spent(1_000), 0)
    assert not budget.fits(spent(1), 99.9)
    assert budget.fits(spent(1_000), 100)
    assert not budget.fits(spent(1_001), 100)
    assert budget.hold(spent(1_000), 150)
    assert budget.hold(spent(1), 249.9) is None
    assert budget.hold(spent(1), 250)
    assert budget.tokens == 1


def test_what_ends_in_another_window_frees_nothing_there() -> None:
    budget = Budget(SETTINGS)
    held = budget.hold(spent(1_000), 0)
    assert held
    assert budget.hold(spent(900), 100)
    budget.settle(held, spent(50))
    assert budget.tokens == 950


@given(
    st.lists(
        st.tuples(st.integers(0, 600), st.integers(0, 300), st.floats(0, 1), st.floats(0, 40)), max_size=20
    )
)
def test_no_window_spends_more_than_its_most(requests: list[tuple[int, int, float, float]]) -> None:
    """With answers that cost no more than what was held, and end before their window does."""
    budget, now = Budget(SETTINGS), 0.0
    for input_tokens, output_tokens, part, wait in requests:
        now += wait
        held = budget.hold(spent(input_tokens, output_tokens), now)
        if held:
            budget.settle(held, spent(int(input_tokens * part), int(output_tokens * part)))
        assert 0 <= budget.tokens <= 1_000
        assert -1e-12 <= budget.usd <= 0.005 + 1e-12


def test_unless_told_a_day_a_million_tokens_ten_dollars() -> None:
    settings = BudgetSettings(input_usd_per_million=0, output_usd_per_million=0)
    assert (settings.window_s, settings.most_tokens, settings.most_usd) == (86_400, 1_000_000, 10)


@pytest.mark.parametrize(
    "wrong",
    [
        {"window_s": 0},
        {"most_tokens": -1},
        {"most_usd": -1},
        {"most_usd": float("inf")},
        {"input_usd_per_million": -1},
        {"output_usd_per_million": -1},
        {"most_euros": 1},
    ],
)
def test_bounds(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        BudgetSettings.model_validate({"input_usd_per_million": 1, "output_usd_per_million": 1, **wrong})


@pytest.mark.parametrize("wrong", [{"input_tokens": -1}, {"output_tokens": -1}, {"tokens": 1}])
def test_nothing_costs_less_than_nothing(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Spent.model_validate({"input_tokens": 0, "output_tokens": 0, **wrong})


def test_prices_have_to_be_said() -> None:
    with pytest.raises(ValidationError, match="output_usd_per_million"):
        BudgetSettings.model_validate({"input_usd_per_million": 1})


def test_a_new_budget_has_spent_nothing() -> None:
    budget = Budget(SETTINGS)
    assert (budget.tokens, budget.usd) == (0, 0)


def test_the_least_that_is_allowed() -> None:
    least = BudgetSettings(
        window_s=0.001, most_tokens=0, most_usd=0, input_usd_per_million=0, output_usd_per_million=0
    )
    assert Budget(least).fits(spent(0), 0)
    assert not Budget(least).fits(spent(1), 0)
