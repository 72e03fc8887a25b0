"""What context costs: the fit finds what made the rows, and predicts rows that it has not seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.data.serving import read_serving, serving
from snippets.why_self_host.context import Replica, error_ratio, fit, held_out
from snippets.why_self_host.throughput import Throughput, predicted_tokens_per_s, rates
from tests.bounds import assert_accepts_exactly, defaults

VALID = {"s_per_input_token": 1, "s_per_output_token": 1, "s_per_context_token": 1}
SHAPES = [(128, 128), (128, 2_048), (1_000, 1_000), (2_048, 128), (5_000, 500), (20_000, 2_000)]
TENS = [name for name, one in read_serving().items() if len(one.requests) == 10]

replicas = st.builds(
    Replica,
    s_per_input_token=st.floats(1e-6, 1e-3),
    s_per_output_token=st.floats(1e-6, 1e-3),
    s_per_context_token=st.floats(1e-9, 1e-6),
)


def rows(name: str) -> list[Throughput]:
    return [Throughput.model_validate(row.model_dump()) for row in serving(name).requests]


def served(replica: Replica, tokens_in: float, tokens_out: float) -> Throughput:
    """What this replica would be measured at, token by token."""
    writing = sum(
        replica.s_per_output_token + replica.s_per_context_token * (tokens_in + done + 0.5)
        for done in range(int(tokens_out))
    )
    seconds = replica.s_per_input_token * tokens_in + writing
    return Throughput(
        input_tokens=tokens_in, output_tokens=tokens_out, output_tokens_per_s=tokens_out / seconds
    )


# --- published measurements -------------------------------------------------------------------


def test_a_pair_of_h100_pays_for_1_038_tokens_of_context_what_a_written_token_costs() -> None:
    pair = fit(rows("serving-llama-3.3-70b-2-h100-sxm-fp8"))
    assert pair.s_per_output_token / pair.s_per_context_token == pytest.approx(1_038, abs=1)


@pytest.mark.parametrize("name", TENS)
def test_ten_rows_are_predicted_from_the_other_nine_within_a_fifth(name: str) -> None:
    assert np.mean(np.abs(held_out(rows(name)))) < 0.21


@pytest.mark.parametrize("name", TENS)
def test_context_explains_what_two_rates_do_not(name: str) -> None:
    """Out of sample, three costs are at least twice as near as the rates of two rows."""
    known = rows(name)
    by_shape = {(row.input_tokens, row.output_tokens): row for row in known}
    two = rates(by_shape[1_000, 1_000], by_shape[2_048, 128])
    off = [
        predicted_tokens_per_s(two, row) / row.output_tokens_per_s - 1
        for shape, row in by_shape.items()
        if shape not in {(1_000, 1_000), (2_048, 128)}
    ]
    assert np.mean(np.abs(held_out(known))) < np.mean(np.abs(off)) / 2


def test_over_all_measurements_the_median_error_is_below_a_tenth() -> None:
    every = [off for one in read_serving() if len(rows(one)) >= 4 for off in held_out(rows(one))]
    assert len(every) >= 250
    assert np.median(np.abs(every)) < 0.1


# --- the fit ----------------------------------------------------------------------------------


@given(replicas)
def test_the_fit_finds_what_made_the_rows(replica: Replica) -> None:
    made = [served(replica, *shape) for shape in SHAPES]
    found = fit(made)
    for name in VALID:
        assert getattr(found, name) == pytest.approx(getattr(replica, name), rel=1e-4)
    assert held_out(made) == pytest.approx([0] * len(made), abs=1e-4)


@given(replicas, st.integers(0, len(SHAPES) - 1))
def test_a_row_that_is_left_out_has_no_say_in_its_own_prediction(replica: Replica, at: int) -> None:
    made = [served(replica, *shape) for shape in SHAPES]
    halved = {"output_tokens_per_s": made[at].output_tokens_per_s / 2}
    made[at] = made[at].model_copy(update=halved)
    assert held_out(made)[at] == pytest.approx(1, rel=1e-3)


@given(replicas)
def test_the_order_of_rows_does_not_matter(replica: Replica) -> None:
    made = [served(replica, *shape) for shape in SHAPES]
    there, back = fit(made), fit(made[::-1])
    assert there.model_dump() == pytest.approx(back.model_dump(), rel=1e-6)


def test_no_cost_is_below_zero_where_the_rows_would_have_it_so() -> None:
    # a longer context that is read in less time than a short one
    made = [
        Throughput(input_tokens=100, output_tokens=100, output_tokens_per_s=10),
        Throughput(input_tokens=100, output_tokens=1_000, output_tokens_per_s=100),
        Throughput(input_tokens=5_000, output_tokens=100, output_tokens_per_s=20),
        Throughput(input_tokens=1_000, output_tokens=1_000, output_tokens_per_s=150),
    ]
    assert min(fit(made).model_dump().values()) == 0


@given(replicas, st.floats(0.5, 2))
def test_a_replica_twice_as_fast_costs_half(replica: Replica, times: float) -> None:
    made = [served(replica, *shape) for shape in SHAPES]
    faster = [row.model_copy(update={"output_tokens_per_s": row.output_tokens_per_s * times}) for row in made]
    for name in VALID:
        assert getattr(fit(faster), name) == pytest.approx(getattr(fit(made), name) / times, rel=1e-3)


# --- rates at a shape -------------------------------------------------------------------------


@given(replicas, st.sampled_from(SHAPES))
def test_the_rates_of_a_shape_serve_that_shape(replica: Replica, shape: tuple[int, int]) -> None:
    row = served(replica, *shape)
    assert predicted_tokens_per_s(replica.rates(*shape), row) == pytest.approx(row.output_tokens_per_s)
    assert error_ratio(replica, row) == pytest.approx(0, abs=1e-9)


@given(replicas, st.floats(0, 1e5), st.floats(1, 1e5), st.floats(1, 1e4))
def test_a_longer_context_is_written_more_slowly_and_read_alike(
    replica: Replica, tokens_in: float, tokens_out: float, more: float
) -> None:
    short, long = replica.rates(tokens_in, tokens_out), replica.rates(tokens_in + more, tokens_out)
    assert long.output_tokens_per_s < short.output_tokens_per_s
    assert long.input_tokens_per_s == short.input_tokens_per_s


def test_a_prediction_that_is_twice_as_fast_is_off_by_one() -> None:
    replica = Replica(s_per_input_token=0, s_per_output_token=1, s_per_context_token=0)
    slow = Throughput(input_tokens=1, output_tokens=10, output_tokens_per_s=0.5)
    assert error_ratio(replica, slow) == pytest.approx(1)


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_rows_do_not_tell_three_costs_apart(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} rows do not tell read, written and context apart"):
        fit(rows("serving-llama-3.3-70b-2-h100-sxm-fp8")[:count])


def test_rows_of_one_shape_do_not_tell_three_costs_apart() -> None:
    one = rows("serving-llama-3.3-70b-2-h100-sxm-fp8")[0]
    with pytest.raises(ValueError, match="5 rows do not tell"):
        fit([one] * 5)


@pytest.mark.parametrize(
    "costs", [{"s_per_input_token": 0}, {"s_per_output_token": 0, "s_per_context_token": 0}]
)
def test_what_costs_nothing_has_no_rate(costs: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="both have to cost something"):
        Replica.model_validate({**VALID, **costs}).rates(1, 1)


@pytest.mark.parametrize(
    "shape", [(-1, 1), (1, -1), (1e30, 1), (1, 1e30), (float("nan"), 1), (1, float("inf"))]
)
def test_a_shape_is_no_absurd_number(shape: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"input_tokens=.*output_tokens=.*both from 0 to 1e\+08"):
        Replica.model_validate(VALID).rates(*shape)


@pytest.mark.parametrize("field", VALID)
def test_bounds(field: str) -> None:
    assert_accepts_exactly(Replica, VALID, field, 0.0, 1e4)


def test_nothing_has_a_default() -> None:
    assert defaults(Replica) == {}
