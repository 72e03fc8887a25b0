"""vLLM's budget: what it printed by term, constants fitted elsewhere, starts that failed; what is refused."""

from __future__ import annotations

from statistics import median
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.data.models import model
from snippets.data.vllm_loads import VllmLoad, read_vllm_loads, vllm_load
from snippets.hardware.vllm import (
    GRAPHS_GIB,
    HIDDEN,
    NON_TORCH,
    SAMPLING,
    Start,
    activation_bytes,
    answer,
    budget,
    table_bytes,
    what_helps,
)
from tests.bounds import SMALLEST, assert_accepts_exactly, defaults

GIB = 2**30
LOADS = [one for one in read_vllm_loads().values() if one.model and one.weights]
PROFILED = [one for one in LOADS if one.engine_version == "0.19.0"]
FITTED = ("Llama 3", "Qwen2.5")
HELD_OUT = [one for one in PROFILED if one.model and model(one.model).family not in FITTED]
TEXT = [one for one in HELD_OUT if not one.sees and one.weights != "mxfp4"]
VALID: dict[str, Any] = {"context_tokens": 8_192, "weights": "bf16", "visible_memory_gib": 79.19}


def start(one: VllmLoad, **changes: Any) -> Start:
    step = one.batched_tokens or 8_192
    given: dict[str, Any] = {
        "context_tokens": one.context_tokens,
        "tensor_parallel": one.gpus,
        "kv_cache": one.kv_cache,
        "batched_tokens": step,
        "sequences": min(one.sequences or 1_024, step),
        "weights": one.weights,
        "visible_memory_gib": one.visible_memory_gib,
        "gpu_memory_utilization": one.gpu_memory_utilization,
        "graphs": "outside",
    }
    return Start.model_validate(given | changes)


def off(predicted: float, measured: float | None) -> float:
    assert measured
    return predicted / GIB / measured - 1


# --- truth ------------------------------------------------------------------------------------


@pytest.mark.parametrize("one", TEXT, ids=lambda one: one.id)
def test_terms_that_were_not_fitted(one: VllmLoad) -> None:
    assert one.model
    found = budget(model(one.model), start(one))
    assert off(found.weights, one.weights_gib) == pytest.approx(0, abs=0.004)
    assert off(found.activation, one.activation_gib) == pytest.approx(0, abs=0.06)
    assert off(found.kv_cache, one.kv_cache_gib) == pytest.approx(0, abs=0.012)


@pytest.mark.parametrize("one", [one for one in PROFILED if one not in HELD_OUT], ids=lambda one: one.id)
def test_terms_of_what_was_fitted(one: VllmLoad) -> None:
    assert one.model
    found = budget(model(one.model), start(one))
    assert off(found.activation, one.activation_gib) == pytest.approx(0, abs=0.006)
    assert found.kv_cache / GIB == pytest.approx(one.kv_cache_gib, abs=0.13)


def test_the_constants_are_what_the_runs_say() -> None:
    fitted = [one for one in PROFILED if one not in HELD_OUT]
    assert len(fitted) == 17
    rows = [
        (
            1_024 * model(one.model or "").vocabulary * 4 / GIB / (one.activation_gib or 0),
            8_192 * model(one.model or "").hidden_size * 2 / GIB / (one.activation_gib or 0),
        )
        for one in fitted
    ]
    sampling, hidden = np.linalg.lstsq(np.array(rows), np.ones(17), rcond=None)[0]
    assert sampling == pytest.approx(SAMPLING, abs=0.02)
    assert hidden == pytest.approx(HIDDEN, abs=0.02)
    alone = [one.non_torch_gib for one in PROFILED if one.gpus == 1 and one.non_torch_gib]
    several = [one.non_torch_gib for one in PROFILED if one.gpus > 1 and one.non_torch_gib]
    assert median(alone) == NON_TORCH["one GPU"]
    assert median(several) == pytest.approx(NON_TORCH["several"], abs=0.011)
    assert median(one.graphs_gib for one in PROFILED if one.graphs_gib) == pytest.approx(GRAPHS_GIB, abs=0.01)


def test_better_than_the_best_known_tool_on_its_own_runs() -> None:
    ours, theirs = [], []
    for one in PROFILED:
        if one.planner and one.model and one.concurrency:
            held = answer(model(one.model), start(one)).held
            ours.append(abs(held.concurrency / one.concurrency - 1))
            theirs.append(abs(one.planner.concurrency / one.concurrency - 1))
    assert len(ours) == 28
    assert sum(ours) / len(ours) < 0.01
    assert sum(theirs) / len(theirs) > 0.1


@pytest.mark.parametrize(
    "one",
    [one for one in LOADS if one.context_tokens and one.visible_memory_gib],
    ids=lambda one: one.id,
)
def test_what_failed_to_start_does_not_fit_and_what_started_does(one: VllmLoad) -> None:
    assert one.model
    found = answer(model(one.model), start(one))
    assert found.fits is one.starts
    assert (found.margin_gib >= 0) is one.starts


def test_small_vocabularies_peak_in_a_layer() -> None:
    # CodeLlama-7B, of the same runs: 0.77 GiB; Granite 3.1 8B: 0.85 GiB
    llama = model("llama-3.1-8b")
    assert llama.dense
    for words, size, measured_gib in ((32_016, 11_008, 0.77), (49_155, 12_800, 0.85)):
        dense = llama.dense.model_copy(update={"size": size})
        built = llama.model_copy(update={"vocabulary": words, "dense": dense})
        assert activation_bytes(built, Start.model_validate(VALID)) / GIB == pytest.approx(
            measured_gib, rel=0.03
        )


def test_a_prompt_at_once_peaks_in_a_layer() -> None:
    one = vllm_load("vllm-llama-3.1-8b-20k")
    assert off(activation_bytes(model("llama-3.1-8b"), start(one)), one.activation_gib) < 0.08


def test_tables_beside_the_weights() -> None:
    assert table_bytes(model("llama-3.1-8b"), 1) == 131_072 * 128 * 2
    lite = model("deepseek-v2-lite")
    copy = 27 * 16 * 512 * 256 * 2
    assert table_bytes(lite, 1) == lite.context_tokens * 64 * 2 + copy
    assert table_bytes(lite, 2) == lite.context_tokens * 64 * 2 + copy // 2


def test_states_need_no_table() -> None:
    assert table_bytes(model("nemotron-3-nano-30b-a3b"), 1) == 0


# --- the budget -------------------------------------------------------------------------------


def test_graphs_count_inside_only() -> None:
    built = model("llama-3.1-8b")
    inside, outside, none = (
        budget(built, Start.model_validate({**VALID, "graphs": kind}))
        for kind in ("inside", "outside", "none")
    )
    assert inside.kv_cache == outside.kv_cache - int(0.94 * GIB)
    assert outside == none
    assert sum(inside[1:]) + inside.kv_cache == inside.allowed


def test_what_is_beside_the_model_takes_from_the_cache() -> None:
    built = model("gemma-3-27b")
    plain, seeing = (budget(built, Start.model_validate({**VALID, "beside_gib": gib})) for gib in (0, 0.75))
    assert plain.kv_cache - seeing.kv_cache == int(0.75 * GIB)


def test_what_helps_starts() -> None:
    one = start(vllm_load("vllm-llama-3.1-8b-29k"))
    helps = what_helps(model("llama-3.1-8b"), one)
    assert helps[0] == "kv_cache fp8"
    assert {"twice the GPUs", "weights awq"} <= {*helps}
    longest = answer(model("llama-3.1-8b"), one).longest_context_tokens
    assert helps[-1] == f"context_tokens {longest:,}"
    assert "no CUDA graphs" not in helps
    assert answer(model("llama-3.1-8b"), one.model_copy(update={"context_tokens": longest})).fits


def test_nothing_helps_where_far_too_little_is_there() -> None:
    assert what_helps(model("deepseek-v3"), Start.model_validate(VALID)) == []


@pytest.mark.parametrize(("sequences", "fourth"), [(1_024, 256), (2, 1)])
def test_quarters_are_quarters_of_at_least_one_sequence(sequences: int, fourth: int) -> None:
    built = model("llama-3.1-8b")
    quarter = Start.model_validate({**VALID, "sequences": fourth, "batched_tokens": 2_048})
    need = budget(built, quarter)
    # Memory in which only a quarter of the sequences leaves a page for each token.
    tight = (sum(need[1:]) + 1.1 * GIB) / GIB / 0.92
    one = Start.model_validate({**VALID, "sequences": sequences, "visible_memory_gib": tight})
    assert f"sequences {fourth}, a step of 2048" in what_helps(built, one)


@given(st.floats(1, 200), st.floats(0.1, 1), st.sampled_from([1, 2, 4, 8]))
def test_more_memory_or_more_ranks_never_fit_less(gib: float, share: float, ranks: int) -> None:
    built = model("llama-3.3-70b")
    given_ = {**VALID, "gpu_memory_utilization": share, "tensor_parallel": ranks}
    less, more = (
        answer(built, Start.model_validate({**given_, "visible_memory_gib": size})) for size in (gib, gib + 1)
    )
    assert less.margin_gib < more.margin_gib
    assert less.longest_context_tokens <= more.longest_context_tokens


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [
        ("visible_memory_gib", SMALLEST, 20_000),
        ("gpu_memory_utilization", SMALLEST, 1.0),
        ("beside_gib", 0.0, 1_000),
    ],
)
def test_bounds(field: str, lowest: float, highest: float) -> None:
    assert_accepts_exactly(Start, VALID, field, lowest, highest)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"context_tokens": 200_000}, "context_tokens is 200,000; llama-3.1-8b has up to 131,072"),
        ({"tensor_parallel": 3}, "tensor_parallel 3 does not divide 32 heads"),
        ({"weights": "q4_k_m"}, "format 'q4_k_m' is not of bf16"),
    ],
)
def test_what_does_not_suit_the_model(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        answer(model("llama-3.1-8b"), Start.model_validate(VALID | changes))


@pytest.mark.parametrize("sequences", [0, 10**9])
def test_no_sequences_and_a_billion_are_refused(sequences: int) -> None:
    with pytest.raises(ValidationError, match="sequences"):
        Start.model_validate({**VALID, "sequences": sequences})


def test_an_unknown_kind_of_layer_is_refused_by_name() -> None:
    data = model("llama-3.1-8b").model_dump() | {"mixers": ("rwkv",)}
    with pytest.raises(ValidationError, match="rwkv is not of full, sliding"):
        type(model("llama-3.1-8b")).model_validate(data)


def test_defaults() -> None:
    own = {name: value for name, value in defaults(Start).items() if name not in ("kv_cache",)}
    assert own["gpu_memory_utilization"] == 0.92
    assert own["graphs"] == "inside"
    assert own["beside_gib"] == 0
