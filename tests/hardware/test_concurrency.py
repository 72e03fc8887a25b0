"""Concurrency: by hand, by Little's law, by Erlang, and as the simulator has it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.hardware.concurrency import (
    capacity_per_s,
    erlang_c,
    feasible_batch,
    pace,
    steady,
    written_tokens,
)
from snippets.hardware.replica import Load, Replica, StepTime
from snippets.hardware.simulator import Requests, simulate

STEP = StepTime(overhead_s=0.003, weights_s=0.004, token_s=2e-5, context_token_s=3e-8, pair_s=1e-9)


def replica(**changes: object) -> Replica:
    return Replica.model_validate({"step": STEP, "kv_tokens": 900_000} | changes)


def load(rate: float = 1, read: float = 1_000, write: float = 300, variation: float = 1) -> Load:
    return Load(requests_per_s=rate, input_tokens=read, output_tokens=write, output_variation=variation)


replicas = st.builds(
    replica,
    step=st.builds(
        StepTime,
        overhead_s=st.floats(1e-4, 0.05),
        weights_s=st.floats(1e-3, 0.05),
        experts_s=st.floats(0, 0.1),
        expert_share=st.floats(0.02, 1),
        token_s=st.floats(1e-6, 1e-3),
        context_token_s=st.floats(0, 1e-6),
        pair_s=st.floats(0, 1e-8),
    ),
    kv_tokens=st.integers(50_000, 3_000_000),
    max_sequences=st.integers(1, 1_024),
    max_batched_tokens=st.integers(2_048, 16_384),
)
loads = st.builds(
    load,
    read=st.floats(1, 20_000),
    write=st.floats(1, 4_000),
    variation=st.floats(0, 1),
)


# --- by hand ----------------------------------------------------------------------------------


def test_what_a_sequence_has_written_is_half_unless_lengths_vary() -> None:
    assert written_tokens(load(write=300, variation=0)) == 150
    assert written_tokens(load(write=300, variation=1)) == 300
    # Half the requests write 100 tokens, half 300: seen at a random moment, 3 of 4 are the long ones.
    assert written_tokens(load(write=200, variation=0.5)) == (50 + 3 * 150) / 4


def test_the_batch_ends_at_the_first_of_three_limits() -> None:
    fixed = load(read=1_000, write=500, variation=0)
    assert feasible_batch(replica(max_sequences=64), fixed) == 64
    assert feasible_batch(replica(kv_tokens=125_000), fixed) == 100
    assert feasible_batch(replica(kv_tokens=150_000, reserves_output=True), fixed) == 100
    assert feasible_batch(replica(max_batched_tokens=300), fixed) == 100


def test_a_step_by_hand() -> None:
    one = pace(replica(), load(variation=0), batch=30)
    # 100 tokens are read for 30 written: one step in ten reads a prompt of 1,000.
    write = 0.007 + 30 * 1_150 * 3e-8
    read = write + 0.003 + 1_030 * 2e-5 - 0.007 + 1_000 * 500 * 1e-9
    assert one.write_s == pytest.approx(write)
    assert one.read_s == pytest.approx(read)
    assert one.read_share == pytest.approx(0.1)
    assert one.token_s == pytest.approx(0.9 * write + 0.1 * read)
    assert one.chunks == 1


def test_a_long_prompt_takes_several_steps() -> None:
    one = pace(replica(max_batched_tokens=1_010), load(read=10_000, write=1_000, variation=0), batch=10)
    assert one.chunks == 10
    assert one.read_share == pytest.approx(0.1)
    # A queue with a fixed service: (full step · prompt / room) · busy / (2 · (1 - busy))
    full = one.read_s
    assert one.queue_s == pytest.approx(full * 10 * 0.1 / (2 * 0.9))


def test_short_prompts_share_a_step() -> None:
    one = pace(replica(), load(read=100, write=100, variation=0), batch=200)
    assert one.read_share == 1
    assert one.token_s == pytest.approx(0.003 + 400 * 2e-5 + 200 * 150 * 3e-8 + 200 * 50 * 1e-9)


@pytest.mark.parametrize(("slots", "used"), [(1, 0.5), (3, 0.6), (64, 0.9)])
def test_erlang_c_by_its_definition(slots: int, used: float) -> None:
    offered = slots * used
    busy = offered**slots / math.factorial(slots) / (1 - used)
    free = sum(offered**k / math.factorial(k) for k in range(slots))
    assert erlang_c(slots, used) == pytest.approx(busy / (free + busy))


def test_a_first_token_by_hand() -> None:
    """A slot, a step that neither reads nor writes for longer: all parts of the wait stand alone."""
    step = StepTime(overhead_s=0.01, weights_s=0, token_s=0, context_token_s=0)
    one = replica(step=step, max_sequences=4, max_batched_tokens=100_000)
    found = steady(one, load(rate=1.5, read=100, write=200, variation=0.5))
    assert found.sequences == pytest.approx(3)
    assert found.utilization_ratio == pytest.approx(0.75)
    assert found.wait_probability == pytest.approx(erlang_c(4, 0.75))
    assert found.time_per_token_s == pytest.approx(0.01)
    assert found.output_tokens_per_s == 300
    slot = (1 + 0.5**2) / 2 * erlang_c(4, 0.75) / 0.5
    under_way = (1 - math.exp(-3)) * 0.005
    busy = 1.5 / (100_000 - 3)
    prompts = 0.01 * 100 / (100_000 - 3) * busy / (2 * (1 - busy))
    assert found.time_to_first_token_s == pytest.approx(slot + under_way + prompts + 0.01)


# --- laws -------------------------------------------------------------------------------------


@given(replicas, loads, st.floats(0.001, 0.999))
def test_littles_law(one: Replica, wanted: Load, share: float) -> None:
    rate = capacity_per_s(one, wanted) * share
    found = steady(one, wanted.model_copy(update={"requests_per_s": rate}))
    stay_s = wanted.output_tokens * found.time_per_token_s
    assert found.sequences == pytest.approx(rate * stay_s, rel=1e-6)
    assert found.sequences <= feasible_batch(one, wanted)
    assert found.utilization_ratio == pytest.approx(share)


@given(replicas, loads, st.floats(0.01, 0.9))
def test_more_load_is_slower(one: Replica, wanted: Load, share: float) -> None:
    most = capacity_per_s(one, wanted)
    less, more = (
        steady(one, wanted.model_copy(update={"requests_per_s": most * part}))
        for part in (share, share * 1.1)
    )
    assert more.sequences > less.sequences
    assert more.time_per_token_s >= less.time_per_token_s * (1 - 1e-9)


@given(replicas, loads)
def test_more_memory_never_serves_less(one: Replica, wanted: Load) -> None:
    more = one.model_copy(update={"kv_tokens": one.kv_tokens * 2})
    assert capacity_per_s(more, wanted) >= capacity_per_s(one, wanted) * (1 - 1e-9)


# --- against the simulator --------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7])
def test_up_to_70_percent_the_simulator_agrees(share: float) -> None:
    one, count = replica(), 6_000
    rate = share * capacity_per_s(one, load())
    found = steady(one, load(rate))
    chance = np.random.default_rng(1)
    output = chance.geometric(1 / 300, count)
    arrivals = np.cumsum(chance.exponential(1 / rate, count))
    served = simulate(one, Requests(arrivals.tolist(), [1_000] * count, output.tolist()))
    first, last = np.array(served.first_token_s), np.array(served.finished_s)
    token_s = (last - first).sum() / (output - 1).sum()
    assert found.time_per_token_s == pytest.approx(token_s, rel=0.04)
    assert found.sequences == pytest.approx(served.sequence_s / last.max(), rel=0.06)
    assert found.time_to_first_token_s == pytest.approx((first - arrivals).mean(), rel=0.25)


# --- what is refused --------------------------------------------------------------------------


def test_a_request_that_memory_does_not_hold_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a request of 1,300 tokens; memory holds 1,299"):
        feasible_batch(replica(kv_tokens=1_299), load())
    assert feasible_batch(replica(kv_tokens=1_300), load(variation=0)) > 1


def test_more_than_can_be_served_is_refused() -> None:
    most = capacity_per_s(replica(), load())
    with pytest.raises(ValueError, match=r"requests a second; this replica serves"):
        steady(replica(), load(most))
    assert steady(replica(), load(most * 0.999)).sequences > 0
