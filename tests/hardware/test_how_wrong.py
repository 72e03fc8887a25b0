"""Errors: summed up by hand, of records that are known; what is left out of a fit does not enter it."""

from __future__ import annotations

from datetime import date
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.data.file_sizes import File, read_file_sizes
from snippets.data.llamacpp_loads import llamacpp_load, read_llamacpp_loads
from snippets.data.machines import machine
from snippets.data.models import model
from snippets.data.serving import Requests, Serving, read_serving
from snippets.data.vllm_loads import VllmLoad, vllm_load
from snippets.hardware.concurrency import capacity_per_s
from snippets.hardware.how_wrong import (
    FORMATS,
    IDEAL,
    TRIED,
    Errors,
    Row,
    cache_error,
    file_error,
    held_out,
    layout,
    ratio,
    served,
    started,
    summary,
)
from snippets.hardware.replica import Format, Setup, build_replica
from snippets.hardware.speed import Rates
from snippets.hardware.weights import weights


def rows(experts: bool) -> list[Row]:
    """Every row at full load that the page judges."""
    found = [
        served(one, row, model(one.model), machine(one.machine))
        for one in read_serving().values()
        if one.load == "all at once"
        for row in one.requests
        if row.output_tokens >= 10
    ]
    return [row for row in found if row.experts == experts]


DENSE = rows(experts=False)


# --- summaries --------------------------------------------------------------------------------


def test_a_summary_by_hand() -> None:
    assert summary([0.125, -0.5, 0.25]) == Errors(3, 0.125, 0.25, 0.875 / 3, -0.5)
    assert summary([-0.25]) == Errors(1, -0.25, 0.25, 0.25, -0.25)


def test_nothing_has_no_summary() -> None:
    with pytest.raises(ValueError, match="no errors to sum up"):
        summary([])


@given(st.lists(st.floats(-1, 10), min_size=1))
def test_sizes_have_no_sign_and_the_worst_is_the_largest(errors: list[float]) -> None:
    found = summary(errors)
    turned = summary([-error for error in errors])
    assert found.signed == -turned.signed
    assert (found.size, found.mean_size) == (turned.size, turned.mean_size)
    assert abs(found.signed) <= abs(found.worst) == max(map(abs, errors))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("llama-3.1-8b", "full"),
        ("gpt-oss-120b", "windows"),
        ("llama-4-scout", "windows"),
        ("deepseek-v3", "latent"),
        ("kimi-linear-48b-a3b", "hybrid"),
        ("qwen3.6-27b", "hybrid"),
        ("nemotron-3-nano-30b-a3b", "hybrid"),
        ("lfm2-1.2b", "hybrid"),
        ("falcon-h1-7b", "hybrid"),
        ("minimax-m3", "blocks"),
    ],
)
def test_what_layers_are_like(name: str, kind: str) -> None:
    assert layout(model(name)) == kind


# --- llama.cpp --------------------------------------------------------------------------------


def test_a_files_error_by_hand() -> None:
    built = model("llama-3.1-8b")
    exact = weights(built, "Q4_K_M").bytes
    assert file_error(built, File(file_type="Q4_K_M", size_gb=exact / 1e9)) == pytest.approx(0)
    assert file_error(built, File(file_type="Q4_K_M", size_gib=exact / 2**30)) == pytest.approx(0)
    assert file_error(built, File(file_type="Q4_K_M", size_gb=exact / 2e9)) == pytest.approx(1)
    # Bits say more than a size of two digits.
    rounded = File(file_type="Q4_K_M", size_gib=4, bits_per_weight=4.8944)
    assert file_error(built, rounded) == pytest.approx(0, abs=1e-5)


def test_the_nearer_of_with_and_without_a_matrix_counts() -> None:
    built = model("llama-3.1-8b")
    plain, helped = (weights(built, "IQ4_XS", matrix).bytes for matrix in (False, True))
    assert plain != helped
    for size in (plain, helped):
        assert file_error(built, File(file_type="IQ4_XS", size_gb=size / 1e9)) == pytest.approx(0)


def test_files_that_llama_quantize_made_are_met() -> None:
    errors = [
        abs(file_error(model(record.model), file))
        for record in read_file_sizes().values()
        if record.mixture == "llama-quantize"
        for file in record.files
    ]
    assert len(errors) >= 29
    assert median(errors) < 0.0001
    assert max(errors) < 0.025


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("load-qwen3-32b-539", 0),
        ("load-deepseek-v3-258", 0),
        ("load-deepseek-v3-258-5", 0),
        ("load-llama-3.1-8b-4090-v3", 0),
        ("load-qwen3-235b-a22b-357", 0),
        ("load-deepseek-v3-394", 1_098 / 2_074 - 1),  # with values, of May 2025
        ("load-gemma-3-27b-334", 3_184 / 15_872 - 1),  # every layer the whole context
    ],
)
def test_logs(name: str, error: float) -> None:
    seen = llamacpp_load(name)
    assert seen.model
    assert cache_error(model(seen.model), seen) == pytest.approx(error, abs=1e-9)


def test_the_step_of_a_log_counts_where_there_are_windows() -> None:
    seen = llamacpp_load("load-gemma-3-27b-334")
    built = model("gemma-3-27b")
    said = seen.key_mib + seen.value_mib
    for given_tokens, window in (
        ({"batch_tokens": None, "ubatch_tokens": None}, 1_536),
        ({"batch_tokens": None, "ubatch_tokens": 4_096}, 3_072),
        ({"batch_tokens": 256, "ubatch_tokens": None}, 1_280),
    ):
        log = seen.model_copy(update=given_tokens)
        mib = 8_192 * (10 * 32_768 + 52 * window) / 2**20
        assert cache_error(built, log) == pytest.approx(mib / said - 1)


def test_two_digits_are_all_that_a_log_has() -> None:
    seen = llamacpp_load("load-qwen3-32b-539")
    built = model("qwen3-32b")
    for more, equal in ((0.009, True), (-0.009, True), (0.011, False)):
        log = seen.model_copy(update={"key_mib": seen.key_mib + more})
        assert (cache_error(built, log) == 0) is equal


def test_logs_of_full_attention_are_met() -> None:
    known = [one for one in read_llamacpp_loads().values() if one.model]
    full = [one for one in known if layout(model(one.model or "")) == "full"]
    assert len(full) >= 13
    assert all(cache_error(model(one.model or ""), one) == 0 for one in full)


# --- vLLM -------------------------------------------------------------------------------------


def test_settings_of_a_start_are_those_that_it_says() -> None:
    seen = vllm_load("vllm-llama-3.1-8b-bf16-2k")
    found = started(seen, 1)
    assert (found.context_tokens, found.batched_tokens, found.sequences) == (2_048, 8_192, 1_024)
    assert (found.visible_memory_gib, found.gpu_memory_utilization) == (79.19, 0.95)
    assert (found.weights, found.kv_cache, found.tensor_parallel, found.graphs) == (
        "bf16",
        "16-bit",
        1,
        "outside",
    )


def test_settings_that_are_not_said_are_those_of_the_version() -> None:
    bare = VllmLoad(
        id="bare",
        checkpoint="a/b",
        gpus=2,
        weights_gib=1,
        sources=("some",),
        as_of=date(2026, 1, 1),
    )
    found = started(bare, 79.19)
    assert (found.context_tokens, found.batched_tokens, found.sequences) == (8_192, 8_192, 1_024)
    assert (found.visible_memory_gib, found.gpu_memory_utilization) == (79.19, 0.9)
    assert (found.weights, found.tensor_parallel) == ("bf16", 2)
    few = bare.model_copy(update={"batched_tokens": 512})
    assert started(few, 79.19).sequences == 512


# --- under load -------------------------------------------------------------------------------


def serving_of(**changes: Any) -> Serving:
    known = read_serving()["serving-llama-3.1-8b-1-h100-sxm-fp8"]
    return known.model_copy(update=changes)


SHAPE = Requests(input_tokens=1_000, output_tokens=500, output_tokens_per_s=10_000)


def test_formats() -> None:
    assert {
        "fp16": Format(bits_per_weight=16),
        "unquantized": Format(bits_per_weight=16),
        "fp8": Format(bits_per_weight=8, cache_bits=8, data_type="fp8"),
        "fp4": Format(bits_per_weight=4.5, cache_bits=8, data_type="fp4"),
        "mxfp4": Format(bits_per_weight=16),
    } == FORMATS


def test_what_is_tried() -> None:
    assert len(TRIED) == 40
    assert {one.memory_efficiency for one in TRIED} == {0.4, 0.6, 0.8, 0.95}
    assert {one.compute_efficiency for one in TRIED} == {0.2, 0.3, 0.4, 0.5, 0.6}
    assert {one.layer_overhead_s for one in TRIED} == {2e-5, 1e-4}
    assert Rates(memory_efficiency=1, compute_efficiency=1, layer_overhead_s=0) == IDEAL


@pytest.mark.parametrize(
    ("engine", "source", "vendor", "reserves"),
    [
        ("TensorRT-LLM", "tensorrt-llm-perf-1.0", True, True),
        ("TensorRT-LLM", "gpustack-lab", False, True),
        ("vLLM", "gpustack-lab", False, False),
    ],
)
def test_a_row_is_built_as_it_was_served(engine: str, source: str, vendor: bool, reserves: bool) -> None:
    built, on = model("llama-3.1-8b"), machine("h100-sxm")
    found = served(serving_of(engine=engine, sources=(source,)), SHAPE, built, on)
    ideal = build_replica(built, FORMATS["fp8"], on, Setup(), IDEAL, 1_250)
    assert found.replica == ideal.model_copy(update={"max_sequences": 1_024, "reserves_output": reserves})
    assert found[:4] == ("h100-sxm", vendor, False, 32)
    assert found.load.model_dump() == {
        "requests_per_s": 1,
        "input_tokens": 1_000,
        "output_tokens": 500,
        "output_variation": 0,
    }


def test_experts_of_gpt_oss_keep_their_bits() -> None:
    built, on = model("gpt-oss-120b"), machine("h200-sxm")
    form = Format(bits_per_weight=16, expert_bits_per_weight=4.25, cache_bits=8, data_type="fp8")
    found = served(serving_of(), SHAPE, built, on)
    assert found.experts
    assert found.replica.step == build_replica(built, form, on, Setup(), IDEAL, 1_250).step


@pytest.mark.parametrize(("link", "used"), [(None, 25), (99.9, 25), (100, None), (450, None)])
def test_slow_links_are_the_bus(link: float | None, used: float | None) -> None:
    built = model("llama-3.1-8b")
    on = machine("h100-sxm").model_copy(update={"interconnect_gb_per_s": link})
    found = served(serving_of(gpus=2), SHAPE, built, on)
    setup = Setup(gpus=2, link_gb_per_s=used)
    assert found.replica.step == build_replica(built, FORMATS["fp8"], on, setup, IDEAL, 1_250).step


def test_weights_of_another_format_are_refused() -> None:
    with pytest.raises(ValueError, match=r"weights 'int4 \(AWQ\)' are not of fp16, unquantized, fp8"):
        served(serving_of(weights="int4 (AWQ)"), SHAPE, model("qwen3-8b"), machine("rtx-4090"))


def test_a_ratio_by_hand() -> None:
    row = DENSE[0]
    most = capacity_per_s(row.replica, row.load) * row.load.output_tokens
    assert ratio(row, IDEAL) == pytest.approx(most / row.tokens_per_s)
    slowed = TRIED[0]
    assert ratio(row, slowed) < ratio(row, IDEAL)
    for name, worse in (("memory_efficiency", 0.5), ("compute_efficiency", 0.5), ("layer_overhead_s", 1e-3)):
        assert ratio(row, IDEAL.model_copy(update={name: worse})) < ratio(row, IDEAL)


def test_half_of_all_speeds_is_half_of_the_throughput() -> None:
    half = IDEAL.model_copy(update={"memory_efficiency": 0.5, "compute_efficiency": 0.5})
    for row in (one for one in DENSE if not one.replica.step.overhead_s):
        assert ratio(row, half) == pytest.approx(ratio(row, IDEAL) / 2)


def test_overhead_is_of_each_layer() -> None:
    row = DENSE[0]
    twice = row._replace(layers=2 * row.layers)
    slow = IDEAL.model_copy(update={"layer_overhead_s": 2e-4})
    assert ratio(row, slow) == pytest.approx(ratio(twice, slow.model_copy(update={"layer_overhead_s": 1e-4})))


def test_what_is_judged_does_not_enter_its_fit() -> None:
    some = [row for row in DENSE if row.vendor][::4]
    name = some[0].machine
    changed = [
        row._replace(tokens_per_s=row.tokens_per_s / 4) if row.machine == name else row for row in some
    ]
    before, after = (
        [1 + error for row, error in held_out(given) if row.machine == name] for given in (some, changed)
    )
    assert after == pytest.approx([4 * error for error in before])


def test_a_user_does_not_enter_a_fit() -> None:
    some = [row for row in DENSE if row.vendor][::4]
    user = some[0]._replace(vendor=False, tokens_per_s=1.0)
    judged = held_out([*some, *[user] * 50])
    assert [error for row, error in judged if row.vendor] == [error for _, error in held_out(some)]


def test_one_machine_alone_is_refused() -> None:
    alone = [row for row in DENSE if row.machine == "l40s"]
    with pytest.raises(ValueError, match="no vendor's row but of l40s"):
        held_out(alone)


@pytest.mark.parametrize(("experts", "size"), [(False, 0.12), (True, 0.25)])
def test_how_far_off_throughput_is(experts: bool, size: float) -> None:
    judged = held_out(rows(experts))
    errors = [error for row, error in judged if row.vendor]
    assert len(errors) > 100
    assert summary(errors).size < size
