"""A replica: its steps are the roofline's, its limits are an engine's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.data.machines import machine
from snippets.data.models import model
from snippets.hardware.replica import (
    Format,
    Load,
    Replica,
    Setup,
    StepTime,
    build_replica,
    context_token_bytes,
    step_time,
)
from snippets.hardware.roofline import Cache, Roof, Step, Weights, decode_seconds
from snippets.hardware.speed import Rates
from tests.bounds import SMALLEST, assert_accepts_exactly, defaults

STEP = {"overhead_s": 0.002, "weights_s": 0.005, "token_s": 3e-5, "context_token_s": 2e-7}
REPLICA = {"step": STEP, "kv_tokens": 1_000}
LOAD = {"requests_per_s": 1, "input_tokens": 100, "output_tokens": 10}

WEIGHTS = Weights(
    shared_bytes=5e9,
    expert_bytes=20e9,
    used_share=1 / 16,
    active_parameters=4e9,
    layers=32,
    hidden_size=4_096,
    caches=(
        Cache(bytes_per_token=100_000, flop_per_pair=500_000),
        Cache(bytes_per_token=50_000, flop_per_pair=250_000, window_tokens=1_000),
    ),
)
roofs = st.builds(
    Roof,
    bandwidth_gb_per_s=st.floats(10, 10_000),
    dense_tflops=st.floats(1, 5_000),
    memory_efficiency=st.floats(0.2, 1),
    compute_efficiency=st.floats(0.2, 1),
    layer_overhead_s=st.floats(0, 1e-4),
    devices=st.sampled_from([1, 2, 8]),
    link_gb_per_s=st.floats(10, 1_000),
    link_latency_s=st.floats(0, 1e-4),
)


@given(roofs, st.integers(1, 2_000), st.integers(1, 50_000))
def test_a_step_is_the_roofline_of_one(roof: Roof, batch: int, context: int) -> None:
    step = step_time(WEIGHTS, roof, context)
    asked = decode_seconds(WEIGHTS, roof, Step(batch=batch, context_tokens=context))
    found = step.tokens_s(batch) + batch * context * step.context_token_s
    assert found == pytest.approx(asked)


def test_a_window_makes_a_token_of_context_cheaper_as_it_grows() -> None:
    assert context_token_bytes(WEIGHTS, 500) == 150_000
    assert context_token_bytes(WEIGHTS, 2_000) == 125_000
    roof = Roof(bandwidth_gb_per_s=1_000, dense_tflops=100)
    assert step_time(WEIGHTS, roof, 500).pair_s == pytest.approx(750_000 / 1e14)
    assert step_time(WEIGHTS, roof, 2_000).pair_s == pytest.approx(625_000 / 1e14)


def test_tokens_by_hand() -> None:
    step = StepTime(
        overhead_s=1,
        weights_s=2,
        experts_s=8,
        expert_share=0.5,
        token_s=2,
        link_token_s=0.1,
        context_token_s=0,
    )
    assert step.tokens_s(1) == pytest.approx(1 + 2 + 4 + 0.1)
    assert step.tokens_s(2) == pytest.approx(1 + 2 + 6 + 0.2)
    assert step.tokens_s(10) == pytest.approx(1 + 20 + 1)  # it computes for longer than it reads


@given(st.floats(0.01, 1), st.integers(0, 1_000))
def test_a_token_more_never_makes_a_step_shorter_but_each_costs_less(share: float, tokens: int) -> None:
    step = StepTime.model_validate(STEP | {"experts_s": 0.01, "expert_share": share})
    assert step.tokens_s(tokens + 1) >= step.tokens_s(tokens)
    if tokens:
        assert step.tokens_s(tokens + 1) / (tokens + 1) <= step.tokens_s(tokens) / tokens + 1e-12


def test_a_step_writes_for_every_sequence_and_reads_beside_it() -> None:
    Replica.model_validate(REPLICA | {"max_sequences": 99, "max_batched_tokens": 100})
    with pytest.raises(
        ValidationError, match="max_batched_tokens is 100; it has to exceed max_sequences, 100"
    ):
        Replica.model_validate(REPLICA | {"max_sequences": 100, "max_batched_tokens": 100})


@pytest.mark.parametrize(
    ("model", "valid", "field", "lowest", "highest"),
    [
        (StepTime, STEP, "overhead_s", 0.0, 10.0),
        (StepTime, STEP, "weights_s", 0.0, 100.0),
        (StepTime, STEP, "experts_s", 0.0, 100.0),
        (StepTime, STEP, "expert_share", SMALLEST, 1.0),
        (StepTime, STEP, "token_s", 0.0, 10.0),
        (StepTime, STEP, "link_token_s", 0.0, 10.0),
        (StepTime, STEP, "context_token_s", 0.0, 1.0),
        (StepTime, STEP, "pair_s", 0.0, 1.0),
        (Replica, REPLICA, "kv_tokens", 1, 10**10),
        (Replica, REPLICA, "block_tokens", 1, 1_024),
        (Replica, REPLICA | {"max_batched_tokens": 1_000_000}, "max_sequences", 1, 100_000),
        (Replica, REPLICA | {"max_sequences": 1}, "max_batched_tokens", 2, 1_000_000),
        (Load, LOAD, "requests_per_s", SMALLEST, 1e6),
        (Load, LOAD, "input_tokens", 1.0, 1e7),
        (Load, LOAD, "output_tokens", 1.0, 1e7),
        (Load, LOAD, "output_variation", 0.0, 10.0),
    ],
)
def test_bounds(
    model: type[StepTime | Replica | Load],
    valid: dict[str, object],
    field: str,
    lowest: float,
    highest: float,
) -> None:
    assert_accepts_exactly(model, valid, field, lowest, highest)


def test_defaults_are_vllms() -> None:
    assert defaults(StepTime) == {"experts_s": 0, "expert_share": 1, "link_token_s": 0, "pair_s": 0}
    assert defaults(Replica) == {
        "block_tokens": 16,
        "max_sequences": 256,
        "max_batched_tokens": 8_192,
        "reserves_output": False,
    }
    assert defaults(Load) == {"output_variation": 1}


# --- from the data ----------------------------------------------------------------------------

RATES = Rates(memory_efficiency=0.5, layer_overhead_s=1e-4, compute_efficiency=0.25)
FP8 = Format(bits_per_weight=8, cache_bits=8, data_type="fp8")


def test_llama_8b_on_an_h100_by_hand() -> None:
    one = build_replica(model("llama-3.1-8b"), FP8, machine("h100-sxm"), Setup(), RATES, 1_000)
    parameters, looked_up = 8_030_261_248, 128_256 * 4_096
    kept = 2 * 32 * 8 * 128  # bytes a token
    assert one.kv_tokens == int((79.11 * 2**30 * 0.88 - parameters) / kept)
    assert one.step.overhead_s == pytest.approx(32e-4)
    assert one.step.weights_s == pytest.approx((parameters - looked_up) / (0.5 * 3_350e9))
    assert one.step.token_s == pytest.approx(2 * (parameters - looked_up) / (0.25 * 1_978.9e12))
    assert one.step.context_token_s == pytest.approx(kept / (0.5 * 3_350e9))
    assert one.step.link_token_s == 0


def test_experts_in_a_format_of_their_own() -> None:
    mixed = Format(bits_per_weight=16, expert_bits_per_weight=4.25)
    one = build_replica(model("gpt-oss-20b"), mixed, machine("h100-sxm"), Setup(), RATES, 1_000)
    # The published checkpoint is 12.8 GiB, as its model card says.
    read = (one.step.weights_s + one.step.experts_s) * 0.5 * 3_350e9
    looked_up = 201_088 * 2_880 * 2
    assert read + looked_up == pytest.approx(12.8 * 2**30, rel=0.01)
    assert one.step.expert_share == 4 / 32


def test_two_devices_talk() -> None:
    pair = build_replica(model("llama-3.3-70b"), FP8, machine("h100-sxm"), Setup(gpus=2), RATES, 1_000)
    # two all-reduces a layer, 16 bits, half a ring each way of 450 GB/s
    assert pair.step.link_token_s == pytest.approx(2 * 80 * 8_192 * 2 / 450e9)
    assert pair.step.overhead_s == pytest.approx(80e-4 + 2 * 80 * 1e-5)
    slower = build_replica(
        model("llama-3.3-70b"), FP8, machine("h100-sxm"), Setup(gpus=2, link_gb_per_s=45), RATES, 1_000
    )
    assert slower.step.link_token_s == pytest.approx(10 * pair.step.link_token_s)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"65\.7 GiB of weights; 41\.\d GiB are there"):
        build_replica(
            model("llama-3.3-70b"), FP8, machine("h100-sxm"), Setup(memory_share=0.52), RATES, 1_000
        )


def test_memory_is_what_is_visible_else_the_label() -> None:
    labeled = machine("h100-sxm").model_copy(update={"visible_memory_gib": ()})
    one = build_replica(model("llama-3.1-8b"), FP8, labeled, Setup(), RATES, 1_000)
    assert one.kv_tokens == int((80e9 * 0.88 - 8_030_261_248) / (2 * 32 * 8 * 128))
    cpu = labeled.model_copy(update={"memory_gb": ()})
    with pytest.raises(ValueError, match="memory_gb of h100-sxm is unknown"):
        build_replica(model("llama-3.3-70b"), FP8, cpu, Setup(), RATES, 1_000)


@pytest.mark.parametrize(
    ("kind", "valid", "field", "lowest", "highest"),
    [
        (Format, {"bits_per_weight": 8}, "bits_per_weight", SMALLEST, 64.0),
        (Format, {"bits_per_weight": 8}, "expert_bits_per_weight", SMALLEST, 64.0),
        (Format, {"bits_per_weight": 8}, "cache_bits", SMALLEST, 64.0),
        (Setup, {}, "gpus", 1, 1_024),
        (Setup, {}, "memory_share", SMALLEST, 1.0),
        (Setup, {}, "link_gb_per_s", SMALLEST, 20_000.0),
        (Setup, {}, "link_latency_s", 0.0, 1.0),
    ],
)
def test_bounds_of_what_is_built(
    kind: type[Format | Setup], valid: dict[str, object], field: str, lowest: float, highest: float
) -> None:
    assert_accepts_exactly(kind, valid, field, lowest, highest)


def test_defaults_of_what_is_built() -> None:
    assert defaults(Setup) == {"gpus": 1, "memory_share": 0.88, "link_gb_per_s": None, "link_latency_s": 1e-5}
    assert defaults(Format) == {"expert_bits_per_weight": None, "cache_bits": 16, "data_type": "fp16"}
