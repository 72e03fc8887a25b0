"""Staff time, fine-tuning and quantization: known values, proportions, and the edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from snippets.why_self_host.when_not_to import (
    FineTune,
    Quantized,
    StaffTime,
    fine_tune_usd_per_useful_month,
    staff_usd_per_month,
)
from tests.bounds import SMALLEST, assert_accepts_exactly, defaults

RANGES = [
    (StaffTime, "setup_hours", 0.0, 1e5),
    (StaffTime, "maintenance_hours_per_week", 0.0, 7 * 24.0),
    (StaffTime, "usd_per_hour", 0.0, 1e9),
    (StaffTime, "months_in_service", SMALLEST, 120.0),
    (FineTune, "compute_usd", 0.0, 1e9),
    (FineTune, "staff_hours", 0.0, 1e5),
    (FineTune, "usd_per_hour", 0.0, 1e9),
    (FineTune, "useful_months", SMALLEST, 120.0),
    (Quantized, "reference_perplexity", 1.0, 1e6),
    (Quantized, "quantized_perplexity", 1.0, 1e6),
]
VALID: dict[type[BaseModel], dict[str, float]] = {
    model: {field: 1.0 for one, field, _, _ in RANGES if one is model}
    for model in (StaffTime, FineTune, Quantized)
}

staff_times = st.builds(
    StaffTime,
    setup_hours=st.floats(0, 1e4),
    maintenance_hours_per_week=st.floats(0, 168),
    usd_per_hour=st.floats(0, 1e4),
    months_in_service=st.floats(0.1, 120),
)


def test_three_hours_a_week_at_100_dollars_are_1300_a_month() -> None:
    staff = StaffTime(setup_hours=0, maintenance_hours_per_week=3, usd_per_hour=100, months_in_service=12)
    assert staff_usd_per_month(staff) == pytest.approx(1_300)


def test_setup_is_spread_over_the_months_in_service() -> None:
    staff = StaffTime(setup_hours=6, maintenance_hours_per_week=0, usd_per_hour=100, months_in_service=12)
    assert staff_usd_per_month(staff) == pytest.approx(50)


@given(staff_times, st.floats(0.1, 1_000))
def test_longer_service_never_raises_the_monthly_cost(staff: StaffTime, more: float) -> None:
    longer = staff.model_copy(update={"months_in_service": staff.months_in_service + more})
    assert staff_usd_per_month(longer) <= staff_usd_per_month(staff)
    assert staff_usd_per_month(staff) >= 0


@given(staff_times)
def test_staff_cost_is_proportional_to_the_rate(staff: StaffTime) -> None:
    doubled = staff.model_copy(update={"usd_per_hour": 2 * staff.usd_per_hour})
    assert staff_usd_per_month(doubled) == pytest.approx(2 * staff_usd_per_month(staff))


@pytest.mark.parametrize(("months", "usd"), [(4, 1_050), (6, 700), (12, 350)])
def test_a_fine_tune_costs_more_a_month_the_sooner_it_is_passed(months: float, usd: float) -> None:
    tune = FineTune(compute_usd=200, staff_hours=40, usd_per_hour=100, useful_months=months)
    assert fine_tune_usd_per_useful_month(tune) == pytest.approx(usd)


def test_perplexity_of_llama_3_8b_rises_by_56_percent_at_q2_k() -> None:
    # tools/perplexity/README.md of llama.cpp: f16 6.233160, Q2_K without importance matrix
    q2_k = Quantized(reference_perplexity=6.23316, quantized_perplexity=9.751568)
    assert q2_k.increase_percent == pytest.approx(56.4, abs=0.05)


@given(st.floats(1, 1e5))
def test_an_unchanged_perplexity_is_no_increase(perplexity: float) -> None:
    same = Quantized(reference_perplexity=perplexity, quantized_perplexity=perplexity)
    assert same.increase_percent == 0


@pytest.mark.parametrize(("model", "field", "lowest", "highest"), RANGES)
def test_a_field_accepts_exactly_its_range(
    model: type[BaseModel], field: str, lowest: float, highest: float
) -> None:
    assert_accepts_exactly(model, VALID[model], field, lowest, highest)


@pytest.mark.parametrize("model", VALID)
def test_every_field_has_a_range_and_no_default(model: type[BaseModel]) -> None:
    assert [*VALID[model]] == [*model.model_fields]
    assert defaults(model) == {}


@pytest.mark.parametrize(
    ("model", "field", "value", "allowed"),
    [
        (StaffTime, "maintenance_hours_per_week", 169, "less than or equal to 168"),
        (FineTune, "useful_months", 0, "greater than 0"),
        (Quantized, "quantized_perplexity", 0.5, "greater than or equal to 1"),
    ],
)
def test_bad_input_is_told_what_is_allowed(
    model: type[BaseModel], field: str, value: float, allowed: str
) -> None:
    with pytest.raises(ValidationError, match=allowed):
        model.model_validate(VALID[model] | {field: value})
