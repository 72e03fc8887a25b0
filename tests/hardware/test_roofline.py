"""One forward pass: what it reads, computes and sends, worked by hand and by its properties."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from snippets.hardware.roofline import (
    Cache,
    Prompt,
    Roof,
    Step,
    Weights,
    attention_flop,
    cache_bytes,
    compute_seconds,
    decode_seconds,
    link_seconds,
    memory_seconds,
    prefill_seconds,
    touched_bytes,
    turning_batch,
)
from tests.bounds import SMALLEST, assert_accepts_exactly, defaults

FULL = Cache(bytes_per_token=100, flop_per_pair=10)
SLIDING = Cache(bytes_per_token=100, flop_per_pair=10, window_tokens=4)
DENSE = Weights(
    shared_bytes=1e9,
    active_parameters=1e9,
    output_parameters=1e8,
    layers=10,
    hidden_size=1000,
    caches=(FULL,),
)
SPARSE = Weights(
    shared_bytes=1e9,
    expert_bytes=8e9,
    used_share=0.25,
    active_parameters=1.5e9,
    layers=10,
    hidden_size=1000,
)
ROOF = Roof(bandwidth_gb_per_s=1000, dense_tflops=100)
LINKED = Roof(bandwidth_gb_per_s=1000, dense_tflops=100, devices=4, link_gb_per_s=10, link_latency_s=1e-5)
WEIGHTS = {"shared_bytes": 1, "active_parameters": 1, "layers": 1, "hidden_size": 1}
VALID: dict[type[BaseModel], dict[str, Any]] = {
    Cache: {"bytes_per_token": 1, "flop_per_pair": 1},
    Weights: WEIGHTS,
    Roof: {"bandwidth_gb_per_s": 1},
    Step: {},
    Prompt: {"tokens": 1},
}

batches = st.integers(1, 500)
contexts = st.floats(0, 100_000)


# --- bytes ------------------------------------------------------------------------------------


def test_a_dense_model_is_read_whole_at_any_batch() -> None:
    assert touched_bytes(DENSE, 1) == touched_bytes(DENSE, 64) == 1e9


def test_one_token_touches_its_share_of_experts() -> None:
    assert touched_bytes(SPARSE, 1) == pytest.approx(1e9 + 2e9)


def test_two_tokens_share_some_experts() -> None:
    # each misses 3/4, so both miss 9/16
    assert touched_bytes(SPARSE, 2) == pytest.approx(1e9 + 8e9 * 7 / 16)


@given(batches)
def test_more_tokens_touch_more_experts_and_never_more_than_all(batch: int) -> None:
    now, then = (touched_bytes(SPARSE, one) for one in (batch, batch + 1))
    assert now <= then <= 9e9


def test_a_window_bounds_what_a_token_sees() -> None:
    assert [SLIDING.seen(tokens) for tokens in (0, 3, 4, 100)] == [0, 3, 4, 4]
    assert FULL.seen(100) == 100


def test_a_state_is_read_and_written_whatever_the_context() -> None:
    built = DENSE.model_copy(update={"state_bytes": 500, "caches": (FULL, SLIDING)})
    assert cache_bytes(built, 0) == 1000
    assert cache_bytes(built, 10) == 1000 + 10 * 100 + 4 * 100


# --- decode -----------------------------------------------------------------------------------


def test_decode_at_batch_1_is_bytes_over_bandwidth() -> None:
    # 1 GB at 1000 GB/s is 1 ms, and 1,000 tokens of 100 bytes are 0.1 µs
    assert decode_seconds(DENSE, ROOF, Step(context_tokens=1000)) == pytest.approx(1e-3 + 1e-7)


def test_decode_of_a_large_batch_is_flop_over_peak() -> None:
    # 2 · 1e9 · 1000 FLOP at 100 TFLOPS
    assert decode_seconds(DENSE, ROOF, Step(batch=1000)) == pytest.approx(2e12 / 1e14)


def test_every_sequence_reads_its_own_cache() -> None:
    step = Step(batch=10, context_tokens=1e6)
    assert decode_seconds(DENSE, ROOF, step) == pytest.approx(1e-3 + 10 * 1e8 / 1e12)


def test_efficiencies_slow_memory_and_compute_and_overhead_counts_layers() -> None:
    reached = ROOF.model_copy(
        update={"memory_efficiency": 0.5, "compute_efficiency": 0.25, "layer_overhead_s": 1e-4}
    )
    assert decode_seconds(DENSE, reached, Step()) == pytest.approx(2e-3 + 1e-3)
    assert decode_seconds(DENSE, reached, Step(batch=1000)) == pytest.approx(8e-2 + 1e-3)


@given(batches, contexts)
def test_a_step_takes_longer_with_batch_and_context_but_a_token_does_not(batch: int, context: float) -> None:
    took = decode_seconds(DENSE, ROOF, Step(batch=batch, context_tokens=context))
    larger = decode_seconds(DENSE, ROOF, Step(batch=batch + 1, context_tokens=context))
    longer = decode_seconds(DENSE, ROOF, Step(batch=batch, context_tokens=context + 1))
    assert took <= larger
    assert took <= longer
    assert larger / (batch + 1) <= took / batch * (1 + 1e-9)


def test_decode_at_batch_1_needs_no_peak_and_at_batch_2_names_it() -> None:
    unknown = Roof(bandwidth_gb_per_s=1000)
    assert decode_seconds(DENSE, unknown, Step()) == pytest.approx(1e-3)
    with pytest.raises(ValueError, match="dense_tflops is missing"):
        decode_seconds(DENSE, unknown, Step(batch=2))


def test_compute_and_memory_by_hand() -> None:
    assert memory_seconds(ROOF, 1e12) == pytest.approx(1)
    assert compute_seconds(ROOF, 1e14) == pytest.approx(1)


# --- devices ----------------------------------------------------------------------------------


def test_tensor_parallelism_divides_reading_and_computing() -> None:
    assert memory_seconds(LINKED, 1e12) == pytest.approx(1 / 4)
    assert compute_seconds(LINKED, 1e14) == pytest.approx(1 / 4)


def test_two_all_reduces_a_layer_in_16_bits() -> None:
    # ring of 4: 2 · 3/4 of 3 tokens · 1000 · 2 bytes, at 10 GB/s
    once = 1e-5 + 1.5 * 3 * 2000 / 1e10
    assert link_seconds(DENSE, LINKED, 3) == pytest.approx(2 * 10 * once)


def test_decode_pays_for_its_all_reduces() -> None:
    alone = decode_seconds(DENSE, LINKED.model_copy(update={"devices": 1}), Step())
    both = decode_seconds(DENSE, LINKED, Step())
    assert both == pytest.approx(alone / 4 + link_seconds(DENSE, LINKED, 1))


def test_a_split_by_layers_reads_as_long_as_one_device_and_sends_nothing() -> None:
    split = LINKED.model_copy(update={"split": "layer"})
    assert decode_seconds(DENSE, split, Step()) == decode_seconds(DENSE, ROOF, Step())
    assert link_seconds(DENSE, split, 1) == link_seconds(DENSE, ROOF, 1) == 0


def test_a_link_that_is_not_known_is_named() -> None:
    with pytest.raises(ValueError, match="link_gb_per_s is missing for 4 devices"):
        decode_seconds(DENSE, LINKED.model_copy(update={"link_gb_per_s": None}), Step())


# --- prefill ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokens", "cached", "pairs"),
    [(1, 0, 1), (4, 0, 1 + 2 + 3 + 4), (2, 3, 4 + 5)],
)
def test_causal_attention_counts_pairs(tokens: int, cached: int, pairs: int) -> None:
    assert attention_flop(DENSE, Prompt(tokens=tokens, cached_tokens=cached)) == 10 * pairs


@given(st.integers(1, 40), st.integers(0, 20), st.integers(1, 30))
def test_windowed_attention_is_the_sum_over_its_tokens(tokens: int, cached: int, window: int) -> None:
    part = Cache(bytes_per_token=1, flop_per_pair=1, window_tokens=window)
    built = DENSE.model_copy(update={"caches": (part,)})
    seen = sum(min(cached + place + 1, window) for place in range(tokens))
    assert attention_flop(built, Prompt(tokens=tokens, cached_tokens=cached)) == pytest.approx(seen)


def test_prefill_is_two_flop_a_parameter_and_the_output_for_one_token() -> None:
    built = DENSE.model_copy(update={"caches": ()})
    flop = 2 * 0.9e9 * 1000 + 2 * 1e8
    assert prefill_seconds(built, ROOF, Prompt(tokens=1000)) == pytest.approx(flop / 1e14)


def test_prefill_adds_attention() -> None:
    plain = DENSE.model_copy(update={"caches": ()})
    prompt = Prompt(tokens=1000)
    more = prefill_seconds(DENSE, ROOF, prompt) - prefill_seconds(plain, ROOF, prompt)
    assert more == pytest.approx(10 * 1000 * 1001 / 2 / 1e14)


def test_a_short_prompt_waits_for_the_weights_once_a_chunk() -> None:
    slow = ROOF.model_copy(update={"dense_tflops": 100_000, "layer_overhead_s": 1e-6})
    assert prefill_seconds(DENSE, slow, Prompt(tokens=512)) == pytest.approx(1e-3 + 1e-5)
    assert prefill_seconds(DENSE, slow, Prompt(tokens=513)) == pytest.approx(2e-3 + 2e-5)
    assert prefill_seconds(DENSE, slow, Prompt(tokens=513, chunk_tokens=1000)) == pytest.approx(1e-3 + 1e-5)


def test_a_chunk_touches_the_experts_of_its_tokens() -> None:
    slow = ROOF.model_copy(update={"dense_tflops": 100_000})
    took = prefill_seconds(SPARSE, slow, Prompt(tokens=2))
    assert took == pytest.approx(touched_bytes(SPARSE, 2) / 1e12)


def test_latency_once_a_chunk_and_bytes_once_a_token() -> None:
    def sent(tokens: int) -> float:
        free = LINKED.model_copy(update={"link_latency_s": 0, "link_gb_per_s": 20_000})
        prompt = Prompt(tokens=tokens, chunk_tokens=100)
        return prefill_seconds(DENSE, LINKED, prompt) - prefill_seconds(DENSE, free, prompt)

    ring = 1.5 * 2000 * (1 / 1e10 - 1 / 2e13)
    assert sent(300) == pytest.approx(20 * (3 * 1e-5 + 300 * ring))


def test_prefill_without_a_peak_names_it() -> None:
    with pytest.raises(ValueError, match="dense_tflops is missing"):
        prefill_seconds(DENSE, Roof(bandwidth_gb_per_s=1), Prompt(tokens=1))


# --- the turn ---------------------------------------------------------------------------------


def test_compute_takes_over_where_the_slope_meets_the_roof() -> None:
    # 1 ms of reading; a token is 2e9 / 1e14 s
    assert turning_batch(DENSE, ROOF) == 50


def test_experts_put_the_turn_off() -> None:
    assert turning_batch(SPARSE, ROOF) > turning_batch(DENSE, ROOF)


@pytest.mark.parametrize(("parameters", "turns"), [(65_536, True), (65_537, False)])
def test_the_turn_is_sought_up_to_the_largest_batch(parameters: int, turns: bool) -> None:
    # one batch that reads as long as it computes: bytes over bandwidth, FLOP over peak
    built = DENSE.model_copy(update={"shared_bytes": 2e-2 * parameters * 1e3, "active_parameters": 1e3})
    if turns:
        assert turning_batch(built, ROOF) == pytest.approx(parameters, abs=1)
    else:
        with pytest.raises(ValueError, match="memory is slower at any batch"):
            turning_batch(built, ROOF)


# --- bounds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "field", "lowest", "highest"),
    [
        (Cache, "bytes_per_token", 0, 1e15),
        (Cache, "flop_per_pair", 0, 1e15),
        (Cache, "window_tokens", 1, 100_000_000),
        (Weights, "shared_bytes", 0, 1e15),
        (Weights, "used_share", SMALLEST, 1.0),
        (Weights, "layers", 1, 1_000),
        (Weights, "hidden_size", 1, 1_000_000),
        (Roof, "bandwidth_gb_per_s", SMALLEST, 100_000.0),
        (Roof, "dense_tflops", SMALLEST, 100_000.0),
        (Roof, "memory_efficiency", SMALLEST, 1.0),
        (Roof, "layer_overhead_s", 0.0, 1.0),
        (Roof, "devices", 1, 1_024),
        (Roof, "link_gb_per_s", SMALLEST, 20_000.0),
        (Roof, "link_latency_s", 0.0, 1.0),
        (Step, "batch", 1, 65_536),
        (Step, "context_tokens", 0.0, 1e8),
        (Prompt, "tokens", 1, 100_000_000),
        (Prompt, "cached_tokens", 0.0, 1e8),
        (Prompt, "chunk_tokens", 1, 1_000_000),
    ],
)
def test_bounds(kind: type[BaseModel], field: str, lowest: float, highest: float) -> None:
    if isinstance(highest, float):
        lowest = float(lowest)
    assert_accepts_exactly(kind, VALID[kind], field, lowest, highest)


def test_what_may_be_left_out() -> None:
    assert defaults(Weights) == {
        "expert_bytes": 0,
        "used_share": 1,
        "output_parameters": 0,
        "caches": (),
        "state_bytes": 0,
    }
    assert defaults(Roof) == {
        "dense_tflops": None,
        "memory_efficiency": 1,
        "compute_efficiency": 1,
        "layer_overhead_s": 0,
        "devices": 1,
        "split": "tensor",
        "link_gb_per_s": None,
        "link_latency_s": 0,
    }
    assert defaults(Step) == {"batch": 1, "context_tokens": 0}
    assert defaults(Prompt) == {"cached_tokens": 0, "chunk_tokens": 512}
    assert defaults(Cache) == {"window_tokens": None}


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="tflops"):
        Roof.model_validate({"bandwidth_gb_per_s": 1, "tflops": 1})
