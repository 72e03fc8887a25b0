"""The simulator: the same as a plain loop, as Erlang's line, and as the laws that hold for any engine."""

from __future__ import annotations

from itertools import pairwise
from time import process_time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snippets.hardware.concurrency import erlang_c
from snippets.hardware.replica import Replica, StepTime
from snippets.hardware.simulator import Requests, Served, simulate
from tests.hardware.step_by_step import serve_step_by_step

STEP = StepTime(overhead_s=0.002, weights_s=0.005, token_s=3e-5, context_token_s=2e-7, pair_s=1e-9)


def replica(**changes: object) -> Replica:
    return Replica.model_validate({"step": STEP, "kv_tokens": 100_000} | changes)


def poisson(seed: int, count: int, per_s: float, read: int = 300, write: int = 60) -> Requests:
    chance = np.random.default_rng(seed)
    return Requests(
        np.cumsum(chance.exponential(1 / per_s, count)).tolist(),
        (1 + chance.poisson(read * chance.exponential(1, count))).tolist(),
        chance.geometric(1 / write, count).tolist(),
    )


def at_once(count: int, read: int, write: int) -> Requests:
    return Requests([0.0] * count, [read] * count, [write] * count)


# --- by hand ----------------------------------------------------------------------------------


def test_one_request_reads_in_one_step_and_writes_one_token_a_step() -> None:
    served = simulate(replica(), at_once(1, 1_000, 3))
    read = 0.002 + 1_000 * 3e-5 + 1_000 * 500 * 1e-9
    write = 2 * 0.007 + (1_001 + 1_002) * 2e-7
    assert served.admitted_s == [0]
    assert served.first_token_s == pytest.approx([read])
    assert served.finished_s == pytest.approx([read + write])


def test_a_long_prompt_is_read_in_chunks_and_others_write_beside_it() -> None:
    step = StepTime(overhead_s=1, weights_s=0, token_s=0, context_token_s=0)
    small = replica(step=step, max_batched_tokens=100, max_sequences=4)
    served = simulate(small, Requests([0, 0.5], [10, 250], [5, 1]))
    # 99 tokens a step beside the one that writes
    assert served.first_token_s == [1, 4]
    assert served.finished_s == [5, 4]


def test_who_finds_no_sequence_free_waits_for_one() -> None:
    step = StepTime(overhead_s=1, weights_s=0, token_s=0, context_token_s=0)
    served = simulate(replica(step=step, max_sequences=1), at_once(2, 10, 4))
    assert served.admitted_s == [0, 4]
    assert served.finished_s == [4, 8]


def test_when_blocks_run_out_the_last_to_come_reads_all_again() -> None:
    step = StepTime(overhead_s=1, weights_s=0, token_s=0, context_token_s=0)
    # 8 blocks of 16: two prompts of 48 take 6, and both need a seventh and eighth, then a ninth
    served = simulate(replica(step=step, kv_tokens=128), at_once(2, 48, 40))
    assert served.preemptions == 1
    assert served.least_free_blocks == 0
    assert served.finished_s[0] == 40
    # sent back before step 18 with 17 tokens written, read again in the step after the first has left
    assert served.finished_s[1] == 40 + 23


def test_what_reserves_its_output_is_never_sent_back() -> None:
    tight = replica(kv_tokens=600, reserves_output=True)
    served = simulate(tight, at_once(20, 100, 100))
    assert served.preemptions == 0
    assert simulate(replica(kv_tokens=600), at_once(20, 100, 100)).preemptions > 0
    assert served.sequence_s / max(served.finished_s) < 600 / 200


# --- against a plain loop ---------------------------------------------------------------------

engines = st.builds(
    replica,
    kv_tokens=st.integers(150, 1_500),
    block_tokens=st.sampled_from([1, 4, 16]),
    max_sequences=st.integers(1, 20),
    max_batched_tokens=st.integers(21, 400),
    reserves_output=st.booleans(),
)
loads = st.builds(
    poisson,
    seed=st.integers(0, 10**6),
    count=st.integers(1, 30),
    per_s=st.floats(1, 1_000),
    read=st.integers(1, 60),
    write=st.integers(1, 60),
)


def fits(engine: Replica, requests: Requests) -> bool:
    longest = max(map(sum, zip(requests.input_tokens, requests.output_tokens, strict=True)))
    return longest <= engine.kv_tokens // engine.block_tokens * engine.block_tokens


@settings(max_examples=150, deadline=None)
@given(engines, loads)
def test_jumps_end_where_a_plain_loop_ends(engine: Replica, requests: Requests) -> None:
    if not fits(engine, requests):
        return
    served = simulate(engine, requests)
    slowly, preemptions = serve_step_by_step(engine, requests)
    assert served.preemptions == preemptions
    assert served.admitted_s == pytest.approx([one.admitted for one in slowly])
    assert served.first_token_s == pytest.approx([one.first for one in slowly])
    assert served.finished_s == pytest.approx([one.finished for one in slowly])


# --- against a line with a known wait ---------------------------------------------------------


@pytest.mark.parametrize(("slots", "utilization"), [(1, 0.7), (4, 0.8), (16, 0.9)])
def test_where_batches_cost_nothing_it_is_erlangs_line(slots: int, utilization: float) -> None:
    tokens, count, step_s = 200, 60_000, 0.001
    service_s = tokens * step_s
    alike = replica(
        step=StepTime(overhead_s=step_s, weights_s=0, token_s=0, context_token_s=0),
        kv_tokens=10**9,
        max_sequences=slots,
    )
    per_s = slots * utilization / service_s
    requests = poisson(1, count, per_s, read=1, write=tokens)
    served = simulate(alike, requests)
    waits = np.array(served.admitted_s) - np.array(requests.arrival_s)
    expected = erlang_c(slots, utilization) * service_s / (slots * (1 - utilization))
    parts = waits.reshape(30, -1).mean(axis=1)  # 30 stretches of time, for the sampling error
    sampling = parts.std(ddof=1) / np.sqrt(len(parts))
    # Who comes waits for the end of a step, half of one.
    assert abs(waits.mean() - step_s / 2 - expected) < 3 * sampling
    assert sampling < 0.12 * expected


# --- laws -------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(engines, loads)
def test_every_request_finishes_once_in_order_of_its_life(engine: Replica, requests: Requests) -> None:
    if not fits(engine, requests):
        return
    served = simulate(engine, requests)
    for times in zip(requests.arrival_s, *served[:3], strict=True):
        assert all(before <= after + 1e-9 for before, after in pairwise(times))
    assert 0 <= served.least_free_blocks <= engine.kv_tokens // engine.block_tokens


@settings(max_examples=100, deadline=None)
@given(engines, loads)
def test_littles_law(engine: Replica, requests: Requests) -> None:
    """What the engine holds over time is what its requests stay in it, one by one."""
    if not fits(engine, requests):
        return
    served = simulate(engine, requests)
    stay = sum(served.finished_s) - sum(served.admitted_s)
    if served.preemptions:
        assert served.sequence_s < stay
    else:
        assert served.sequence_s == pytest.approx(stay)


def deal(requests: Requests, first: int, replicas: int) -> Requests:
    arrival_s, read, written = requests
    return Requests(arrival_s[first::replicas], read[first::replicas], written[first::replicas])


def waits_s(served: Served, requests: Requests) -> float:
    return float(np.mean(np.array(served.first_token_s) - np.array(requests.arrival_s)))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("per_s", [4, 40, 400])
def test_dealt_to_more_replicas_people_wait_no_longer(seed: int, per_s: float) -> None:
    one, requests = replica(kv_tokens=20_000), poisson(seed, 1_200, per_s)
    means = []
    for replicas in (1, 2, 3):
        hands = [deal(requests, first, replicas) for first in range(replicas)]
        means.append(np.mean([waits_s(simulate(one, hand), hand) for hand in hands]))
    assert means[0] >= means[1] >= means[2]


def test_more_memory_sends_fewer_back() -> None:
    requests = poisson(5, 500, 30)
    counts = [simulate(replica(kv_tokens=size), requests).preemptions for size in (4_000, 8_000, 40_000)]
    assert counts[0] > counts[1] > counts[2] == 0


# --- what is refused --------------------------------------------------------------------------


def test_requests_come_in_order() -> None:
    with pytest.raises(ValueError, match="arrival_s has to rise"):
        simulate(replica(), Requests([1, 0], [1, 1], [1, 1]))


@pytest.mark.parametrize(("read", "written"), [(0, 1), (1, 0), (90_000, 10_001)])
def test_a_request_is_at_least_one_token_each_way_and_fits(read: int, written: int) -> None:
    message = rf"{read} tokens in, {written} out: at least one each, and together at most 100000"
    with pytest.raises(ValueError, match=message):
        simulate(replica(), Requests([0], [read], [written]))


def test_a_request_that_fills_the_memory_is_served() -> None:
    served = simulate(replica(), at_once(1, 90_000, 10_000))
    assert served.finished_s[0] > 0
    assert simulate(replica(), at_once(1, 1, 1)).finished_s[0] > 0


def test_a_million_would_take_less_than_half_a_minute() -> None:
    requests = poisson(1, 20_000, 20, read=800, write=300)
    start = process_time()
    simulate(replica(kv_tokens=400_000), requests)
    assert process_time() - start < 20_000 / 1e6 * 30 * 2
