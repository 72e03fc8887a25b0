"""The cost comparison: the source's figures, its error, and the edges."""

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.why_self_host.crossover import SOURCE, Scenario, calculate_monthly_cost, gpus_needed
from tests.bounds import assert_accepts_exactly, defaults

RANGES = [
    ("tokens_per_day", 0, 10**15),
    ("cloud_usd_per_million_tokens", 0.0, 1e9),
    ("gpu_usd_per_month", 0.0, 1e9),
    ("capacity_tokens_per_gpu_day", 1.0, 1e12),
    ("busy_hours_per_day", 0.1, 24.0),
    ("engineering_usd_per_month", 0.0, 1e9),
]


def scenario(**fields: float) -> Scenario:
    """The source's inputs without its load, with changes."""
    return Scenario.model_validate(SOURCE.model_dump() | {"tokens_per_day": 0} | fields)


scenarios = st.builds(
    Scenario,
    tokens_per_day=st.integers(0, 10**12),
    cloud_usd_per_million_tokens=st.floats(0.01, 1000),
    gpu_usd_per_month=st.floats(0, 1e5),
    capacity_tokens_per_gpu_day=st.floats(1e3, 1e12),
    busy_hours_per_day=st.floats(1, 24),
    engineering_usd_per_month=st.floats(0, 1e6),
)


def test_the_inputs_of_the_source_document() -> None:
    assert SOURCE.model_dump() == {
        "tokens_per_day": 10_000_000,
        "cloud_usd_per_million_tokens": 0.01 * 1000,
        "gpu_usd_per_month": 500,
        "capacity_tokens_per_gpu_day": 50_000_000,
        "busy_hours_per_day": 24,
        "engineering_usd_per_month": 0,
    }


@pytest.mark.parametrize(
    ("tokens_per_day", "cloud_usd", "self_hosted_usd"),
    [
        (100_000, 30, 500),
        (1_000_000, 300, 500),
        (5_000_000, 1_500, 500),
        (50_000_000, 15_000, 500),
    ],
)
def test_the_table_of_the_source_document(
    tokens_per_day: int, cloud_usd: float, self_hosted_usd: float
) -> None:
    cost = calculate_monthly_cost(scenario(tokens_per_day=tokens_per_day))
    assert cost.cloud_usd == pytest.approx(cloud_usd)
    assert cost.self_hosted_usd == self_hosted_usd


def test_the_ten_million_example_of_the_source_document() -> None:
    cost = calculate_monthly_cost(SOURCE)
    assert cost.cloud_usd == pytest.approx(3_000)
    assert cost.self_hosted_usd == 500
    assert cost.savings_usd == pytest.approx(2_500)


def test_break_even_of_the_source_document_is_1_67_million_tokens_a_day() -> None:
    cost = calculate_monthly_cost(scenario())
    assert cost.break_even_tokens_per_day == pytest.approx(500 * 1000 / (0.01 * 30))


@pytest.mark.parametrize("gpus", [1, 2, 3, 10])
def test_an_exact_multiple_of_capacity_needs_no_extra_gpu(gpus: int) -> None:
    at_capacity = 50_000_000 * gpus
    assert gpus_needed(scenario(tokens_per_day=at_capacity)) == gpus
    assert gpus_needed(scenario(tokens_per_day=at_capacity + 1)) == gpus + 1


def test_an_idle_gpu_is_still_rented() -> None:
    cost = calculate_monthly_cost(scenario(tokens_per_day=0))
    assert (cost.cloud_usd, cost.gpus, cost.self_hosted_usd) == (0, 1, 500)


def test_half_the_busy_hours_need_twice_the_gpus() -> None:
    all_day = scenario(tokens_per_day=100_000_000)
    half_day = scenario(tokens_per_day=100_000_000, busy_hours_per_day=12)
    assert (gpus_needed(all_day), gpus_needed(half_day)) == (2, 4)


def test_no_break_even_where_a_full_gpu_replaces_less_than_its_rent() -> None:
    cost = calculate_monthly_cost(scenario(cloud_usd_per_million_tokens=0.2625))
    assert cost.break_even_tokens_per_day is None


@pytest.mark.parametrize("rent", [0, 500])
def test_no_break_even_against_a_free_api(rent: float) -> None:
    free = scenario(cloud_usd_per_million_tokens=0, gpu_usd_per_month=rent)
    assert calculate_monthly_cost(free).break_even_tokens_per_day is None


def test_a_margin_of_zero_breaks_even_at_full_capacity_and_never_with_staff() -> None:
    even = scenario(cloud_usd_per_million_tokens=1, gpu_usd_per_month=1_500)
    assert calculate_monthly_cost(even).break_even_tokens_per_day == pytest.approx(50_000_000)
    staffed = even.model_copy(update={"engineering_usd_per_month": 1.0})
    assert calculate_monthly_cost(staffed).break_even_tokens_per_day is None


def test_engineering_moves_the_break_even_past_the_first_gpu() -> None:
    cost = calculate_monthly_cost(scenario(cloud_usd_per_million_tokens=1, engineering_usd_per_month=2_500))
    # a full GPU leaves 1,500 - 500; three of them pay for 2,500 of staff
    assert cost.break_even_tokens_per_day == pytest.approx((3 * 500 + 2_500) / 30 * 1e6)


@given(scenarios)
def test_costs_are_never_negative(case: Scenario) -> None:
    cost = calculate_monthly_cost(case)
    assert cost.cloud_usd >= 0
    assert cost.self_hosted_usd >= 0
    assert cost.gpus >= 1


@given(scenarios, st.integers(1, 10**9))
def test_more_tokens_never_cost_less(case: Scenario, more: int) -> None:
    busier = case.model_copy(update={"tokens_per_day": case.tokens_per_day + more})
    before, after = calculate_monthly_cost(case), calculate_monthly_cost(busier)
    assert after.cloud_usd >= before.cloud_usd
    assert after.self_hosted_usd >= before.self_hosted_usd


@given(scenarios)
def test_the_load_fits_on_the_counted_gpus_and_not_on_one_fewer(case: Scenario) -> None:
    gpus = gpus_needed(case)
    capacity = case.gpu_tokens_per_day
    assert case.tokens_per_day <= gpus * capacity * (1 + 1e-12)
    assert gpus == 1 or case.tokens_per_day > (gpus - 1) * capacity * (1 - 1e-12)


@given(scenarios)
def test_both_bills_agree_at_the_break_even(case: Scenario) -> None:
    load = calculate_monthly_cost(case).break_even_tokens_per_day
    if load is None:
        return
    gpus = max(1.0, -(-load * (1 - 1e-9) // case.gpu_tokens_per_day))
    own_usd = gpus * case.gpu_usd_per_month + case.engineering_usd_per_month
    assert isclose(load * case.cloud_usd_per_daily_token, own_usd, rel_tol=1e-6, abs_tol=1e-9)


@given(scenarios, st.floats(0, 0.999))
def test_the_api_is_cheaper_everywhere_below_the_break_even(case: Scenario, fraction: float) -> None:
    load = calculate_monthly_cost(case).break_even_tokens_per_day
    top = case.tokens_per_day if load is None else min(load, 10**15)
    below = case.model_copy(update={"tokens_per_day": int(top * fraction)})
    cost = calculate_monthly_cost(below)
    assert cost.savings_usd <= 1e-6 * (1 + cost.cloud_usd)


@pytest.mark.parametrize(("field", "lowest", "highest"), RANGES)
def test_a_field_accepts_exactly_its_range(field: str, lowest: float, highest: float) -> None:
    assert_accepts_exactly(Scenario, SOURCE.model_dump(), field, lowest, highest)


def test_every_field_has_a_range_and_two_have_defaults() -> None:
    assert [field for field, _, _ in RANGES] == [*Scenario.model_fields]
    assert defaults(Scenario) == {"busy_hours_per_day": 24, "engineering_usd_per_month": 0}


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("tokens_per_day", 10**30, "less than or equal to 1000000000000000"),
        ("cloud_usd_per_million_tokens", -0.01, "greater than or equal to 0"),
        ("gpu_usd_per_month", float("inf"), "finite number"),
        ("busy_hours_per_day", 25, "less than or equal to 24"),
    ],
)
def test_bad_input_is_told_what_is_allowed(field: str, value: float, allowed: str) -> None:
    with pytest.raises(ValidationError, match=allowed):
        scenario(**{field: value})


def test_a_misspelled_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="gpu_cost"):
        scenario(gpu_cost=1)


def test_a_scenario_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        scenario().tokens_per_day = 1  # type: ignore[misc]
